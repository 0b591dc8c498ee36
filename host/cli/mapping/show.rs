//! A preview as a person reads it. Ids and words of the mapping only: nothing that says who somebody is.

use std::collections::BTreeMap;

use serde_json::Value;

use super::preview::Origin;
use crate::cli::output::{heads, table};
use crate::flow::{Help, Missing, Preview, Quality, Remedy, Row, Totals};

/// Letters of an id that tell people's contacts apart.
const SHORT: usize = 12;

/// A smaller gain is not worth a word.
const WORTH: f64 = 0.1;

/// A table, and what it adds up to.
pub(super) fn text(of: Origin, preview: &Preview) -> String {
    if preview.rows.is_empty() {
        return "There is nothing to look at yet: no change is stored, and the CRM has no contact.".to_owned();
    }
    let mut rows =
        vec![heads(["contact", "change", "rule", "says", "value", "estimate", "missing, left out, and why"])];
    rows.extend(preview.rows.iter().flat_map(lines));
    format!("{}\n\n{}{}", table(&rows), totals(&preview.totals), note(of))
}

/// One line an effect; one in all where there is none.
fn lines(row: &Row) -> Vec<Vec<String>> {
    let line = |rule: &str, says: String, value: String, estimate: String, why: String| {
        vec![short(&row.contact), row.kind.clone(), rule.to_owned(), says, value, estimate, why]
    };
    if let Some(fault) = &row.fault {
        return vec![line("", "the mapper breaks".to_owned(), String::new(), String::new(), fault.clone())];
    }
    if let Some(left_out) = &row.left_out {
        let rule = left_out.rule.as_deref().unwrap_or_default();
        let says = format!("nothing: {}", left_out.code);
        return vec![line(rule, says, String::new(), String::new(), left_out.reason.clone())];
    }
    let effects = row.effects.as_array().into_iter().flatten();
    let effect = |(effect, quality): (&Value, &Option<Quality>)| {
        let rule = effect["rule"].as_str().unwrap_or_default();
        let estimate = quality.as_ref().map(|quality| format!("{:.1}", quality.estimate)).unwrap_or_default();
        line(rule, says(effect), value(&effect["convert"]), estimate, why(effect, quality.as_ref()))
    };
    effects.zip(&row.quality).map(effect).collect()
}

fn short(id: &str) -> String {
    match id.char_indices().nth(SHORT) {
        Some((end, _)) => format!("{}…", &id[..end]),
        None => id.to_owned(),
    }
}

fn says(effect: &Value) -> String {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    if let Some(event) = effect.get("convert") {
        return text(&event["name"]);
    }
    if let Some(audience) = effect.get("audience") {
        return format!("{} audience {}", text(&audience["membership"]), text(&audience["audience"]));
    }
    // What a command writes may name somebody: what kind it is has to do.
    let command = &effect["command"];
    let name = command.as_str().or_else(|| command.as_object().and_then(|one| one.keys().next()).map(String::as_str));
    format!("command {}", name.unwrap_or_default())
}

fn value(event: &Value) -> String {
    let Some(amount) = event["value"].as_f64() else { return String::new() };
    format!("{amount} {}", event["currency"].as_str().unwrap_or_default()).trim_end().to_owned()
}

/// What was left out and why, then the field that would help this one most.
fn why(effect: &Value, quality: Option<&Quality>) -> String {
    let omitted = effect["omitted"].as_array().into_iter().flatten();
    let omission = |omission: &Value| {
        let text = |key: &str| omission[key].as_str().unwrap_or_default().to_owned();
        format!("no {}: {}", text("field"), text("reason"))
    };
    let mut parts: Vec<String> = omitted.map(omission).collect();
    let best = quality.and_then(|quality| quality.missing.first());
    parts.extend(best.filter(|missing| missing.gain >= WORTH).map(advice));
    parts.join("; ")
}

fn advice(missing: &Missing) -> String {
    let verb = match missing.remedy {
        Remedy::Mend => "mend",
        Remedy::Collect => "collect",
    };
    format!("{verb} {} (+{:.1})", missing.field, missing.gain)
}

fn totals(totals: &Totals) -> String {
    let Totals {
        changes,
        told,
        events,
        audience_changes,
        commands,
        left_out,
        broken,
        omitted,
        mean_estimate,
        would_help,
    } = totals;
    let counted = [(*events, "event(s)"), (*audience_changes, "audience change(s)"), (*commands, "command(s)")];
    let said: Vec<String> =
        counted.iter().filter(|(count, _)| *count > 0).map(|(count, what)| format!("{count} {what}")).collect();
    let said = if said.is_empty() { String::new() } else { format!(": {}", said.join(", ")) };
    let mut lines = vec![format!("{told} of {changes} change(s) would be told{said}")];
    if !left_out.is_empty() {
        lines.push(format!("left out: {}", counts(left_out)));
    }
    if *broken > 0 {
        lines.push(format!("the mapper breaks on {broken}"));
    }
    if !omitted.is_empty() {
        lines.push(format!("values left out: {}", counts(omitted)));
    }
    if let Some(mean) = mean_estimate {
        lines.push(format!("estimated match quality: {mean:.1} of 10 on average"));
    }
    if let Some(Help { field, gain, mend, collect }) = would_help {
        let had = if *mend > 0 { format!(", in the CRM for {mend}") } else { String::new() };
        let of = format!("missing for {}{had}", mend + collect);
        lines.push(format!("what would help most: {field}, +{gain:.1} on average ({of})"));
    }
    lines.join("\n") + "\n"
}

fn counts(counts: &BTreeMap<String, usize>) -> String {
    let mut counts: Vec<(&String, &usize)> = counts.iter().collect();
    counts.sort_by_key(|(name, count)| (std::cmp::Reverse(**count), (*name).clone()));
    counts.iter().map(|(name, count)| format!("{count} {name}")).collect::<Vec<_>>().join(", ")
}

fn note(of: Origin) -> &'static str {
    match of {
        Origin::Stored => "Nothing was sent. Once it is live, the mapping says exactly this of these changes.",
        Origin::Contacts => {
            "Nothing was sent. No change is stored yet: these are the CRM's newest contacts, as if each had just been added and tagged."
        }
        Origin::Sandbox => "Nothing was sent. These people are invented.",
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{lines, short, totals};
    use crate::flow::{Help, LeftOut, Missing, Quality, Remedy, Row, Totals};

    fn row() -> Row {
        Row {
            change: "c".to_owned(),
            contact: "ocQHyuzHvysMo5N5VsXc".to_owned(),
            connection: "acme".to_owned(),
            kind: "opportunity-changed".to_owned(),
            occurred_at: 1,
            effects: json!([]),
            quality: Vec::new(),
            left_out: None,
            fault: None,
        }
    }

    #[test]
    fn a_row_says_what_and_why_and_never_who() {
        let missing = vec![Missing { field: "phones".to_owned(), gain: 1.44, remedy: Remedy::Mend, reason: None }];
        let effects = json!([
            {"rule": "won", "convert": {"name": "Purchase", "value": 12.5, "currency": "EUR"}, "omitted": [{"field": "phones", "reason": "unsure"}]},
            {"rule": "vip", "audience": {"audience": "vips", "membership": "join"}},
            {"rule": "call", "command": {"CreateTask": {"title": "Call Zoë"}}},
            {"rule": "gone", "command": "DeleteContact"},
        ]);
        let quality = vec![Some(Quality { estimate: 6.25, missing }), None, None, None];
        let lines = lines(&Row { effects, quality, ..row() });
        let cells: Vec<&[String]> = lines.iter().map(|line| &line[2..]).collect();
        assert_eq!(cells[0], ["won", "Purchase", "12.5 EUR", "6.2", "no phones: unsure; mend phones (+1.4)"]);
        assert_eq!(cells[1], ["vip", "join audience vips", "", "", ""]);
        assert_eq!(cells[2], ["call", "command CreateTask", "", "", ""]);
        assert_eq!(cells[3][1], "command DeleteContact");
        assert_eq!((lines[0][0].as_str(), short("short")), ("ocQHyuzHvysM…", "short".to_owned()));
    }

    #[test]
    fn who_is_left_out_has_a_reason() {
        let reason = "the contact asked not to be disturbed".to_owned();
        let left_out =
            Some(LeftOut { code: "no-consent".to_owned(), rule: Some("won".to_owned()), reason: reason.clone() });
        let lines = lines(&Row { left_out, ..row() });
        assert_eq!(
            lines[0][2..],
            ["won".to_owned(), "nothing: no-consent".to_owned(), String::new(), String::new(), reason]
        );
    }

    #[test]
    fn totals_leave_out_what_there_is_none_of() {
        let counts = Totals { changes: 3, ..Totals::default() };
        assert_eq!(totals(&counts), "0 of 3 change(s) would be told\n");
        let left_out = [("no-rule".to_owned(), 1), ("no-consent".to_owned(), 2)].into();
        let would_help = Some(Help { field: "phones".to_owned(), gain: 0.84, mend: 2, collect: 0 });
        let said = totals(&Totals {
            changes: 9,
            told: 6,
            events: 7,
            commands: 1,
            left_out,
            mean_estimate: Some(6.25),
            would_help,
            ..Totals::default()
        });
        let wanted = "6 of 9 change(s) would be told: 7 event(s), 1 command(s)\nleft out: 2 no-consent, 1 no-rule\n\
                      estimated match quality: 6.2 of 10 on average\nwhat would help most: phones, +0.8 on average (missing for 2, in the CRM for 2)\n";
        assert_eq!(said, wanted);
    }
}
