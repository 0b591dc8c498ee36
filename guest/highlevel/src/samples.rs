//! What the tests read.

use std::future::Future;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use serde_json::Value;

use crate::bindings::convey::pipeline::types::{Delivery, Origin};
use crate::bindings::exports::convey::pipeline::contact_source::Subject;

/// A webhook received at a time.
pub(crate) fn delivery(id: &str, received_at: u64, body: &Value) -> Delivery {
    Delivery {
        id: id.into(),
        connection: "north".into(),
        origin: Origin::Webhook,
        received_at,
        headers: Vec::new(),
        body: body.to_string().into_bytes(),
    }
}

/// A connection with these settings.
pub(crate) fn subject(settings: &str) -> Subject {
    Subject { connection: "north".into(), location: "loc".into(), settings: settings.into(), catalogue: None, since: 0 }
}

/// Runs a future that never waits.
pub(crate) fn ready<F: Future>(future: F) -> F::Output {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(value) => value,
        Poll::Pending => panic!("nothing here waits"),
    }
}
