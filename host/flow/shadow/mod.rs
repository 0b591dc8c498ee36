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

use gate::GUARD;
pub use gate::Gate;
pub use promote::{Promoted, Promotion};
pub use stage::Stage;
pub(super) use stage::Staged;
pub use tally::{Answer, Place, Tally};
pub(super) use tally::{add, count_places};
use words::kept;
pub use words::{Asked, Scope, ShadowError, ShadowReport};

use super::prepare;
use super::variants::Variants;
use super::{Connection, Flow, SwapError};
use crate::clock::Millis;
use crate::contract::{Change, Digest};
use crate::store::{NewShadow, Shadow, StoreError};

/// Changes that may wait for a shadow; what comes beyond is left out and counted.
const WAITING: usize = 2_000;

/// A sample of all changes, per mille.
const WHOLE: u32 = 1_000;

/// What of a batch is on its way to a shadow.
pub(super) enum Handed {
    /// Changes as the live mapper answered them.
    Seen(Seen),
    /// So many changes of a stage that it broke on, where it is live.
    StagedFaults(u64),
}

/// Changes of one connection as the live mapper answered them: a row, a change and an answer each.
pub(super) struct Seen {
    connection: Arc<Connection>,
    rows: Vec<i64>,
    changes: Vec<Change>,
    answers: Vec<Answer>,
    /// The live mapper's CPU time for them, in nanoseconds.
    live_ns: u64,
}

/// A shadow at work.
pub(super) struct Running {
    id: i64,
    mapper: String,
    /// Whether it is what was live before the promotion.
    former: bool,
    scope: Scope,
    /// When it is promoted by itself; of what was live before: what has to hold.
    gate: Option<Gate>,
    until: Option<Millis>,
    tally: Mutex<Tally>,
    /// The report as it was last written down.
    noted: Mutex<String>,
    waiting: AtomicUsize,
    hand: mpsc::UnboundedSender<Handed>,
    stop: CancellationToken,
}

/// The shadows at work.
#[derive(Default)]
pub(super) struct Shadows {
    /// By their mapper's name.
    running: ArcSwap<HashMap<String, Arc<Running>>>,
    /// Held while one is paused, stopped or promoted: what pauses is not made live in the same moment, with nobody to watch over it.
    moving: tokio::sync::Mutex<()>,
}

impl Shadows {
    /// The shadow that looks at a connection's changes, if there is one.
    pub(super) fn of(&self, connection: &Connection) -> Option<Arc<Running>> {
        let running = self.running.load();
        let shadow = running.get(&connection.mapper)?;
        let connections = &shadow.scope.connections;
        (connections.is_empty() || connections.contains(&connection.name)).then(|| shadow.clone())
    }

    /// The shadow of a mapper's name that is at work, whatever it looks at.
    pub(super) fn get(&self, mapper: &str) -> Option<Arc<Running>> {
        self.running.load().get(mapper).cloned()
    }

    fn put(&self, running: Arc<Running>) {
        self.running.rcu(|all| {
            let mut next = HashMap::clone(all);
            next.insert(running.mapper.clone(), running.clone());
            next
        });
    }

    /// Takes a shadow out, if it is still the one that is meant.
    fn take(&self, mapper: &str, id: i64) {
        let mut taken = None;
        self.running.rcu(|all| {
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
    /// Hands over what the sample takes of a batch, as it is: nothing of it is copied. Never waits: what there is no room for is left out.
    pub(super) fn offer(
        &self,
        connection: &Arc<Connection>,
        rows: Vec<i64>,
        changes: Vec<Change>,
        answers: Vec<Answer>,
        live_ns: u64,
    ) {
        let of_all = changes.len().max(1) as u64;
        let (mut rows, mut changes, mut answers) = (rows, changes, answers);
        if self.scope.sample_per_mille < WHOLE {
            let all = rows.into_iter().zip(changes).zip(answers);
            let taken = all
                .filter(|((_, change), _)| self.samples(change))
                .map(|((row, change), answer)| (row, (change, answer)));
            let of_sample: (Vec<i64>, (Vec<Change>, Vec<Answer>)) = taken.unzip();
            (rows, (changes, answers)) = of_sample;
        }
        let count = changes.len();
        if count == 0 {
            return;
        }
        if self.waiting.load(Ordering::Relaxed) + count > WAITING {
            self.tally().left_out += count as u64;
            return;
        }
        self.waiting.fetch_add(count, Ordering::Relaxed);
        let live_ns = live_ns * count as u64 / of_all;
        self.give(Handed::Seen(Seen { connection: connection.clone(), rows, changes, answers, live_ns }));
    }

    /// Tells how often it broke where it is live already.
    pub(super) fn note_stage(&self, answers: &[Answer]) {
        let faults = answers.iter().filter(|answer| answer.is_err()).count() as u64;
        if faults > 0 {
            self.give(Handed::StagedFaults(faults));
        }
    }

    fn give(&self, handed: Handed) {
        if self.hand.send(handed).is_err() {
            tracing::debug!(mapper = %self.mapper, "the shadow has just ended");
        }
    }

    /// Always the same changes, so that a second shadow sees what the first saw.
    fn samples(&self, change: &Change) -> bool {
        let digest = Digest::of(change.id.as_bytes()).to_string();
        let spread = u32::from_str_radix(&digest[..7], 16).unwrap_or_default();
        spread % WHOLE < self.scope.sample_per_mille
    }

    fn tally(&self) -> std::sync::MutexGuard<'_, Tally> {
        self.tally.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What a shadow is given, as it is kept.
fn scope_of(id: i64, written: &NewShadow) -> Result<Scope, SwapError> {
    kept(|| format!("what shadow {id} of `{}` is given", written.mapper), &written.scope)
}

/// What was seen of a shadow, as it is kept.
fn tally_of(id: i64, written: &NewShadow, report: &str) -> Result<Tally, SwapError> {
    kept(|| format!("what was seen of shadow {id} of `{}`", written.mapper), report)
}

/// The gate of a shadow; of what was live before, the guard over what takes its place.
fn gate_of(scope: &Scope, former: bool) -> Result<Option<Gate>, ShadowError> {
    let text = scope.promote_when.as_deref().or(former.then_some(GUARD));
    text.map(Gate::parse).transpose().map_err(ShadowError::Asked)
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
        gate_of(&scope, false)?;
        let plan = self.plan();
        let of_mapper = |name: &String| plan.connections.get(name).is_some_and(|known| known.mapper == mapper);
        if let Some(unknown) = scope.connections.iter().find(|name| !of_mapper(name)) {
            return Err(ShadowError::Asked(format!("no connection called `{unknown}` is translated by `{mapper}`")));
        }
        let (shadow, component) = prepare::ready(self.engine(), candidate).await.map_err(SwapError::from)?;
        let mut shadow = Variants::new(self.engine(), Arc::new(shadow));
        shadow.lay_all(&plan.overlays(mapper)).await.map_err(SwapError::from)?;
        let digest = shadow.base().loaded().digest.to_string();
        self.store.put_component(&digest, mapper, component).await?;
        self.begin(mapper, "candidate", shadow, scope, (who, note)).await
    }

    async fn begin(
        self: &Arc<Self>,
        mapper: &str,
        role: &str,
        shadow: Variants,
        scope: Scope,
        (who, note): (String, Option<String>),
    ) -> Result<ShadowReport, ShadowError> {
        let new = NewShadow {
            mapper: mapper.to_owned(),
            role: role.to_owned(),
            mapper_digest: shadow.base().loaded().digest.to_string(),
            settings: shadow.base().settings().to_owned(),
            settings_hash: Digest::of(shadow.base().settings().as_bytes()).to_string(),
            scope: serde_json::to_string(&scope)?,
            who,
            note,
            started_at: self.clock.now_ms(),
        };
        let report = serde_json::to_string(&Tally::default())?;
        let Some(id) = self.store.begin_shadow(new.clone(), report).await? else {
            return Err(ShadowError::Runs(mapper.to_owned()));
        };
        self.run_shadow((id, &new), shadow, scope, Tally::default())?;
        self.shadow_report(mapper).await
    }

    fn run_shadow(
        self: &Arc<Self>,
        (id, new): (i64, &NewShadow),
        shadow: Variants,
        scope: Scope,
        tally: Tally,
    ) -> Result<(), ShadowError> {
        let (hand, handed) = mpsc::unbounded_channel();
        let former = new.role == "former";
        let running = Arc::new(Running {
            id,
            mapper: new.mapper.clone(),
            former,
            gate: gate_of(&scope, former)?,
            until: former.then(|| new.started_at.saturating_add(scope.watch_ms)),
            scope,
            tally: Mutex::new(tally),
            noted: Mutex::default(),
            waiting: AtomicUsize::new(0),
            hand,
            stop: CancellationToken::new(),
        });
        self.shadows.put(running.clone());
        tokio::spawn(worker::work(self.clone(), running, shadow, handed));
        Ok(())
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
            if let Err(error) = self.resume_shadow(id, &written, &report).await {
                let why = error.to_string();
                tracing::warn!(mapper = %written.mapper, why, "a shadow does not go on");
                self.store.move_shadow(id, "stopped", Some(why), Some(self.clock.now_ms())).await?;
            }
        }
        Ok(())
    }

    async fn resume_shadow(self: &Arc<Self>, id: i64, written: &NewShadow, report: &str) -> Result<(), ShadowError> {
        if self.generation(&written.mapper).is_none() {
            return Err(SwapError::Unknown(written.mapper.clone()).into());
        }
        let (scope, tally) = (scope_of(id, written)?, tally_of(id, written, report)?);
        let mapper = self.kept(&written.mapper, &written.mapper_digest, written.settings.clone()).await?;
        self.resume_stage(&written.mapper).await?;
        self.run_shadow((id, written), Variants::new(self.engine(), Arc::new(mapper)), scope, tally)
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
            None => tally_of(id, &written, &report)?,
        };
        let scope = scope_of(id, &written)?;
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
        let _moving = self.shadows.moving.lock().await;
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
    ) -> Result<(), SwapError> {
        if let Some(running) = self.shadows.get(mapper).filter(|running| running.id == id) {
            let report = serde_json::to_string(&*running.tally())?;
            self.store.note_shadow(id, report).await?;
        }
        self.shadows.take(mapper, id);
        Ok(self.store.move_shadow(id, state, reason, Some(self.clock.now_ms())).await?)
    }

    /// Ends the shadow of a mapper's name, if there is one: what it was compared with is live no more.
    pub(super) async fn end_shadow_of(&self, mapper: &str) -> Result<(), SwapError> {
        let Some(open) = self.open_shadow(mapper).await? else { return Ok(()) };
        self.end_shadow(mapper, open.id, "stopped", Some("another generation is live".to_owned())).await
    }

    /// Writes down what was seen of every shadow, at the program's end.
    pub(super) async fn note_shadows(&self) {
        let all: Vec<Arc<Running>> = self.shadows.running.load().values().cloned().collect();
        for running in all {
            worker::note(self, &running).await;
        }
    }
}
