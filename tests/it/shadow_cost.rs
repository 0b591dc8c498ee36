//! What a shadow costs. A measurement: `cargo test -- --ignored shadow_cost` on a quiet machine.

use std::io::Write;

use convey::sandbox::{Kind, Play};

use crate::rig::{Convey, sandbox};
use crate::shadow::{LEADS, compared, start, started};

/// User and system time of a process so far, in clock ticks.
pub fn ticks(convey: &Convey) -> u64 {
    let stat = std::fs::read_to_string(format!("/proc/{}/stat", convey.pid().as_raw_nonzero())).unwrap();
    let after_name = stat.rsplit(')').next().unwrap();
    let fields: Vec<&str> = after_name.split_whitespace().collect();
    fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap()
}

/// What a shadow of the very same mapper costs a delivery, paired, median of nine.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "a measurement: it wants a quiet machine"]
async fn a_shadow_of_the_same_mapper_costs_less_than_a_third_of_a_delivery() {
    const CHANGES: usize = 300;
    let sandbox = sandbox(1, 1).await;
    let mut convey = started(&sandbox, LEADS).await;
    let same = convey.file("same.toml", LEADS);
    let mut seed = 1;
    let mut ratios = Vec::new();
    for _ in 0..9 {
        let mut spent = [0, 0];
        for with in [0, 1] {
            if with == 1 {
                start(&convey, &["--settings", same.to_str().unwrap()]).await;
            }
            seed += 1;
            let kinds = vec![Kind::ContactCreated];
            let play = Play { changes: CHANGES, rate: 0.0, seed, kinds, target: convey.hook(), ..Play::default() };
            let before = ticks(&convey);
            sandbox.play(play).await.unwrap();
            convey.drained().await;
            if with == 1 {
                compared(&convey, CHANGES as u64).await;
            }
            spent[with] = ticks(&convey) - before;
        }
        convey.command(&["shadow", "stop"]).await.json();
        ratios.push(spent[1] as f64 / spent[0] as f64);
    }
    ratios.sort_by(f64::total_cmp);
    assert!(ratios[4] <= 1.3, "{ratios:?}");
    let said = format!("CPU a delivery with a shadow, against without: {ratios:.2?}\n");
    std::io::stderr().write_all(said.as_bytes()).unwrap();
    assert!(convey.stop().await.success());
}
