//! Connections: whether each may reach its location, what it heard last, and what it missed; paused, resumed, asked and connected anew.

use std::sync::Arc;

use axum::Extension;
use axum::extract::State;
use axum::response::Response;
use maud::{Markup, html};

use super::fields::Fields;
use super::layout::Head::{Number, Text};
use super::layout::{Trouble, back, button, seen_from, state, table, view};
use crate::admin::Admin;
use crate::admin::gate::Visitor;
use crate::clock::Millis;
use crate::engine::Sweep;
use crate::flow::{CrmError, GrantStatus};
use crate::store::{ConnectionStatus, DestinationStatus, Pause, PauseScope, Status};

pub(in crate::admin) async fn connections(
    State(admin): State<Arc<Admin>>,
    Extension(visitor): Extension<Visitor>,
) -> Result<Response, Trouble> {
    let status = admin.counted().await?;
    let mut grants = admin.flow.grants().await?;
    grants.sort_by(|left, right| left.connection.cmp(&right.connection));
    let names = grants.iter().map(|grant| grant.connection.clone()).collect();
    let webhooks = admin.flow.store.last_webhooks(names).await?;
    let now = admin.flow.clock.now_ms();
    let none = ConnectionStatus::default();
    let rows = html! {
        @for grant in &grants {
            @let known = status.connections.get(&grant.connection).unwrap_or(&none);
            @let paused = status.pauses.iter().find(|pause| pause.scope == PauseScope::Connection(grant.connection.clone()));
            (row(&admin, &visitor, now, grant, known, paused, webhooks.get(&grant.connection).copied()))
        }
    };
    let heads = [
        Text("Connection"),
        Text("State"),
        Text("Token"),
        Text("Last webhook"),
        Text("Last poll"),
        Number("Waiting"),
        Number("Missed by webhooks"),
        Text("Do"),
    ];
    let body = html! {
        section id="connections" data-live aria-label="Connections" {
            @if grants.is_empty() { p { "There is no connection yet." } }
            @else { (table("Connections", &heads, rows)) }
            @if !status.held.is_empty() {
                h2 { "Held" }
                p { "Deliveries of locations that no connection has." }
                ul { @for held in &status.held { li { (held.source) " " code { (held.location) } ": " (held.count) ", the oldest " (seen_from(now, held.oldest)) } } }
            }
        }
        section id="destinations" data-live aria-label="Destinations" {
            h2 { "Destinations" }
            (destinations(&admin, &visitor, &status))
        }
    };
    Ok(view(&admin, &visitor, "/connections", "Connections", body))
}

fn row(
    admin: &Admin,
    visitor: &Visitor,
    now: Millis,
    grant: &GrantStatus,
    known: &ConnectionStatus,
    paused: Option<&Pause>,
    webhook: Option<Millis>,
) -> Markup {
    let name = grant.connection.as_str();
    let polled = known.polls.iter().filter_map(|poll| poll.finished_at).max();
    let failed = known.polls.iter().find_map(|poll| poll.error.as_deref());
    let polls = admin.flow.plan().connections.get(name).is_some_and(|connection| connection.poll.is_some());
    let told = [("scope", "connection"), ("name", name)];
    html! {
        tr {
            th scope="row" { (name) br; code.hint { (grant.location) } }
            td {
                @match (&grant.state, paused) {
                    (_, Some(pause)) => { (state("paused")) br; span.hint { (pause.reason) " (" (pause.by) ")" } }
                    (Some(grant_state), None) => { (state(&grant_state.to_string())) }
                    (None, None) => { (state("live")) }
                }
                @if let Some(reason) = &grant.reason { br; span.hint { (reason) } }
                @if !grant.missing.is_empty() { br; span.wrong { "lacks " (grant.missing.join(", ")) } }
            }
            td { @match grant.expires_at { Some(at) => { "ends " (seen_from(now, at)) } None => { (grant.by) } } }
            td { @match webhook { Some(at) => { (seen_from(now, at)) } None => { "none yet" } } }
            td {
                @match polled { Some(at) => { (seen_from(now, at)) } None if polls => { "none yet" } None => { "not polled" } }
                @if let Some(error) = failed { br; span.wrong { (error) } }
            }
            td.number { (known.waiting) @if known.dead > 0 { br; span.wrong { (known.dead) " dead" } } }
            td.number {
                (known.gaps)
                @if known.gaps > 0 {
                    @for (kind, missed) in known.missed.iter().filter(|(_, missed)| missed.webhooks > 0) { br; span.hint { (kind) " " (missed.webhooks) } }
                }
            }
            td {
                @if paused.is_some() { (button(visitor, "/connections/resume", &told, "Resume", name)) }
                @else { (button(visitor, "/connections/pause", &told, "Pause", name)) }
                (button(visitor, "/connections/look", &[("name", name)], "Look now", name))
                @if grant.by == "oauth" { (button(visitor, "/connections/reconnect", &[("name", name)], "Reconnect", name)) }
            }
        }
    }
}

fn destinations(admin: &Admin, visitor: &Visitor, status: &Status) -> Markup {
    let plan = admin.flow.plan();
    let mut names: Vec<&String> = plan.destinations.keys().collect();
    names.sort();
    let none = DestinationStatus::default();
    let rows = html! {
        @for name in names {
            @let known = status.destinations.get(name).unwrap_or(&none);
            @let paused = status.pauses.iter().find(|pause| pause.scope == PauseScope::Destination(name.clone()));
            @let told = [("scope", "destination"), ("name", name.as_str())];
            tr {
                th scope="row" { (name) br; code.hint { (plan.destinations[name].words.id) } }
                td {
                    @match paused { Some(pause) => { (state("paused")) br; span.hint { (pause.reason) " (" (pause.by) ")" } } None => { (state("live")) } }
                }
                td.number { (known.waiting + known.in_flight) }
                td.number { (known.retrying) }
                td.number { (known.done) }
                td.number { (known.dead + known.expired) }
                td.number { (known.ambiguous) }
                td {
                    @if paused.is_some() { (button(visitor, "/connections/resume", &told, "Resume", name)) }
                    @else { (button(visitor, "/connections/pause", &told, "Pause", name)) }
                }
            }
        }
    };
    table(
        "Destinations",
        &[
            Text("Destination"),
            Text("State"),
            Number("Waiting"),
            Number("Again"),
            Number("Delivered"),
            Number("Parked"),
            Number("May repeat"),
            Text("Do"),
        ],
        rows,
    )
}

/// What a form means.
fn scope(fields: &Fields) -> PauseScope {
    let name = fields.text("name").to_owned();
    match fields.text("scope") {
        "destination" => PauseScope::Destination(name),
        "connection" => PauseScope::Connection(name),
        _ => PauseScope::All,
    }
}

fn named(scope: &PauseScope) -> String {
    match scope {
        PauseScope::All => "every send".to_owned(),
        PauseScope::Destination(name) => format!("destination {name}"),
        PauseScope::Connection(name) => format!("connection {name}"),
    }
}

/// The view whose button it was.
fn origin(scope: &PauseScope) -> &'static str {
    if *scope == PauseScope::All { "/" } else { "/connections" }
}

pub(in crate::admin) async fn pause(
    State(admin): State<Arc<Admin>>,
    Extension(visitor): Extension<Visitor>,
    fields: Fields,
) -> Response {
    let scope = scope(&fields);
    let (at, by) = (admin.flow.clock.now_ms(), visitor.by.clone());
    let reason = fields.given("reason").unwrap_or_else(|| "asked for on the page".to_owned());
    let done = admin.flow.pause(Pause { scope: scope.clone(), reason, at, by, heals: false }).await;
    admin.forget_count().await;
    let done = done.map(|()| format!("Paused: {}.", named(&scope))).map_err(Trouble::from);
    back(&admin, &visitor, origin(&scope), done)
}

pub(in crate::admin) async fn resume(
    State(admin): State<Arc<Admin>>,
    Extension(visitor): Extension<Visitor>,
    fields: Fields,
) -> Response {
    let scope = scope(&fields);
    let done = admin.flow.resume(scope.clone()).await;
    admin.forget_count().await;
    let done = done.map(|()| format!("Goes on: {}.", named(&scope))).map_err(Trouble::from);
    back(&admin, &visitor, origin(&scope), done)
}

pub(in crate::admin) async fn look(
    State(admin): State<Arc<Admin>>,
    Extension(visitor): Extension<Visitor>,
    fields: Fields,
) -> Response {
    let name = fields.text("name").to_owned();
    let done = match admin.flow.sweep_now(&name, Sweep::Updates, false).await {
        Ok(true) => Ok(format!("Connection {name} is asked what changed.")),
        Ok(false) => Err(CrmError::NoConnection(name).into()),
        Err(error) => Err(Trouble::from(error)),
    };
    back(&admin, &visitor, "/connections", done)
}

/// Begins a login at the vendor: a link to go on with.
pub(in crate::admin) async fn reconnect(
    State(admin): State<Arc<Admin>>,
    Extension(visitor): Extension<Visitor>,
    fields: Fields,
) -> Result<Response, Trouble> {
    let name = fields.text("name");
    let opened = admin.flow.open_login(name).await?;
    let now = admin.flow.clock.now_ms();
    let body = html! {
        p { "Log in where the connection " b { (name) } " has its location, and choose that location. The answer is taken until " (seen_from(now, opened.until)) "." }
        p { a.main href=(opened.url) rel="noreferrer" { "Log in there" } }
        p.hint { "If the app sends you to an address that does not answer, copy it into " code { "convey auth login " (name) " --redirected URL" } "." }
        p { a href="/connections" { "Back to the connections" } }
    };
    Ok(view(&admin, &visitor, "/connections", "Reconnect", body))
}
