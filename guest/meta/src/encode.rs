//! One event in Meta's form (Conversions API, "Server Event Parameters"), and the body that carries many.

use serde::Serialize;

use crate::bindings::convey::pipeline::types::{ActionSource, ConversionEvent};
use crate::custom_data::Custom;
use crate::user_data::Person;

#[derive(Serialize)]
struct ServerEvent<'a> {
    event_name: &'a str,
    event_time: u64,
    event_id: &'a str,
    action_source: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    event_source_url: Option<&'a str>,
    user_data: Person<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    custom_data: Option<Custom<'a>>,
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    limited: Option<LimitedDataUse>,
}

/// Country and state 0 ask Meta to find out where the person is.
#[derive(Serialize)]
struct LimitedDataUse {
    data_processing_options: [&'static str; 1],
    data_processing_options_country: u32,
    data_processing_options_state: u32,
}

/// The event as one line of JSON, its keys always in the same order. `event_time` is in seconds, rounded down.
pub fn event(event: &ConversionEvent) -> String {
    let limited = LimitedDataUse {
        data_processing_options: ["LDU"],
        data_processing_options_country: 0,
        data_processing_options_state: 0,
    };
    let server = ServerEvent {
        event_name: &event.name,
        event_time: event.occurred_at / 1000,
        event_id: &event.id,
        action_source: action_source(event.action_source),
        event_source_url: event.source_url.as_deref(),
        user_data: Person(&event.user_data),
        custom_data: Custom::of(event),
        limited: event.limited_data_use.then_some(limited),
    };
    // An event is a little more than a kilobyte: room for it at once, instead of growing to it.
    let mut line = Vec::with_capacity(2048);
    serde_json::to_writer(&mut line, &server).expect("every key is text and no number is wild, so nothing can fail");
    String::from_utf8(line).expect("JSON is UTF-8")
}

/// A request's body from encoded events. `test_code` makes each of them a test event.
pub fn body(events: &[String], test_code: Option<&str>, partner_agent: Option<&str>) -> String {
    let mut body = format!("{{\"data\":[{}]", events.join(","));
    for (key, text) in [("test_event_code", test_code), ("partner_agent", partner_agent)] {
        if let Some(text) = text {
            body.push_str(&format!(",\"{key}\":{}", serde_json::Value::from(text)));
        }
    }
    body.push('}');
    body
}

fn action_source(source: ActionSource) -> &'static str {
    match source {
        ActionSource::Email => "email",
        ActionSource::Website => "website",
        ActionSource::App => "app",
        ActionSource::PhoneCall => "phone_call",
        ActionSource::Chat => "chat",
        ActionSource::PhysicalStore => "physical_store",
        ActionSource::SystemGenerated => "system_generated",
        ActionSource::BusinessMessaging => "business_messaging",
        ActionSource::Other => "other",
    }
}

#[cfg(test)]
mod tests;
