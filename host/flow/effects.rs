//! Effects as people and pipelines read them: snake case, hashes in hex, nothing that is absent.

use serde_json::{Map, Value, json};

use crate::contract::{
    ActionSource, ConversionEvent, CrmCommand, CustomValue, Effect, Hashed, Membership, Proposal, UserData, hex,
};

/// The effects of one change, in the order the mapper proposed them.
pub fn effects_json(proposals: &[Proposal]) -> Value {
    Value::Array(proposals.iter().map(effect).collect())
}

fn effect(proposal: &Proposal) -> Value {
    let mut object = Map::new();
    object.insert("rule".to_owned(), json!(proposal.rule));
    match &proposal.effect {
        Effect::Convert(event) => object.insert("convert".to_owned(), event_json(event)),
        Effect::Audience(change) => {
            let membership = match change.membership {
                Membership::Join => "join",
                Membership::Leave => "leave",
            };
            let audience =
                json!({"audience": change.audience, "membership": membership, "user_data": user(&change.user_data)});
            object.insert("audience".to_owned(), audience)
        }
        Effect::Command(command) => object.insert("command".to_owned(), self::command(command)),
    };
    if !proposal.omitted.is_empty() {
        let omitted =
            proposal.omitted.iter().map(|omission| json!({"field": omission.field, "reason": omission.reason}));
        object.insert("omitted".to_owned(), omitted.collect());
    }
    Value::Object(object)
}

/// A command as people read it: its name in snake case, alone or with what it is given.
fn command(command: &CrmCommand) -> Value {
    match json!(command) {
        Value::String(name) => Value::String(snake(&name)),
        given => plain(given),
    }
}

/// Keys in snake case, nothing that is absent.
fn plain(value: Value) -> Value {
    match value {
        Value::Object(fields) => {
            let there = fields.into_iter().filter(|(_, value)| !value.is_null());
            Value::Object(there.map(|(key, value)| (snake(&key), plain(value))).collect())
        }
        other => other,
    }
}

/// `CreateTask` as `create_task`.
fn snake(case: &str) -> String {
    let mut snake = String::with_capacity(case.len() + 4);
    for c in case.chars() {
        if c.is_ascii_uppercase() && !snake.is_empty() {
            snake.push('_');
        }
        snake.push(c.to_ascii_lowercase());
    }
    snake
}

/// An event alone, as [`effects_json`] writes it.
pub fn event_json(event: &ConversionEvent) -> Value {
    let mut object = Map::new();
    object.insert("id".to_owned(), json!(event.id));
    object.insert("name".to_owned(), json!(event.name));
    object.insert("occurred_at".to_owned(), json!(event.occurred_at));
    object.insert("action_source".to_owned(), json!(action_source(event.action_source)));
    put(&mut object, "source_url", event.source_url.as_ref());
    object.insert("user_data".to_owned(), user(&event.user_data));
    put(&mut object, "value", event.value.as_ref());
    put(&mut object, "currency", event.currency.as_ref());
    if !event.custom_data.is_empty() {
        let custom: Map<String, Value> =
            event.custom_data.iter().map(|(key, value)| (key.clone(), custom(value))).collect();
        object.insert("custom_data".to_owned(), Value::Object(custom));
    }
    if event.limited_data_use {
        object.insert("limited_data_use".to_owned(), json!(true));
    }
    Value::Object(object)
}

fn custom(value: &CustomValue) -> Value {
    match value {
        CustomValue::Text(text) => json!(text),
        CustomValue::Number(number) => json!(number),
        CustomValue::Flag(flag) => json!(flag),
        CustomValue::Json(text) => serde_json::from_str(text).unwrap_or_else(|_| json!(text)),
    }
}

fn user(user: &UserData) -> Value {
    let mut object = Map::new();
    let hashes: [(&str, &[Hashed]); 11] = [
        ("emails", &user.emails),
        ("phones", &user.phones),
        ("first_names", &user.first_names),
        ("last_names", &user.last_names),
        ("genders", &user.genders),
        ("dates_of_birth", &user.dates_of_birth),
        ("cities", &user.cities),
        ("states", &user.states),
        ("postal_codes", &user.postal_codes),
        ("countries", &user.countries),
        ("external_ids", &user.external_ids),
    ];
    for (key, hashed) in hashes.into_iter().filter(|(_, hashed)| !hashed.is_empty()) {
        object.insert(key.to_owned(), hashed.iter().map(hex).collect());
    }
    put(&mut object, "client_ip", user.client_ip.as_ref());
    put(&mut object, "user_agent", user.user_agent.as_ref());
    put(&mut object, "fbc", user.fbc.as_ref());
    put(&mut object, "fbp", user.fbp.as_ref());
    put(&mut object, "lead_id", user.lead_id.as_ref());
    Value::Object(object)
}

fn put<T: serde::Serialize>(object: &mut Map<String, Value>, key: &str, value: Option<&T>) {
    if let Some(value) = value {
        object.insert(key.to_owned(), json!(value));
    }
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
