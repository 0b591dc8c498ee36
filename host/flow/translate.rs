//! Step two: changes become what will be said, by the generation that is live when the batch is taken.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::made::{Wakes, made};
use super::plan::Connection;
use super::{Flow, Generation, What, tale};
use crate::contract::{Change, kind};
use crate::engine::{Fault, FaultKind, Mapper, Meter, Translation};
use crate::metrics::Kind;
use crate::store::{
    AuditRow, Braked, Made, StoreError, StoredChange, Translated, TranslatedChange, TranslationSettlement,
};

/// The most changes one call carries over the border.
pub(super) const BATCH: usize = 256;

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
                    items.push(TranslatedChange { row, made: Made::only(Translated::Dead { reason }) });
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
        self.note_quality(&connection, &answers);
        let kinds: HashMap<i64, &str> = if self.is_followed() {
            rows.iter().copied().zip(changes.iter().map(|change| kind(&change.trigger))).collect()
        } else {
            HashMap::new()
        };
        let answered = rows.iter().zip(&changes).zip(&answers);
        items.extend(answered.map(|((row, change), answer)| {
            let made = made(&connection, change, answer);
            TranslatedChange { row: *row, made }
        }));
        let deliveries = self.deliveries_of(&items).await?;
        let translated = items.iter().map(|TranslatedChange { row, made }| {
            let delivery = deliveries.as_ref().and_then(|deliveries| deliveries.get(row));
            (made, kinds.get(row).copied().unwrap_or_default(), delivery.map(String::as_str))
        });
        let tale = tale::of_translated(self, &connection, &generation, translated, began.elapsed());
        let wakes = Wakes::of(items.iter().map(|item| &item.made));
        let settlement = TranslationSettlement { generation: generation.id, now: self.clock.now_ms(), items };
        self.note_braked(self.store.settle_translated(settlement).await?);
        tale.tell(self);
        match shadow {
            Some(shadow) if staged => shadow.note_stage(&answers),
            Some(shadow) => shadow.offer(&connection, rows, changes, answers, live_ns),
            None => {}
        }
        wakes.wake(self);
        Ok(count)
    }

    /// Estimates the match quality of what a batch proposes, for each destination.
    pub(super) fn note_quality(&self, connection: &Connection, answers: &[Result<Translation, Fault>]) {
        if let Some(estimate) = tale::quality_of(answers) {
            connection.destinations.iter().for_each(|to| self.metrics.quality(&to.name, estimate));
        }
    }

    /// Makes known which rules are held up from now on.
    pub(super) fn note_braked(&self, braked: Vec<Braked>) {
        for Braked { destination, rule, most } in braked {
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
