//! The overview: the flow as a picture, with what moves, waits and fails in each step; how much and how long, over time; what must leave soon.

use std::sync::Arc;

use axum::Extension;
use axum::extract::State;
use axum::response::Response;
use maud::{Markup, html};

use super::chart::{Line, chart, number};
use super::layout::Head::{Number, Text};
use super::layout::{Trouble, button, query, seen_from, table, view};
use super::pulse::{POINT_MS, POINTS, Pace, Step, mean_ms};
use crate::admin::Admin;
use crate::admin::gate::Visitor;
use crate::clock::Millis;
use crate::store::{ConnectionStatus, Deadlines, DestinationStatus, PauseScope, Status};

pub(in crate::admin) async fn overview(
    State(admin): State<Arc<Admin>>,
    Extension(visitor): Extension<Visitor>,
) -> Result<Response, Trouble> {
    let status = admin.counted().await?;
    let now = admin.flow.clock.now_ms();
    let deadlines = admin.flow.store.deadlines(now).await?;
    let pace = admin.pace(now).await?;
    let all_paused = status.pauses.iter().any(|pause| pause.scope == PauseScope::All);
    let body = html! {
        section id="notices" data-live aria-label="Notices" { (notices(&admin, now, &status)) }
        section id="flow" data-live aria-label="The flow" { (picture(&status, &pace)) }
        section id="charts" data-live aria-label="Over time" { (charts(&pace)) }
        section id="deadlines" data-live aria-labelledby="deadlines-title" {
            h2 id="deadlines-title" { "Deadlines" }
            (due(now, &deadlines))
        }
        @if visitor.may_change() {
            section id="stop" data-live aria-label="Every send" {
                @if all_paused { (button(&visitor, "/connections/resume", &[("scope", "all")], "Resume every send", "")) }
                @else { (button(&visitor, "/connections/pause", &[("scope", "all")], "Pause every send", "")) }
            }
        }
    };
    Ok(view(&admin, &visitor, "/", "Overview", body))
}

/// What somebody should know first.
fn notices(admin: &Admin, now: Millis, status: &Status) -> Markup {
    let held: u64 = status.held.iter().map(|held| held.count).sum();
    html! {
        @for pause in &status.pauses {
            p.said.wrong {
                @match &pause.scope {
                    PauseScope::All => { b { "Every send is paused" } }
                    PauseScope::Destination(name) => { b { "Destination " (name) " is paused" } }
                    PauseScope::Connection(name) => { b { "Connection " (name) " is paused" } }
                }
                " since " (seen_from(now, pause.at)) " by " (pause.by) ": " (pause.reason)
            }
        }
        @for mode in &status.test_modes {
            p.said { b { "Test mode" } ": events of " (mode.destination) " are marked as tests. It ends " (seen_from(now, mode.until)) ". " a href="/tests" { "Test mode" } }
        }
        @for sunset in admin.flow.sunsets() { p.said.wrong { (sunset.to_string()) } }
        @if held > 0 { p.said { (held) " deliveries are of locations that no connection has. " a href="/connections" { "Connections" } } }
    }
}

/// One step as the picture shows it.
struct Stop<'a> {
    step: Step,
    title: &'a str,
    waiting: u64,
    parked: u64,
    /// Where what is parked is listed.
    kind: &'a str,
}

fn picture(status: &Status, pace: &Pace) -> Markup {
    let of_connections = |count: fn(&ConnectionStatus) -> u64| status.connections.values().map(count).sum::<u64>();
    let of_destinations = |count: fn(&DestinationStatus) -> u64| status.destinations.values().map(count).sum::<u64>();
    let stops = [
        Stop { step: Step::Receive, title: "Receive", waiting: 0, parked: 0, kind: "delivery" },
        Stop {
            step: Step::Read,
            title: "Read",
            waiting: of_connections(|known| known.waiting),
            parked: of_connections(|known| known.dead),
            kind: "delivery",
        },
        Stop {
            step: Step::Translate,
            title: "Translate",
            waiting: status.changes.waiting,
            parked: status.changes.dead,
            kind: "change",
        },
        Stop {
            step: Step::Ship,
            title: "Ship",
            waiting: of_destinations(|known| known.waiting + known.retrying + known.in_flight),
            parked: of_destinations(|known| known.dead + known.expired),
            kind: "event",
        },
    ];
    html! {
        ol.flow {
            @for one in &stops {
                @let lately = pace.lately(one.step);
                li class=(if one.parked + lately.failed > 0 { "trouble" } else { "fine" }) {
                    h2 { (one.title) }
                    p.rate { b { (number(pace.rate(one.step))) } " a second" }
                    dl {
                        dt { "last minute" } dd { (lately.count) }
                        dt { "took" } dd { @match mean_ms(lately) { Some(ms) => { (number(ms)) " ms" } None => { "–" } } }
                        @if one.step != Step::Receive { dt { "waiting" } dd { (one.waiting) } }
                        dt { "failed" } dd { (lately.failed) }
                        @if one.step != Step::Receive { dt { "parked" } dd { @if one.parked > 0 { a href={ "/parked?" (query(&[("state", "dead"), ("kind", "")])) } aria-label={ (one.parked) " parked: " (one.kind) } { (one.parked) } } @else { "0" } } }
                    }
                }
            }
        }
        p.sum {
            (of_connections(|known| known.done + known.silent.values().sum::<u64>())) " deliveries read · "
            (status.changes.done) " changes told, " (status.changes.skipped.values().sum::<u64>()) " skipped · "
            b { (of_destinations(|known| known.done)) } " events delivered"
            @if of_destinations(|known| known.ambiguous) > 0 { " · " (of_destinations(|known| known.ambiguous)) " may have arrived twice" }
        }
    }
}

fn charts(pace: &Pace) -> Markup {
    let minutes = format!("last {} min", POINT_MS * POINTS as Millis / 60_000);
    let throughput = [
        Line { name: "received", colour: "a", values: pace.rates(Step::Receive) },
        Line { name: "translated", colour: "b", values: pace.rates(Step::Translate) },
        Line { name: "shipped", colour: "c", values: pace.rates(Step::Ship) },
        Line { name: "failed", colour: "bad", values: pace.failures() },
    ];
    let latency = [
        Line { name: "half within", colour: "a", values: pace.within(50) },
        Line { name: "95 of 100 within", colour: "b", values: pace.within(95) },
    ];
    html! {
        div.charts {
            (chart("Throughput", "a second", &minutes, &throughput))
            (chart("From delivery to the platform’s word", "milliseconds", &minutes, &latency))
        }
    }
}

fn due(now: Millis, deadlines: &[Deadlines]) -> Markup {
    if deadlines.is_empty() {
        return html! { p { "Nothing waits to leave." } };
    }
    table(
        "Deadlines",
        &[Text("Destination"), Number("Waiting"), Text("Nearest"), Number("Within an hour"), Number("Within a day")],
        html! {
            @for one in deadlines {
                tr {
                    th scope="row" { (one.destination) }
                    td.number { (one.waiting) }
                    td { (seen_from(now, one.nearest)) }
                    td.number { @if one.within_hour > 0 { span.wrong { (one.within_hour) } } @else { "0" } }
                    td.number { (one.within_day) }
                }
            }
        },
    )
}
