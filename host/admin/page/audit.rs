//! The audit: every request that left, and what people did.

use std::sync::Arc;

use axum::Extension;
use axum::extract::{Query, State};
use axum::response::Response;
use maud::html;
use serde::Deserialize;

use super::layout::Head::{Number, Text};
use super::layout::{Trouble, short, span, table, view, when};
use crate::admin::Admin;
use crate::admin::gate::Visitor;
use crate::store::AuditFilter;

/// Rows that one view shows.
const SHOWN: u64 = 200;

/// What is looked for.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(in crate::admin) struct Asked {
    connection: String,
    destination: String,
}

pub(in crate::admin) async fn audit(
    State(admin): State<Arc<Admin>>,
    Extension(visitor): Extension<Visitor>,
    Query(asked): Query<Asked>,
) -> Result<Response, Trouble> {
    let given = |text: &str| Some(text.to_owned()).filter(|text| !text.is_empty());
    let filter = AuditFilter {
        connection: given(&asked.connection),
        destination: given(&asked.destination),
        limit: SHOWN,
        ..AuditFilter::default()
    };
    let found = admin.flow.store.audit(filter).await?;
    let plan = admin.flow.plan();
    let (mut connections, mut destinations): (Vec<&String>, Vec<&String>) =
        (plan.connections.keys().collect(), plan.destinations.keys().collect());
    connections.sort();
    destinations.sort();
    let rows = html! {
        @for row in &found {
            tr {
                td { (when(row.at)) }
                td { (row.actor) @if let Some(digest) = &row.digest { br; code.hint { (short(digest)) } } }
                td { (row.lane) }
                td { (row.operation) }
                td { @if let Some(status) = row.status { (status) } @if let Some(outcome) = &row.outcome { " " span.hint { (outcome) } } }
                td.number { (row.latency_ms.map(span).unwrap_or_default()) }
            }
        }
    };
    let body = html! {
        form.search action="/audit" {
            div { label for="connection" { "Connection" } select id="connection" name="connection" {
                option value="" { "all" }
                @for name in connections { option value=(name) selected[*name == asked.connection] { (name) } }
            } }
            div { label for="destination" { "Destination" } select id="destination" name="destination" {
                option value="" { "all" }
                @for name in destinations { option value=(name) selected[*name == asked.destination] { (name) } }
            } }
            button { "Show" }
        }
        section id="audit" data-live aria-label="Audit" {
            @if found.is_empty() { p { "Nothing." } } @else {
                (table("Audit", &[Text("When"), Text("Who"), Text("Where"), Text("What"), Text("Answer"), Number("Took")], rows))
                @if found.len() as u64 == SHOWN { p.hint { "The newest " (SHOWN) " are shown; `convey audit` has the rest." } }
            }
        }
    };
    Ok(view(&admin, &visitor, "/audit", "Audit", body))
}
