//! Why something was sent, or not: the story that `convey why` tells, as a timeline; and, where an operator asks to see it, what was said
//! before and after. That opens what is sealed, so it is written into the audit.

use std::sync::Arc;

use axum::Extension;
use axum::extract::{Query, State};
use axum::response::Response;
use maud::{Markup, html};
use serde::Deserialize;
use serde_json::Value;

use super::deliveries::why_link;
use super::fields::Fields;
use super::layout::{Trouble, button, short, span, state, view, when};
use crate::admin::Admin;
use crate::admin::gate::Visitor;
use crate::contract::{Change, ConversionEvent};
use crate::flow::event_json;
use crate::store::{AuditRow, Why, WhyAttempt, WhyChange, WhyDelivery, WhyEvent, WhyWritten};

/// Of what the story is told.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(in crate::admin) struct Asked {
    id: String,
    connection: Option<String>,
}

pub(in crate::admin) async fn why(
    State(admin): State<Arc<Admin>>,
    Extension(visitor): Extension<Visitor>,
    Query(asked): Query<Asked>,
) -> Result<Response, Trouble> {
    let id = asked.id.trim();
    let connection = asked.connection.as_deref().filter(|name| !name.is_empty());
    let Some(why) = admin.flow.store.why(id, connection).await? else {
        return Err(Trouble::missing(format!("nothing in the store is called `{id}`, and it is no contact's id")));
    };
    let body = html! {
        section id="story" data-live aria-label="Story" { (story(&visitor, &why)) }
    };
    Ok(view(&admin, &visitor, "/deliveries", &format!("Why {id}"), body))
}

/// Every change under the deliveries that told it, then deliveries that told nothing: the order of `convey why`.
fn story(visitor: &Visitor, why: &Why) -> Markup {
    let told = |change: &WhyChange, delivery: &WhyDelivery| change.told_by.contains(&delivery.id);
    let silent = |delivery: &&WhyDelivery| !why.changes.iter().any(|change| told(change, delivery));
    html! {
        @if let Some(at) = why.forgotten_at { p.said.wrong { "The contact was forgotten " (when(at)) "." } }
        @for change in &why.changes {
            article {
                h2 { (change.kind) " " span.hint { (change.name) " in " (change.connection) } }
                ol.timeline {
                    @for delivery in why.deliveries.iter().filter(|delivery| told(change, delivery)) { (delivery_item(visitor, delivery)) }
                    (change_item(change))
                    @for event in &change.events { (event_item(visitor, event)) }
                    @for command in &change.commands {
                        li { (when(command.created_at)) div {
                            "Command " b { (command.command) } " (" (command.name) "), rule " (command.rule) ": " (state(&command.state)) (because(command.reason.as_deref()))
                            (wrote(visitor, &command.wrote))
                        } }
                    }
                }
                (button(visitor, "/why/content", &[("id", &change.name)], "Show what was said", &change.name))
            }
        }
        @if why.deliveries.iter().any(|delivery| silent(&delivery)) {
            h2 { "Told nothing" }
            ol.timeline { @for delivery in why.deliveries.iter().filter(silent) { (delivery_item(visitor, delivery)) } }
        }
        @for destination in &why.told_long_ago { p { (destination) " was told this event; its rows have outlived their retention." } }
    }
}

fn because(reason: Option<&str>) -> Markup {
    html! { @if let Some(reason) = reason.filter(|reason| !reason.is_empty()) { " " span.hint { (reason) } } }
}

fn delivery_item(visitor: &Visitor, delivery: &WhyDelivery) -> Markup {
    html! {
        li {
            (when(delivery.received_at))
            div {
                "Delivery " (why_link(&delivery.id, &delivery.id)) " (" (delivery.kind.as_deref().unwrap_or("?")) ") by " (delivery.origin) ": "
                (state(&delivery.state)) (because(delivery.reason.as_deref()))
                @if let (Some(ms), Some(digest)) = (delivery.took_ms, &delivery.source_digest) { p.hint { "read after " (span(ms)) " by source " code { (short(digest)) } } }
                (wrote(visitor, &delivery.wrote))
            }
        }
    }
}

/// What guests wrote, call by call. It may be about a person, so a viewer hears only that there is something.
fn wrote(visitor: &Visitor, calls: &[WhyWritten]) -> Markup {
    html! {
        @for call in calls {
            p.hint {
                (call.guest) " wrote in " (call.call) ", " (when(call.at))
                @if call.about > 1 { ", in a call about " (call.about) }
            }
            @match &call.text {
                None => { p.hint { "It does not open any more: a contact was forgotten." } }
                Some(_) if !visitor.may_change() => { p.hint { "An operator may read it." } }
                Some(text) => { pre.code tabindex="0" { (text) } }
            }
        }
    }
}

fn change_item(change: &WhyChange) -> Markup {
    html! {
        li { (when(change.occurred_at)) div { "It happened: " code { (change.id) } } }
        li {
            @match change.translated_at { Some(at) => { (when(at)) } None => { span {} } }
            div {
                "Translated: " (state(&change.state))
                @if let Some(ms) = change.took_ms { " after " (span(ms)) }
                @if let Some(rule) = &change.rule { ", rule " b { (rule) } }
                (because(change.code.as_deref())) (because(change.reason.as_deref()))
                @if let Some(by) = &change.generation {
                    p.hint { "by generation " (by.id) ", mapper " (by.mapper) " " code { (short(&by.mapper_digest)) } ", settings " code { (short(&by.settings_hash)) } }
                }
            }
        }
    }
}

fn event_item(visitor: &Visitor, event: &WhyEvent) -> Markup {
    html! {
        li {
            (when(event.created_at))
            div {
                "Event " b { (event.event) } " (" (event.name) ") for " (event.destination) ", rule " b { (event.rule) } ": " (state(&event.state))
                (because(event.reason.as_deref()))
                p.hint {
                    "id " code { (event.event_id) }
                    @if let Some(ms) = event.took_ms { ", ended after " (span(ms)) }
                    @if let Some(trace) = &event.trace { ", trace " code { (trace) } }
                    @if let Some(made) = &event.made_by { ", made by mapper " code { (short(&made.mapper_digest)) } ", contract " (made.contract) ", convey " (made.host) }
                }
                @if event.may_repeat { p.wrong { "An attempt had no answer: the platform may have it twice, under one id." } }
                (wrote(visitor, &event.wrote))
            }
        }
        @for attempt in &event.attempts { (attempt_item(attempt)) }
    }
}

fn attempt_item(attempt: &WhyAttempt) -> Markup {
    html! {
        li.attempt {
            (when(attempt.at))
            div {
                "Attempt " (attempt.attempt) ": " (attempt.outcome.as_deref().unwrap_or("no answer so far"))
                @if let Some(ms) = attempt.took_ms { " after " (span(ms)) }
                @if let Some(verdict) = &attempt.verdict { ", then " (state(verdict)) }
                p.hint { "by sink " code { (short(&attempt.sink_digest)) } }
            }
        }
    }
}

/// What was said before and after, opened on an operator's word.
pub(in crate::admin) async fn content(
    State(admin): State<Arc<Admin>>,
    Extension(visitor): Extension<Visitor>,
    fields: Fields,
) -> Result<Response, Trouble> {
    let id = fields.text("id");
    let found = admin.flow.store.provable_named(id).await?;
    if found.is_empty() {
        return Err(Trouble::missing(format!("nothing that was translated is called `{id}`")));
    }
    for provable in &found {
        let change = &provable.change;
        let now = admin.flow.clock.now_ms();
        let lane = format!("connection:{}", change.connection);
        let mut row = AuditRow::act(now, &visitor.by, lane, format!("saw the content of c{}", change.row));
        let read: Option<Change> = serde_json::from_slice(&change.bytes).ok();
        row.subject = read.map(|read| admin.flow.store.subject(&change.connection, &read.contact.id));
        admin.flow.store.note(row);
    }
    // Written down before anybody sees it.
    admin.flow.store.note_down().await?;
    let body = html! {
        p.hint { "Opened for " (visitor.by) ", and written into the audit. " (why_link(id, "Back to the story")) }
        @for provable in &found {
            article {
                h2 { (provable.change.kind) " " span.hint { "c" (provable.change.row) } }
                div.beside {
                    section aria-label="Before" {
                        h3 { "Before: what happened in the CRM" }
                        @if provable.opens { (pretty(&provable.change.bytes)) } @else { p { "It does not open any more: the contact was forgotten." } }
                    }
                    section aria-label="After" {
                        h3 { "After: what is said of it" }
                        @if provable.events.is_empty() { p { "Nothing." } }
                        @for event in &provable.events {
                            h4 { (event.name) " to " (event.destination) span.hint { " e" (event.row) ", rule " (event.rule) } }
                            @match event.bytes.as_deref().map(serde_json::from_slice::<ConversionEvent>) {
                                Some(Ok(read)) => { pre.code tabindex="0" { (format!("{:#}", event_json(&read))) } }
                                Some(Err(_)) => { p { "It is written in a form that this convey does not read." } }
                                None => { p { "It does not open any more." } }
                            }
                        }
                    }
                }
            }
        }
    };
    Ok(view(&admin, &visitor, "/deliveries", &format!("What was said: {id}"), body))
}

/// What is there of a change, without what is empty.
fn pretty(bytes: &[u8]) -> Markup {
    let value: Value = serde_json::from_slice(bytes).unwrap_or_default();
    html! { pre.code tabindex="0" { (format!("{:#}", present(value).unwrap_or_default())) } }
}

fn present(value: Value) -> Option<Value> {
    match value {
        Value::Null => None,
        Value::Array(list) if list.is_empty() => None,
        Value::Array(list) => Some(Value::Array(list.into_iter().filter_map(present).collect())),
        Value::Object(fields) => {
            let there: serde_json::Map<String, Value> =
                fields.into_iter().filter_map(|(key, value)| Some((key, present(value)?))).collect();
            (!there.is_empty()).then_some(Value::Object(there))
        }
        other => Some(other),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::present;

    #[test]
    fn what_is_empty_is_not_shown() {
        let shown = present(json!({"a": null, "b": [], "c": {"d": null}, "e": [1, null], "f": false, "g": ""}));
        assert_eq!(shown, Some(json!({"e": [1], "f": false, "g": ""})));
    }
}
