//! What an operator does with what is parked: look, send again, give up; and why anything was sent or not.

use convey::sandbox::{Fault, Faults, Kind, Sandbox};
use serde_json::Value;

use crate::rig::{Convey, Said, accepted_ids, eventually, sandbox};
use crate::wire::letters_of;

/// A platform that calls every event invalid.
fn refusing() -> Faults {
    Faults { crm: None, ads: Some(Fault { code: Some(100), ..Fault::default() }) }
}

/// A running convey whose events the platform has refused, and how many.
async fn parked(sandbox: &Sandbox) -> (Convey, usize) {
    let letters = letters_of(sandbox, Kind::ContactCreated, 12).await;
    sandbox.set_faults(refusing());
    let mut convey = Convey::new(&sandbox.summary());
    convey.start().await;
    for letter in &letters {
        letter.insist(&convey.hook()).await;
    }
    convey.drained().await;
    let dead = convey.status().await.unwrap()["status"]["destinations"]["ads"]["dead"].as_u64().unwrap();
    assert!(dead >= 4, "{dead}");
    (convey, dead as usize)
}

fn missing(said: &Said) {
    assert_eq!((said.code, said.stdout.as_str()), (Some(3), ""), "{said:?}");
    assert!(said.stderr.contains("nothing in the store matches"), "{said:?}");
}

fn rows(said: &Value) -> Vec<&Value> {
    said["rows"].as_array().unwrap().iter().collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_the_platform_refused_is_listed_sent_again_or_given_up() {
    let sandbox = sandbox(1, 1).await;
    let (mut convey, dead) = parked(&sandbox).await;
    let groups = convey.command(&["queue", "list"]).await.json();
    let counted: u64 = groups["groups"].as_array().unwrap().iter().map(|group| group["count"].as_u64().unwrap()).sum();
    assert_eq!((counted as usize, &groups["groups"][0]["lane"]), (dead, &"ads".into()), "{groups}");
    let reason = groups["groups"][0]["reason"].as_str().unwrap().to_owned();
    let listed = convey.command(&["queue", "list", "--rows", "--destination", "ads", "--reason", &reason]).await.json();
    let names: Vec<String> = rows(&listed).iter().map(|row| row["name"].as_str().unwrap().to_owned()).collect();
    assert_eq!(names.len(), dead);
    let shown = convey.command(&["queue", "show", &names[0]]).await.json();
    let (row, attempts) = (rows(&shown)[0], shown["rows"][0]["attempts"].as_array().unwrap());
    assert_eq!((&row["state"], attempts[0]["verdict"].as_str()), (&"dead".into(), Some("dead")), "{shown}");
    let event_id = row["id"].as_str().unwrap().to_owned();
    missing(&convey.command(&["queue", "list", "--state", "waiting"]).await);
    missing(&convey.command(&["queue", "show", "no-such-id"]).await);
    missing(&convey.command(&["queue", "retry", "--all", "--reason", "no such reason"]).await);

    sandbox.set_faults(Faults::default());
    let retried = convey.command(&["queue", "retry", &event_id]).await.json();
    assert_eq!((&retried["found"], &retried["retried"]), (&1.into(), &1.into()), "{retried}");
    eventually("it has arrived", async || (!sandbox.accepted(0).is_empty()).then_some(())).await;
    let dropped = convey.command(&["queue", "drop", &names[1], "--because", "a test"]).await.json();
    assert_eq!(dropped["dropped"], 1, "{dropped}");
    let rest = convey.command(&["queue", "retry", "--all", "--reason", &reason]).await.json();
    assert_eq!(rest["retried"].as_u64(), Some(dead as u64 - 2), "{rest}");
    convey.drained().await;
    missing(&convey.command(&["queue", "list"]).await);
    let why = convey.command(&["why", &event_id]).await.json();
    assert!(convey.stop().await.success());

    let told = accepted_ids(&sandbox, &sandbox.summary().dataset);
    assert_eq!((told.len(), told[0].as_str()), (dead - 1, event_id.as_str()));
    // Where nothing runs the store answers, and the dropped one is accounted for.
    let dropped = convey.command(&["queue", "list", "--state", "dropped"]).await.json();
    assert_eq!((rows(&dropped).len(), &dropped["rows"][0]["reason"]), (1, &"dropped: a test".into()));
    let status = convey.command(&["status"]).await.json();
    let ads = &status["status"]["destinations"]["ads"];
    assert_eq!((ads["done"].as_u64(), ads["dropped"].as_u64()), (Some(dead as u64 - 1), Some(1)));

    let event = &why["why"]["changes"][0]["events"][0];
    assert_eq!((event["event_id"].as_str(), event["state"].as_str()), (Some(event_id.as_str()), Some("done")));
    let verdicts: Vec<&str> =
        event["attempts"].as_array().unwrap().iter().filter_map(|attempt| attempt["verdict"].as_str()).collect();
    assert_eq!(verdicts, ["dead", "done"], "{event}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn why_tells_the_whole_way_of_a_contact_and_nothing_private() {
    let sandbox = sandbox(1, 1).await;
    let letters = letters_of(&sandbox, Kind::ContactCreated, 12).await;
    let letter = letters.iter().find(|letter| letter.json()["email"].is_string()).unwrap();
    let contact = letter.json()["id"].as_str().unwrap().to_owned();
    let ads = Fault { drop_answer: true, times: Some(1), ..Fault::default() };
    sandbox.set_faults(Faults { crm: None, ads: Some(ads) });
    let mut convey = Convey::new(&sandbox.summary());
    convey.start().await;
    letter.insist(&convey.hook()).await;
    convey.drained().await;
    let said = convey.command(&["why", &contact]).await;
    let why = said.json()["why"].clone();
    let (change, delivery) = (&why["changes"][0], &why["deliveries"][0]);
    let event = &change["events"][0];
    for digest in [
        &delivery["source_digest"],
        &change["generation"]["mapper_digest"],
        &change["generation"]["settings_hash"],
        &event["attempts"][0]["sink_digest"],
    ] {
        assert_eq!(digest.as_str().map(str::len), Some(64), "{why}");
    }
    for time in [&delivery["took_ms"], &change["took_ms"], &event["took_ms"], &event["attempts"][0]["took_ms"]] {
        assert!(time.is_u64(), "{why}");
    }
    // The platform took it and did not say so: it may have it twice, and that is told.
    assert_eq!((&event["may_repeat"], &event["attempts"][0]["verdict"]), (&true.into(), &"ambiguous".into()));
    assert!(event["trace"].is_string() && event["rule"].is_string(), "{event}");
    let id = event["event_id"].as_str().unwrap();
    for other in [id, delivery["id"].as_str().unwrap(), letter.id.as_str()] {
        assert_eq!(convey.command(&["why", other]).await.json()["why"], why, "{other}");
    }
    let email = letter.json()["email"].as_str().unwrap().to_owned();
    assert!(!said.stdout.to_lowercase().contains(&email.to_lowercase()), "{said:?}");
    missing(&convey.command(&["why", "nobody"]).await);
    assert!(convey.stop().await.success());
    assert_eq!(convey.command(&["why", &contact]).await.json()["why"], why, "the store tells the same");
}
