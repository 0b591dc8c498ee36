//! A promotion in stages: live for some first, over a restart too, and taken back as a whole.

use std::collections::BTreeSet;

use convey::sandbox::Kind;
use serde_json::{Value, json};

use crate::rig::{Convey, ROOM, eventually, sandbox, second_connection};
use crate::shadow::{LEADS, WRONG, compared, names, origins, report, start};
use crate::wire::{Letter, letters_of};

/// One mapping for many locations goes live for some first; the others still hear the old one, and are compared.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_promotion_in_stages_is_live_for_some_connections_first_and_is_taken_back_as_a_whole() {
    let sandbox = sandbox(2, 1).await;
    let letters = letters_of(&sandbox, Kind::ContactCreated, 40).await;
    let locations = [sandbox.summary().location.clone(), sandbox.summary().locations[1].clone()];
    let of = |location: &str| -> Vec<Letter> {
        letters.iter().filter(|letter| letter.json()["locationId"] == *location).cloned().collect()
    };
    let (acme, second) = (of(&locations[0]), of(&locations[1]));
    assert!(acme.len() >= 9 && second.len() >= 9, "{} {}", acme.len(), second.len());
    let mut convey = Convey::new(&sandbox.summary()).configure(|text| {
        *text = text.replace("\"builtin:rules\"\n", "\"builtin:rules\"\nsettings = \"first.toml\"\n");
        text.push_str(&second_connection(&locations[1]));
    });
    convey.file("first.toml", LEADS);
    convey.start().await;
    let other = convey.file("other.toml", "[events]\ncontact-created = \"Contact\"\n");
    start(&convey, &["--settings", other.to_str().unwrap(), "--promote-when", "changes >= 3"]).await;
    let promoted = convey.command(&["shadow", "promote", "--stage", "1,all"]).await.json();
    assert_eq!(promoted["stage"], json!({"live": ["acme"], "of": 2, "left_out": []}), "{promoted}");
    let told = async |letters: &[Letter]| {
        let before = sandbox.accepted(0).len();
        convey.take(letters).await;
        let new = sandbox.accepted(0).split_off(before);
        new.iter().map(|one| one.event["event_name"].as_str().unwrap().to_owned()).collect::<BTreeSet<_>>()
    };
    let (lead, contact) = (BTreeSet::from(["Lead".to_owned()]), BTreeSet::from(["Contact".to_owned()]));
    assert_eq!(told(&acme[..3]).await, contact);
    assert_eq!(told(&second[..3]).await, lead);
    assert_eq!(compared(&convey, 3).await["tally"]["compared"], 3, "only where it is not live");
    assert!(convey.stop().await.success());
    convey.start().await;
    let told = async |letters: &[Letter]| {
        let before = sandbox.accepted(0).len();
        convey.take(letters).await;
        let new = sandbox.accepted(0).split_off(before);
        new.iter().map(|one| one.event["event_name"].as_str().unwrap().to_owned()).collect::<BTreeSet<_>>()
    };
    assert_eq!(report(&convey).await["staged"], json!(["acme"]), "a stage outlives a restart");
    assert_eq!(told(&acme[3..6]).await, contact);
    assert_eq!(told(&second[3..6]).await, lead);
    assert_eq!(compared(&convey, 6).await["tally"]["compared"], 6);
    assert_eq!(origins(&convey).await, ["stage", "config"], "its gate holds, and does not hurry through the stages");
    let promoted = convey.command(&["shadow", "promote"]).await.json();
    assert_eq!(promoted["stage"], Value::Null, "{promoted}");
    assert_eq!(told(&second[6..]).await, contact);
    assert_eq!(origins(&convey).await, ["promote", "stage", "config"]);
    convey.command(&["mapper", "rollback"]).await.json();
    assert_eq!(told(&acme[6..]).await, lead);
    assert!(convey.stop().await.success());
}

/// A stage is recalled alone: what is live for the others, and what it has not told yet, stays.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_recall_while_a_promotion_is_staged_withdraws_what_the_stages_made_and_nothing_else() {
    let sandbox = sandbox(4, 1).await;
    let locations = sandbox.summary().locations.clone();
    let letters = letters_of(&sandbox, Kind::ContactCreated, 60).await;
    let of = |at: usize| -> Vec<Letter> {
        letters.iter().filter(|letter| letter.json()["locationId"] == *locations[at]).take(6).cloned().collect()
    };
    let mut convey = Convey::new(&sandbox.summary()).configure(|text| {
        *text = text.replace("\"builtin:rules\"\n", "\"builtin:rules\"\nsettings = \"first.toml\"\n");
        crate::rig::connect(text, &locations[1..], ROOM);
    });
    convey.file("first.toml", LEADS);
    convey.start().await;
    convey.command(&["pause", "--all"]).await.json();
    let wrong = convey.file("wrong.toml", WRONG);
    start(&convey, &["--settings", wrong.to_str().unwrap()]).await;
    // Three stages, and each has made something before the next: every one of them is recalled.
    let waiting = async || {
        eventually("all is translated", async || {
            let status = convey.status().await?["status"].clone();
            let rows = status["connections"].as_object()?;
            let reading: u64 = rows.values().filter_map(|row| row["waiting"].as_u64()).sum();
            // Before anything is said there is no row.
            let waiting = status["destinations"]["ads"]["waiting"].as_u64().unwrap_or_default();
            (reading + status["changes"]["waiting"].as_u64()? == 0).then_some(waiting)
        })
        .await
    };
    let mut made = 0;
    for at in 0..2 {
        convey.command(&["shadow", "promote", "--stage", "1,2,3,all"]).await.json();
        let before = waiting().await;
        for letter in of(at) {
            letter.insist(&convey.hook()).await;
        }
        made += waiting().await - before;
    }
    for letter in of(2).iter().chain(&of(3)) {
        letter.insist(&convey.hook()).await;
    }
    let all = waiting().await;
    assert!(made >= 6 && all > made, "{made} of {all}");
    let back = convey.command(&["mapper", "rollback", "--recall", "--note", "wrong"]).await.json();
    assert_eq!((&back["recalled"]["events"], &back["recalled"]["changes"]), (&made.into(), &made.into()), "{back}");
    assert_eq!(report(&convey).await["state"], "stopped");
    assert_eq!(waiting().await, all, "the right ones take their place");
    assert_eq!(origins(&convey).await, ["rollback", "stage", "stage", "config"]);
    assert!(convey.stop().await.success());
    convey.start().await;
    convey.command(&["resume", "--all"]).await.json();
    convey.drained().await;
    assert_eq!(names(&sandbox), BTreeSet::from(["Lead".to_owned()]), "no stage comes back, and nothing wrong got out");
    assert_eq!(sandbox.accepted(0).len() as u64, all);
    assert!(convey.stop().await.success());
    let book = convey.book().await;
    let recalled = book.generations.iter().filter(|generation| generation.recalled_at.is_some());
    assert!(recalled.clone().all(|generation| generation.written.origin == "stage"));
    assert_eq!(recalled.count(), 2);
}
