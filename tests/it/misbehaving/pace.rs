//! Many calls, good and bad: what an instance holds is given back.

use std::sync::Arc;

use convey::contract::Operation;
use convey::egress::{Grant, Ticket};
use convey::engine::{FaultKind, GuestLimits, Sink, SinkDestination};
use http::HeaderMap;

use super::{LIMITS, changes, engine, events, mapper};
use crate::guests;

/// With one call in flight there is room for 66 instances: whoever kept those of broken calls would run out of it.
const NARROW: GuestLimits = GuestLimits { calls_in_flight: 1, ..LIMITS };

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_mapper_that_traps_again_and_again_costs_no_room() {
    let engine = engine(NARROW);
    let strange = mapper(&engine, "trap").await;
    let (good, bad) = (changes(1, None), changes(1, Some(0)));
    let wanted = strange.translate(&good).await.unwrap();
    for _ in 0..200 {
        assert_eq!(strange.translate(&bad).await.unwrap_err().kind, FaultKind::Trap);
        assert!(strange.translate(&good).await.unwrap() == wanted);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_sink_that_traps_again_and_again_costs_no_room() {
    let engine = engine(NARROW);
    let loaded = engine.load("strange", &guests::component("convey-test-sink", guests::WASI)).unwrap();
    let sink = Sink::new(&engine, loaded).unwrap();
    let grant = Arc::new(Grant::new("https://sink.test.invalid", &[] as &[Operation], None, Vec::new()).unwrap());
    let events = events(&engine, 1).await;
    let destination = SinkDestination { id: "d1".to_owned(), settings: "trap".to_owned(), test_code: None };
    for _ in 0..100 {
        let ticket = Arc::new(Ticket::new("sink.strange".to_owned(), grant.clone(), None, HeaderMap::new()));
        assert_eq!(sink.deliver(ticket, &destination, &events, &mut None).await.unwrap_err().kind, FaultKind::Trap);
        assert_eq!(sink.encode(&destination, &events).await.unwrap().len(), 1);
    }
}

/// An instance serves a thousand calls; its successor begins anew. The impure mapper counts what it has seen, so its number shows the change.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_instance_is_replaced_after_a_thousand_calls() {
    let engine = engine(NARROW);
    let counting = mapper(&engine, "impure").await;
    let one = changes(1, Some(0));
    let mut highest = 0;
    let mut fresh = 0;
    let mut before = None;
    for _ in 0..2_500 {
        let translation = counting.translate(&one).await.unwrap().remove(0);
        let event = super::told(&translation).remove(0);
        let [(_, convey::contract::CustomValue::Text(seen))] = &event.custom_data[..] else {
            panic!("{:?}", event.custom_data)
        };
        let seen: u64 = seen.parse().unwrap();
        fresh += u32::from(before.is_some_and(|before| seen < before));
        before = Some(seen);
        highest = highest.max(seen);
    }
    assert!((2..=3).contains(&fresh), "{fresh} fresh instances");
    assert!(highest < 1_000, "an instance served {highest} calls");
}
