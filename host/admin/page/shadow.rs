//! A shadow as a view shows it: how a candidate's answers differ from what is live, in counts.

use std::collections::BTreeMap;

use maud::{Markup, html};

use super::chart::number;
use super::deliveries::why_link;
use super::layout::Head::{Number, Text};
use super::layout::{csrf_field, seen_from, short, span, state, table};
use crate::admin::gate::Visitor;
use crate::clock::Millis;
use crate::flow::ShadowReport;

/// The report, with what may be done.
pub(super) fn shown(visitor: &Visitor, now: Millis, report: &ShadowReport) -> Markup {
    let tally = &report.tally;
    let runs = report.state == "running" && report.role == "candidate";
    html! {
        p {
            (state(&report.state)) " " (report.role) " " code { (short(&report.digest)) } ", settings " code { (short(&report.settings_hash)) }
            ", begun " (seen_from(now, report.started_at))
            @if let Some(reason) = &report.reason { ": " (reason) }
        }
        p {
            b { (tally.differing) " of " (tally.compared) } " changes differ."
            @if tally.left_out > 0 { " " (tally.left_out) " were left out because it fell behind." }
            @if let (Some(old), Some(new)) = report.quality { " Match quality " (number(old)) " → " b { (number(new)) } "." }
            " CPU a change " (micros(report.us_per_change.0)) " → " (micros(report.us_per_change.1)) "."
            @if tally.faulty > 0 { " " span.wrong { "It breaks on " (tally.faulty) "." } }
        }
        @if !report.staged.is_empty() { p { "Live already for " (report.staged.join(", ")) "." } }
        (counts("Only it says", &tally.added)) (counts("It does not say", &tally.removed))
        (counts("It speaks where there was the skip", &tally.spoke)) (counts("It is silent with the skip", &tally.fell_silent))
        (counts("It breaks", &tally.faults))
        @if !tally.paths.is_empty() {
            (table("Places that differ", &[Text("Place"), Number("Added"), Number("Missing"), Number("Different")], html! {
                @for (path, place) in &tally.paths {
                    tr { th scope="row" { code { (path) } } td.number { (place.added) } td.number { (place.removed) } td.number { (place.different) } }
                }
            }))
        }
        @if !tally.samples.is_empty() {
            (table("Changes that differ", &[Text("Change"), Text("Kind"), Text("How")], html! {
                @for sample in &tally.samples {
                    tr { th scope="row" { (why_link(&sample.change, &sample.change)) } td { (sample.kind) } td { (sample.difference.line()) } }
                }
            }))
        }
        @if runs && visitor.may_change() {
            form.one method="post" action={ "/mapping/" (report.mapper) "/act" } {
                (csrf_field(visitor))
                button.main name="do" value="promote" { "Promote: make it live" }
                button name="do" value="stop" { "Stop the shadow" }
            }
        }
        @if report.role == "former" && report.state == "running" {
            p.hint { "What was live before is watched over for " (span(report.scope.watch_ms)) "; a breach goes back to it by itself." }
        }
    }
}

fn micros(us: f64) -> String {
    format!("{} µs", number(us))
}

fn counts(title: &str, counts: &BTreeMap<String, u64>) -> Markup {
    let said: Vec<String> = counts.iter().map(|(name, count)| format!("{name} ({count})")).collect();
    html! { @if !said.is_empty() { p { (title) ": " (said.join(", ")) } } }
}
