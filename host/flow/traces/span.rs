//! What happens as spans. A trace's id is made of its delivery's, so that every step knows it without being told. Pure.

use serde_json::{Value, json};

use super::super::happening::{Happening, What};
use crate::contract::Digest;

/// The kinds of a span, as the protocol numbers them.
const INTERNAL: u8 = 1;
const SERVER: u8 = 2;
const CLIENT: u8 = 3;

/// Its status, likewise.
const ERROR: u8 = 2;

/// The trace of a delivery: 32 hex digits.
fn trace_id(delivery: &str) -> String {
    hex(&["trace", delivery], 32)
}

/// The first span of a delivery's trace: 16 hex digits.
fn root_id(delivery: &str) -> String {
    hex(&["receive", delivery], 16)
}

fn hex(parts: &[&str], digits: usize) -> String {
    Digest::of(parts.join("\0").as_bytes()).to_string().chars().take(digits).collect()
}

/// What a request carries that is made for a delivery (w3.org/TR/trace-context, section 3.2).
pub(super) fn traceparent(delivery: &str) -> String {
    format!("00-{}-{}-01", trace_id(delivery), root_id(delivery))
}

/// One attribute; none where there is nothing to say.
fn text(key: &str, value: &str) -> Option<Value> {
    (!value.is_empty()).then(|| json!({"key": key, "value": {"stringValue": value}}))
}

fn number(key: &str, value: u64) -> Option<Value> {
    Some(json!({"key": key, "value": {"intValue": value.to_string()}}))
}

/// The span of a step that a delivery took; none for what is about no delivery.
pub(super) fn of(happening: &Happening) -> Option<Value> {
    let (name, kind, delivery, latency_ms, what, attributes) = match &happening.what {
        What::Received { source, connection, delivery, webhook_id, latency_ms } => (
            "receive",
            SERVER,
            delivery,
            *latency_ms,
            None,
            vec![
                text("convey.source", source),
                text("convey.connection", connection.as_deref().unwrap_or_default()),
                text("convey.webhook.id", webhook_id),
            ],
        ),
        What::Read { connection, delivery, kind, outcome, changes, reason, digest, latency_ms } => (
            "read",
            CLIENT,
            delivery,
            *latency_ms,
            Some((outcome, reason)),
            vec![
                text("convey.connection", connection),
                text("convey.delivery.kind", kind),
                text("convey.source.digest", digest),
                number("convey.changes", *changes as u64),
            ],
        ),
        What::Translated {
            connection,
            mapper,
            generation,
            digest,
            delivery,
            kind,
            outcome,
            events,
            rules,
            reason,
            latency_ms,
        } => (
            "translate",
            INTERNAL,
            delivery.as_ref()?,
            *latency_ms,
            Some((outcome, reason)),
            vec![
                text("convey.connection", connection),
                text("convey.mapper", mapper),
                text("convey.mapper.digest", digest),
                number("convey.mapper.generation", u64::try_from(*generation).unwrap_or_default()),
                text("convey.change.kind", kind),
                text("convey.events", &events.join(",")),
                text("convey.rules", &rules.join(",")),
            ],
        ),
        What::Shipped {
            destination,
            event_id,
            name,
            rule,
            delivery,
            outcome,
            reason,
            tries,
            digest,
            latency_ms,
            ..
        } => (
            "ship",
            CLIENT,
            delivery.as_ref()?,
            *latency_ms,
            Some((outcome, reason)),
            vec![
                text("convey.destination", destination),
                text("convey.event.id", event_id),
                text("convey.event.name", name),
                text("convey.rule", rule),
                text("convey.sink.digest", digest),
                number("convey.tries", u64::from(*tries)),
            ],
        ),
        _ => return None,
    };
    let (outcome, reason) =
        what.map_or(("", ""), |(outcome, reason)| (outcome.as_str(), reason.as_deref().unwrap_or_default()));
    let said = [text("convey.delivery.id", delivery), text("convey.outcome", outcome), text("convey.reason", reason)];
    let attributes: Vec<Value> = attributes.into_iter().chain(said).flatten().collect();
    let nanos = |ms: u64| (u128::from(ms) * 1_000_000).to_string();
    let root = name == "receive";
    // A step may be taken again, and one change may make several events: they are told apart by their time and what they are about.
    let own = attributes.iter().map(Value::to_string).collect::<String>();
    let span_id = if root { root_id(delivery) } else { hex(&[name, delivery, &happening.at.to_string(), &own], 16) };
    let mut span = json!({
        "traceId": trace_id(delivery),
        "spanId": span_id,
        "name": name,
        "kind": kind,
        "startTimeUnixNano": nanos(happening.at.saturating_sub(latency_ms)),
        "endTimeUnixNano": nanos(happening.at),
        "attributes": attributes,
    });
    if !root {
        span["parentSpanId"] = root_id(delivery).into();
    }
    if ["dead", "expired", "ambiguous"].contains(&outcome) {
        span["status"] = json!({"code": ERROR, "message": reason});
    }
    Some(span)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(outcome: &str) -> Happening {
        let what = What::Read {
            connection: "acme".into(),
            delivery: "d_1".into(),
            kind: "ContactCreate".into(),
            outcome: outcome.into(),
            changes: 1,
            reason: None,
            digest: "abc".into(),
            latency_ms: 5,
        };
        Happening { at: 1_000, what }
    }

    #[test]
    fn every_step_of_a_delivery_is_in_its_trace() {
        let received = What::Received {
            source: "crm".into(),
            connection: None,
            delivery: "d_1".into(),
            webhook_id: "w".into(),
            latency_ms: 2,
        };
        let root = of(&Happening { at: 900, what: received }).expect("a span");
        let step = of(&read("changes")).expect("a span");
        assert_eq!(root["traceId"], step["traceId"]);
        assert_eq!(step["parentSpanId"], root["spanId"]);
        assert!(root.get("parentSpanId").is_none() && step.get("status").is_none());
        assert_eq!(
            (step["startTimeUnixNano"].as_str(), step["endTimeUnixNano"].as_str()),
            (Some("995000000"), Some("1000000000"))
        );
        let digest = json!({"key": "convey.source.digest", "value": {"stringValue": "abc"}});
        assert!(step["attributes"].as_array().is_some_and(|all| all.contains(&digest)), "{step}");
        assert_eq!(of(&read("dead")).expect("a span")["status"]["code"], 2);
        assert!(of(&Happening { at: 1, what: What::Resumed { scope: "all".into() } }).is_none());
    }

    #[test]
    fn a_request_carries_the_trace_and_its_root() {
        let parent = traceparent("d_1");
        let parts: Vec<&str> = parent.split('-').collect();
        assert_eq!(parts.iter().map(|part| part.len()).collect::<Vec<_>>(), [2, 32, 16, 2]);
        assert_eq!((parts[1], parts[2]), (trace_id("d_1").as_str(), root_id("d_1").as_str()));
        assert_ne!(trace_id("d_1"), trace_id("d_2"));
    }
}
