//! One event in Meta's form (Conversions API, "Server Event Parameters"), and the body that carries many.

use crate::bindings::convey::pipeline::types::{ActionSource, ConversionEvent};
use crate::custom_data::Custom;
use crate::json::Object;
use crate::user_data::person;

/// The event as one line of JSON, its keys always in the same order. `event_time` is in seconds, rounded down.
pub fn event(event: &ConversionEvent) -> String {
    // An event is a little more than a kilobyte: room for it at once, instead of growing to it.
    let mut line = String::with_capacity(2048);
    let mut object = Object::begin(&mut line);
    object.text("event_name", &event.name);
    object.value("event_time", &(event.occurred_at / 1000));
    object.text("event_id", &event.id);
    object.text("action_source", action_source(event.action_source));
    if let Some(url) = &event.source_url {
        object.text("event_source_url", url);
    }
    object.member("user_data", |line| person(line, &event.user_data));
    if let Some(custom) = Custom::of(event) {
        object.member("custom_data", |line| custom.write(line));
    }
    if event.limited_data_use {
        // Country and state 0 ask Meta to find out where the person is.
        object.value("data_processing_options", &["LDU"]);
        object.value("data_processing_options_country", &0);
        object.value("data_processing_options_state", &0);
    }
    object.end();
    line
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
