//! Killed between any two steps, again and again: the platform ends up with exactly the events it would have had anyway.

use std::collections::BTreeSet;
use std::os::unix::process::ExitStatusExt;
use std::time::Duration;

use convey::sandbox::{Fired, Play, Sandbox};

use crate::rig::{Convey, accepted_ids, eventually, sandbox};
use crate::wire::{Letter, letters};

/// Every place between two steps where a delivery can be on its way, and how often it is passed before the end comes there. The later
/// ones find deliveries in all steps at once.
const POINTS: [&str; 17] = [
    "before-put:1",
    "after-put:1",
    "before-put:9",
    "after-put:14",
    "before-settle_read:1",
    "after-settle_read:1",
    "after-settle_read:3",
    "before-settle_translated:1",
    "after-settle_translated:1",
    "after-settle_translated:3",
    "before-claim_events:1",
    "after-claim_events:1",
    "before-send:1",
    "after-send:1",
    "before-settle_shipped:1",
    "after-settle_shipped:1",
    "after-settle_shipped:2",
];

/// Places that are passed before anything is taken.
const STARTING: [&str; 4] =
    ["before-grant:1", "after-grant:2", "before-commit_generation:1", "after-commit_generation:1"];

/// Plays the letters at a convey, and at its next life if it dies meanwhile; what it told its dataset, and its book.
async fn lived(
    sandbox: &Sandbox,
    letters: &[Letter],
    dataset: &str,
    crash_at: Option<&str>,
) -> (Vec<String>, BTreeSet<String>) {
    let mut convey = Convey::to(&sandbox.summary(), dataset);
    match crash_at {
        None => convey.start().await,
        Some(point) => convey.start_to_crash(point),
    }
    // What a shadow is to see is translated in a step of its own.
    if crash_at.is_some_and(|point| point.contains("settle_translated")) {
        eventually("it runs", async || convey.status().await).await;
        let other = convey.file("other.toml", "respect_do_not_disturb = false\n");
        convey.command(&["shadow", "start", "--settings", other.to_str().unwrap()]).await.json();
    }
    let hook = convey.hook();
    let sending = async {
        for letter in letters {
            letter.insist(&hook).await;
        }
    };
    let living = async {
        let Some(point) = crash_at else { return };
        let ended = convey.ended().await;
        assert_eq!(ended.signal(), Some(9), "it was to die at {point} and ended with {ended}:\n{}", convey.spoken());
        convey.start().await;
    };
    tokio::join!(sending, living);
    convey.drained().await;
    assert_eq!(convey.stop().await.code(), Some(0));
    let book = convey.book().await;
    book.assert_all_told(letters.iter().map(|letter| letter.id.as_str()));
    let accepted = accepted_ids(sandbox, dataset);
    book.assert_exact(&book.event_ids(), &accepted);
    (accepted, book.may_repeat())
}

/// Each crash point by itself, against a control run that is left alone: the same webhooks, the same set of events.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_crash_between_any_two_steps_loses_nothing_and_doubles_nothing() {
    let points: Vec<&str> = POINTS.into_iter().chain(STARTING).collect();
    let sandbox = sandbox(1, points.len() + 1).await;
    let datasets = sandbox.summary().datasets;
    // The CRM stands still after these: every run reads the same people.
    let letters = letters(&sandbox, Play { changes: 16, seed: 3, duplicate: 0.0, ..Play::default() }).await;
    let (control, _) = lived(&sandbox, &letters, &datasets[0], None).await;
    let expected: BTreeSet<String> = control.iter().cloned().collect();
    assert!(expected.len() > 5 && control.len() == expected.len(), "{control:?}");
    for (point, dataset) in points.into_iter().zip(&datasets[1..]) {
        let (accepted, may_repeat) = lived(&sandbox, &letters, dataset, Some(point)).await;
        let set: BTreeSet<String> = accepted.iter().cloned().collect();
        assert_eq!(set, expected, "after a crash at {point}");
        let repeats = accepted.len() - set.len();
        match point {
            // The request was answered and nobody wrote it down: here a repeat cannot be told from a loss.
            "after-send:1" | "before-settle_shipped:1" => assert!(repeats > 0, "{point}"),
            // Claimed and not sent, or so it was: only the platform knows. It is sent once more, and the book says so.
            "after-claim_events:1" | "before-send:1" => assert!(repeats == 0 && !may_repeat.is_empty(), "{point}"),
            // Nothing had been sent yet.
            _ if point.ends_with(":1") && point != "after-settle_shipped:1" => {
                assert!(repeats == 0 && may_repeat.is_empty(), "{point}: {may_repeat:?}");
            }
            // Others may have been on their way; `lived` held the repeats against the book.
            _ => {}
        }
    }
}

const KILLS: usize = 20;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn twenty_kills_during_five_thousand_deliveries_lose_nothing() {
    twenty_kills(5_000, 30).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "takes minutes: run by hand"]
async fn twenty_kills_during_twenty_thousand_deliveries_lose_nothing() {
    twenty_kills(20_000, 300).await;
}

/// Twenty kills at random moments, less than `apart` events from one to the next, while so many deliveries come in by a sender that tries
/// again: exactly the expected events, and an id comes twice only where the book says that its attempt was under way at a kill.
#[expect(clippy::print_stderr, reason = "how many came twice is worth knowing")]
async fn twenty_kills(deliveries: usize, apart: usize) {
    let sandbox = sandbox(1, 1).await;
    let summary = sandbox.summary();
    let mut convey = Convey::new(&summary);
    convey.start().await;
    // About every sixth change is told by twins.
    let changes = deliveries * 6 / 7;
    let play =
        Play { changes, rate: 220.0, seed: 5, target: convey.hook(), retry_ms: 100, tries: 1_000, ..Play::default() };
    let mut moments = fastrand::Rng::with_seed(20);
    let kills = async {
        for _ in 0..KILLS {
            // Counted in events, so that all kills fall into the play however slow the machine is; and few, since what waited during a kill
            // is told at once after it: twenty times that must not be the whole play. Then at any step of what follows.
            let some = sandbox.accepted(0).len() + moments.usize(2..apart);
            eventually("events flow", async || (!sandbox.accepted(some).is_empty()).then_some(())).await;
            tokio::time::sleep(Duration::from_millis(moments.u64(0..150))).await;
            convey.kill().await;
            convey.start().await;
        }
    };
    let (played, ()) = tokio::join!(sandbox.play(play), kills);
    let played = played.unwrap();
    assert!(played.fired.len() >= deliveries, "{} deliveries", played.fired.len());
    assert_eq!(played.refused, 0);
    convey.drained().await;
    assert_eq!(convey.stop().await.code(), Some(0));

    let book = convey.book().await;
    assert_eq!(book.accounts.len(), played.fired.len());
    book.assert_all_told(played.fired.iter().map(|fired| fired.webhook_id.as_str()));
    let accepted = accepted_ids(&sandbox, &summary.dataset);
    book.assert_exact(&book.event_ids(), &accepted);
    let (twice, listed) = (accepted.len() - book.event_ids().len(), book.may_repeat().len());
    eprintln!("{} deliveries, {} events, {twice} came twice; {listed} are listed", played.fired.len(), accepted.len());
    assert!(twice <= listed, "{twice} repeats, {listed} listed");
    // What the CRM knows to have happened, not only what the book says: each new person is a fact, and each is told or skipped by name.
    let created = |fired: &&Fired| fired.kind == "ContactCreate";
    let people: BTreeSet<&str> = played.fired.iter().filter(created).map(|fired| fired.contact_id.as_str()).collect();
    let told = book.changes.iter().filter(|change| change.trigger == convey::contract::Trigger::ContactCreated);
    let told: BTreeSet<&str> = told.map(|change| change.contact.id.as_str()).collect();
    assert_eq!(told, people);
}
