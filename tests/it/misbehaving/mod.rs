//! Guests that break, lie and pry. The host names the guest, loses one item, and goes on.

mod mapper;
mod pace;
mod prepare;
mod sink;
mod worlds;

use std::time::Duration;

use convey::contract::{Change, ConversionEvent, Effect};
use convey::egress::{Egress, Limits};
use convey::engine::{CodeCache, Engine, GuestLimits, Mapper, Translation};
use serde_json::json;

use crate::guests;
use crate::program::compiled;

/// What the guests of these tests may use: little, so that whoever takes more is found soon.
const LIMITS: GuestLimits = GuestLimits {
    memory_bytes: 64 << 20,
    call_cpu: Duration::from_millis(150),
    call_wall: Duration::from_secs(20),
    mapper_cpu: Duration::from_millis(150),
    calls_in_flight: 4,
};

/// An engine with these limits. Compiled code is kept between tests.
fn engine(limits: GuestLimits) -> Engine {
    let egress =
        Egress::new(Limits { request_timeout_ms: 10_000, response_max_bytes: 1 << 20, request_max_bytes: 1 << 20 });
    Engine::new(limits, egress, Some(CodeCache::new(compiled()).unwrap())).unwrap()
}

/// The misbehaving mapper with a behaviour for its settings.
async fn mapper(engine: &Engine, behaviour: &str) -> Mapper {
    let loaded = engine.load("strange", &guests::component("convey-test-mapper", guests::PURE)).unwrap();
    Mapper::new(engine, loaded, behaviour.to_owned()).await.unwrap()
}

/// So many changes; the marked one sets the misdeed off.
fn changes(count: usize, marked: Option<usize>) -> Vec<Change> {
    (0..count).map(|index| change(index, marked == Some(index))).collect()
}

fn change(index: usize, marked: bool) -> Change {
    let tags = if marked { vec!["misbehave"] } else { Vec::new() };
    let value = json!({
        "id": format!("change-{index}"),
        "connection": "acme",
        "occurred_at": 1_795_000_000_000_u64 + index as u64,
        "seen_at": 1_795_000_000_500_u64,
        "trigger": "ContactCreated",
        "contact": {
            "id": format!("contact-{index}"),
            "location": "location-1",
            "emails": ["Jo.Doe@example.com"],
            "phones": ["+1 650 555 1212"],
            "tags": tags,
            "custom_fields": [],
            "consent": {"do_not_disturb": false, "blocked_channels": []},
            "tasks": [],
            "notes": [],
            "appointments": [],
        },
    });
    serde_json::from_value(value).unwrap()
}

/// So many events, as a well-behaved mapper proposes them.
async fn events(engine: &Engine, count: usize) -> Vec<ConversionEvent> {
    let translations = mapper(engine, "well").await.translate(&changes(count, None)).await.unwrap();
    translations.iter().flat_map(told).collect()
}

fn told(translation: &Translation) -> Vec<ConversionEvent> {
    let event = |effect: &Effect| match effect {
        Effect::Convert(event) => Some(event.clone()),
        Effect::Audience(_) | Effect::Command(_) => None,
    };
    translation.iter().flatten().filter_map(|proposal| event(&proposal.effect)).collect()
}
