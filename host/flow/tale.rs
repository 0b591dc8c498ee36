//! What a batch of a step came to: worked out before the store settles it, counted and told once it has.

use std::collections::HashMap;
use std::time::Duration;

use super::Flow;
use super::Generation;
use super::happening::{What, reason};
use super::plan::{Connection, Destination};
use super::quality::score;
use crate::contract::Effect;
use crate::engine::{Outcome, Translation};
use crate::metrics::{Kind, Stage};
use crate::store::{Made, ReadGroup, StoredEvent, Told, Translated, Verdict};

/// What one batch came to.
pub(super) struct Tale {
    kind: Kind,
    name: String,
    /// So many changes or events were handed on.
    sent: usize,
    /// How long each accepted event took from its delivery.
    told: Vec<Duration>,
    counts: Vec<Count>,
    whats: Vec<What>,
}

enum Count {
    Skipped(String),
    Parked(&'static str),
    Failed(Stage, &'static str),
}

/// What of a batch goes into every one of its tales.
struct Batch<'a> {
    digest: &'a str,
    latency_ms: u64,
    /// Whether anybody listens.
    is_followed: bool,
}

impl Tale {
    fn new(kind: Kind, name: &str) -> Self {
        Self { kind, name: name.to_owned(), sent: 0, told: Vec::new(), counts: Vec::new(), whats: Vec::new() }
    }

    /// Counts it, and tells it to whoever listens.
    pub(super) fn tell(self, flow: &Flow) {
        let (kind, name, metrics) = (self.kind, self.name.as_str(), &flow.metrics);
        metrics.sent(kind, name, self.sent);
        self.told.into_iter().for_each(|took| metrics.told(took));
        for count in self.counts {
            match count {
                Count::Skipped(why) => metrics.skipped(kind, name, &why, 1),
                Count::Parked(why) => metrics.parked(kind, name, why),
                Count::Failed(stage, error_type) => metrics.failed(kind, name, stage, error_type),
            }
        }
        for what in self.whats {
            flow.tell(|| what);
        }
    }
}

/// The tale of each group of a batch that was read.
pub(super) fn of_read(flow: &Flow, connection: &Connection, groups: &[ReadGroup], took: Duration) -> Vec<Tale> {
    let digest = connection.source.loaded().digest.to_string();
    let batch = Batch { digest: &digest, latency_ms: millis(took), is_followed: flow.is_followed() };
    groups.iter().map(|group| of_group(connection, group, &batch)).collect()
}

fn of_group(connection: &Connection, group: &ReadGroup, batch: &Batch<'_>) -> Tale {
    let mut tale = Tale::new(Kind::Source, &connection.origin);
    for delivery in &group.deliveries {
        let (outcome, changes, why) = match &delivery.answer {
            Told::Changes(changes) => {
                tale.sent += changes.len();
                ("changes", changes.len(), None)
            }
            Told::Silent(code) => {
                tale.counts.push(Count::Skipped(code.clone()));
                ("silent", 0, Some(code.as_str()))
            }
            Told::Retry { reason, .. } => {
                tale.counts.push(Count::Failed(Stage::Processing, "unavailable"));
                ("retry", 0, Some(reason.as_str()))
            }
            Told::Dead { reason } => {
                tale.counts.extend([Count::Parked("dead"), Count::Failed(Stage::Processing, "unreadable")]);
                ("dead", 0, Some(reason.as_str()))
            }
        };
        if batch.is_followed {
            tale.whats.push(What::Read {
                connection: connection.name.clone(),
                delivery: delivery.id.clone(),
                kind: delivery.kind.clone(),
                outcome: outcome.to_owned(),
                changes,
                reason: why.and_then(reason),
                digest: batch.digest.to_owned(),
                latency_ms: batch.latency_ms,
            });
        }
    }
    tale
}

/// The tale of changes that were translated: what was made of each, its kind, and the delivery that told it, where somebody listens.
pub(super) fn of_translated<'a>(
    flow: &Flow,
    connection: &Connection,
    generation: &Generation,
    items: impl IntoIterator<Item = (&'a Made, &'static str, Option<&'a str>)>,
    took: Duration,
) -> Tale {
    let mut tale = Tale::new(Kind::Transform, &connection.mapper);
    let digest = flow.is_followed().then(|| generation.mapper.loaded().digest.to_string());
    for (made, kind, delivery) in items {
        let (mut events, mut rules) = (Vec::new(), Vec::new());
        let (outcome, why) = match &made.answer {
            Translated::Events(wanted) => {
                tale.sent += wanted.len();
                events.extend(wanted.iter().map(|event| event.name.clone()));
                for event in wanted {
                    if !rules.contains(&event.rule) {
                        rules.push(event.rule.clone());
                    }
                }
                ("events", None)
            }
            Translated::Skip { code, rule, reason } => {
                tale.counts.push(Count::Skipped(code.clone()));
                rules.extend(rule.clone());
                ("skipped", Some(if reason.is_empty() { code } else { reason }))
            }
            Translated::Retry { reason, .. } => ("retry", Some(reason)),
            Translated::Dead { reason } => {
                tale.counts.extend([Count::Parked("dead"), Count::Failed(Stage::Processing, "fault")]);
                ("dead", Some(reason))
            }
        };
        if let Some(digest) = &digest {
            tale.whats.push(What::Translated {
                connection: connection.name.clone(),
                mapper: connection.mapper.clone(),
                generation: generation.id,
                digest: digest.clone(),
                delivery: delivery.map(str::to_owned),
                kind: kind.to_owned(),
                outcome: outcome.to_owned(),
                events,
                rules,
                reason: why.and_then(|why| reason(why)),
                latency_ms: millis(took),
            });
        }
    }
    tale
}

/// The tale of a batch of events: the verdict on each by its row, and the kind of error that the platform's word is, where it was asked and is one.
pub(super) fn of_shipped(
    flow: &Flow,
    destination: &Destination,
    events: &[(StoredEvent, Option<&'static str>)],
    verdicts: &HashMap<i64, &Verdict>,
    took: Duration,
) -> Tale {
    let mut tale = Tale::new(Kind::Sink, &destination.name);
    let (now, is_followed) = (flow.clock.now_ms(), flow.is_followed());
    let digest = destination.sink.loaded().digest.to_string();
    for (event, error_type) in events {
        let Some(verdict) = verdicts.get(&event.row) else { continue };
        let since = event.delivery.as_ref().map(|(_, came)| now.saturating_sub(*came));
        tale.counts.extend(error_type.map(|error_type| Count::Failed(Stage::Sending, error_type)));
        let (outcome, why) = match verdict {
            Verdict::Done { .. } => {
                tale.sent += 1;
                tale.told.extend(since.map(Duration::from_millis));
                ("told", None)
            }
            Verdict::Retry { reason, .. } => ("retry", Some(reason)),
            Verdict::Dead { reason, expired } => {
                let word = if *expired { "expired" } else { "dead" };
                tale.counts.push(Count::Parked(word));
                (word, Some(reason))
            }
            Verdict::Ambiguous { .. } => ("ambiguous", None),
        };
        if is_followed {
            tale.whats.push(What::Shipped {
                destination: destination.name.clone(),
                event_id: event.event_id.clone(),
                name: event.name.clone(),
                rule: event.rule.clone(),
                delivery: event.delivery.as_ref().map(|(id, _)| id.clone()),
                outcome: outcome.to_owned(),
                reason: why.and_then(|why| reason(why)),
                tries: event.tries + 1,
                digest: digest.clone(),
                latency_ms: millis(took),
                since_received_ms: since,
            });
        }
    }
    tale
}

/// The kind of error that an outcome is, if it is one.
pub(super) fn error_type(outcome: &Outcome) -> Option<&'static str> {
    Some(match outcome {
        Outcome::Accepted(_) => return None,
        Outcome::Expired(_) => "expired",
        Outcome::Rejected(_) => "rejected",
        Outcome::Throttled(_) => "throttled",
        Outcome::Unavailable(_) => "unavailable",
        Outcome::Blocked(_) => "blocked",
        Outcome::Unauthorized(_) => "unauthorized",
        Outcome::Unknown(_) => "unanswered",
    })
}

/// The estimated match quality of what a batch proposes, on average; none where it proposes no event.
pub(super) fn quality_of(answers: &[Result<Translation, crate::engine::Fault>]) -> Option<f64> {
    let proposals = answers.iter().flatten().flatten().flatten();
    let (mut sum, mut count) = (0.0, 0.0);
    for proposal in proposals {
        if let Effect::Convert(event) = &proposal.effect {
            sum += score(&event.user_data);
            count += 1.0;
        }
    }
    (count > 0.0).then(|| sum / count)
}

pub(super) fn millis(took: Duration) -> u64 {
    took.as_millis() as u64
}
