//! Health: whether convey takes more, what is the matter, what it is made of, and what may have been told twice.

use std::sync::Arc;

use axum::Extension;
use axum::extract::State;
use axum::response::Response;
use maud::html;

use super::deliveries::why_link;
use super::layout::Head::Text;
use super::layout::{Trouble, seen_from, short, state, table, view};
use crate::admin::Admin;
use crate::admin::gate::Visitor;
use crate::contract::CONTRACT;

/// Attempts without an answer that one view shows.
const SHOWN: usize = 50;

pub(in crate::admin) async fn health(
    State(admin): State<Arc<Admin>>,
    Extension(visitor): Extension<Visitor>,
) -> Result<Response, Trouble> {
    let ambiguous = admin.flow.store.ambiguous().await?;
    let now = admin.flow.clock.now_ms();
    let plan = admin.flow.plan();
    let alerts = admin.flow.open_alerts().await;
    let unready = admin.flow.readiness().unready();
    let mut parts: Vec<(String, &str, String)> = Vec::new();
    for (name, crm) in &plan.crms {
        parts.push((name.clone(), "source", crm.source.loaded().digest.to_string()));
    }
    for (name, generation) in admin.flow.live().iter() {
        parts.push((name.clone(), "mapper", generation.mapper.loaded().digest.to_string()));
    }
    for destination in plan.destinations.values() {
        parts.push((destination.name.clone(), "sink", destination.sink.loaded().digest.to_string()));
    }
    parts.sort();
    let body = html! {
        section id="ready" data-live aria-label="Readiness" {
            @if unready.is_empty() { p { (state("ok")) " It takes deliveries and writes what happens." } }
            @for reason in &unready { p.said.wrong { (reason) } }
        }
        section id="alerts" data-live aria-labelledby="alerts-title" {
            h2 id="alerts-title" { "Alerts" }
            @if alerts.is_empty() { p { "Nothing is the matter." } }
            @for open in &alerts {
                div.said.wrong { p { b { (open.alert.cause) } } p { (open.alert.next) } p.hint { "since " (seen_from(now, open.since)) } }
            }
        }
        section id="sunsets" data-live aria-label="Versions that end" {
            @for sunset in admin.flow.sunsets() { p.said.wrong { (sunset.to_string()) } }
        }
        section aria-labelledby="parts-title" {
            h2 id="parts-title" { "What runs" }
            p { "convey " (env!("CARGO_PKG_VERSION")) ", contract " code { (CONTRACT) } }
            (table("Components", &[Text("Name"), Text("Kind"), Text("Digest")], html! {
                @for (name, kind, digest) in &parts { tr { th scope="row" { (name) } td { (kind) } td { code { (short(digest)) } } } }
            }))
        }
        section id="ambiguous" data-live aria-labelledby="ambiguous-title" {
            h2 id="ambiguous-title" { "Attempts without an answer" }
            @if ambiguous.is_empty() { p { "None: nothing can have been told twice." } } @else {
                (table("Attempts without an answer", &[Text("Attempt"), Text("When"), Text("Destination"), Text("Events")], html! {
                    @for attempt in ambiguous.iter().rev().take(SHOWN) {
                        tr {
                            th scope="row" { (attempt.attempt) }
                            td { (seen_from(now, attempt.at)) }
                            td { (attempt.destination) }
                            td { @for id in &attempt.event_ids { (why_link(id, &short(id))) " " } }
                        }
                    }
                }))
            }
        }
    };
    Ok(view(&admin, &visitor, "/health", "Health", body))
}
