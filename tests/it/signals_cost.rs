//! What being watched costs. A measurement: `cargo test -- --ignored signals_cost` on a quiet machine.

use std::process::Stdio;
use std::time::Duration;

use convey::sandbox::{Kind, Play, Sandbox};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::Child;

use crate::rig::{Convey, sandbox};
use crate::shadow_cost::{median, ticks};
use crate::signals::scrape;

const CHANGES: usize = 300;
const ROUNDS: usize = 9;

/// A `convey tap` that follows everything; it is there once this returns.
async fn tapped(convey: &Convey) -> Child {
    let mut command = convey.program(&["tap"]);
    let mut tap = command.stdout(Stdio::null()).stderr(Stdio::piped()).kill_on_drop(true).spawn().unwrap();
    let mut lines = BufReader::new(tap.stderr.take().unwrap()).lines();
    assert!(lines.next_line().await.unwrap().unwrap().starts_with("Following"));
    tap
}

/// Scrapes every second, fifteen times as often as Prometheus usually does.
async fn scraped(convey: &Convey) {
    let mut every = tokio::time::interval(Duration::from_secs(1));
    loop {
        every.tick().await;
        assert!(!scrape(convey).await.is_empty());
    }
}

/// Tells so many changes and waits for the end; the convey's CPU time for them, in clock ticks.
async fn told(sandbox: &Sandbox, convey: &Convey, seed: u64) -> u64 {
    let kinds = vec![Kind::ContactCreated];
    let play = Play { changes: CHANGES, rate: 0.0, seed, kinds, target: convey.hook(), ..Play::default() };
    let before = ticks(convey);
    sandbox.play(play).await.unwrap();
    convey.drained().await;
    ticks(convey) - before
}

/// CPU a delivery while metrics are scraped, everything that happens is followed and alerts have a target, against the same convey that nobody
/// watches: paired, in turns, median of nine. Alerts are judged in both, as they always are.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "a measurement: it wants a quiet machine"]
async fn being_watched_costs_less_than_a_tenth_of_a_delivery() {
    let sandbox = sandbox(1, 1).await;
    let mut convey = Convey::new(&sandbox.summary()).configure(|text| {
        text.push_str("[alerts]\nquiet_minutes = 5\n[alerts.to.lines]\nlog = true\n");
    });
    convey.start().await;
    let mut seed = 1;
    // The first of everything is dearer.
    told(&sandbox, &convey, seed).await;
    let mut ratios = Vec::new();
    for round in 0..ROUNDS {
        let mut spent = [0, 0];
        for turn in [round % 2, 1 - round % 2] {
            seed += 1;
            spent[turn] = if turn == 0 {
                told(&sandbox, &convey, seed).await
            } else {
                let mut tap = tapped(&convey).await;
                let spent = tokio::select! {
                    spent = told(&sandbox, &convey, seed) => spent,
                    () = scraped(&convey) => unreachable!("it scrapes for ever"),
                };
                tap.kill().await.unwrap();
                spent
            };
        }
        ratios.push(spent[1] as f64 / spent[0] as f64);
    }
    let median = median("CPU a delivery while it is watched, against unwatched", ratios);
    assert!(median <= 1.1, "{median}");
    assert!(convey.stop().await.success());
}
