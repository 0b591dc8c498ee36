//! What the operator is asked to grant.

use crate::bindings::convey::pipeline::types::Operation;
use crate::bindings::exports::convey::pipeline::conversions_sink::Profile;

/// A name that resolves nowhere (RFC 6761 §6.4): only an operator's own base URL makes it answer.
pub const BASE_URL: &str = "https://sink.test.invalid";

/// The profile: two operations, `POST /v1/events` and `POST /v1/echo`.
pub fn profile() -> Profile {
    let post =
        |name: &str, path: &str| Operation { name: name.into(), method: "POST".into(), path: path.into(), scope: None };
    Profile {
        name: "test-sink".into(),
        base_url: BASE_URL.into(),
        operations: vec![post("events", "/v1/events"), post("echo", "/v1/echo")],
        headers: vec![("User-Agent".into(), "convey".into())],
        max_events: 100,
        max_members: 100,
        max_age_ms: 7 * 86_400_000,
        max_age_by_source: Vec::new(),
        max_ahead_ms: 60_000,
        proof: None,
    }
}
