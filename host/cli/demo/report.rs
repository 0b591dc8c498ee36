//! What the demo saw: what came in, what went out, what was skipped and why, how long it took, and one event before and after.

use std::collections::{BTreeMap, HashMap, HashSet};

use serde::Serialize;
use serde_json::Value;

use super::taken;
use crate::cli::output::table;
use crate::cli::stage::Stage;
use crate::sandbox::{Accepted, Played};
use crate::store::{Account, AccountChange, Generation};

/// The report, as `--format json` prints it.
#[derive(Serialize)]
pub(super) struct Report {
    /// Webhooks that were fired, and the copies the sandbox sent of some.
    pub webhooks: usize,
    /// Webhooks the runner stored.
    pub deliveries: usize,
    /// Changes they told.
    pub changes: usize,
    /// Events the ad platform accepted.
    pub events_accepted: usize,
    /// Deliveries that held no change, and changes the mapper said nothing about, by reason.
    pub skipped: usize,
    /// The same, by reason.
    pub skipped_by: BTreeMap<String, usize>,
    /// Deliveries, changes and events that are parked.
    pub dead: usize,
    /// Webhooks answered 200 whose fact is nowhere: neither accepted nor among the skips and the dead.
    pub lost: usize,
    /// Ids the ad platform accepted twice.
    pub duplicates: usize,
    /// Times the mapper was swapped.
    pub swaps: usize,
    /// From the start of preparing the swap until the new mapper was live.
    pub swap_ms: u64,
    /// From a webhook's arrival to the platform's word on its event.
    pub latency_ms: Latency,
    /// Events of each generation.
    pub generations: Vec<Told>,
    /// One event: the webhook's contact as the CRM returns it, and what was sent.
    pub example: Option<Example>,
}

/// Percentiles, in milliseconds.
#[derive(Serialize)]
pub(super) struct Latency {
    p50: u64,
    p90: u64,
    p99: u64,
    max: u64,
}

/// A generation and how many events it told.
#[derive(Serialize)]
pub(super) struct Told {
    generation: i64,
    origin: String,
    mapper: String,
    settings: String,
    events: usize,
}

/// One fact on both ends.
#[derive(Serialize)]
pub(super) struct Example {
    kind: String,
    before: Value,
    after: Value,
}

impl Report {
    /// Holds the runner's book against what the ad platform accepted.
    pub(super) async fn make(stage: &Stage, played: &[Played], swap_ms: u64) -> anyhow::Result<Self> {
        let taken = taken(played);
        let accepted = stage.sandbox.accepted(0);
        let accounts = stage.flow.store.account(None).await?;
        let ids: Vec<&str> = accepted.iter().filter_map(|accepted| accepted.event["event_id"].as_str()).collect();
        let unique: HashSet<&str> = ids.iter().copied().collect();
        let by_webhook: HashMap<&str, &Account> =
            accounts.iter().map(|account| (account.webhook_id.as_str(), account)).collect();
        let lost = taken
            .iter()
            .filter(|id| !by_webhook.get(id.as_str()).is_some_and(|account| is_accounted_for(account, &unique)))
            .count();
        let changes: HashMap<&str, &AccountChange> =
            accounts.iter().flat_map(|account| &account.changes).map(|change| (change.id.as_str(), change)).collect();
        let mut skipped_by: BTreeMap<String, usize> = BTreeMap::new();
        for reason in
            accounts.iter().filter(|account| account.state == "silent").filter_map(|account| account.reason.clone())
        {
            *skipped_by.entry(reason).or_default() += 1;
        }
        for change in changes.values().filter(|change| change.state == "skipped") {
            let reason = change.code.clone().unwrap_or_default();
            *skipped_by.entry(reason).or_default() += 1;
        }
        let dead = accounts.iter().filter(|account| account.state == "dead").count()
            + changes.values().filter(|change| change.state == "dead").count()
            + changes.values().flat_map(|change| &change.events).filter(|event| is_dead(&event.state)).count();
        let history = stage.flow.store.generations(100).await?;
        Ok(Self {
            webhooks: played.iter().flat_map(|played| &played.fired).map(|fired| fired.copies as usize).sum(),
            deliveries: accounts.len(),
            changes: changes.len(),
            events_accepted: accepted.len(),
            skipped: skipped_by.values().sum(),
            skipped_by,
            dead,
            lost,
            duplicates: ids.len() - unique.len(),
            swaps: history.iter().filter(|generation| generation.written.origin == "swap").count(),
            swap_ms,
            latency_ms: latency(&accounts),
            generations: told(&history, &changes),
            example: example(stage, &accepted, &accounts),
        })
    }

    /// The report as a newcomer reads it.
    pub(super) fn text(&self) -> String {
        let row = |label: &str, value: String, explained: &str| vec![label.to_owned(), value, explained.to_owned()];
        let mut rows = vec![
            row("came in", self.webhooks.to_string(), "webhooks the CRM fired, copies included"),
            row("stored", self.deliveries.to_string(), "each once, however often it came"),
            row("changes", self.changes.to_string(), "facts about people: twin webhooks are one"),
            row("went out", self.events_accepted.to_string(), "events the ad platform accepted"),
            row("skipped", self.skipped.to_string(), "with a reason each:"),
        ];
        rows.extend(
            self.skipped_by
                .iter()
                .map(|(reason, count)| row("", count.to_string(), &format!("{reason}: {}", explained(reason)))),
        );
        rows.push(row("dead", self.dead.to_string(), "parked for a person to look at"));
        rows.push(row("lost", self.lost.to_string(), "webhooks taken whose fact is nowhere"));
        rows.push(row("told twice", self.duplicates.to_string(), "event ids the platform accepted twice"));
        let latency = &self.latency_ms;
        let mut text = table(&rows);
        text.push_str(&format!(
            "\n\nfrom webhook to accepted event: half within {} ms, 99 of 100 within {} ms\n",
            latency.p50, latency.p99
        ));
        text.push_str(&format!("the mapper was swapped while events flowed, in {} ms:\n", self.swap_ms));
        let generation = |told: &Told| {
            vec![
                format!("  generation {}", told.generation),
                told.origin.clone(),
                format!("mapper {}", told.mapper),
                format!("settings {}", told.settings),
                format!("{} events", told.events),
            ]
        };
        text.push_str(&table(&self.generations.iter().map(generation).collect::<Vec<_>>()));
        if let Some(example) = &self.example {
            let pretty = |value: &Value| serde_json::to_string_pretty(value).unwrap_or_default().replace('\n', "\n  ");
            text.push_str(&format!("\n\none event ({}), before, as the CRM knows the person:\n  {}\nand after, as the ad platform got it:\n  {}\n", example.kind, pretty(&example.before), pretty(&example.after)));
        }
        text
    }
}

/// Every fact of the webhook was accepted, skipped with a reason, or is parked.
fn is_accounted_for(account: &Account, accepted: &HashSet<&str>) -> bool {
    let change = |change: &AccountChange| match change.state.as_str() {
        "skipped" | "dead" => true,
        "done" => change.events.iter().all(|event| accepted.contains(event.event_id.as_str()) || is_dead(&event.state)),
        _ => false,
    };
    match account.state.as_str() {
        "silent" | "dead" => true,
        "done" => account.changes.iter().all(change),
        _ => false,
    }
}

fn is_dead(state: &str) -> bool {
    state == "dead" || state == "expired"
}

fn latency(accounts: &[Account]) -> Latency {
    let took = |account: &Account| {
        let done = account.changes.iter().flat_map(|change| &change.events).filter_map(|event| event.done_at).max()?;
        Some(done.saturating_sub(account.received_at))
    };
    let mut all: Vec<u64> = accounts.iter().filter_map(took).collect();
    all.sort_unstable();
    let at = |share: f64| {
        all.get(((all.len() as f64 * share).ceil() as usize).saturating_sub(1)).copied().unwrap_or_default()
    };
    Latency { p50: at(0.5), p90: at(0.9), p99: at(0.99), max: at(1.0) }
}

fn told(history: &[Generation], changes: &HashMap<&str, &AccountChange>) -> Vec<Told> {
    let events =
        |id: i64| changes.values().flat_map(|change| &change.events).filter(|event| event.generation == id).count();
    let one = |generation: &Generation| Told {
        generation: generation.id,
        origin: generation.written.origin.clone(),
        mapper: generation.written.mapper_digest.chars().take(12).collect(),
        settings: generation.written.settings_hash.chars().take(12).collect(),
        events: events(generation.id),
    };
    history.iter().rev().map(one).collect()
}

/// An accepted event with the richest user data, and the contact it came from. The sandbox's people are invented: they may be shown.
fn example(stage: &Stage, accepted: &[Accepted], accounts: &[Account]) -> Option<Example> {
    let richest = accepted
        .iter()
        .max_by_key(|accepted| accepted.event["user_data"].as_object().map_or(0, serde_json::Map::len))?;
    let id = richest.event["event_id"].as_str()?;
    let told =
        |account: &&Account| account.changes.iter().flat_map(|change| &change.events).any(|event| event.event_id == id);
    let account = accounts.iter().find(told)?;
    let before = stage.sandbox.contact_of(&account.webhook_id)?;
    Some(Example { kind: account.kind.clone().unwrap_or_default(), before, after: richest.event.clone() })
}

fn explained(reason: &str) -> &'static str {
    match reason {
        "no-rule" => "the mapping says nothing about such a change",
        "filtered" => "the rule's condition left it out",
        "no-consent" => "the person asked not to be disturbed",
        "no-identity" => "nothing the platform could recognise the person by",
        "invalid" => "the rule's event would not be valid",
        "baseline" => "the first sight of a contact is remembered, not told",
        "repeated" => "the same fact was told before",
        "unchanged" => "nothing that is carried has changed",
        "own-write" => "convey wrote it itself",
        "irrelevant" => "no fact about a person",
        _ => "as the component said",
    }
}
