use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;
use std::future::Future;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use serde_json::{Value, json};

use super::{MOST_ROWS, update};
use crate::bindings::convey::pipeline::types::{Membership, UserData};
use crate::bindings::exports::convey::pipeline::conversions_sink::{Destination, Outcome, Session, Shipment};
use crate::exchange::{Answer, Request, Unanswered};
use crate::samples::{hash, nobody};

/// An audience as Meta keeps it: a set of addresses.
#[derive(Default)]
struct Audience {
    members: RefCell<BTreeSet<String>>,
    requests: Cell<usize>,
    bodies: RefCell<Vec<Value>>,
    refusal: Option<(i64, i64)>,
}

impl Audience {
    async fn send(&self, request: Request) -> Result<Answer, Unanswered> {
        self.requests.set(self.requests.get() + 1);
        assert_eq!(request.url, "https://graph.facebook.com/v26.0/77/users");
        let body: Value = serde_json::from_str(&request.body.expect("a body")).expect("JSON");
        self.bodies.borrow_mut().push(body.clone());
        if let Some((code, subcode)) = self.refusal {
            return Ok(answer(400, json!({"error": {"code": code, "error_subcode": subcode}})));
        }
        let rows = body["payload"]["data"].as_array().expect("rows");
        assert!(rows.len() <= MOST_ROWS);
        let column = body["payload"]["schema"].as_array().expect("a schema").iter().position(|name| name == "EMAIL");
        for row in rows {
            let email = row[column.expect("addresses")].as_str().expect("a hash").to_owned();
            let _ = match request.method {
                "POST" => self.members.borrow_mut().insert(email),
                "DELETE" => self.members.borrow_mut().remove(&email),
                other => panic!("{other}"),
            };
        }
        Ok(answer(
            200,
            json!({"audience_id": "77", "num_received": rows.len(), "num_invalid_entries": 2, "invalid_entry_samples": {}}),
        ))
    }

    fn change(&self, membership: Membership, members: &[UserData], session: Option<Session>) -> Shipment {
        let destination = Destination { id: "42".into(), settings: String::new(), test_code: None };
        run(update(&destination, "77", membership, members, session, async |request| self.send(request).await))
    }
}

fn answer(status: u16, body: Value) -> Answer {
    Answer { status, headers: Vec::new(), body: body.to_string().into_bytes() }
}

fn member(word: u32) -> UserData {
    UserData { emails: vec![hash(word)], ..nobody() }
}

fn run<T>(future: impl Future<Output = T>) -> T {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(output) => output,
        Poll::Pending => panic!("nothing here waits"),
    }
}

#[test]
fn joining_and_leaving_converge_and_again_changes_nothing() {
    let audience = Audience::default();
    let all: Vec<_> = (0..5).map(member).collect();
    for _ in 0..2 {
        let shipment = audience.change(Membership::Join, &all, None);
        assert_eq!(shipment.outcomes, vec![Outcome::Accepted(None); 5]);
        assert_eq!(shipment.invalid_members, 2, "Meta's count is handed on");
        assert_eq!(audience.members.borrow().len(), 5);
    }
    for _ in 0..2 {
        audience.change(Membership::Leave, &all[1..], None);
        assert_eq!(audience.members.borrow().len(), 1);
    }
    assert_eq!(audience.requests.get(), 4);
}

#[test]
fn ten_thousand_are_one_request_and_more_rows_are_two() {
    let audience = Audience::default();
    let mut all: Vec<_> = (0..10_000).map(member).collect();
    assert!(
        audience.change(Membership::Join, &all, None).outcomes.iter().all(|said| matches!(said, Outcome::Accepted(_)))
    );
    assert_eq!(audience.requests.get(), 1);
    all[0].emails.push(hash(20_000));
    assert_eq!(audience.change(Membership::Join, &all, None).invalid_members, 4);
    assert_eq!((audience.requests.get(), audience.members.borrow().len()), (3, 10_001));
}

#[test]
fn who_is_not_known_is_not_sent() {
    let audience = Audience::default();
    let outcomes = audience.change(Membership::Join, &[nobody(), member(1), nobody()], None).outcomes;
    assert!(
        matches!(&outcomes[..], [Outcome::Rejected(_), Outcome::Accepted(_), Outcome::Rejected(_)]),
        "{outcomes:?}"
    );
    assert_eq!(audience.bodies.borrow()[0]["payload"]["data"].as_array().map(Vec::len), Some(1));
    audience.change(Membership::Leave, &[nobody()], None);
    assert_eq!(audience.requests.get(), 1);
}

#[test]
fn a_session_counts_on_and_its_last_request_says_so() {
    let audience = Audience::default();
    audience.change(Membership::Join, &[member(1)], Some(Session { id: 9, sequence: 3, last: true }));
    let session = json!({"session_id": 9, "batch_seq": 3, "last_batch_flag": true});
    assert_eq!(audience.bodies.borrow()[0]["session"], session);
    audience.change(Membership::Join, &[member(1)], None);
    assert!(audience.bodies.borrow()[1].get("session").is_none());
}

#[test]
fn refusals_of_audiences_have_their_word() {
    type Reads = fn(&Outcome) -> bool;
    let blocked: Reads = |said| matches!(said, Outcome::Blocked(_));
    let unavailable: Reads = |said| matches!(said, Outcome::Unavailable(_));
    let table: [((i64, i64), Reads); 9] = [
        ((100, 33), blocked),
        ((100, 1_713_230), blocked),
        ((200, 1_870_034), blocked),
        ((2650, 1_870_145), unavailable),
        ((2650, 1_870_158), unavailable),
        ((2650, 1_870_148), |said| matches!(said, Outcome::Unknown(_))),
        ((2650, 1_870_144), |said| matches!(said, Outcome::Rejected(_))),
        ((80_003, 0), |said| matches!(said, Outcome::Throttled(_))),
        ((190, 463), |said| matches!(said, Outcome::Unauthorized(_))),
    ];
    for (refusal, reads) in table {
        let audience = Audience { refusal: Some(refusal), ..Audience::default() };
        let outcomes = audience.change(Membership::Join, &[member(1)], None).outcomes;
        assert!(reads(&outcomes[0]), "{refusal:?}: {outcomes:?}");
    }
    let destination = Destination { id: "42".into(), settings: String::new(), test_code: None };
    let silent = async |_: Request| -> Result<Answer, Unanswered> { panic!("nothing may be sent") };
    let outcomes = run(update(&destination, "../me", Membership::Join, &[member(1)], None, silent)).outcomes;
    assert!(blocked(&outcomes[0]));
}
