//! What traffic costs in disk: so many deliveries, and how much of the store is in use once they are put, told, and swept.

use std::sync::Arc;

use convey::clock::Clock;
use convey::sandbox::{Kind, Play};
use convey::store::{Retention, Store};
use convey::vault::Vault;

use crate::rig::{Convey, eventually, sandbox};

const DAY_MS: u64 = 24 * 60 * 60 * 1_000;

/// The retention of a configuration that says nothing.
const USUAL: Retention = Retention {
    webhook_ids_ms: 3 * DAY_MS,
    held_ms: 7 * DAY_MS,
    done_ms: 30 * DAY_MS,
    dead_ms: 90 * DAY_MS,
    audit_ms: 90 * DAY_MS,
    command_ms: 365 * DAY_MS,
    max_bytes: u64::MAX,
};

async fn opened(convey: &Convey) -> Store {
    let vault = Arc::new(Vault::open(&convey.state(), None).unwrap().0);
    Store::open(convey.state(), vault).await.unwrap()
}

/// Pages of the store that hold something, in bytes.
async fn used(convey: &Convey) -> u64 {
    opened(convey).await.used_bytes().await.unwrap()
}

/// So many deliveries of new contacts; what one costs, in bytes.
#[expect(clippy::print_stderr, reason = "the figures are what the test is run for")]
async fn measured(deliveries: usize) {
    let sandbox = sandbox(1, 1).await;
    let mut convey = Convey::new(&sandbox.summary());
    convey.start().await;
    convey.command(&["pause", "connection.acme"]).await.json();
    assert!(convey.stop().await.success());
    let empty = used(&convey).await;

    convey.start().await;
    let kinds = vec![Kind::ContactCreated];
    let play = Play { changes: deliveries, kinds, target: convey.hook(), ..Play::default() };
    let played = sandbox.play(play).await.unwrap();
    assert_eq!((played.refused, played.fired.len()), (0, deliveries));
    assert!(convey.stop().await.success());
    let put = used(&convey).await;

    convey.start().await;
    convey.command(&["resume", "connection.acme"]).await.json();
    eventually("reading begins", async || {
        let waiting = convey.status().await?["status"]["connections"]["acme"]["waiting"].as_u64()?;
        (waiting < deliveries as u64).then_some(())
    })
    .await;
    convey.drained().await;
    assert!(convey.stop().await.success());
    let (told, events) = (used(&convey).await, sandbox.accepted_count());

    let (store, now) = (opened(&convey).await, Clock::system().now_ms());
    let mut later = Vec::new();
    for days in [4, 31, 91] {
        store.sweep(now + days * DAY_MS, USUAL).await.unwrap();
        later.push(store.used_bytes().await.unwrap());
    }
    let each = |bytes: u64| bytes.saturating_sub(empty) / deliveries as u64;
    eprintln!(
        "{deliveries} deliveries, {events} events told; empty store {empty} B. Bytes a delivery: put {}, told {}, after 4 days {}, after 31 days {}, after 91 days {}",
        each(put),
        each(told),
        each(later[0]),
        each(later[1]),
        each(later[2])
    );
    assert!(empty < put && put < told, "{empty} {put} {told}");
    assert!(later[2] <= later[1] && later[1] < put, "{later:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_done_with_gives_its_disk_back() {
    measured(200).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "takes a minute: run by hand for the table in docs/operations.md"]
async fn what_a_delivery_costs_in_disk() {
    measured(10_000).await;
}
