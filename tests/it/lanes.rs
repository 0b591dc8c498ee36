//! Fifty datasets of a slow platform: they are served side by side and in batches, and one that hangs holds nobody.

use std::collections::BTreeMap;
use std::time::Duration;

use convey::sandbox::{Accepted, Fault, Faults, Kind, Options, Play, Sandbox, Summary};

use crate::rig::{Convey, accepted_ids, asked, eventually, options, sandbox};
use crate::wire::letters_of;

const DATASETS: usize = 50;
const EVENTS: &str = "POST /{version}/{object}/events";

/// A connection that tells each of these datasets everything, and time enough for one that hangs.
fn fanned_out(summary: &Summary) -> Convey {
    Convey::new(summary).configure(|text| {
        let names: Vec<String> = (0..summary.datasets.len()).map(|at| format!("\"d{at}\"")).collect();
        *text = text.replace("destinations = [\"ads\"]", &format!("destinations = [{}]", names.join(", ")));
        for (at, dataset) in summary.datasets.iter().enumerate() {
            text.push_str(&format!(
                "[destination.d{at}]\nsink = \"meta\"\nid = \"{dataset}\"\ntoken = {{ file = \"ads.token\" }}\nbrake_times = 0\n"
            ));
        }
        text.push_str("[limits]\nrequest_timeout_ms = 120000\n");
    })
}

/// So much of each destination stands there, by its name.
async fn counts(convey: &Convey, key: &str) -> Option<BTreeMap<String, u64>> {
    let status = convey.status().await?;
    let rows = status["status"]["destinations"].as_object()?.clone();
    Some(rows.into_iter().filter_map(|(name, row)| Some((name, row[key].as_u64()?))).collect())
}

/// A convey whose destinations all have the same events to send and may not yet; how many each has.
async fn loaded(sandbox: &Sandbox) -> (Convey, usize) {
    let letters = letters_of(sandbox, Kind::ContactCreated, 12).await;
    let mut convey = fanned_out(&sandbox.summary());
    convey.start().await;
    convey.command(&["pause", "--all"]).await.json();
    for letter in &letters {
        letter.insist(&convey.hook()).await;
    }
    let waiting = eventually("all is translated", async || {
        let status = convey.status().await?["status"].clone();
        let left = status["connections"]["acme"]["waiting"].as_u64()? + status["changes"]["waiting"].as_u64()?;
        if left == 0 { counts(&convey, "waiting").await } else { None }
    })
    .await;
    let each = waiting["d0"];
    assert!(waiting.len() == DATASETS && each >= 4 && waiting.values().all(|count| *count == each), "{waiting:?}");
    (convey, each as usize)
}

async fn ended(mut convey: Convey, sandbox: &Sandbox, each: usize) {
    convey.drained().await;
    assert!(convey.stop().await.success());
    let book = convey.book().await;
    for dataset in &sandbox.summary().datasets {
        let told = accepted_ids(sandbox, dataset);
        assert_eq!(told.len(), each);
        book.assert_exact(&book.event_ids(), &told);
    }
}

/// While nobody is answered, every dataset has its request under way with all that waits for it: what the platform needs for an answer is
/// waited for once and not fifty times.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fifty_datasets_are_served_side_by_side_and_each_in_one_batch() {
    let sandbox = sandbox(1, DATASETS).await;
    let (convey, each) = loaded(&sandbox).await;
    sandbox.set_faults(Faults { crm: None, ads: Some(Fault { hold: true, ..Fault::default() }) });
    convey.command(&["resume", "--all"]).await.json();
    eventually("all are under way at once", async || {
        let under_way = counts(&convey, "in_flight").await?;
        (under_way.len() == DATASETS && under_way.values().all(|count| *count == each as u64)).then_some(())
    })
    .await;
    assert_eq!(sandbox.accepted_count(), 0);
    sandbox.set_faults(Faults::default());
    convey.drained().await;
    assert_eq!(asked(&sandbox, "ads", EVENTS).await, DATASETS as u64, "a request each");
    ended(convey, &sandbox, each).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_dataset_of_fifty_that_hangs_holds_nobody_else() {
    let sandbox = sandbox(1, DATASETS).await;
    let (convey, each) = loaded(&sandbox).await;
    let hangs = sandbox.summary().datasets[0].clone();
    sandbox.set_fault_of(&hangs, Some(Fault { hold: true, ..Fault::default() }));
    convey.command(&["resume", "--all"]).await.json();
    eventually("everybody else is told", async || (sandbox.accepted_count() == (DATASETS - 1) * each).then_some(()))
        .await;
    assert!(accepted_ids(&sandbox, &hangs).is_empty());
    sandbox.set_fault_of(&hangs, None);
    ended(convey, &sandbox, each).await;
}

/// How long an event may take from the CRM's change to the platform's word, in milliseconds: longer than any waits.
const OLDEST_MS: u64 = 3_000;

/// The age an event had when it was accepted, at most: its time is in whole seconds.
fn age_ms(told: &Accepted) -> u64 {
    told.accepted_at.saturating_sub(told.event["event_time"].as_u64().unwrap() * 1_000)
}

/// Forty changes a second, told to fifty datasets each: two thousand events a second to a platform that takes half a second to answer.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "takes half a minute and a machine of its own: run by hand, with --release"]
#[expect(clippy::print_stderr, reason = "the figures are what the test is run for")]
async fn two_thousand_events_a_second_leave_in_batches_and_none_waits_long() {
    const SECONDS: usize = 20;
    let sandbox = Sandbox::start(Options { datasets: DATASETS, contacts: 0, ..options() }).await.unwrap();
    let mut convey = fanned_out(&sandbox.summary()).configure(|text| {
        *text = text.replace("\"builtin:rules\"\n", "\"builtin:rules\"\nsettings = \"rules.toml\"\n");
    });
    convey.file("rules.toml", "respect_do_not_disturb = false\n[events]\ncontact-created = \"Lead\"\n");
    convey.start().await;
    sandbox.set_faults(Faults { crm: None, ads: Some(Fault { latency_ms: 500, ..Fault::default() }) });
    let play = Play {
        changes: 40 * SECONDS,
        rate: 40.0,
        kinds: vec![Kind::ContactCreated],
        target: convey.hook(),
        ..Play::default()
    };
    let began = std::time::Instant::now();
    let played = sandbox.play(play).await.unwrap();
    let taken_in = began.elapsed();
    assert_eq!(played.refused, 0);
    convey.drained().await;
    let told = sandbox.accepted(0);
    let requests = asked(&sandbox, "ads", EVENTS).await;
    let oldest = told.iter().map(age_ms).max().unwrap();
    eprintln!(
        "{} changes in {taken_in:.1?}; {} events told in {requests} requests, the oldest {oldest} ms after it happened",
        played.fired.len(),
        told.len()
    );
    assert!(told.len() as u64 >= requests * 10, "they leave in batches");
    assert!(taken_in < Duration::from_secs(SECONDS as u64 + 2), "the changes were taken as they came");
    assert!(oldest < OLDEST_MS, "{oldest} ms");
    assert!(convey.stop().await.success());
    convey.book().await.assert_all_told(played.fired.iter().map(|fired| fired.webhook_id.as_str()));
}
