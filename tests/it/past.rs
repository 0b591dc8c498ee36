//! The past as an operator's own: what left is written down, who was forgotten is gone, what was never told can be, and a copy
//! takes the store's place without telling anything twice.

use std::collections::BTreeSet;

use convey::sandbox::{Kind, Sandbox, Subscription};
use http::Method;
use parquet::file::reader::{FileReader, SerializedFileReader};
use parquet::record::Field;
use serde_json::Value;

use crate::rig::{Convey, accepted_ids, eventually, sandbox};
use crate::vendor::Vendor;
use crate::wire::{Letter, letters_of};

const QUIET: &str = "[events]\nopportunity-won = \"Purchase\"\n";
const LOUD: &str = "[events]\ncontact-created = \"Lead\"\n";

fn id_of(letter: &Letter) -> String {
    letter.json()["id"].as_str().unwrap().to_owned()
}

fn rows(said: &Value) -> Vec<&Value> {
    said["rows"].as_array().unwrap().iter().collect()
}

fn told(sandbox: &Sandbox) -> Vec<String> {
    accepted_ids(sandbox, &sandbox.summary().dataset)
}

/// Everything in the state directory's store, the write-ahead log included.
fn files(convey: &Convey) -> Vec<u8> {
    let mut all = Vec::new();
    for entry in std::fs::read_dir(convey.state()).unwrap() {
        let path = entry.unwrap().path();
        if path.file_name().unwrap().to_string_lossy().starts_with("convey.db") {
            all.extend(std::fs::read(path).unwrap());
        }
    }
    all
}

/// All deliveries, changes and events that are counted, in whatever state.
async fn counted(convey: &Convey) -> [u64; 3] {
    let status = convey.status().await.unwrap()["status"].clone();
    let sum = |row: &Value, keys: &[&str]| -> u64 { keys.iter().filter_map(|key| row[*key].as_u64()).sum() };
    let within =
        |row: &Value| -> u64 { row.as_object().into_iter().flatten().filter_map(|(_, count)| count.as_u64()).sum() };
    let (acme, ads) = (&status["connections"]["acme"], &status["destinations"]["ads"]);
    [
        sum(acme, &["waiting", "done", "dead", "dropped"]) + within(&acme["silent"]),
        sum(&status["changes"], &["waiting", "done", "dead", "dropped"]) + within(&status["changes"]["skipped"]),
        sum(ads, &["waiting", "retrying", "in_flight", "done", "dead", "expired", "dropped"]),
    ]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_request_is_in_the_audit_by_operation_and_contact_and_names_nobody() {
    let sandbox = sandbox(1, 1).await;
    let letters = letters_of(&sandbox, Kind::ContactCreated, 8).await;
    let mut convey = Convey::new(&sandbox.summary());
    convey.start().await;
    for letter in &letters {
        letter.insist(&convey.hook()).await;
    }
    convey.drained().await;
    let said = convey.command(&["audit", "--since", "1h", "--limit", "1000"]).await;
    let all = said.json();
    let operations: BTreeSet<&str> = rows(&all).iter().map(|row| row["operation"].as_str().unwrap()).collect();
    for wanted in ["GET /contacts/{contact}", "POST /{version}/{dataset}/events"] {
        assert!(operations.contains(wanted), "{operations:?}");
    }
    for row in rows(&all) {
        assert_eq!((&row["status"], row["digest"].as_str().map(str::len)), (&200.into(), Some(64)), "{row}");
        assert!(row["latency_ms"].is_u64() && row["at"].is_u64(), "{row}");
    }
    let lanes: BTreeSet<&str> = rows(&all).iter().map(|row| row["lane"].as_str().unwrap()).collect();
    assert_eq!(lanes, BTreeSet::from(["connection:acme", "destination:ads"]));

    let mut sent = 0;
    for letter in &letters {
        let contact = id_of(letter);
        assert!(!said.stdout.contains(&contact), "a contact stands there as a look-up");
        let of_contact = convey.command(&["audit", "--contact", &contact]).await.json();
        let fetched = rows(&of_contact).iter().filter(|row| row["operation"] == "GET /contacts/{contact}").count();
        assert_eq!(fetched, 1, "{of_contact}");
        sent += usize::from(rows(&of_contact).iter().any(|row| row["lane"] == "destination:ads"));
    }
    assert!(sent >= 4, "those that were told have the request that told them: {sent}");
    let to_ads = convey.command(&["audit", "--destination", "ads"]).await.json();
    assert!(rows(&to_ads).iter().all(|row| row["lane"] == "destination:ads"));
    assert_eq!(convey.command(&["audit", "--destination", "nobody"]).await.code, Some(3));
    assert!(convey.stop().await.success());
    let still = convey.command(&["audit", "--since", "1h", "--limit", "1000"]).await.json();
    assert_eq!(rows(&still).len(), rows(&all).len(), "nothing is lost at the end");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_was_forgotten_is_in_no_file_and_every_count_adds_up() {
    let sandbox = sandbox(1, 1).await;
    let letters = letters_of(&sandbox, Kind::ContactCreated, 8).await;
    let mut convey = Convey::new(&sandbox.summary());
    convey.start().await;
    convey.command(&["pause", "--all"]).await.json();
    for letter in &letters {
        letter.insist(&convey.hook()).await;
    }
    eventually("all is translated", async || {
        let status = convey.status().await?["status"].clone();
        let left = status["connections"]["acme"]["waiting"].as_u64()? + status["changes"]["waiting"].as_u64()?;
        (left == 0 && status["destinations"]["ads"]["waiting"].as_u64()? >= 4).then_some(())
    })
    .await;
    let (before, waiting) =
        (counted(&convey).await, convey.command(&["queue", "list", "--state", "waiting"]).await.json());
    let event_id = rows(&waiting)[0]["id"].as_str().unwrap().to_owned();
    let mut contact = None;
    for letter in &letters {
        let why = convey.command(&["why", &id_of(letter)]).await.json();
        if why.to_string().contains(&event_id) {
            contact = Some(id_of(letter));
        }
    }
    let contact = contact.unwrap();

    let asked = convey.command(&["forget", &contact]).await;
    assert_eq!(asked.code, Some(2), "nobody is there to agree: {asked:?}");
    let forgotten = convey.command(&["forget", &contact, "--connection", "acme", "--yes"]).await.json();
    assert_eq!(
        (&forgotten["forgotten"]["contacts"], &forgotten["forgotten"]["events_dropped"]),
        (&1.into(), &1.into())
    );
    assert_eq!(convey.command(&["forget", &contact, "--yes"]).await.code, Some(3), "once is enough");
    assert_eq!(counted(&convey).await, before);
    let dropped = convey.command(&["queue", "list", "--state", "dropped"]).await.json();
    assert_eq!(rows(&dropped)[0]["reason"], "the contact was forgotten");
    let acts = convey.command(&["audit", "--contact", &contact]).await.json();
    assert!(rows(&acts).iter().any(|row| row["operation"] == "forget" && row["actor"] == "operator"), "{acts}");
    // What is only sealed cannot be searched for from outside; that no page of it is left the store's own tests hold.
    assert!(!files(&convey).is_empty());

    convey.command(&["resume", "--all"]).await.json();
    convey.drained().await;
    assert!(convey.stop().await.success());
    assert!(!told(&sandbox).contains(&event_id), "nothing of them is sent any more");
    let why = convey.command(&["why", &contact]).await.json();
    assert!(why["why"]["forgotten_at"].is_u64(), "{why}");
    assert!(convey.book().await.changes.iter().all(|change| change.contact.id != contact), "no change of theirs opens");
}

/// The CRM says that a contact is no more: nobody has to ask for it to be forgotten.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_deleted_contact_is_forgotten_by_itself() {
    let sandbox = sandbox(1, 1).await;
    let letters = letters_of(&sandbox, Kind::ContactCreated, 6).await;
    let mut convey = Convey::new(&sandbox.summary());
    convey.start().await;
    for letter in &letters {
        letter.insist(&convey.hook()).await;
    }
    convey.drained().await;
    sandbox.subscribe(Some(Subscription { retries: 3, ..Subscription::plain(convey.hook()) })).unwrap();
    let (gone, stays) = (id_of(&letters[0]), id_of(&letters[1]));
    Vendor::of(&sandbox).api(Method::DELETE, &format!("/contacts/{gone}"), &Value::Null).await;
    eventually("the contact is forgotten", async || {
        let acts = convey.command(&["audit", "--contact", &gone]).await;
        (acts.code == Some(0) && rows(&acts.json()).iter().any(|row| row["operation"] == "forget")).then_some(())
    })
    .await;
    assert!(convey.command(&["why", &gone]).await.json()["why"]["forgotten_at"].is_u64());
    assert!(convey.command(&["why", &stays]).await.json()["why"]["forgotten_at"].is_null());
    assert!(convey.stop().await.success());
    let book = convey.book().await;
    assert!(book.changes.iter().all(|change| change.contact.id != gone), "no change of theirs opens");
    assert!(book.changes.iter().any(|change| change.contact.id == stays));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_replay_tells_what_was_never_told_and_nothing_twice() {
    let sandbox = sandbox(1, 1).await;
    let letters = letters_of(&sandbox, Kind::ContactCreated, 12).await;
    let mut convey = Convey::new(&sandbox.summary()).configure(|text| {
        *text = text.replace("\"builtin:rules\"\n", "\"builtin:rules\"\nsettings = \"first.toml\"\n");
    });
    convey.file("first.toml", QUIET);
    let loud = convey.file("loud.toml", LOUD);
    convey.start().await;
    for letter in &letters {
        letter.insist(&convey.hook()).await;
    }
    convey.drained().await;
    assert!(told(&sandbox).is_empty(), "the mapping says nothing of new contacts");
    let replay = ["replay", "--since", "30d"];
    let nothing = convey.command(&replay).await.json();
    assert_eq!((&nothing["sent"], nothing["skipped"].as_u64()), (&0.into(), Some(letters.len() as u64)), "{nothing}");

    convey.command(&["mapper", "swap", "--settings", loud.to_str().unwrap()]).await.json();
    let dry = convey.command(&[&replay[..], &["--dry-run"]].concat()).await.json();
    let wanted = dry["sent"].as_u64().unwrap();
    assert!(wanted >= 4 && dry["to_send"].as_array().unwrap().len() as u64 == wanted, "{dry}");
    convey.drained().await;
    assert!(told(&sandbox).is_empty(), "a dry run sends nothing");
    let of_one = convey.command(&[&replay[..], &["--rule", "no such rule"]].concat()).await.json();
    assert_eq!(of_one["sent"], 0);
    let sent = convey.command(&replay).await.json();
    assert_eq!(sent["sent"].as_u64(), Some(wanted), "{sent}");
    let again = convey.command(&replay).await.json();
    assert_eq!((&again["sent"], again["told_before"].as_u64()), (&0.into(), Some(wanted)), "{again}");
    convey.drained().await;
    assert_eq!(convey.command(&["replay", "--since", "30d", "--contact", "nobody"]).await.code, Some(3));
    assert!(convey.stop().await.success());
    let named: BTreeSet<String> =
        dry["to_send"].as_array().unwrap().iter().map(|event| event["event_id"].as_str().unwrap().to_owned()).collect();
    let told = told(&sandbox);
    assert_eq!(told.len() as u64, wanted, "each once");
    assert_eq!(told.into_iter().collect::<BTreeSet<_>>(), named);
    let why = convey.command(&["why", named.first().unwrap()]).await.json();
    let change = &why["why"]["changes"][0];
    assert_eq!((&change["state"], &change["generation"]["id"]), (&"done".into(), &change["events"][0]["generation"]));
}

const ASKING: &str = r#"
respect_do_not_disturb = false
[[rule]]
name = "joins"
on = "contact-created"
audience = { join = "VIP customers" }
[[rule]]
name = "welcome"
on = "contact-created"
command = { add_tags = ["from convey"] }
[[rule]]
name = "lead"
on = "contact-created"
event = "Lead"
"#;

/// Whatever a mapping asks for later of what has happened: audiences and commands too, each once, and nobody is put in who asked meanwhile not to be
/// disturbed.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_replay_takes_places_in_audiences_and_carries_out_commands_once() {
    let sandbox = sandbox(1, 1).await;
    let letters = letters_of(&sandbox, Kind::ContactCreated, 12).await;
    let audience = sandbox.summary().audience;
    let mut convey = Convey::new(&sandbox.summary()).configure(|text| {
        *text = text
            .replace("\"builtin:rules\"\n", "\"builtin:rules\"\nsettings = \"first.toml\"\n")
            .replace("[connection.acme]\n", "[connection.acme]\naccess = \"write\"\nwrite_back_note = \"told\"\n");
        text.push_str(&format!("[destination.ads.settings.audiences]\n\"VIP customers\" = \"{audience}\"\n"));
    });
    convey.file("first.toml", QUIET);
    let asking = convey.file("asking.toml", ASKING);
    convey.start().await;
    for letter in &letters {
        letter.insist(&convey.hook()).await;
    }
    convey.drained().await;
    // One of those who do not mind to be disturbed changes their mind.
    let vendor = Vendor::of(&sandbox);
    let mut gone = None;
    for letter in &letters {
        let contact = vendor.contact(&id_of(letter)).await;
        if contact["dnd"] != true && contact["email"].is_string() {
            gone = Some(id_of(letter));
        }
    }
    let gone = gone.unwrap();
    sandbox.subscribe(Some(Subscription { retries: 3, ..Subscription::plain(convey.hook()) })).unwrap();
    vendor.api(Method::PUT, &format!("/contacts/{gone}"), &serde_json::json!({"dnd": true})).await;
    eventually("their wish is known", async || {
        let why = convey.command(&["why", &gone]).await.json();
        let changes = why["why"]["changes"].as_array()?.clone();
        changes.iter().any(|change| change["kind"] == "consent-changed" && change["state"] == "skipped").then_some(())
    })
    .await;

    convey.command(&["mapper", "swap", "--settings", asking.to_str().unwrap()]).await.json();
    let replay = ["replay", "--since", "30d"];
    let dry = convey.command(&[&replay[..], &["--dry-run"]].concat()).await.json();
    let all = letters.len() as u64;
    let count = |said: &Value, key: &str| said[key].as_u64().unwrap();
    assert_eq!((count(&dry, "members"), count(&dry, "withheld")), (all - 1, 1), "{dry}");
    assert_eq!(count(&dry, "commands"), all + count(&dry, "sent"), "a tag each, and a note of each event: {dry}");
    let of_one = convey.command(&[&replay[..], &["--dry-run", "--rule", "welcome"]].concat()).await.json();
    assert_eq!((count(&of_one, "members"), count(&of_one, "commands"), count(&of_one, "sent")), (0, all, 0));
    assert!(sandbox.members(&audience).unwrap().is_empty(), "a dry run asks nobody for anything");

    let said = convey.command(&replay).await.json();
    for key in ["sent", "members", "withheld", "commands"] {
        assert_eq!(said[key], dry[key], "{key}: {said}");
    }
    let carried_out = async || {
        eventually("all is carried out", async || {
            let status = convey.status().await?["status"].clone();
            let (commands, members) =
                (&status["commands"]["acme"], &status["destinations"]["ads"]["audiences"]["VIP customers"]);
            let left = commands["waiting"].as_u64()? + commands["held"].as_u64()? + members["waiting"].as_u64()?;
            (left == 0).then_some((commands["done"].as_u64()?, members["joined"].as_u64()?))
        })
        .await
    };
    assert_eq!(carried_out().await, (count(&said, "commands"), all - 1));
    convey.drained().await;
    let again = convey.command(&replay).await.json();
    assert_eq!(["sent", "members", "commands"].map(|key| count(&again, key)), [0, 0, 0], "{again}");
    assert_eq!(again["done_before"], said["commands"], "{again}");
    carried_out().await;
    assert_eq!(convey.spoken().matches("given up").count(), 0);
    for letter in &letters {
        let notes = vendor.of_contact(&id_of(letter), "notes").await;
        let told = notes.iter().filter(|note| note["body"] == "told").count();
        assert!(told <= 1, "{notes:?}");
        assert!(vendor.contact(&id_of(letter)).await["tags"].to_string().contains("from convey"));
    }
    assert!(convey.stop().await.success());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_copy_made_in_use_takes_the_stores_place_and_nothing_is_told_twice() {
    let sandbox = sandbox(1, 1).await;
    let letters = letters_of(&sandbox, Kind::ContactCreated, 16).await;
    let mut convey = Convey::new(&sandbox.summary());
    convey.start().await;
    let hook = convey.hook();
    let (first, rest) = letters.split_at(8);
    for letter in first {
        letter.insist(&hook).await;
    }
    convey.drained().await;
    convey.command(&["pause", "--all"]).await.json();
    for letter in rest {
        letter.insist(&hook).await;
    }
    let copy = convey.file("copy.db", "");
    let copy = copy.to_str().unwrap();
    eventually("all is translated", async || {
        let status = convey.status().await?["status"].clone();
        let left = status["connections"]["acme"]["waiting"].as_u64()? + status["changes"]["waiting"].as_u64()?;
        (left == 0).then_some(())
    })
    .await;
    let made = convey.command(&["backup", copy]).await.json();
    assert!(made["bytes"].as_u64().unwrap() > 0 && made["key_count"].as_u64().unwrap() >= 8, "{made}");
    let refused = convey.command(&["restore", copy, "--replace"]).await;
    assert_eq!(refused.code, Some(2), "{refused:?}");
    convey.command(&["resume", "--all"]).await.json();
    convey.drained().await;
    let before = told(&sandbox);
    assert!(convey.stop().await.success());

    assert_eq!(convey.command(&["restore", copy]).await.code, Some(1), "a store is there");
    let restored = convey.command(&["restore", copy, "--replace"]).await.json();
    assert!(restored["told_since"].as_u64().unwrap() >= 4, "{restored}");
    assert_eq!((&restored["may_repeat"], restored["replaced"].is_string()), (&0.into(), true), "{restored}");
    convey.start().await;
    convey.command(&["resume", "--all"]).await.json();
    for letter in &letters {
        letter.insist(&hook).await;
    }
    convey.drained().await;
    assert!(convey.stop().await.success());
    assert_eq!(told(&sandbox), before, "nothing came twice");
    convey.book().await.assert_exact(&before.iter().cloned().collect(), &before);
}

/// The texts of these columns of a Parquet file, as its own reader has them, in order.
fn columns_of(file: &std::path::Path, names: &[&str]) -> Vec<Vec<String>> {
    let reader = SerializedFileReader::new(std::fs::File::open(file).unwrap()).unwrap();
    let rows: Vec<_> = reader.get_row_iter(None).unwrap().map(|row| row.unwrap().into_columns()).collect();
    let text = |row: &Vec<(String, Field)>, name: &str| {
        let (_, field) = row.iter().find(|(known, _)| known == name).unwrap();
        if let Field::Str(text) = field { text.clone() } else { panic!("{name} is {field:?}") }
    };
    assert!(
        rows.iter()
            .all(|row| row.iter().any(|(name, field)| name == "told_at" && matches!(field, Field::TimestampMillis(_))))
    );
    names.iter().map(|name| rows.iter().map(|row| text(row, name)).collect()).collect()
}

fn texts(lines: &[Value], key: &str) -> Vec<String> {
    lines.iter().map(|row| row[key].as_str().unwrap().to_owned()).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_export_joins_what_was_delivered_with_contacts_and_campaigns() {
    let sandbox = sandbox(1, 1).await;
    let letters = letters_of(&sandbox, Kind::ContactCreated, 12).await;
    let mut convey = Convey::new(&sandbox.summary());
    convey.start().await;
    for letter in &letters {
        letter.insist(&convey.hook()).await;
    }
    convey.drained().await;
    let said = convey.command(&["export", "--since", "1h"]).await;
    let lines: Vec<Value> = said.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let ids: BTreeSet<String> = lines.iter().map(|row| row["event_id"].as_str().unwrap().to_owned()).collect();
    assert_eq!((said.code, &ids), (Some(0), &told(&sandbox).into_iter().collect()), "{said:?}");
    let contacts: BTreeSet<String> = letters.iter().map(id_of).collect();
    assert!(lines.iter().all(|row| contacts.contains(row["contact"].as_str().unwrap())));
    assert!(lines.iter().any(|row| row["first_campaign"].is_string()), "{said:?}");
    let out = convey.file("told.csv", "");
    let written =
        convey.command(&["export", "--since", "1h", "--as", "csv", "--out", out.to_str().unwrap()]).await.json();
    let csv = std::fs::read_to_string(out).unwrap();
    assert_eq!((written["rows"].as_u64(), csv.lines().count()), (Some(lines.len() as u64), lines.len() + 1));
    let table = convey.file("told.parquet", "");
    let written =
        convey.command(&["export", "--since", "1h", "--as", "parquet", "--out", table.to_str().unwrap()]).await.json();
    assert_eq!(written["rows"].as_u64(), Some(lines.len() as u64));
    assert_eq!(columns_of(&table, &["event_id", "contact"]), ["event_id", "contact"].map(|key| texts(&lines, key)));
    for letter in &letters {
        for private in ["email", "phone"].iter().filter_map(|key| letter.json()[*key].as_str().map(str::to_owned)) {
            assert!(!said.stdout.contains(&private) && !csv.contains(&private));
        }
    }
    assert!(convey.stop().await.success());
    let nothing = convey.command(&["export", "--since", "1h", "--destination", "nobody"]).await;
    assert_eq!(nothing.code, Some(3));
}
