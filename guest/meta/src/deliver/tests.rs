use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};
use std::future::Future;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use proptest::prelude::*;
use serde_json::{Value, json};

use super::{MOST_BYTES, deliver};
use crate::bindings::convey::pipeline::types::ConversionEvent;
use crate::bindings::exports::convey::pipeline::conversions_sink::{Destination, Outcome, Shipment};
use crate::exchange::{Answer, Request, Unanswered};
use crate::halving::MOST_REQUESTS;
use crate::probe::probe;
use crate::samples::{NOW_MS, event, nobody};

/// What the platform alone can know of an event.
const SUBCODES: [i64; 3] = [2_804_036, 2_804_016, 2_804_050];

/// An ad platform: all or nothing, with a word of its own for the requests a script names.
#[derive(Default)]
struct Platform {
    bad: BTreeSet<usize>,
    old: BTreeSet<usize>,
    script: BTreeMap<usize, Result<Answer, Unanswered>>,
    requests: RefCell<Vec<Vec<usize>>>,
    accepted: RefCell<Vec<usize>>,
    under_way: Cell<usize>,
    most_under_way: Cell<usize>,
}

impl Platform {
    async fn send(&self, request: Request) -> Result<Answer, Unanswered> {
        assert_eq!((request.method, request.url.as_str()), ("POST", "https://graph.facebook.com/v25.0/42/events"));
        let body: Value = serde_json::from_str(&request.body.expect("a body")).expect("JSON");
        let events = body["data"].as_array().expect("data");
        let ids: Vec<usize> =
            events.iter().map(|event| event["event_id"].as_str().expect("an id").parse().expect("a number")).collect();
        let turn = self.requests.borrow().len();
        self.requests.borrow_mut().push(ids.clone());
        if let Some(scripted) = self.script.get(&turn) {
            return scripted.clone();
        }
        if ids.iter().any(|id| self.old.contains(id)) {
            return Ok(refusal(100, 2_804_003));
        }
        if let Some(id) = ids.iter().find(|id| self.bad.contains(id)) {
            return Ok(refusal(100, SUBCODES[id % SUBCODES.len()]));
        }
        self.accepted.borrow_mut().extend(&ids);
        Ok(answer(200, json!({"events_received": ids.len(), "messages": [], "fbtrace_id": "T"})))
    }

    fn receive(&self, count: usize) -> Shipment {
        let events: Vec<_> = (0..count).map(event).collect();
        run(deliver(&destination(), &events, NOW_MS, async |request| self.send(request).await))
    }

    fn accepted(&self) -> Vec<usize> {
        let mut ids = self.accepted.borrow().clone();
        ids.sort_unstable();
        ids
    }
}

fn answer(status: u16, body: Value) -> Answer {
    Answer {
        status,
        headers: vec![("x-app-usage".into(), r#"{"call_count":12}"#.into())],
        body: body.to_string().into_bytes(),
    }
}

fn refusal(code: i64, subcode: i64) -> Answer {
    answer(400, json!({"error": {"code": code, "error_subcode": subcode}}))
}

fn destination() -> Destination {
    Destination { id: "42".into(), settings: String::new(), test_code: None }
}

/// Runs a future that never waits.
fn run<T>(future: impl Future<Output = T>) -> T {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(output) => output,
        Poll::Pending => panic!("nothing here waits"),
    }
}

proptest! {
    #[test]
    fn exactly_the_bad_ones_are_lost(count in 1usize..200, bad in prop::collection::btree_set(0usize..200, 0..10), old in prop::collection::btree_set(0usize..200, 0..4)) {
        let platform = Platform { bad, old, ..Platform::default() };
        let shipment = platform.receive(count);
        prop_assert_eq!(shipment.outcomes.len(), count);
        for (id, outcome) in shipment.outcomes.iter().enumerate() {
            match outcome {
                Outcome::Expired(_) => prop_assert!(platform.old.contains(&id)),
                Outcome::Rejected(_) => prop_assert!(platform.bad.contains(&id) && !platform.old.contains(&id)),
                Outcome::Accepted(trace) => {
                    prop_assert_eq!(trace.as_deref(), Some("T"));
                    prop_assert!(!platform.bad.contains(&id) && !platform.old.contains(&id));
                }
                other => prop_assert!(false, "{:?}", other),
            }
        }
        let good: Vec<usize> = (0..count).filter(|id| !platform.bad.contains(id) && !platform.old.contains(id)).collect();
        // Sorted with repeats kept: equal means each good event came in once.
        prop_assert_eq!(platform.accepted(), good);
        prop_assert!(platform.requests.borrow().len() <= MOST_REQUESTS);
    }

    #[test]
    fn an_interruption_never_makes_an_event_arrive_twice_or_vanish(count in 1usize..100, bad in prop::collection::btree_set(0usize..100, 0..6), turn in 0usize..30, kind in 0usize..5) {
        let stop = [
            Ok(answer(400, json!({"error": {"code": 4}}))),
            Ok(refusal(190, 463)),
            Ok(answer(503, Value::Null)),
            Err(Unanswered::Lost("no answer".into())),
            Err(Unanswered::NotSent("no connection".into())),
        ];
        let platform = Platform { bad, script: BTreeMap::from([(turn, stop[kind].clone())]), ..Platform::default() };
        let shipment = platform.receive(count);
        let said: Vec<usize> = (0..count).filter(|id| matches!(shipment.outcomes[*id], Outcome::Accepted(_))).collect();
        prop_assert_eq!(platform.accepted(), said);
        for (id, outcome) in shipment.outcomes.iter().enumerate() {
            if let Outcome::Unknown(_) = outcome {
                prop_assert!(platform.requests.borrow()[turn].contains(&id), "only what was in the lost request is unknown");
            }
            if let Outcome::Rejected(_) = outcome {
                prop_assert!(platform.bad.contains(&id));
            }
        }
    }
}

#[test]
fn a_good_batch_is_one_request() {
    let platform = Platform::default();
    let shipment = platform.receive(1000);
    assert_eq!(platform.requests.borrow().len(), 1);
    assert!(shipment.outcomes.iter().all(|outcome| *outcome == Outcome::Accepted(Some("T".into()))));
    assert_eq!(shipment.usage.map(|usage| usage.percent), Some(12));
    assert_eq!(shipment.invalid_members, 0);
}

#[test]
fn one_culprit_in_a_thousand_costs_two_requests_a_level() {
    let platform = Platform { bad: BTreeSet::from([617]), ..Platform::default() };
    let shipment = platform.receive(1000);
    assert!(
        matches!(&shipment.outcomes[617], Outcome::Rejected(text) if text.contains(&format!("100/{}", SUBCODES[617 % 3])))
    );
    assert_eq!(platform.accepted().len(), 999);
    assert!(platform.requests.borrow().len() <= 21, "{}", platform.requests.borrow().len());
}

#[test]
fn seven_that_only_the_platform_knows_cost_at_most_115_requests_and_get_their_own_reasons() {
    let spread = [3, 150, 301, 444, 617, 771, 998].into();
    let together = (500..507).collect();
    for bad in [spread, together, BTreeSet::from([0, 142, 285, 428, 571, 714, 857])] {
        let platform = Platform { bad, ..Platform::default() };
        let outcomes = platform.receive(1000).outcomes;
        assert_eq!(platform.accepted().len(), 993);
        assert_eq!(outcomes.iter().filter(|outcome| matches!(outcome, Outcome::Accepted(_))).count(), 993);
        for id in &platform.bad {
            let own = format!("100/{}", SUBCODES[id % SUBCODES.len()]);
            assert!(
                matches!(&outcomes[*id], Outcome::Rejected(text) if text.contains(&own)),
                "{id}: {:?}",
                outcomes[*id]
            );
        }
        let requests = platform.requests.borrow().len();
        assert!(requests <= 115, "{requests}");
    }
}

#[test]
fn halves_wait_for_their_answers_side_by_side() {
    let platform = Platform { bad: [3, 301, 617, 998].into(), ..Platform::default() };
    let events: Vec<_> = (0..1000).map(event).collect();
    // Every answer comes a turn after its request: side by side, several requests are out at once.
    let send = async |request: Request| {
        platform.under_way.set(platform.under_way.get() + 1);
        platform.most_under_way.set(platform.most_under_way.get().max(platform.under_way.get()));
        let mut turns = 2;
        std::future::poll_fn(|_| {
            turns -= 1;
            if turns == 0 { Poll::Ready(()) } else { Poll::Pending }
        })
        .await;
        platform.under_way.set(platform.under_way.get() - 1);
        platform.send(request).await
    };
    let destination = destination();
    let mut delivering = pin!(deliver(&destination, &events, NOW_MS, send));
    let mut context = Context::from_waker(Waker::noop());
    let shipment = loop {
        if let Poll::Ready(shipment) = delivering.as_mut().poll(&mut context) {
            break shipment;
        }
    };
    assert_eq!(shipment.outcomes.iter().filter(|outcome| matches!(outcome, Outcome::Accepted(_))).count(), 996);
    assert!((4..=super::AT_ONCE).contains(&platform.most_under_way.get()), "{}", platform.most_under_way.get());
}

#[test]
fn what_is_known_to_be_bad_costs_no_request_and_its_neighbours_nothing() {
    let platform = Platform::default();
    let mut events: Vec<_> = (0..1000).map(event).collect();
    events[617].occurred_at = NOW_MS - 8 * 86_400_000;
    let outcomes = run(deliver(&destination(), &events, NOW_MS, async |request| platform.send(request).await)).outcomes;
    assert!(matches!(outcomes[617], Outcome::Expired(_)), "{:?}", outcomes[617]);
    assert_eq!(outcomes.iter().filter(|outcome| matches!(outcome, Outcome::Accepted(_))).count(), 999);
    assert_eq!(platform.requests.borrow().len(), 1);

    // One of every kind, and nothing left to send.
    let silent = async |_: Request| -> Result<Answer, Unanswered> { panic!("nothing may be sent") };
    let bad = [
        ConversionEvent { user_data: nobody(), ..event(1) },
        ConversionEvent { name: "Purchase".into(), ..event(2) },
        ConversionEvent { occurred_at: 1, ..event(3) },
    ];
    let outcomes = run(deliver(&destination(), &bad, NOW_MS, silent)).outcomes;
    assert!(matches!(&outcomes[..], [Outcome::Rejected(_), Outcome::Rejected(_), Outcome::Expired(_)]), "{outcomes:?}");
}

#[test]
fn a_batch_that_is_bad_through_and_through_stays_within_its_allowance_and_still_moves() {
    let platform = Platform { bad: (0..1000).collect(), ..Platform::default() };
    let shipment = platform.receive(1000);
    assert_eq!(platform.requests.borrow().len(), MOST_REQUESTS);
    let rejected = shipment.outcomes.iter().filter(|outcome| matches!(outcome, Outcome::Rejected(_))).count();
    let left = shipment.outcomes.iter().filter(|outcome| matches!(outcome, Outcome::Throttled(Some(_)))).count();
    assert!(rejected >= 100, "{rejected}");
    assert_eq!(rejected + left, 1000);
}

#[test]
fn what_was_not_sent_after_a_lost_request_is_safe_to_send_again() {
    // The whole, then its halves side by side, one of them lost.
    let script = BTreeMap::from([(1, Err(Unanswered::Lost("no answer within 30 s".into())))]);
    let platform = Platform { bad: BTreeSet::from([0, 7]), script, ..Platform::default() };
    let shipment = platform.receive(8);
    let lost = platform.requests.borrow()[1].clone();
    for (id, outcome) in shipment.outcomes.iter().enumerate() {
        match outcome {
            Outcome::Unknown(_) => assert!(lost.contains(&id)),
            Outcome::Unavailable(text) => assert!(!lost.contains(&id) && text.contains("not sent")),
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(platform.requests.borrow().len(), 3);
}

#[test]
fn a_body_too_large_is_halved() {
    let script = BTreeMap::from([(0, Err(Unanswered::TooLarge))]);
    let platform = Platform { script, ..Platform::default() };
    assert_eq!(platform.receive(10).outcomes, vec![Outcome::Accepted(Some("T".into())); 10]);
    assert_eq!(platform.requests.borrow().len(), 3);
}

#[test]
fn no_body_is_larger_than_the_limit() {
    let largest = Cell::new(0);
    let send = async |request: Request| {
        let body = request.body.expect("a body");
        largest.set(largest.get().max(body.len()));
        let sent: Value = serde_json::from_str(&body).expect("JSON");
        Ok(answer(200, json!({"events_received": sent["data"].as_array().map(Vec::len)})))
    };
    let heavy = |bytes: usize| ConversionEvent { name: "x".repeat(bytes), ..event(1) };
    let events = [heavy(MOST_BYTES / 2), heavy(MOST_BYTES + 1), heavy(MOST_BYTES / 2), heavy(1)];
    let outcomes = run(deliver(&destination(), &events, NOW_MS, send)).outcomes;
    assert!(matches!(&outcomes[1], Outcome::Rejected(text) if text.contains("too large")));
    assert_eq!(outcomes.iter().filter(|outcome| matches!(outcome, Outcome::Accepted(_))).count(), 3);
    assert!((MOST_BYTES / 2..=MOST_BYTES).contains(&largest.get()));
}

#[test]
fn a_refused_grant_and_a_bad_destination_block() {
    let script = BTreeMap::from([(0, Err(Unanswered::Denied("not granted".into())))]);
    let shipment = Platform { script, ..Platform::default() }.receive(2);
    assert_eq!(shipment.outcomes, vec![Outcome::Blocked("not granted".into()); 2]);

    let silent = async |_: Request| -> Result<Answer, Unanswered> { panic!("nothing may be sent") };
    let bad = Destination { settings: "colour = 1".into(), ..destination() };
    assert!(matches!(run(deliver(&bad, &[event(1)], NOW_MS, silent)).outcomes[..], [Outcome::Blocked(_)]));
    let bad = Destination { id: "../me".into(), ..destination() };
    assert!(matches!(run(probe(&bad, silent)), Outcome::Blocked(_)));
}

#[test]
fn nothing_to_send_is_no_request() {
    let platform = Platform::default();
    assert!(platform.receive(0).outcomes.is_empty());
    assert!(platform.requests.borrow().is_empty());
}

#[test]
fn a_test_code_marks_the_whole_request() {
    let seen = RefCell::new(String::new());
    let marked =
        Destination { test_code: Some("TEST7".into()), settings: "partner_agent = \"convey\"".into(), ..destination() };
    let send = async |request: Request| {
        seen.replace(request.body.expect("a body"));
        Ok(answer(200, json!({"events_received": 1})))
    };
    assert_eq!(run(deliver(&marked, &[event(1)], NOW_MS, send)).outcomes, vec![Outcome::Accepted(None)]);
    assert!(seen.borrow().ends_with(r#"],"test_event_code":"TEST7","partner_agent":"convey"}"#));
}

#[test]
fn a_probe_only_looks() {
    let send = async |request: Request| {
        assert_eq!(
            request,
            Request { method: "GET", url: "https://graph.facebook.com/v25.0/42?fields=id".into(), body: None }
        );
        Ok(answer(200, json!({"id": "42"})))
    };
    assert_eq!(run(probe(&destination(), send)), Outcome::Accepted(None));
}
