//! Test mode: for a while, and never longer, a destination's events are marked as tests.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use axum::{Extension, Json};
use maud::html;

use super::fields::Fields;
use super::layout::{Trouble, back, button, csrf_field, seen_from, state, view, when};
use crate::admin::Admin;
use crate::admin::gate::Visitor;
use crate::admin::test_mode::{self, TestModeBegun, TestModeEnded};

const HOUR_MS: u64 = 60 * 60 * 1_000;
/// How long it may last, in hours; the door holds the same bound.
const HOURS: [u64; 5] = [1, 2, 4, 8, 24];

pub(in crate::admin) async fn tests_view(
    State(admin): State<Arc<Admin>>,
    Extension(visitor): Extension<Visitor>,
) -> Result<Response, Trouble> {
    let now = admin.flow.clock.now_ms();
    let modes = admin.flow.store.test_modes(now).await?;
    let plan = admin.flow.plan();
    let mut names: Vec<&String> = plan.destinations.keys().collect();
    names.sort();
    let body = html! {
        p { "While it is on, the platform counts a destination's events as tests and shows them at once. It ends by itself." }
        section id="tests" data-live aria-label="Test modes" {
            @if modes.is_empty() { p { "No destination is in test mode." } }
            @for mode in &modes {
                div.card {
                    h2 { (mode.destination) " " (state("running")) }
                    p { "Code " code { (mode.code) } ", asked for by " (mode.by) ". It ends " (seen_from(now, mode.until)) ", at " (when(mode.until)) "." }
                    (button(&visitor, "/tests/off", &[("destination", &mode.destination)], "End it now", &mode.destination))
                }
            }
        }
        @if visitor.may_change() {
            h2 { "Begin" }
            form.stack method="post" action="/tests/on" {
                (csrf_field(&visitor))
                label for="destination" { "Destination" }
                select id="destination" name="destination" { @for name in names { option value=(name) { (name) } } }
                label for="code" { "Code that the platform shows for test events" }
                input id="code" name="code" required autocomplete="off";
                label for="hours" { "For how long" }
                select id="hours" name="hours" { @for hours in HOURS { option value=(hours) { (hours) " h" } } }
                button.main { "Begin test mode" }
            }
        }
    };
    Ok(view(&admin, &visitor, "/tests", "Test mode", body))
}

pub(in crate::admin) async fn on(
    State(admin): State<Arc<Admin>>,
    Extension(visitor): Extension<Visitor>,
    fields: Fields,
) -> Response {
    let hours: u64 = fields.text("hours").parse().unwrap_or_default();
    let (destination, code) = (fields.text("destination").to_owned(), fields.text("code").to_owned());
    let said = format!("Events of {destination} are marked as tests for {hours} h.");
    let asked = TestModeBegun { destination, code, for_ms: hours.saturating_mul(HOUR_MS), by: visitor.by.clone() };
    let done = test_mode::on(State(admin.clone()), Json(asked)).await;
    admin.forget_count().await;
    back(&admin, &visitor, "/tests", done.map(|_| said).map_err(Trouble::from))
}

pub(in crate::admin) async fn off(
    State(admin): State<Arc<Admin>>,
    Extension(visitor): Extension<Visitor>,
    fields: Fields,
) -> Response {
    let destination = fields.text("destination").to_owned();
    let said = format!("Test mode of {destination} has ended.");
    let done = test_mode::off(State(admin.clone()), Json(TestModeEnded { destination })).await;
    admin.forget_count().await;
    back(&admin, &visitor, "/tests", done.map(|_| said).map_err(Trouble::from))
}
