//! The past by another mapping: what would be told otherwise is counted by its place, and of the difference only what nobody was told, and is not too old for the
//! platform, is sent.

use std::collections::BTreeSet;
use std::time::Duration;

use convey::sandbox::{Kind, Play};
use serde_json::{Value, json};

use crate::rig::{Convey, accepted_ids, sandbox};
use crate::shadow::{ANYBODY, LEADS, mapped, origins, started};
use crate::wire::{letters, letters_of};

/// What [`LEADS`] says with a worth, and a second event that nobody was told.
const MORE: &str = r#"
respect_do_not_disturb = false
[[rule]]
name = "lead"
on = ["contact-created"]
event = { name = "Lead", value = "{5.0}", currency = "EUR" }
[[rule]]
name = "contact"
on = ["contact-created"]
event = "Contact"
"#;

/// Longer than the platform takes an event.
const TOO_LONG: Duration = Duration::from_secs(8 * 24 * 60 * 60);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_past_is_asked_with_another_mapping_and_only_the_difference_is_sent() {
    let sandbox = sandbox(1, 1).await;
    let letters = letters_of(&sandbox, Kind::ContactCreated, 8).await;
    let mut convey = started(&sandbox, "[events]\nopportunity-won = \"Purchase\"\n").await;
    convey.take(&letters).await;
    assert_eq!(sandbox.accepted(0).len(), 0);
    let leads = convey.file("leads.toml", LEADS);
    let asked = ["replay", "--since", "3d", "--settings", leads.to_str().unwrap()];
    let neither = convey.command(&asked).await;
    assert!(neither.code == Some(2) && neither.stderr.contains("--dry-run"), "{neither:?}");
    let would = convey.command(&[&asked[..], &["--dry-run"]].concat()).await.json();
    let count = would["sent"].as_u64().unwrap();
    assert!(count >= 4, "{would}");
    assert_eq!((sandbox.accepted(0).len(), origins(&convey).await.len()), (0, 1), "looking sends and writes nothing");
    let sent = convey.command(&[&asked[..], &["--send", "--note", "they were forgotten"]].concat()).await.json();
    assert_eq!(sent["sent"], count);
    convey.drained().await;
    assert_eq!(sandbox.accepted(0).len() as u64, count);
    let again = convey.command(&[&asked[..], &["--send"]].concat()).await.json();
    assert_eq!((&again["sent"], &again["told_before"]), (&0.into(), &count.into()), "{again}");
    assert_eq!(again["otherwise"]["different"], 0, "{again}");
    // Told events that another mapping would tell otherwise are counted by their place, and stay as they were told.
    let worth = convey.file(
        "worth.toml",
        "[[rule]]\nname = \"lead\"\non = [\"contact-created\"]\nevent = { name = \"Lead\", value = \"{5.0}\", currency = \"EUR\", data = { tier = \"gold\" } }\n",
    );
    let worth = ["replay", "--since", "3d", "--settings", worth.to_str().unwrap()];
    let told = sandbox.accepted(0).len();
    let would = convey.command(&[&worth[..], &["--dry-run"]].concat()).await.json();
    assert_eq!((&would["otherwise"]["different"], &would["sent"]), (&count.into(), &0.into()), "{would}");
    let added = json!({"added": count, "removed": 0, "different": 0});
    assert_eq!(would["otherwise"]["paths"]["convert.custom_data.tier"], added, "{would}");
    assert_eq!(would["otherwise"]["paths"]["convert.value"], added, "{would}");
    let sent = convey.command(&[&worth[..], &["--send"]].concat()).await.json();
    convey.drained().await;
    assert_eq!((&sent["sent"], sandbox.accepted(0).len()), (&0.into(), told), "an id is told once: {sent}");
    let nothing = convey.file("nothing.toml", "[events]\nopportunity-won = \"Purchase\"\n");
    let none = ["replay", "--since", "3d", "--settings", nothing.to_str().unwrap(), "--dry-run"];
    let would = convey.command(&none).await.json();
    assert_eq!(would["otherwise"]["removed"], json!({"convert Lead": count}), "{would}");
    let live = convey.status().await.unwrap()["mappers"]["default"]["generation"].clone();
    let history = convey.command(&["mapper", "history"]).await.json();
    let config = history.as_array().unwrap().iter().find(|row| row["origin"] == "config").unwrap();
    assert_eq!(live, config["id"], "what is live is what it was");
    let proof = convey.command(&["verify", "--all"]).await.json();
    assert_eq!((&proof["unequal"], &proof["events"]), (&0.into(), &count.into()), "{proof}");
    assert!(convey.stop().await.success());
    convey.start().await;
    assert_eq!(
        convey.status().await.unwrap()["mappers"]["default"]["generation"],
        live,
        "a restart does not mistake it"
    );
    assert!(convey.stop().await.success());
}

/// The ids that a report names below a key.
fn named(said: &Value, key: &str) -> BTreeSet<String> {
    let rows = said[key].as_array().unwrap();
    let ids: BTreeSet<String> = rows.iter().map(|row| row["event_id"].as_str().unwrap().to_owned()).collect();
    assert_eq!(ids.len(), rows.len());
    ids
}

/// What people read.
async fn read(convey: &Convey, arguments: &[&str]) -> String {
    let output = convey.program(arguments).output().await.unwrap();
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_the_deadline_has_overtaken_is_listed_and_not_sent_and_the_rest_of_the_difference_is() {
    const OLD: usize = 6;
    const NEW: usize = 5;
    let sandbox = sandbox(1, 1).await;
    let dataset = sandbox.summary().dataset;
    let mut convey = mapped(&sandbox.summary(), &format!("{ANYBODY}{LEADS}")).on_a_clock();
    convey.start().await;
    convey.take(&letters_of(&sandbox, Kind::ContactCreated, OLD).await).await;
    convey.pass(&sandbox, TOO_LONG).await;
    let play = Play { changes: NEW, seed: 2, kinds: vec![Kind::ContactCreated], ..Play::default() };
    convey.take(&letters(&sandbox, play).await).await;
    let told = accepted_ids(&sandbox, &dataset);
    assert_eq!(told.len(), OLD + NEW, "each was told in its time");

    // By the digest of a component that is kept, and settings that are not live.
    let digest =
        convey.command(&["mapper", "history"]).await.json()[0]["mapper_digest"].as_str().unwrap()[..12].to_owned();
    let more = convey.file("more.toml", MORE);
    let asked = ["replay", "--since", "30d", "--mapper", &digest, "--settings", more.to_str().unwrap()];
    let (look, really) =
        ([&asked[..], &["--dry-run"]].concat(), [&asked[..], &["--send", "--note", "more is said"]].concat());
    let would = convey.command(&look).await.json();
    let counts = |said: &Value| ["sent", "too_late", "told_before"].map(|key| said[key].as_u64().unwrap() as usize);
    assert_eq!(counts(&would), [NEW, OLD, OLD + NEW], "{would}");
    let otherwise = &would["otherwise"];
    assert_eq!((&otherwise["different"], &otherwise["unasked"]), (&(OLD + NEW).into(), &0.into()), "{would}");
    let added = json!({"added": OLD + NEW, "removed": 0, "different": 0});
    assert_eq!(otherwise["paths"], json!({"convert.value": added, "convert.currency": added}), "{would}");
    let (late, to_send) = (named(&would, "late"), named(&would, "to_send"));
    assert_eq!((late.len(), to_send.len(), late.is_disjoint(&to_send)), (OLD, NEW, true), "{would}");
    let moments = |key: &str, of: &str| -> Vec<u64> {
        would[key].as_array().unwrap().iter().map(|row| row[of].as_u64().unwrap()).collect()
    };
    let begun = moments("to_send", "occurred_at").into_iter().min().unwrap();
    assert!(moments("late", "deadline").into_iter().all(|deadline| deadline <= begun), "{would}");
    assert!(moments("to_send", "deadline").into_iter().all(|deadline| deadline > begun), "{would}");
    let shown = read(&convey, &look).await;
    for line in [
        "too late since",
        "6 event(s) that the platform takes no more",
        "6 of them too old to be sent",
        "5 event(s) would be sent",
    ] {
        assert!(shown.contains(line), "{line}: {shown}");
    }
    assert_eq!(
        (accepted_ids(&sandbox, &dataset), origins(&convey).await.len()),
        (told.clone(), 1),
        "a look sends and writes nothing"
    );

    let sent = convey.command(&really).await.json();
    assert_eq!((counts(&sent), named(&sent, "late")), ([NEW, OLD, OLD + NEW], late.clone()), "{sent}");
    convey.drained().await;
    let new: BTreeSet<String> = accepted_ids(&sandbox, &dataset).split_off(told.len()).into_iter().collect();
    assert_eq!(new, to_send, "the rest of the difference, and nothing else");
    assert_eq!(accepted_ids(&sandbox, &dataset).len(), told.len() + NEW, "each once");
    let again = convey.command(&really).await.json();
    assert_eq!((counts(&again), named(&again, "late")), ([0, OLD, OLD + NEW + NEW], late.clone()), "{again}");
    convey.drained().await;
    let proof = convey.command(&["verify", "--all"]).await.json();
    assert_eq!(
        (&proof["unequal"], &proof["unproven"], &proof["events"]),
        (&0.into(), &0.into(), &(OLD + NEW + NEW).into()),
        "{proof}"
    );
    assert!(convey.stop().await.success());
    assert_eq!(accepted_ids(&sandbox, &dataset).len(), told.len() + NEW);
    assert!(convey.book().await.event_ids().is_disjoint(&late), "nothing of them waits for anything");
}
