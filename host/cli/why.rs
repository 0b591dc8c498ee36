//! `convey why`: the way of one event, fact, delivery or contact, hop by hop, with times, digests and every attempt.

use clap::Args;
use serde_json::Value;

use super::Context;
use super::ledger::Ledger;
use super::output::Exit;
use super::queue::{attempts, each, text};
use super::written::{rfc3339, roughly};
use crate::config;
use crate::flow::Operation;

#[derive(Args)]
pub(super) struct Why {
    /// Of an event, a fact, a delivery, a webhook or a contact; or a name in `convey queue list`
    #[arg(value_name = "ID")]
    id: String,
    /// In this connection only
    #[arg(long, value_name = "NAME")]
    connection: Option<String>,
}

impl Why {
    pub(super) async fn run(self, context: &Context) -> Result<(), Exit> {
        let ledger = Ledger::open(&config::load(&context.config)?).await?;
        let said = ledger.take(Operation::Why { id: self.id, connection: self.connection }).await?;
        context.print(&said, || story(&said["why"]))
    }
}

/// Every change under the deliveries that told it, then deliveries that told nothing.
fn story(why: &Value) -> String {
    let mut text_of = String::new();
    if let Some(at) = why["forgotten_at"].as_u64() {
        text_of.push_str(&format!("the contact was forgotten {}\n\n", when(at)));
    }
    for change in each(why, "changes") {
        for delivery in each(why, "deliveries").filter(|delivery| told(change, delivery)) {
            text_of.push_str(&delivery_line(delivery));
        }
        text_of.push_str(&change_lines(change));
        for event in each(change, "events") {
            text_of.push_str(&event_lines(event));
        }
        for command in each(change, "commands") {
            text_of.push_str(&format!(
                "{}  command {} ({}), rule {}: {}{}\n{}",
                when(command["created_at"].as_u64().unwrap_or_default()),
                text(command, "command"),
                text(command, "name"),
                text(command, "rule"),
                text(command, "state"),
                because(&text(command, "reason")),
                wrote(command),
            ));
        }
        text_of.push('\n');
    }
    let silent = |delivery: &&Value| !each(why, "changes").any(|change| told(change, delivery));
    for delivery in each(why, "deliveries").filter(silent) {
        text_of.push_str(&delivery_line(delivery));
    }
    for destination in each(why, "told_long_ago").filter_map(Value::as_str) {
        text_of.push_str(&format!("{destination} was told this event; its rows have outlived their retention\n"));
    }
    text_of
}

fn told(change: &Value, delivery: &Value) -> bool {
    each(change, "told_by").any(|id| *id == delivery["id"])
}

fn delivery_line(delivery: &Value) -> String {
    let at = delivery["received_at"].as_u64().unwrap_or_default();
    let by = |key: &str| short(&text(delivery, key));
    let read = match delivery["took_ms"].as_u64() {
        Some(ms) => format!(", read after {} by source {}", span(ms), by("source_digest")),
        None => String::new(),
    };
    format!(
        "{}  delivery {} ({} {}) by {}{read}: {}{}\n{}",
        when(at),
        text(delivery, "id"),
        text(delivery, "kind"),
        text(delivery, "webhook_id"),
        text(delivery, "origin"),
        text(delivery, "state"),
        because(&text(delivery, "reason")),
        wrote(delivery),
    )
}

/// What guests wrote, call by call.
fn wrote(about: &Value) -> String {
    let mut lines = String::new();
    for call in each(about, "wrote") {
        let others = match call["about"].as_u64() {
            Some(all @ 2..) => format!(", in a call about {all}"),
            _ => String::new(),
        };
        lines.push_str(&format!("    {} wrote in {}{others}:\n", text(call, "guest"), text(call, "call")));
        match call["text"].as_str() {
            Some(said) => said.lines().for_each(|line| lines.push_str(&format!("      {line}\n"))),
            None => lines.push_str("      it does not open any more: a contact was forgotten\n"),
        }
    }
    lines
}

fn change_lines(change: &Value) -> String {
    let at = change["occurred_at"].as_u64().unwrap_or_default();
    let mut lines =
        format!("{}  {} happened: {} ({})\n", when(at), text(change, "kind"), text(change, "id"), text(change, "name"));
    let generation = &change["generation"];
    let by = match generation["id"].as_i64() {
        Some(id) => format!(
            " by generation {id}, mapper {} {}, settings {}",
            text(generation, "mapper"),
            short(&text(generation, "mapper_digest")),
            short(&text(generation, "settings_hash"))
        ),
        None => String::new(),
    };
    let rule = text(change, "rule");
    let rule = if rule.is_empty() { rule } else { format!(", rule {rule}") };
    let reason = [text(change, "code"), text(change, "reason")].into_iter().filter(|part| !part.is_empty());
    let reason = reason.collect::<Vec<_>>().join(": ");
    let translated = change["translated_at"].as_u64().map(|at| format!("{}  ", when(at))).unwrap_or_default();
    let took = change["took_ms"].as_u64().map(|ms| format!(" after {}", span(ms))).unwrap_or_default();
    lines.push_str(&format!("{translated}{}{took}{by}{rule}{}\n", text(change, "state"), because(&reason)));
    lines
}

fn event_lines(event: &Value) -> String {
    let at = event["created_at"].as_u64().unwrap_or_default();
    let mut lines = format!(
        "{}  event {} {} ({}) for {}, rule {}: {}{}\n",
        when(at),
        text(event, "event"),
        text(event, "event_id"),
        text(event, "name"),
        text(event, "destination"),
        text(event, "rule"),
        text(event, "state"),
        because(&text(event, "reason")),
    );
    if let Some(ms) = event["took_ms"].as_u64() {
        lines.push_str(&format!("    ended after {}", span(ms)));
        let trace = text(event, "trace");
        lines.push_str(&if trace.is_empty() { "\n".to_owned() } else { format!(", trace {trace}\n") });
    }
    if event["made_by"].is_object() {
        let made = &event["made_by"];
        let by = |key: &str| short(&text(made, key));
        lines.push_str(&format!(
            "    made by source {}, mapper {}, settings {}, contract {}, convey {}\n",
            by("source_digest"),
            by("mapper_digest"),
            by("settings_hash"),
            text(made, "contract"),
            text(made, "host"),
        ));
    }
    if event["may_repeat"] == true {
        lines.push_str("    an attempt had no answer: the platform may have it twice, under one id\n");
    }
    for line in attempts(event).lines() {
        lines.push_str(&format!("    {line}\n"));
    }
    lines.push_str(&wrote(event));
    lines
}

fn because(reason: &str) -> String {
    if reason.is_empty() { String::new() } else { format!(" ({reason})") }
}

fn short(digest: &str) -> String {
    digest.chars().take(12).collect()
}

fn when(at: u64) -> String {
    rfc3339(at).unwrap_or_default()
}

fn span(ms: u64) -> String {
    if ms < 10_000 { format!("{ms} ms") } else { roughly(ms) }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::story;

    #[test]
    fn a_story_goes_from_the_delivery_to_the_attempt() {
        let delivery = json!({"id": "d_1", "webhook_id": "w1", "origin": "webhook", "kind": "ContactCreate", "state": "done", "received_at": 1_000, "took_ms": 20, "source_digest": "aaaaaaaaaaaaaaaa"});
        let silent = json!({"id": "d_2", "webhook_id": "w2", "origin": "poll", "kind": "contact", "state": "silent", "reason": "unchanged", "received_at": 2_000, "took_ms": 1, "source_digest": "a"});
        let wrote = json!([{"at": 1_010, "guest": "sink@cccc", "call": "deliver", "about": 3, "text": "one\ntwo"}, {"at": 1_020, "guest": "sink@cccc", "call": "deliver", "about": 1, "text": null}]);
        let attempt = json!({"attempt": 7, "at": 1_100, "took_ms": 40, "outcome": "unknown", "verdict": "ambiguous", "sink_digest": "cccccccccccccccc"});
        let event = json!({"name": "e3", "event_id": "id1", "event": "Lead", "destination": "ads", "state": "done", "rule": "lead", "created_at": 1_050, "took_ms": 90, "trace": "T1", "may_repeat": true, "attempts": [attempt], "wrote": wrote});
        let change = json!({"name": "c2", "id": "fact", "kind": "contact-created", "state": "done", "occurred_at": 900, "translated_at": 1_050, "took_ms": 30, "told_by": ["d_1"], "events": [event],
            "generation": {"id": 4, "mapper": "default", "mapper_digest": "bbbbbbbbbbbbbbbb", "settings_hash": "dddddddddddddddd"}});
        let said = story(&json!({"deliveries": [delivery, silent], "changes": [change], "told_long_ago": []}));
        let order = [
            "delivery d_1",
            "source aaaaaaaaaaaa",
            "contact-created happened",
            "generation 4, mapper default bbbbbbbbbbbb",
            "event Lead id1",
            "trace T1",
            "twice",
            "ambiguous",
            "cccccccccccc",
            "    sink@cccc wrote in deliver, in a call about 3:\n      one\n      two\n    sink@cccc wrote in deliver:\n      it does not open",
            "delivery d_2",
            "(unchanged)",
        ];
        let places: Vec<Option<usize>> = order.iter().map(|part| said.find(part)).collect();
        assert!(places.iter().all(Option::is_some) && places.is_sorted(), "{places:?}\n{said}");
    }
}
