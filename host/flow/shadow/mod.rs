//! Shadows: a mapper beside the live one, on the same changes. What it says is compared and never believed, until somebody or a gate promotes it.

mod gate;
mod promote;
mod stage;
mod tally;
mod words;
mod worker;

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use arc_swap::ArcSwap;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

pub use gate::Gate;
pub use promote::{Promoted, Promotion};
pub use stage::Stage;
pub(super) use stage::Staged;
pub use tally::{Answer, Tally};
pub use words::{Asked, Scope, ShadowError, ShadowReport};

use super::prepare;
use super::{Connection, Flow, SwapError};
use crate::clock::Millis;
use crate::contract::{Change, Digest};
use crate::engine::Mapper;
use crate::store::{NewShadow, Shadow, StoreError};

/// Changes that may wait for a shadow; what comes beyond is left out and counted.
const WAITING: usize = 2_000;

/// A change as the live mapper answered it.
pub(super) struct Seen {
    row: i64,
    change: Change,
    answer: Answer,
}

/// Changes of one batch, on their way to a shadow.
pub(super) struct Handed {
    seen: Vec<Seen>,
    /// The live mapper's CPU time for them, in nanoseconds.
    live_ns: u64,
    /// Changes of a stage that it broke on, where it is live.
    staged_faults: u64,
}

/// A shadow at work.
pub(super) struct Running {
    id: i64,
    mapper: String,
    /// Whether it is what was live before the promotion.
    former: bool,
    shadow: Mapper,
    scope: Scope,
    until: Option<Millis>,
    tally: Mutex<Tally>,
    /// The report as it was last written down.
    noted: Mutex<String>,
    waiting: AtomicUsize,
    hand: mpsc::UnboundedSender<Handed>,
    stop: CancellationToken,
}

/// The shadows at work, by their mapper's name.
#[derive(Default)]
pub(super) struct Shadows(ArcSwap<HashMap<String, Arc<Running>>>);

impl Shadows {
    /// The shadow that looks at a connection's changes, if there is one.
    pub(super) fn of(&self, connection: &Connection) -> Option<Arc<Running>> {
        let running = self.0.load();
        let shadow = running.get(&connection.mapper)?;
        let connections = &shadow.scope.connections;
        (connections.is_empty() || connections.contains(&connection.name)).then(|| shadow.clone())
    }

    fn get(&self, mapper: &str) -> Option<Arc<Running>> {
        self.0.load().get(mapper).cloned()
    }

    fn put(&self, running: Arc<Running>) {
        self.0.rcu(|all| {
            let mut next = HashMap::clone(all);
            next.insert(running.mapper.clone(), running.clone());
            next
        });
    }

    /// Takes a shadow out, if it is still the one that is meant.
    fn take(&self, mapper: &str, id: i64) {
        let mut taken = None;
        self.0.rcu(|all| {
            let mut next = HashMap::clone(all);
            if next.get(mapper).is_some_and(|running| running.id == id) {
                taken = next.remove(mapper);
            }
            next
        });
        if let Some(taken) = taken {
            taken.stop.cancel();
        }
    }
}

impl Running {
    /// Copies of what the sample takes, for [`Running::offer`].
    pub(super) fn copy(&self, rows: &[i64], changes: &[Change], answers: &[Answer]) -> Vec<Seen> {
        let all = rows.iter().zip(changes).zip(answers);
        let taken = all.filter(|((_, change), _)| self.samples(change));
        taken
            .map(|((row, change), answer)| Seen { row: *row, change: change.clone(), answer: answer.clone() })
            .collect()
    }

    /// Hands changes over. Never waits: what there is no room for is left out.
    pub(super) fn offer(&self, seen: Vec<Seen>, live_ns: u64) {
        if seen.is_empty() {
            return;
        }
        let count = seen.len();
        if self.waiting.load(Ordering::Relaxed) + count > WAITING {
            self.tally().left_out += count as u64;
            return;
        }
        self.waiting.fetch_add(count, Ordering::Relaxed);
        if self.hand.send(Handed { seen, live_ns, staged_faults: 0 }).is_err() {
            tracing::debug!(mapper = %self.mapper, "the shadow has just ended");
        }
    }

    /// Tells how often it broke where it is live already.
    pub(super) fn note_stage(&self, answers: &[Answer]) {
        let staged_faults = answers.iter().filter(|answer| answer.is_err()).count() as u64;
        if staged_faults > 0 && self.hand.send(Handed { seen: Vec::new(), live_ns: 0, staged_faults }).is_err() {
            tracing::debug!(mapper = %self.mapper, "the shadow has just ended");
        }
    }

    /// Always the same changes, so that a second shadow sees what the first saw.
    fn samples(&self, change: &Change) -> bool {
        if self.scope.sample_per_mille >= 1_000 {
            return true;
        }
        let digest = Digest::of(change.id.as_bytes()).to_string();
        let spread = u32::from_str_radix(&digest[..7], 16).unwrap_or_default();
        spread % 1_000 < self.scope.sample_per_mille
    }

    fn tally(&self) -> std::sync::MutexGuard<'_, Tally> {
        self.tally.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Flow {
    /// Begins a shadow of a mapper's name. Its component and settings are read; nothing else of it is tried before.
    ///
    /// # Errors
    /// Why it does not begin.
    pub async fn start_shadow(self: &Arc<Self>, mapper: &str, asked: Asked) -> Result<ShadowReport, ShadowError> {
        let Asked { candidate, scope, who, note } = asked;
        if self.generation(mapper).is_none() {
            return Err(SwapError::Unknown(mapper.to_owned()).into());
        }
        if let Some(text) = &scope.promote_when {
            Gate::parse(text).map_err(ShadowError::Asked)?;
        }
        let plan = self.plan();
        let of_mapper = |name: &String| plan.connections.get(name).is_some_and(|known| known.mapper == mapper);
        if let Some(unknown) = scope.connections.iter().find(|name| !of_mapper(name)) {
            return Err(ShadowError::Asked(format!("no connection called `{unknown}` is translated by `{mapper}`")));
        }
        let (shadow, component) = prepare::ready(self.engine(), candidate).await.map_err(SwapError::from)?;
        let digest = shadow.loaded().digest.to_string();
        self.store.put_component(&digest, mapper, component).await?;
        self.begin(mapper, "candidate", shadow, scope, (who, note)).await
    }

    async fn begin(
        self: &Arc<Self>,
        mapper: &str,
        role: &str,
        shadow: Mapper,
        scope: Scope,
        (who, note): (String, Option<String>),
    ) -> Result<ShadowReport, ShadowError> {
        let new = NewShadow {
            mapper: mapper.to_owned(),
            role: role.to_owned(),
            mapper_digest: shadow.loaded().digest.to_string(),
            settings: shadow.settings().to_owned(),
            settings_hash: Digest::of(shadow.settings().as_bytes()).to_string(),
            scope: serde_json::to_string(&scope).unwrap_or_default(),
            who,
            note,
            started_at: self.clock.now_ms(),
        };
        let report = serde_json::to_string(&Tally::default()).unwrap_or_default();
        let Some(id) = self.store.begin_shadow(new.clone(), report).await? else {
            return Err(ShadowError::Runs(mapper.to_owned()));
        };
        self.run_shadow((id, &new), shadow, scope, Tally::default());
        self.shadow_report(mapper).await
    }

    fn run_shadow(self: &Arc<Self>, (id, new): (i64, &NewShadow), shadow: Mapper, scope: Scope, tally: Tally) {
        let (hand, handed) = mpsc::unbounded_channel();
        let former = new.role == "former";
        let running = Arc::new(Running {
            id,
            mapper: new.mapper.clone(),
            former,
            shadow,
            until: former.then(|| new.started_at.saturating_add(scope.watch_ms)),
            scope,
            tally: Mutex::new(tally),
            noted: Mutex::default(),
            waiting: AtomicUsize::new(0),
            hand,
            stop: CancellationToken::new(),
        });
        self.shadows.put(running.clone());
        tokio::spawn(worker::work(self.clone(), running, handed));
    }

    /// Goes on with the shadows that had not ended when the program stopped.
    ///
    /// # Errors
    /// As the store has it.
    pub async fn resume_shadows(self: &Arc<Self>) -> Result<(), SwapError> {
        for Shadow { id, written, state, report, .. } in self.store.open_shadows().await? {
            if state != "running" {
                continue;
            }
            let scope = serde_json::from_str::<Scope>(&written.scope);
            let tally = serde_json::from_str::<Tally>(&report).unwrap_or_default();
            let known = self.generation(&written.mapper).is_some();
            let kept = self.kept(&written.mapper, &written.mapper_digest, written.settings.clone()).await;
            match (scope, kept) {
                (Ok(scope), Ok(shadow)) if known => {
                    self.resume_stage(&written.mapper).await?;
                    self.run_shadow((id, &written), shadow, scope, tally);
                }
                (_, kept) => {
                    let why = kept.err().map_or_else(|| "its mapper is no more".to_owned(), |error| error.to_string());
                    tracing::warn!(mapper = %written.mapper, why, "a shadow does not go on");
                    self.store.move_shadow(id, "stopped", Some(why), Some(self.clock.now_ms())).await?;
                }
            }
        }
        Ok(())
    }

    /// The shadow of a mapper's name that has not ended, at work or paused.
    async fn open_shadow(&self, mapper: &str) -> Result<Option<Shadow>, StoreError> {
        let open = self.store.open_shadows().await?;
        Ok(open.into_iter().find(|shadow| shadow.written.mapper == mapper))
    }

    /// What is to be seen of the latest shadow of a mapper's name.
    ///
    /// # Errors
    /// If there was none, or as the store has it.
    pub async fn shadow_report(&self, mapper: &str) -> Result<ShadowReport, ShadowError> {
        let latest = self.store.latest_shadow(mapper).await?;
        let Shadow { id, written, state, reason, ended_at, report } =
            latest.ok_or_else(|| ShadowError::None(mapper.to_owned()))?;
        let running = self.shadows.get(mapper).filter(|running| running.id == id);
        let tally = match running {
            Some(running) => running.tally().clone(),
            None => serde_json::from_str(&report).unwrap_or_default(),
        };
        let scope = serde_json::from_str(&written.scope)
            .map_err(|error| ShadowError::Asked(format!("the shadow's scope cannot be read: {error}")))?;
        let us = |ns: u64| (ns as f64 / 10.0 / tally.compared.max(1) as f64).round() / 100.0;
        Ok(ShadowReport {
            id,
            mapper: written.mapper,
            role: written.role,
            digest: written.mapper_digest,
            settings_hash: written.settings_hash,
            state,
            reason,
            scope,
            staged: self.staged(mapper),
            started_at: written.started_at,
            ended_at,
            quality: (tally.old_quality.value(), tally.new_quality.value()),
            us_per_change: (us(tally.old_ns), us(tally.new_ns)),
            tally,
        })
    }

    /// Ends the shadow of a mapper's name; what was seen stays.
    ///
    /// # Errors
    /// If there is none, or as the store has it.
    pub async fn stop_shadow(&self, mapper: &str, by: &str) -> Result<ShadowReport, ShadowError> {
        let open = self.open_shadow(mapper).await?.ok_or_else(|| ShadowError::None(mapper.to_owned()))?;
        self.end_shadow(mapper, open.id, "stopped", Some(format!("{by} ended it"))).await?;
        self.take_stage_back(mapper).await?;
        self.shadow_report(mapper).await
    }

    async fn end_shadow(
        &self,
        mapper: &str,
        id: i64,
        state: &'static str,
        reason: Option<String>,
    ) -> Result<(), StoreError> {
        if let Some(running) = self.shadows.get(mapper).filter(|running| running.id == id) {
            let report = serde_json::to_string(&*running.tally()).unwrap_or_default();
            self.store.note_shadow(id, report).await?;
        }
        self.shadows.take(mapper, id);
        self.store.move_shadow(id, state, reason, Some(self.clock.now_ms())).await
    }

    /// Ends the shadow of a mapper's name, if there is one: what it was compared with is live no more.
    pub(super) async fn end_shadow_of(&self, mapper: &str) -> Result<(), StoreError> {
        let Some(open) = self.open_shadow(mapper).await? else { return Ok(()) };
        self.end_shadow(mapper, open.id, "stopped", Some("another generation is live".to_owned())).await
    }

    /// Writes down what was seen of every shadow, at the program's end.
    pub(super) async fn note_shadows(&self) {
        let all: Vec<Arc<Running>> = self.shadows.0.load().values().cloned().collect();
        for running in all {
            worker::note(self, &running).await;
        }
    }
}
