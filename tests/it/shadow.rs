//! A mapping is changed without fear: a candidate runs beside the live mapper, what differs is told by path and count, it is promoted by hand or by
//! its gate, and what turns out wrong goes back, even what was not sent yet.

use std::collections::BTreeSet;
use std::time::Duration;

use convey::sandbox::{Kind, Play, Sandbox, Summary};
use serde_json::{Value, json};

use crate::guests;
use crate::rig::{Convey, ROOM, eventually, sandbox};
use crate::shadow_cost::say;
use crate::wire::{Letter, letters_of};

const BEFORE: &str = r#"
[[rule]]
name = "lead"
on = ["contact-created"]
event = { name = "Lead", value = "{10.0}", currency = "EUR", data = { tier = "gold", old = "x" } }
[[rule]]
name = "gone"
on = ["contact-created"]
event = { name = "Gone" }
"#;

/// What [`BEFORE`] says, but for five things.
const AFTER: &str = r#"
[[rule]]
name = "lead"
on = ["contact-created"]
event = { name = "Lead", value = "{20.0}", currency = "EUR", data = { tier = "silver", fresh = "y" } }
"#;

pub const LEADS: &str = "[events]\ncontact-created = \"Lead\"\n";
/// The line of a mapping that tells of everybody.
pub const ANYBODY: &str = "respect_do_not_disturb = false\n";
pub const WRONG: &str = "[events]\ncontact-created = \"Wrong\"\n";

/// A convey whose mapper has these settings; not started yet.
pub fn mapped(summary: &Summary, settings: &str) -> Convey {
    let convey = Convey::new(summary);
    convey.file("first.toml", settings);
    convey.configure(|text| {
        *text = text.replace("\"builtin:rules\"\n", "\"builtin:rules\"\nsettings = \"first.toml\"\n");
    })
}

/// A convey whose mapper has these settings and whose connection may write; it runs.
pub async fn started(sandbox: &Sandbox, settings: &str) -> Convey {
    let mut convey = mapped(&sandbox.summary(), settings)
        .configure(|text| *text = text.replace(ROOM, &format!("{ROOM}\naccess = \"write\"")));
    convey.start().await;
    convey
}

pub async fn report(convey: &Convey) -> Value {
    convey.command(&["shadow", "report"]).await.json()
}

pub async fn start(convey: &Convey, arguments: &[&str]) -> Value {
    convey.command(&[&["shadow", "start"], arguments].concat()).await.json()
}

pub async fn compared(convey: &Convey, count: u64) -> Value {
    eventually("the shadow has seen all of it", async || {
        let report = report(convey).await;
        (report["tally"]["compared"].as_u64()? >= count).then_some(report)
    })
    .await
}

/// Gives a letter's contact the tag that sets the test mapper's misdeed off.
pub async fn mark(convey: &Convey, connection: &str, letter: &Letter) {
    let contact = letter.json()["id"].as_str().unwrap().to_owned();
    convey.command(&["crm", "--connection", connection, "tag", "add", &contact, "misbehave"]).await.json();
}

pub fn names(sandbox: &Sandbox) -> BTreeSet<String> {
    let all = sandbox.accepted(0);
    all.iter().map(|accepted| accepted.event["event_name"].as_str().unwrap().to_owned()).collect()
}

pub async fn origins(convey: &Convey) -> Vec<String> {
    let history = convey.command(&["mapper", "history"]).await.json();
    history.as_array().unwrap().iter().map(|row| row["origin"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_crafted_pair_differs_in_exactly_its_five_places_and_the_report_outlives_a_restart() {
    let sandbox = sandbox(1, 1).await;
    let letters = letters_of(&sandbox, Kind::ContactCreated, 16).await;
    let (first, second) = letters.split_at(10);
    let mut convey = started(&sandbox, BEFORE).await;
    let after = convey.file("after.toml", AFTER);
    let begun = start(&convey, &["--settings", after.to_str().unwrap(), "--note", "silver"]).await;
    assert_eq!((&begun["state"], &begun["role"]), (&"running".into(), &"candidate".into()), "{begun}");
    let twice = convey.command(&["shadow", "start", "--settings", after.to_str().unwrap()]).await;
    assert!(twice.code == Some(1) && twice.stderr.contains("convey shadow stop"), "{twice:?}");
    convey.take(first).await;
    compared(&convey, 10).await;
    assert!(convey.stop().await.success());
    convey.start().await;
    assert_eq!(report(&convey).await["tally"]["compared"], 10, "what was seen outlives a restart");
    convey.take(second).await;
    let said = compared(&convey, 16).await;

    let leads = sandbox.accepted(0).iter().filter(|accepted| accepted.event["event_name"] == "Lead").count();
    assert!(leads >= 8, "some object to being contacted: {leads}");
    let tally = &said["tally"];
    let place = |different: usize, added: usize, removed: usize| json!({"different": different, "added": added, "removed": removed});
    let wanted = json!({
        "convert.custom_data.fresh": place(0, leads, 0),
        "convert.custom_data.old": place(0, 0, leads),
        "convert.custom_data.tier": place(leads, 0, 0),
        "convert.value": place(leads, 0, 0),
    });
    assert_eq!(tally["paths"], wanted);
    assert_eq!(tally["removed"], json!({"convert Gone": leads}));
    assert_eq!(tally["differing"], leads);
    for nothing in ["added", "spoke", "fell_silent", "other_reason", "faults"] {
        assert_eq!(tally[nothing], json!({}), "{nothing}");
    }
    assert_eq!(names(&sandbox), BTreeSet::from(["Gone".to_owned(), "Lead".to_owned()]));
    assert!(sandbox.accepted(0).iter().all(|accepted| accepted.event["custom_data"]["tier"] != "silver"));
    for letter in &letters {
        let email = letter.json()["email"].as_str().unwrap_or("no address").to_owned();
        assert!(!said.to_string().contains(&email), "a report names nobody");
    }
    let ended = convey.command(&["shadow", "stop"]).await.json();
    assert_eq!((&ended["state"], &ended["tally"]["compared"]), (&"stopped".into(), &16.into()));
    assert!(convey.stop().await.success());
}

/// One that traps, one that loops, one that eats memory: the live path does not notice, and the report says which is which.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn candidates_that_break_are_named_and_paused_and_hold_nobody_up() {
    let sandbox = sandbox(1, 1).await;
    let letters = letters_of(&sandbox, Kind::ContactCreated, 42).await;
    let mut convey = started(&sandbox, LEADS).await;
    let strange = convey.bytes("strange.wasm", &guests::component("convey-test-mapper", guests::PURE));
    let misdeeds = [("trap", "trap"), ("hang", "time"), ("hog", "memory")];
    for ((behaviour, word), letters) in misdeeds.into_iter().zip(letters.chunks(8)) {
        let settings = convey.file("strange.txt", behaviour);
        let arguments = ["--mapper", strange.to_str().unwrap(), "--settings", settings.to_str().unwrap()];
        start(&convey, &arguments).await;
        mark(&convey, "acme", &letters[3]).await;
        convey.take(letters).await;
        let said = compared(&convey, 8).await;
        let faults = said["tally"]["faults"].as_object().unwrap().clone();
        assert_eq!((faults.len(), &said["tally"]["faulty"]), (1, &1.into()), "{behaviour}: {said}");
        assert!(faults.keys().all(|name| name.contains(word)), "{behaviour}: {faults:?}");
        assert_eq!(said["state"], "running", "one in eight is no reason to give it up: {said}");
        convey.command(&["shadow", "stop"]).await.json();
    }
    let settings = convey.file("strange.txt", "trap always");
    start(&convey, &["--mapper", strange.to_str().unwrap(), "--settings", settings.to_str().unwrap()]).await;
    convey.take(&letters[24..]).await;
    let paused = eventually("it is paused", async || {
        let said = report(&convey).await;
        (said["state"] == "paused").then_some(said)
    })
    .await;
    assert!(paused["reason"].as_str().unwrap().contains("broke on"), "{paused}");
    assert_eq!(names(&sandbox), BTreeSet::from(["Lead".to_owned()]), "nothing of a shadow is ever sent");
    assert!(convey.stop().await.success());
    let book = convey.book().await;
    book.assert_all_told(letters.iter().map(|letter| letter.id.as_str()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_breaks_after_its_promotion_is_rolled_back_without_a_person_and_nothing_is_lost() {
    let sandbox = sandbox(1, 1).await;
    let letters = letters_of(&sandbox, Kind::ContactCreated, 30).await;
    let mut convey = started(&sandbox, LEADS).await;
    let pid = convey.pid();
    let strange = convey.bytes("strange.wasm", &guests::component("convey-test-mapper", guests::PURE));
    let settings = convey.file("strange.txt", "trap");
    start(&convey, &["--mapper", strange.to_str().unwrap(), "--settings", settings.to_str().unwrap()]).await;
    convey.take(&letters[..4]).await;
    compared(&convey, 4).await;
    convey.command(&["shadow", "promote", "--note", "looks good"]).await.json();
    let watched = report(&convey).await;
    assert_eq!((&watched["role"], &watched["state"]), (&"former".into(), &"running".into()), "{watched}");
    for letter in &letters[6..14] {
        mark(&convey, "acme", letter).await;
    }
    for letter in &letters[4..] {
        letter.insist(&convey.hook()).await;
    }
    let said = eventually("it is rolled back", async || {
        let said = report(&convey).await;
        (said["state"] == "rolled-back").then_some(said)
    })
    .await;
    assert!(said["reason"].as_str().unwrap().contains("faults < 5 does not hold"), "{said}");
    convey.drained().await;
    let history = convey.command(&["mapper", "history"]).await.json();
    assert_eq!(origins(&convey).await, ["guard", "promote", "config"]);
    assert_eq!(history[0]["who"], "convey");
    assert_eq!(history[1]["note"], "looks good");
    assert_eq!(convey.pid(), pid);
    eventually("what it broke on is translated again", async || {
        let status = convey.status().await?["status"].clone();
        (status["changes"]["dead"] == 0 && status["changes"]["waiting"] == 0).then_some(())
    })
    .await;
    convey.drained().await;
    assert!(convey.stop().await.success());
    let book = convey.book().await;
    book.assert_all_told(letters.iter().map(|letter| letter.id.as_str()));
    let accepted = crate::rig::accepted_ids(&sandbox, &sandbox.summary().dataset);
    book.assert_exact(&book.event_ids(), &accepted);
    assert_eq!(accepted.len(), book.event_ids().len());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_gate_that_holds_promotes_by_itself_and_the_watch_ends_when_its_time_is_over() {
    let sandbox = sandbox(1, 1).await;
    let letters = letters_of(&sandbox, Kind::ContactCreated, 12).await;
    let mut convey = started(&sandbox, LEADS).await;
    let other = convey.file("other.toml", "[events]\ncontact-created = \"Contact\"\n");
    let other = other.to_str().unwrap();
    let wrong = convey.command(&["shadow", "start", "--settings", other, "--promote-when", "different < 2%"]).await;
    assert!(wrong.code == Some(2) && wrong.stderr.contains("differing"), "{wrong:?}");
    let gate = "differing <= 100% && faults == 0 && changes >= 6";
    start(&convey, &["--settings", other, "--promote-when", gate, "--watch", "2s"]).await;
    convey.take(&letters[..5]).await;
    compared(&convey, 5).await;
    assert_eq!(origins(&convey).await, ["config"], "five are not enough");
    convey.take(&letters[5..8]).await;
    eventually("it is promoted", async || (origins(&convey).await.len() == 2).then_some(())).await;
    let history = convey.command(&["mapper", "history"]).await.json();
    assert_eq!((&history[0]["origin"], &history[0]["who"]), (&"promote".into(), &"convey".into()));
    assert!(history[0]["note"].as_str().unwrap().contains(gate), "{history}");
    assert!(history[0]["diff"].as_str().unwrap().contains("\"compared\":"), "{history}");
    eventually("the watch is over", async || (report(&convey).await["state"] == "passed").then_some(())).await;
    convey.take(&letters[8..]).await;
    assert!(names(&sandbox).contains("Contact"));
    let back = convey.command(&["mapper", "rollback"]).await.json();
    assert!(back["commit_ms"].as_u64().unwrap() < 1_000, "{back}");
    assert!(convey.stop().await.success());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_recall_lets_none_of_a_thousand_wrong_events_out_and_sends_the_right_ones() {
    const COUNT: usize = 1_000;
    let sandbox = sandbox(1, 1).await;
    // Everybody is told of, whatever they wish: as many events as changes.
    let mut convey = started(&sandbox, &format!("{ANYBODY}{LEADS}")).await;
    let wrong = convey.file("wrong.toml", &format!("{ANYBODY}{WRONG}"));
    convey.command(&["pause", "ads"]).await.json();
    convey.command(&["mapper", "swap", "--settings", wrong.to_str().unwrap()]).await.json();
    let kinds = vec![Kind::ContactCreated];
    let play = Play { changes: COUNT, rate: 0.0, kinds, target: convey.hook(), ..Play::default() };
    let played = sandbox.play(play).await.unwrap();
    assert_eq!(played.refused, 0);
    eventually("all is translated", async || {
        let status = convey.status().await?["status"].clone();
        let left = status["connections"]["acme"]["waiting"].as_u64()? + status["changes"]["waiting"].as_u64()?;
        (left == 0).then_some(())
    })
    .await;
    let waiting = convey.status().await.unwrap()["status"]["destinations"]["ads"]["waiting"].as_u64().unwrap();
    let back = convey.command(&["mapper", "rollback", "--recall", "--note", "it was wrong"]).await.json();
    assert_eq!(waiting, COUNT as u64);
    assert_eq!((&back["recalled"]["events"], &back["recalled"]["left"]), (&waiting.into(), &0.into()), "{back}");
    assert!(back["commit_ms"].as_u64().unwrap() < 1_000, "{back}");
    convey.command(&["resume", "ads"]).await.json();
    convey.drained().await;
    assert_eq!(names(&sandbox), BTreeSet::from(["Lead".to_owned()]), "not one wrong event got out");
    assert_eq!(sandbox.accepted(0).len(), COUNT, "and every right one did");
    say(&format!("recalled {} of {COUNT} events, {} told by the right mapper", back["recalled"]["events"], COUNT));
    assert!(convey.stop().await.success());
    let book = convey.book().await;
    book.assert_all_told(played.fired.iter().map(|fired| fired.webhook_id.as_str()));
    assert!(book.generations.iter().any(|generation| generation.recalled_at.is_some()));
}

/// Start, promotion and roll back while events flow: nothing is lost and nothing doubled.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_shadow_its_promotion_and_the_way_back_under_load_lose_and_double_nothing() {
    let sandbox = sandbox(1, 1).await;
    let mut convey = started(&sandbox, LEADS).await;
    let other = convey.file("other.toml", "[events]\ncontact-created = \"Contact\"\n");
    let play =
        Play { changes: 600, rate: 90.0, kinds: vec![Kind::ContactCreated], target: convey.hook(), ..Play::default() };
    let steps = async {
        let flows = async |count: usize| {
            let before = sandbox.accepted(0).len();
            eventually("events flow", async || (sandbox.accepted(0).len() > before + count).then_some(())).await;
        };
        flows(20).await;
        start(&convey, &["--settings", other.to_str().unwrap(), "--sample", "50%"]).await;
        flows(60).await;
        convey.command(&["shadow", "promote"]).await.json();
        flows(60).await;
        convey.command(&["mapper", "rollback"]).await.json();
    };
    let (played, ()) = tokio::join!(sandbox.play(play), steps);
    let played = played.unwrap();
    convey.drained().await;
    assert_eq!(origins(&convey).await, ["rollback", "promote", "config"]);
    assert_eq!(report(&convey).await["state"], "stopped", "who goes back by hand needs no watch any more");
    assert!(convey.stop().await.success());
    let book = convey.book().await;
    book.assert_all_told(played.fired.iter().map(|fired| fired.webhook_id.as_str()));
    let accepted = crate::rig::accepted_ids(&sandbox, &sandbox.summary().dataset);
    book.assert_exact(&book.event_ids(), &accepted);
    assert_eq!(accepted.len(), book.event_ids().len());
    assert!(names(&sandbox).len() == 2);
}

/// A count that is not kept is not taken for none: a gate would hold.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_kept_shadow_that_lacks_a_count_does_not_go_on_and_its_place_is_named() {
    let sandbox = sandbox(1, 1).await;
    let letters = letters_of(&sandbox, Kind::ContactCreated, 3).await;
    let mut convey = started(&sandbox, LEADS).await;
    let other = convey.file("other.toml", "[events]\ncontact-created = \"Contact\"\n");
    let gate = "faults == 0 && changes >= 4";
    start(&convey, &["--settings", other.to_str().unwrap(), "--promote-when", gate]).await;
    convey.take(&letters).await;
    compared(&convey, 3).await;
    assert!(convey.stop().await.success());
    let db = rusqlite::Connection::open(convey.state().join("convey.db")).unwrap();
    db.execute("UPDATE shadow SET report = json_remove(report, '$.faulty')", []).unwrap();
    drop(db);
    convey.start().await;
    let said = convey.command(&["shadow", "report"]).await;
    for word in ["what was seen of shadow 1 of `default`", "missing field `faulty`"] {
        assert!(said.code == Some(1) && said.stderr.contains(word), "{word}: {said:?}");
        assert!(convey.spoken().contains(word), "{word}: {}", convey.spoken());
    }
    assert_eq!(origins(&convey).await, ["config"]);
    assert_eq!(
        start(&convey, &["--settings", other.to_str().unwrap()]).await["state"],
        "running",
        "there is room for another"
    );
    assert!(convey.stop().await.success());
}

/// A component that is pinned is the one that was meant, or nothing starts.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_pinned_component_is_the_one_that_was_meant() {
    let sandbox = sandbox(1, 1).await;
    let digest = convey::contract::Digest::of(convey::builtin::builtin("rules").unwrap().bytes).to_string();
    let pinned = |digest: &str| {
        let pin = format!("\"builtin:rules@sha256:{digest}\"");
        Convey::new(&sandbox.summary()).configure(|text| *text = text.replace("\"builtin:rules\"", &pin))
    };
    assert_eq!(pinned(&digest).command(&["check"]).await.code, Some(0));
    let other = pinned(&"0".repeat(64)).command_within(Duration::from_secs(60), &["check"]).await;
    assert!(other.code == Some(78) && other.stderr.contains(&digest), "the line to write is printed: {other:?}");
    let none = pinned("abc").command(&["check"]).await;
    assert!(none.code == Some(78) && none.stderr.contains("64 hex digits"), "{none:?}");
}
