//! Many locations of a slow CRM at once: the pipeline keeps up, in little memory, and nobody waits for one that answers slowly.

use std::time::{Duration, Instant};

use convey::sandbox::{Fault, Faults, Kind, Locations, Options, Play, Sandbox};

use crate::memory::Watch;
use crate::rig::{Convey, ROOM, connect, eventually, options, sandbox};

/// Deliveries a second, of each location.
const RATE: usize = 5;
/// How long the CRM takes for any answer, in milliseconds.
const LATENCY_MS: u64 = 300;
/// The most memory that may be resident, in KiB.
const MOST_KIB: u64 = 300 * 1_024;

/// So many locations for so long; what is left when the last webhook was taken is worked off within `drained_in`.
#[expect(clippy::print_stderr, reason = "the figures are what the test is run for")]
async fn keeps_up(locations: usize, seconds: usize, drained_in: Duration) {
    let sandbox = Sandbox::start(Options { locations, contacts: 0, ..options() }).await.unwrap();
    let summary = sandbox.summary();
    let mut convey = Convey::new(&summary).configure(|text| connect(text, &summary.locations[1..], ROOM));
    convey.start().await;
    let crm = Fault { latency_ms: LATENCY_MS, ..Fault::default() };
    sandbox.set_faults(Faults { crm: Some(crm), ads: None });

    let watch = Watch::of(convey.pid());
    let rate = (locations * RATE) as f64;
    let play = Play {
        changes: locations * RATE * seconds,
        rate,
        kinds: vec![Kind::ContactCreated],
        target: convey.hook(),
        ..Play::default()
    };
    let began = Instant::now();
    let played = sandbox.play(play).await.unwrap();
    let taken_in = began.elapsed();
    assert_eq!(played.refused, 0);
    let ended = Instant::now();
    convey.drained().await;
    let left = ended.elapsed();
    let most = watch.most_kib();
    eprintln!(
        "{locations} locations, {} deliveries taken in {taken_in:.1?}; the rest was told after {left:.1?}; {} MiB resident at most",
        played.fired.len(),
        most / 1_024
    );
    assert!(left < drained_in, "the backlog took {left:?}");
    assert!(most > 0 && most < MOST_KIB, "{most} KiB");
    assert!(convey.stop().await.success());
    let book = convey.book().await;
    book.assert_all_told(played.fired.iter().map(|fired| fired.webhook_id.as_str()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn forty_locations_of_a_slow_crm_are_kept_up_with() {
    keeps_up(40, 5, Duration::from_secs(30)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "takes a minute and a machine of its own: run by hand, with --release"]
async fn two_hundred_locations_of_a_slow_crm_are_kept_up_with() {
    keeps_up(200, 60, Duration::from_secs(20)).await;
}

/// One location that does not answer at all holds nobody else, and goes on when it answers again.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_location_that_does_not_answer_holds_nobody_else() {
    let sandbox = sandbox(6, 1).await;
    let summary = sandbox.summary();
    let mut convey = Convey::new(&summary).configure(|text| {
        connect(text, &summary.locations[1..], ROOM);
        text.push_str("[limits]\nrequest_timeout_ms = 120000\n");
    });
    convey.start().await;
    let fault = Fault { hold: true, location: Some(summary.location.clone()), ..Fault::default() };
    sandbox.set_faults(Faults { crm: Some(fault), ads: None });
    let kinds = vec![Kind::ContactCreated];
    let slow = Play {
        changes: 10,
        kinds: kinds.clone(),
        locations: Some(Locations::First(1)),
        target: convey.hook(),
        ..Play::default()
    };
    let others =
        Play { changes: 100, locations: Some(Locations::Named(summary.locations[1..].to_vec())), ..slow.clone() };
    let slow = sandbox.play(slow).await.unwrap();
    let others = sandbox.play(others).await.unwrap();
    eventually("everybody else is told", async || {
        let status = convey.status().await?["status"].clone();
        let rows = status["connections"].as_object()?;
        let done: u64 =
            rows.iter().filter(|(name, _)| *name != "acme").filter_map(|(_, row)| row["done"].as_u64()).sum();
        (done == 100).then_some(())
    })
    .await;
    let status = convey.status().await.unwrap();
    let waiting = status["status"]["connections"]["acme"]["waiting"].as_u64();
    assert_eq!(waiting, Some(10), "the slow one has told nothing yet");
    sandbox.set_faults(Faults::default());
    convey.drained().await;
    assert!(convey.stop().await.success());
    let book = convey.book().await;
    book.assert_all_told(slow.fired.iter().chain(&others.fired).map(|fired| fired.webhook_id.as_str()));
}
