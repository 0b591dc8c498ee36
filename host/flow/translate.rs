//! Step two: changes become what will be said, by the generation that is live when the batch is taken.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::plan::Connection;
use super::{Flow, Generation, What, execute, tale};
use crate::clock::Millis;
use crate::contract::{Change, Effect, Membership, Proposal, Skip, Trigger, kind, skip_code};
use crate::engine::{Fault, FaultKind, Mapper, Meter, Translation};
use crate::metrics::Kind;
use crate::store::{
    AuditRow, Braked, NewEvent, StoreError, StoredChange, Translated, TranslatedChange, TranslationSettlement, Wish,
};

/// The most changes one call carries over the border.
const BATCH: usize = 256;

/// A change tried alone after a time-out gets this much CPU time.
const ALONE: Duration = Duration::from_millis(50);

impl Flow {
    /// Translates one batch; how many changes it held.
    pub async fn translate_once(&self, name: &str) -> Result<usize, StoreError> {
        let Some(connection) = self.plan().connections.get(name).cloned() else { return Ok(0) };
        if self.is_paused(name) {
            return Ok(0);
        }
        let Some(generation) = self.generation_or_laid(&connection).await else { return Ok(0) };
        let claimed = self.store.claim_changes(name, self.clock.now_ms(), BATCH).await?;
        let count = claimed.len();
        if count == 0 {
            return Ok(0);
        }
        let began = Instant::now();
        self.metrics.received(Kind::Transform, &connection.mapper, count);
        let mut items = Vec::with_capacity(count);
        let (mut rows, mut changes) = (Vec::with_capacity(count), Vec::with_capacity(count));
        for StoredChange { row, bytes, .. } in claimed {
            match serde_json::from_slice::<Change>(&bytes) {
                Ok(change) => {
                    rows.push(row);
                    changes.push(change);
                }
                Err(error) => {
                    let reason = format!("the stored change cannot be read: {error}");
                    let answer = Translated::Dead { reason };
                    let (commands, wishes) = (Vec::new(), Vec::new());
                    items.push(TranslatedChange { row, answer, commands, wishes, withdrawn_at: None });
                }
            }
        }
        // Where a stage is live there is nothing to compare it with; whether it breaks there is told to its shadow, whatever that looks at.
        let staged = self.is_staged(&connection);
        let shadow = if staged { self.shadows.get(&connection.mapper) } else { self.shadows.of(&connection) };
        let (answers, live_ns) = match &shadow {
            None => (translate_each(&generation.mapper, &changes).await, 0),
            Some(_) => timed(translate_each(&generation.mapper, &changes)).await,
        };
        if let Some(estimate) = tale::quality_of(&answers) {
            connection.destinations.iter().for_each(|to| self.metrics.quality(&to.name, estimate));
        }
        let kinds = if self.is_followed() { tale::kinds(&rows, &changes) } else { HashMap::new() };
        let answered = rows.iter().zip(&changes).zip(&answers);
        items.extend(answered.map(|((row, change), answer)| settled(&connection, *row, change, answer)));
        let deliveries = self.deliveries_of(&items).await?;
        let tale = tale::of_translated(&connection, &generation, &items, &kinds, deliveries.as_ref(), began.elapsed());
        let asks = items.iter().any(|item| !item.commands.is_empty());
        let moves = items.iter().any(|item| !item.wishes.is_empty() || item.withdrawn_at.is_some());
        let settlement = TranslationSettlement { generation: generation.id, now: self.clock.now_ms(), items };
        for Braked { destination, rule, most } in self.store.settle_translated(settlement).await? {
            let (lane, told) = (format!("destination:{destination}"), format!("more than {most} events in an hour"));
            let act = AuditRow::act(self.clock.now_ms(), "convey", lane, format!("brake {rule}"));
            self.store.note(AuditRow { outcome: Some(told), ..act });
            self.metrics.braked(&destination);
            self.tell(|| What::Braked { destination: destination.clone(), rule: rule.clone() });
            tracing::error!(
                destination,
                rule,
                most,
                "the brake holds: a rule asks for more events in this hour than usual; the rest is parked as dead with the reason `brake`"
            );
        }
        tale.tell(self);
        match shadow {
            Some(shadow) if staged => shadow.note_stage(&answers),
            Some(shadow) => shadow.offer(&connection, rows, changes, answers, live_ns),
            None => {}
        }
        self.wake.ship.notify_one();
        if asks {
            self.wake.execute.notify_one();
        }
        if moves {
            self.wake.audience.notify_one();
        }
        Ok(count)
    }

    /// Which deliveries told these changes first, where somebody listens.
    async fn deliveries_of(&self, items: &[TranslatedChange]) -> Result<Option<HashMap<i64, String>>, StoreError> {
        if !self.is_followed() {
            return Ok(None);
        }
        self.store.first_deliveries(items.iter().map(|item| item.row).collect()).await.map(Some)
    }
}

impl Flow {
    /// The generation that translates a connection's changes now. An overlay that came while another generation became live is laid over that one here.
    async fn generation_or_laid(&self, connection: &Connection) -> Option<Arc<Generation>> {
        let found = self.generation_of(connection);
        if found.is_some() || connection.overlay.is_none() {
            return found;
        }
        if let Err(error) = self.lay_overlays(&self.plan()).await {
            tracing::error!(connection = %connection.name, %error, "its changes wait: its overlay cannot be laid over its mapper's settings");
        }
        self.generation_of(connection)
    }
}

/// What comes of a call, and its CPU time in nanoseconds.
async fn timed<T>(call: impl Future<Output = T>) -> (T, u64) {
    let meter = Arc::new(Meter::default());
    meter.start(Duration::MAX);
    let done = meter.measure(call).await;
    (done, meter.spent().as_nanos() as u64)
}

/// One answer a change. A bad one never takes its neighbours along: a Fault is narrowed down by halving, a time-out one by one with a short
/// limit, because every half of a slow batch would be slow again.
pub async fn translate_each(mapper: &Mapper, changes: &[Change]) -> Vec<Result<Translation, Fault>> {
    match mapper.translate(changes).await {
        Ok(answers) => answers.into_iter().map(Ok).collect(),
        Err(fault) if changes.len() <= 1 => changes.iter().map(|_| Err(fault.clone())).collect(),
        Err(fault) if fault.kind == FaultKind::Time => {
            let mut answers = Vec::with_capacity(changes.len());
            for change in changes {
                let alone = mapper.translate_within(std::slice::from_ref(change), ALONE).await;
                answers.push(alone.map(|mut answers| answers.remove(0)));
            }
            answers
        }
        Err(_) => {
            let (left, right) = changes.split_at(changes.len() / 2);
            let mut answers = Box::pin(translate_each(mapper, left)).await;
            answers.extend(Box::pin(translate_each(mapper, right)).await);
            answers
        }
    }
}

/// What becomes of a change by the mapper's answer.
pub(super) fn settled(
    connection: &Connection,
    row: i64,
    change: &Change,
    answer: &Result<Translation, Fault>,
) -> TranslatedChange {
    let (mut commands, mut wishes) = (Vec::new(), Vec::new());
    let answer = match answer {
        Ok(Ok(proposals)) => match effects(connection, change, proposals) {
            Ok((events, wanted)) => {
                wishes = wanted;
                commands = execute::wanted(connection, change, proposals);
                events
            }
            Err(reason) => Translated::Dead { reason },
        },
        Ok(Err(Skip { code, rule, reason })) => {
            Translated::Skip { code: skip_code(*code).to_owned(), rule: rule.clone(), reason: reason.clone() }
        }
        Err(fault) => {
            tracing::warn!(connection = %connection.name, kind = kind(&change.trigger), fault = %fault, "one change breaks the mapper");
            Translated::Dead { reason: fault.line() }
        }
    };
    TranslatedChange { row, answer, commands, wishes, withdrawn_at: withdrawn_at(change) }
}

/// When a change withdraws consent, or its contact. Leaving is the host's own rule: no mapper can forget it.
fn withdrawn_at(change: &Change) -> Option<Millis> {
    let withdraws = match change.trigger {
        Trigger::ContactDeleted => true,
        Trigger::ConsentChanged => change.contact.consent.do_not_disturb,
        _ => false,
    };
    withdraws.then_some(change.occurred_at)
}

/// Every event and every wish once for every destination of the connection. The error is why the change is parked.
fn effects(
    connection: &Connection,
    change: &Change,
    proposals: &[Proposal],
) -> Result<(Translated, Vec<Wish>), String> {
    if proposals.is_empty() {
        let skip = Translated::Skip {
            code: "no-rule".to_owned(),
            rule: None,
            reason: "the mapper proposes nothing".to_owned(),
        };
        return Ok((skip, Vec::new()));
    }
    let (mut events, mut wishes) = (Vec::with_capacity(proposals.len() * connection.destinations.len()), Vec::new());
    for proposal in proposals {
        match &proposal.effect {
            Effect::Convert(event) => {
                let bytes = serde_json::to_vec(event).map_err(|error| format!("the event cannot be kept: {error}"))?;
                events.extend(connection.destinations.iter().map(|destination| NewEvent {
                    destination: destination.name.clone(),
                    event_id: event.id.clone(),
                    name: event.name.clone(),
                    rule: proposal.rule.clone(),
                    occurred_at: event.occurred_at,
                    deadline: destination.deadline(event),
                    bytes: bytes.clone(),
                    brake: destination.brake,
                }));
            }
            Effect::Audience(wanted) => {
                let bytes = serde_json::to_vec(&wanted.user_data)
                    .map_err(|error| format!("the member of an audience cannot be kept: {error}"))?;
                wishes.extend(connection.destinations.iter().map(|destination| Wish {
                    destination: destination.name.clone(),
                    audience: wanted.audience.clone(),
                    join: wanted.membership == Membership::Join,
                    rule: proposal.rule.clone(),
                    occurred_at: change.occurred_at,
                    bytes: bytes.clone(),
                }));
            }
            Effect::Command(_) => {}
        }
    }
    Ok((Translated::Events(events), wishes))
}
