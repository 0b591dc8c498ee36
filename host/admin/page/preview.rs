//! A preview as a table: whom a mapping would say what of, how well they may be found, what is missing, and who is left out and why. Ids and words
//! of the mapping only: nothing that says who somebody is.

use maud::{Markup, html};
use serde_json::Value;

use super::chart::number;
use super::deliveries::why_link;
use super::layout::Head::Text;
use super::layout::table;
use crate::flow::{Help, Preview, Quality, Remedy, Row, Totals};

/// A smaller gain is not worth a word.
const WORTH: f64 = 0.1;
/// Fields that are named as missing at most.
const NAMED: usize = 2;

/// The whole preview.
pub(super) fn shown(preview: &Preview) -> Markup {
    html! {
        @if preview.rows.is_empty() { p { "There is nothing to look at yet: no change is stored, and the CRM has no contact." } }
        @else {
            (totals(&preview.totals))
            (table("Preview", &[Text("Contact"), Text("Change"), Text("What would be sent"), Text("Match quality"), Text("What is missing"), Text("Left out, and why")], rows(&preview.rows)))
        }
    }
}

fn totals(totals: &Totals) -> Markup {
    let Totals { changes, told, events, audience_changes, commands, broken, mean_estimate, would_help, .. } = totals;
    html! {
        p {
            b { (told) " of " (changes) } " would be told: " (events) " events, " (audience_changes) " audience changes, " (commands) " commands to the CRM."
            @if let Some(mean) = mean_estimate { " Match quality " b { (number(*mean)) " of 10" } " on average." }
            @if let Some(Help { field, gain, .. }) = would_help { " What would help most: " b { (field) } " (+" (number(*gain)) ")." }
            @if *broken > 0 { " " span.wrong { "The mapper breaks on " (broken) "." } }
        }
    }
}

fn rows(rows: &[Row]) -> Markup {
    html! {
        @for row in rows {
            @let effects: Vec<&Value> = row.effects.as_array().into_iter().flatten().collect();
            tr {
                th scope="row" { (why_link(&row.contact, &row.contact)) br; span.hint { (row.connection) } }
                td { (row.kind) }
                td { @for effect in &effects { (sent(effect)) } @if effects.is_empty() { span.hint { "nothing" } } }
                td { @for quality in row.quality.iter().flatten() { (estimate(quality)) } }
                td { @for quality in row.quality.iter().flatten() { (missing(quality)) } }
                td {
                    @if let Some(left_out) = &row.left_out { b { (left_out.code) } br; span.hint { (left_out.reason) } }
                    @if let Some(fault) = &row.fault { span.wrong { (fault) } }
                    @for omission in effects.iter().flat_map(|effect| effect["omitted"].as_array().into_iter().flatten()) {
                        div.hint { "without " (text(&omission["field"])) ": " (text(&omission["reason"])) }
                    }
                }
            }
        }
    }
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

/// What would be said, and by which fields the person would be found.
fn sent(effect: &Value) -> Markup {
    let rule = text(&effect["rule"]);
    html! {
        div.effect {
            @if let Some(event) = effect.get("convert") {
                b { (text(&event["name"])) }
                @if let Some(value) = event["value"].as_f64() { " " (number(value)) " " (text(&event["currency"])) }
                @if let Some(data) = event["custom_data"].as_object() { " with " (names(data.keys())) }
                div.hint { "rule " (rule) @if let Some(user) = event["user_data"].as_object() { "; by " (names(user.keys())) } }
            } @else if let Some(audience) = effect.get("audience") {
                b { (text(&audience["membership"])) " " (text(&audience["audience"])) }
                div.hint { "rule " (rule) @if let Some(user) = audience["user_data"].as_object() { "; by " (names(user.keys())) } }
            } @else {
                @let command = &effect["command"];
                // What a command writes may name somebody: what kind it is has to do.
                b { (command.as_str().or_else(|| command.as_object()?.keys().next().map(String::as_str)).unwrap_or("command")) }
                div.hint { "rule " (rule) }
            }
        }
    }
}

fn names<'a>(keys: impl Iterator<Item = &'a String>) -> String {
    keys.map(|key| key.replace('_', " ")).collect::<Vec<_>>().join(", ")
}

fn estimate(quality: &Quality) -> Markup {
    let shown = number(quality.estimate);
    html! { div.quality { meter min="0" max="10" low="4" high="7" optimum="10" value=(format!("{:.1}", quality.estimate)) aria-label={ "Match quality " (shown) " of 10" } {} b { (shown) } } }
}

fn missing(quality: &Quality) -> Markup {
    html! {
        @for missing in quality.missing.iter().filter(|missing| missing.gain >= WORTH).take(NAMED) {
            div {
                @match missing.remedy { Remedy::Mend => { "put right " } Remedy::Collect => { "ask for " } }
                b { (missing.field) } " (+" (number(missing.gain)) ")"
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::shown;
    use crate::flow::{LeftOut, Preview, Row, Totals};

    #[test]
    fn a_preview_names_fields_and_never_what_is_in_them() {
        let effects = json!([{"rule": "r", "convert": {"name": "Lead", "value": 12.5, "currency": "EUR", "custom_data": {"tier": "canary-data"},
            "user_data": {"emails": ["canary-hash"], "client_ip": "canary-ip"}}}, {"rule": "q", "command": {"create_task": {"title": "canary-title"}}}]);
        let row = |effects, left_out| Row {
            change: "c".to_owned(),
            contact: "<contact>".to_owned(),
            connection: "acme".to_owned(),
            kind: "contact-created".to_owned(),
            occurred_at: 1,
            effects,
            quality: vec![None],
            left_out,
            fault: None,
        };
        let left_out =
            LeftOut { code: "no-consent".to_owned(), rule: None, reason: "asked not to be disturbed".to_owned() };
        let rows = vec![row(effects, None), row(json!([]), Some(left_out))];
        let markup =
            shown(&Preview { rows, totals: Totals { changes: 2, told: 1, ..Totals::default() } }).into_string();
        for wanted in [
            "Lead",
            "12 EUR",
            "tier",
            "client ip, emails",
            "create_task",
            "no-consent",
            "asked not to be disturbed",
            "1 of 2",
            "&lt;contact&gt;",
        ] {
            assert!(markup.contains(wanted), "{wanted}: {markup}");
        }
        assert!(!markup.contains("canary"), "{markup}");
    }
}
