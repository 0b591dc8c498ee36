//! The mapper is swapped while events flow: nothing is lost or doubled, and every event is of one piece.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use convey::builtin::builtin;
use convey::sandbox::{Kind, Play};
use serde_json::Value;

use crate::rig::{Convey, accepted_ids, sandbox};
use crate::wire::letters_of;

const FIRST: &str = "[events]\ncontact-created = \"Lead\"\ntag-added = \"Tagged\"\n";
const SECOND: &str = "[events]\ncontact-created = \"Contact\"\ntag-added = \"Marked\"\n";

async fn live(convey: &Convey) -> Value {
    convey.status().await.unwrap()["mappers"]["default"].clone()
}

async fn history(convey: &Convey) -> Vec<Value> {
    convey.command(&["mapper", "history"]).await.json().as_array().unwrap().clone()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn six_swaps_under_load_lose_and_double_nothing_and_no_event_is_of_two_generations() {
    let sandbox = sandbox(1, 1).await;
    let mut convey = Convey::new(&sandbox.summary()).configure(|text| {
        *text = text.replace("\"builtin:rules\"\n", "\"builtin:rules\"\nsettings = \"first.toml\"\n");
    });
    // The configuration is read at the start only: the file may come later than the text that names it.
    let first = convey.file("first.toml", FIRST);
    let second = convey.file("second.toml", SECOND);
    convey.start().await;
    let kinds = vec![Kind::ContactCreated, Kind::TagsChanged];
    let play = Play { changes: 1_000, rate: 90.0, kinds, target: convey.hook(), ..Play::default() };
    let swaps = async {
        for turn in 0..6 {
            // Far enough apart for either to have said something.
            let before = sandbox.accepted(0).len();
            crate::rig::eventually("events flow", async || (sandbox.accepted(0).len() > before + 20).then_some(()))
                .await;
            let settings = if turn % 2 == 0 { &second } else { &first };
            let note = format!("turn {turn}");
            let swap = ["mapper", "swap", "--settings", settings.to_str().unwrap(), "--note", &note];
            let report = convey.command(&swap).await.json();
            assert!(report["commit_ms"].as_u64().unwrap() < 1_000, "{report}");
            assert_eq!(live(&convey).await["generation"], report["generation"]);
        }
    };
    let (played, ()) = tokio::join!(sandbox.play(play), swaps);
    let played = played.unwrap();
    assert_eq!(played.refused, 0);
    convey.drained().await;
    let listed = history(&convey).await;
    let origins: Vec<&str> = listed.iter().map(|row| row["origin"].as_str().unwrap()).collect();
    assert_eq!(origins, ["swap", "swap", "swap", "swap", "swap", "swap", "config"], "newest first");
    assert_eq!((listed[0]["note"].as_str(), listed[0]["who"].as_str()), (Some("turn 5"), Some("operator")));
    assert!(convey.stop().await.success());

    let book = convey.book().await;
    book.assert_all_told(played.fired.iter().map(|fired| fired.webhook_id.as_str()));
    let accepted = accepted_ids(&sandbox, &sandbox.summary().dataset);
    book.assert_exact(&book.event_ids(), &accepted);
    assert_eq!(accepted.len(), book.event_ids().len(), "no request was without an answer, so nothing repeats");

    // The name on the wire is the one that the settings of the event's own generation give.
    let settings: BTreeMap<i64, &str> =
        book.generations.iter().map(|generation| (generation.id, generation.written.settings.as_str())).collect();
    let names: BTreeMap<String, String> = sandbox
        .accepted(0)
        .iter()
        .map(|accepted| {
            let text = |key: &str| accepted.event[key].as_str().unwrap().to_owned();
            (text("event_id"), text("event_name"))
        })
        .collect();
    let mut told: BTreeMap<i64, usize> = BTreeMap::new();
    for change in book.accounts.iter().flat_map(|account| &account.changes) {
        for event in &change.events {
            let wanted = match (settings[&event.generation], change.kind.as_str()) {
                (FIRST, "contact-created") => "Lead",
                (FIRST, _) => "Tagged",
                (SECOND, "contact-created") => "Contact",
                (_, _) => "Marked",
            };
            assert_eq!(names[&event.event_id], wanted, "{event:?}");
            *told.entry(event.generation).or_default() += 1;
        }
    }
    assert_eq!(told.len(), 7, "every generation said something: {told:?}");
}

/// What does not pass is refused with its reason, and what was live goes on; going back takes less than a second; a restart changes nothing.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bad_candidate_is_refused_a_rollback_is_quick_and_a_restart_keeps_the_swapped_one() {
    let sandbox = sandbox(1, 1).await;
    let mut letters = letters_of(&sandbox, Kind::ContactCreated, 12).await;
    letters.retain(|letter| letter.json()["dnd"] != true);
    let mut letters = letters.into_iter();
    let mut convey = Convey::new(&sandbox.summary());
    convey.start().await;
    let started = live(&convey).await;

    let wrong = convey.file("wrong.toml", "[events]\ncontact-creatd = \"Lead\"\n");
    let refused = convey.command(&["mapper", "swap", "--settings", wrong.to_str().unwrap()]).await;
    assert_eq!(refused.code, Some(1), "{refused:?}");
    assert!(refused.stderr.contains("contact-creatd") && refused.stderr.contains("did you mean"), "{refused:?}");
    let sink = convey.bytes("sink.wasm", builtin("meta").unwrap().bytes);
    for (file, word) in
        [(sink, "not a mapper"), (convey.bytes("noise.wasm", b"\0asm no component"), "not a WebAssembly component")]
    {
        let refused = convey.command(&["mapper", "swap", "--mapper", file.to_str().unwrap()]).await;
        assert_eq!(refused.code, Some(1), "{refused:?}");
        assert!(refused.stderr.contains(word), "{word}: {refused:?}");
    }
    assert_eq!(live(&convey).await, started, "what was live still is");
    assert_eq!(history(&convey).await.len(), 1);
    let alone = convey.command(&["mapper", "rollback"]).await;
    assert_eq!(alone.code, Some(1), "there is nothing to go back to: {alone:?}");
    letters.next().unwrap().insist(&convey.hook()).await;
    convey.drained().await;

    let second = convey.file("second.toml", SECOND);
    let swapped = convey.command(&["mapper", "swap", "--settings", second.to_str().unwrap()]).await.json();
    assert_eq!(
        (&swapped["compared"], &swapped["differing"]),
        (&1.into(), &1.into()),
        "tried on what is stored: {swapped}"
    );
    letters.next().unwrap().insist(&convey.hook()).await;
    convey.drained().await;
    assert!(convey.stop().await.success());
    convey.start().await;
    assert_eq!(live(&convey).await["generation"], swapped["generation"]);
    letters.next().unwrap().insist(&convey.hook()).await;
    convey.drained().await;

    let since = Instant::now();
    let back = convey.command(&["mapper", "rollback", "--note", "not what we wanted"]).await.json();
    let took = since.elapsed();
    assert!(back["commit_ms"].as_u64().unwrap() < 1_000, "{back}");
    assert!(took < Duration::from_secs(10), "with the program that asks: {took:?}");
    letters.next().unwrap().insist(&convey.hook()).await;
    convey.drained().await;
    let origins: Vec<Value> = history(&convey).await.iter().map(|row| row["origin"].clone()).collect();
    assert_eq!(origins, ["rollback", "swap", "config"]);
    convey.kill().await;
    convey.start().await;
    assert_eq!(
        live(&convey).await["generation"],
        back["generation"],
        "the newest is live, whatever ended the life before"
    );
    assert!(convey.stop().await.success());
    let names: Vec<Value> = sandbox.accepted(0).iter().map(|accepted| accepted.event["event_name"].clone()).collect();
    assert_eq!(names, ["Lead", "Contact", "Contact", "Lead"]);
}
