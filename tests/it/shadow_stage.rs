//! A promotion in stages: live for some first, over a restart too, and taken back as a whole.

use std::collections::BTreeSet;

use convey::sandbox::{Fault, Faults, Kind, Locations, Play, Sandbox};
use serde_json::{Value, json};

use crate::guests;
use crate::rig::{Convey, PATIENCE, ROOM, asked, connect, eventually, sandbox, second_connection};
use crate::shadow::{ANYBODY, LEADS, WRONG, compared, mapped, mark, names, origins, report, start};
use crate::wire::{Letter, letters, letters_of};

/// What every location is asked before it is live.
const FIELDS: &str = "GET /locations/{id}/customFields";

/// The names of the events that are told of these webhooks.
async fn told(sandbox: &Sandbox, convey: &Convey, letters: &[Letter]) -> BTreeSet<String> {
    let before = sandbox.accepted(0).len();
    convey.take(letters).await;
    let new = sandbox.accepted(0).split_off(before);
    new.iter().map(|one| one.event["event_name"].as_str().unwrap().to_owned()).collect()
}

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
    let mut convey =
        mapped(&sandbox.summary(), LEADS).configure(|text| text.push_str(&second_connection(&locations[1])));
    convey.start().await;
    let other = convey.file("other.toml", "[events]\ncontact-created = \"Contact\"\n");
    start(&convey, &["--settings", other.to_str().unwrap(), "--promote-when", "changes >= 3"]).await;
    let promoted = convey.command(&["shadow", "promote", "--stage", "1,all"]).await.json();
    assert_eq!(promoted["stage"], json!({"live": ["acme"], "of": 2, "left_out": []}), "{promoted}");
    let (lead, contact) = (BTreeSet::from(["Lead".to_owned()]), BTreeSet::from(["Contact".to_owned()]));
    assert_eq!(told(&sandbox, &convey, &acme[..3]).await, contact);
    assert_eq!(told(&sandbox, &convey, &second[..3]).await, lead);
    assert_eq!(compared(&convey, 3).await["tally"]["compared"], 3, "only where it is not live");
    assert!(convey.stop().await.success());
    convey.start().await;
    assert_eq!(report(&convey).await["staged"], json!(["acme"]), "a stage outlives a restart");
    assert_eq!(told(&sandbox, &convey, &acme[3..6]).await, contact);
    assert_eq!(told(&sandbox, &convey, &second[3..6]).await, lead);
    assert_eq!(compared(&convey, 6).await["tally"]["compared"], 6);
    assert_eq!(origins(&convey).await, ["stage", "config"], "its gate holds, and does not hurry through the stages");
    let promoted = convey.command(&["shadow", "promote"]).await.json();
    assert_eq!(promoted["stage"], Value::Null, "{promoted}");
    assert_eq!(told(&sandbox, &convey, &second[6..]).await, contact);
    assert_eq!(origins(&convey).await, ["promote", "stage", "config"]);
    convey.command(&["mapper", "rollback"]).await.json();
    assert_eq!(told(&sandbox, &convey, &acme[6..]).await, lead);
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
    let mut convey = mapped(&sandbox.summary(), LEADS).configure(|text| connect(text, &locations[1..], ROOM));
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

/// New contacts of one location.
async fn of_location(sandbox: &Sandbox, at: usize, changes: usize, seed: u64) -> Vec<Letter> {
    let locations = Some(Locations::Named(vec![sandbox.summary().locations[at].clone()]));
    letters(sandbox, Play { changes, seed, kinds: vec![Kind::ContactCreated], locations, ..Play::default() }).await
}

/// A convey of two connections that tells of everybody, with a shadow that breaks on the contacts who are marked.
async fn shadowed(sandbox: &Sandbox) -> Convey {
    let second = second_connection(&sandbox.summary().locations[1]);
    let mut convey = mapped(&sandbox.summary(), &format!("{ANYBODY}{LEADS}")).configure(|text| {
        text.push_str(&second);
        *text = text.replace(ROOM, &format!("{ROOM}\naccess = \"write\""));
        text.push_str("[limits]\nrequest_timeout_ms = 120000\n");
    });
    convey.start().await;
    let strange = convey.bytes("strange.wasm", &guests::component("convey-test-mapper", guests::PURE));
    let settings = convey.file("strange.txt", "trap");
    start(&convey, &["--mapper", strange.to_str().unwrap(), "--settings", settings.to_str().unwrap()]).await;
    convey
}

async fn paused(convey: &Convey) -> Value {
    eventually("the shadow is paused", async || {
        let said = report(convey).await;
        (said["state"] == "paused").then_some(said)
    })
    .await
}

/// Whether it is asked to go live for all or for some: a shadow that paused in its stages does not.
async fn assert_is_refused(convey: &Convey) {
    for arguments in [&["shadow", "promote"][..], &["shadow", "promote", "--stage", "1,all"]] {
        let refused = convey.command(arguments).await;
        assert_eq!(refused.code, Some(1), "{refused:?}");
        for word in ["is paused", "convey shadow report", "convey shadow stop"] {
            assert!(refused.stderr.contains(word), "{word}: {refused:?}");
        }
    }
    let said = report(convey).await;
    assert_eq!((&said["state"], &said["staged"]), (&"paused".into(), &json!([])), "{said}");
}

/// What breaks where it is live is paused and its stage is taken back; no stage follows, over a restart too.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_shadow_that_pauses_in_its_stage_goes_live_for_no_further_one() {
    let sandbox = sandbox(2, 1).await;
    let (acme, second) = (of_location(&sandbox, 0, 12, 1).await, of_location(&sandbox, 1, 4, 2).await);
    let lead = BTreeSet::from(["Lead".to_owned()]);
    let mut convey = shadowed(&sandbox).await;
    let promoted = convey.command(&["shadow", "promote", "--stage", "1,all"]).await.json();
    assert_eq!(promoted["stage"]["live"], json!(["acme"]), "{promoted}");
    assert_eq!(told(&sandbox, &convey, &acme[..2]).await, BTreeSet::from(["Well".to_owned()]));
    for letter in &acme[4..10] {
        mark(&convey, "acme", letter).await;
    }
    // Nothing leaves meanwhile: what the stage had made is taken back with it.
    convey.command(&["pause", "ads"]).await.json();
    for letter in &acme[2..10] {
        letter.insist(&convey.hook()).await;
    }
    let said = paused(&convey).await;
    assert!(said["reason"].as_str().unwrap().contains("of the connections it was live for"), "{said}");
    convey.command(&["resume", "ads"]).await.json();
    let before = sandbox.accepted(0).len();
    convey.drained().await;
    assert_eq!(sandbox.accepted(0).len(), 2 + 8, "all of them are told, {before} were already");
    assert_eq!(names(&sandbox), BTreeSet::from(["Lead".to_owned(), "Well".to_owned()]));
    let well = sandbox.accepted(0).iter().filter(|one| one.event["event_name"] == "Well").count();
    assert_eq!(well, 2, "by what is live for all, but for those that had left");
    assert_is_refused(&convey).await;
    assert_eq!(told(&sandbox, &convey, &second[..2]).await, lead);
    assert!(convey.stop().await.success());
    convey.start().await;
    assert_is_refused(&convey).await;
    assert_eq!(told(&sandbox, &convey, &acme[10..]).await, lead);
    assert_eq!(told(&sandbox, &convey, &second[2..]).await, lead);
    assert_eq!(origins(&convey).await, ["stage", "config"]);
    assert_eq!(convey.command(&["shadow", "stop"]).await.json()["state"], "stopped");
    let other = convey.file("other.toml", WRONG);
    assert_eq!(start(&convey, &["--settings", other.to_str().unwrap()]).await["state"], "running");
    assert!(convey.stop().await.success());
    let book = convey.book().await;
    book.assert_all_told(acme.iter().chain(&second).map(|letter| letter.id.as_str()));
}

/// One that pauses while its stage still asks the locations is not made live after all: nobody would watch over it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_shadow_that_pauses_while_its_locations_are_asked_is_not_promoted() {
    let sandbox = sandbox(2, 1).await;
    let letters = of_location(&sandbox, 0, 14, 1).await;
    let mut convey = shadowed(&sandbox).await;
    convey.take(&letters[..2]).await;
    for letter in &letters[2..] {
        mark(&convey, "acme", letter).await;
    }
    let slow = Fault { hold: true, location: Some(sandbox.summary().locations[1].clone()), ..Fault::default() };
    sandbox.set_faults(Faults { crm: Some(slow), ads: None });
    let before = asked(&sandbox, "crm", FIELDS).await;
    let promoting = convey.command_within(PATIENCE * 2, &["shadow", "promote", "--stage", "1,all"]);
    let breaking = async {
        let other = async || (asked(&sandbox, "crm", FIELDS).await > before).then_some(());
        eventually("the other location has answered", other).await;
        convey.take(&letters[2..]).await;
        paused(&convey).await;
        sandbox.set_faults(Faults::default());
    };
    let (promoted, ()) = tokio::join!(promoting, breaking);
    assert!(promoted.code == Some(1) && promoted.stderr.contains("is paused"), "{promoted:?}");
    assert_eq!(
        (report(&convey).await["staged"].clone(), origins(&convey).await),
        (json!([]), vec!["config".to_owned()])
    );
    assert_eq!(names(&sandbox), BTreeSet::from(["Lead".to_owned()]));
    assert!(convey.stop().await.success());
}
