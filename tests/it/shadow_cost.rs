//! What a shadow costs. A measurement: `cargo test -- --ignored shadow_cost` on a quiet machine.

use std::io::Write;

use convey::sandbox::{Kind, Play, Sandbox};

use crate::rig::{Convey, sandbox};
use crate::shadow::{LEADS, compared, start, started};

const CHANGES: usize = 300;
const ROUNDS: usize = 9;

/// Says a figure: the harness would keep what a test prints that passes.
pub fn say(text: &str) {
    std::io::stderr().write_all(format!("{text}\n").as_bytes()).unwrap();
}

/// User and system time of a process so far, in clock ticks.
pub fn ticks(convey: &Convey) -> u64 {
    let stat = std::fs::read_to_string(format!("/proc/{}/stat", convey.pid().as_raw_nonzero())).unwrap();
    let after_name = stat.rsplit(')').next().unwrap();
    let fields: Vec<&str> = after_name.split_whitespace().collect();
    fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap()
}

/// Says the median of paired ratios with its range, and every one of them; the median.
pub fn median(what: &str, mut ratios: Vec<f64>) -> f64 {
    ratios.sort_by(f64::total_cmp);
    let (least, median, most) = (ratios[0], ratios[ratios.len() / 2], ratios[ratios.len() - 1]);
    say(&format!("{what}: {median:.2} (median of {}, {least:.2} to {most:.2}): {ratios:.2?}", ratios.len()));
    median
}

/// Tells so many changes and waits for the end, its shadow's too if it has one; the convey's CPU time for them, in clock ticks.
async fn told(sandbox: &Sandbox, convey: &Convey, seed: u64, shadowed: bool) -> u64 {
    let kinds = vec![Kind::ContactCreated];
    let play = Play { changes: CHANGES, rate: 0.0, seed, kinds, target: convey.hook(), ..Play::default() };
    let before = ticks(convey);
    sandbox.play(play).await.unwrap();
    convey.drained().await;
    if shadowed {
        compared(convey, CHANGES as u64).await;
    }
    ticks(convey) - before
}

/// What a shadow of the very same mapper costs a delivery: paired, in turns, median of nine.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "a measurement: it wants a quiet machine"]
async fn a_shadow_of_the_same_mapper_costs_less_than_a_third_of_a_delivery() {
    let sandbox = sandbox(1, 1).await;
    let mut convey = started(&sandbox, LEADS).await;
    let same = convey.file("same.toml", LEADS);
    let mut seed = 1;
    // The first of everything is dearer.
    told(&sandbox, &convey, seed, false).await;
    let mut ratios = Vec::new();
    for round in 0..ROUNDS {
        let mut spent = [0, 0];
        for turn in [round % 2, 1 - round % 2] {
            seed += 1;
            if turn == 1 {
                start(&convey, &["--settings", same.to_str().unwrap()]).await;
            }
            spent[turn] = told(&sandbox, &convey, seed, turn == 1).await;
            if turn == 1 {
                convey.command(&["shadow", "stop"]).await.json();
            }
        }
        ratios.push(spent[1] as f64 / spent[0] as f64);
    }
    let median = median("CPU a delivery with a shadow of the same mapper, against without", ratios);
    assert!(median <= 1.3, "{median}");
    assert!(convey.stop().await.success());
}
