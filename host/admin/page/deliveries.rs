//! Deliveries and events as they come and go, and the search for one of them.

use std::sync::Arc;

use axum::Extension;
use axum::extract::{Query, State};
use axum::response::{IntoResponse, Redirect, Response};
use maud::{Markup, html};
use serde::Deserialize;

use super::layout::Head::{Number, Text};
use super::layout::{Trouble, query, seen_from, span, state, table, view};
use crate::admin::Admin;
use crate::admin::gate::Visitor;
use crate::clock::Millis;
use crate::store::{RecentDelivery, RecentEvent, RecentFilter};

/// Rows of each kind that one view shows.
const SHOWN: u64 = 50;
/// The states that either kind knows.
const STATES: [&str; 8] = ["waiting", "done", "silent", "held", "in_flight", "dead", "expired", "dropped"];

/// What is looked for.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(in crate::admin) struct Search {
    /// An id: its whole story is shown.
    q: String,
    connection: String,
    state: String,
}

fn given(text: &str) -> Option<String> {
    Some(text.trim()).filter(|text| !text.is_empty()).map(str::to_owned)
}

pub(in crate::admin) async fn deliveries(
    State(admin): State<Arc<Admin>>,
    Extension(visitor): Extension<Visitor>,
    Query(search): Query<Search>,
) -> Result<Response, Trouble> {
    if let Some(id) = given(&search.q) {
        return Ok(Redirect::to(&format!("/why?{}", query(&[("id", &id)]))).into_response());
    }
    let filter = RecentFilter { connection: given(&search.connection), state: given(&search.state), limit: SHOWN };
    let came = admin.flow.store.recent_deliveries(filter.clone()).await?;
    let went = admin.flow.store.recent_events(filter).await?;
    let now = admin.flow.clock.now_ms();
    let plan = admin.flow.plan();
    let mut names: Vec<&String> = plan.connections.keys().collect();
    names.sort();
    let body = html! {
        form.search role="search" action="/deliveries" {
            div { label for="q" { "Find an event, fact, delivery, webhook or contact by its id" } input id="q" name="q" type="search" autocomplete="off"; }
            div { label for="connection" { "Connection" } select id="connection" name="connection" {
                option value="" { "all" }
                @for name in names { option value=(name) selected[*name == search.connection] { (name) } }
            } }
            div { label for="state" { "State" } select id="state" name="state" {
                option value="" { "all" }
                @for word in STATES { option value=(word) selected[word == search.state] { (word.replace('_', " ")) } }
            } }
            button { "Find" }
        }
        section id="events" data-live aria-labelledby="events-title" {
            h2 id="events-title" { "Events" }
            @if went.is_empty() { p { "None." } } @else { (events(now, &went)) }
        }
        section id="deliveries" data-live aria-labelledby="deliveries-title" {
            h2 id="deliveries-title" { "Deliveries" }
            @if came.is_empty() { p { "None." } } @else { (came_in(now, &came)) }
        }
    };
    Ok(view(&admin, &visitor, "/deliveries", "Deliveries and events", body))
}

/// The story of an id.
pub(super) fn why_link(id: &str, shown: &str) -> Markup {
    html! { a href={ "/why?" (query(&[("id", id)])) } { (shown) } }
}

fn events(now: Millis, went: &[RecentEvent]) -> Markup {
    let rows = html! {
        @for event in went {
            tr {
                th scope="row" { (why_link(&event.name, &event.name)) }
                td { (seen_from(now, event.created_at)) }
                td { (event.event) }
                td { (event.connection.as_deref().unwrap_or("–")) " → " (event.destination) }
                td { (event.rule) }
                td { (state(&event.state)) @if let Some(reason) = &event.reason { br; span.hint { (reason) } } }
                td.number { (event.took_ms.map(span).unwrap_or_default()) }
            }
        }
    };
    table(
        "Events",
        &[Text("Event"), Text("Made"), Text("Name"), Text("Way"), Text("Rule"), Text("State"), Number("Took")],
        rows,
    )
}

fn came_in(now: Millis, came: &[RecentDelivery]) -> Markup {
    let rows = html! {
        @for delivery in came {
            tr {
                th scope="row" { (why_link(&delivery.id, &delivery.id)) }
                td { (seen_from(now, delivery.received_at)) }
                td { (delivery.kind.as_deref().unwrap_or("–")) }
                td { (delivery.connection.as_deref().unwrap_or("–")) " by " (delivery.origin) }
                td { (state(&delivery.state)) @if let Some(reason) = &delivery.reason { br; span.hint { (reason) } } }
                td.number { (delivery.changes) }
                td.number { (delivery.read_after_ms.map(span).unwrap_or_default()) }
            }
        }
    };
    table(
        "Deliveries",
        &[
            Text("Delivery"),
            Text("Came"),
            Text("Kind"),
            Text("Connection"),
            Text("State"),
            Number("Changes"),
            Number("Read after"),
        ],
        rows,
    )
}
