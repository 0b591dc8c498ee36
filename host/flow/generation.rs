//! Generations: one mapper digest with its settings, with its start time. Committing writes the row first and then moves one pointer.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::prepare::{Candidate, Diff, Prepared};
use super::variants::{Overlays, Variants, by_overlay};
use super::{Case, Connection, Flow, Plan, PrepareError, What, prepare};
use crate::config::Overlay;
use crate::contract::{Change, Digest};
use crate::engine::{LoadError, Mapper};
use crate::store::{NewGeneration, Recalled, StoreError};

/// What translates now, or did.
pub struct Generation {
    /// Its number in the store.
    pub id: i64,
    /// The mapper behind it.
    pub mapper: Arc<Mapper>,
    /// What each overlay makes of it.
    overlaid: BTreeMap<Overlay, Arc<Generation>>,
    /// Whether a batch broke it.
    broke: AtomicBool,
}

impl Generation {
    /// With the numbers that it and its overlays have in the store; 0 where they have none.
    pub fn of_variants(variants: &Variants, (id, ids): (i64, &[i64])) -> Self {
        let ids = ids.iter().copied().chain(std::iter::repeat(0));
        let overlaid =
            variants.overlaid().iter().zip(ids).map(|((overlay, mapper), id)| {
                (overlay.clone(), Arc::new(Self::new(id, mapper.clone(), BTreeMap::new())))
            });
        Self::new(id, variants.base().clone(), overlaid.collect())
    }

    fn new(id: i64, mapper: Arc<Mapper>, overlaid: BTreeMap<Overlay, Arc<Self>>) -> Self {
        Self { id, mapper, overlaid, broke: AtomicBool::new(false) }
    }

    /// Whether a batch broke it: it may break again, and what is read must not wait for that.
    pub(super) fn breaks(&self) -> bool {
        self.broke.load(Ordering::Relaxed)
    }

    /// Takes note that a batch broke it.
    pub(super) fn note_break(&self) {
        self.broke.store(true, Ordering::Relaxed);
    }

    /// It as an overlay has it; none if that was never laid over it.
    pub(super) fn of(self: &Arc<Self>, overlay: Option<&Overlay>) -> Option<Arc<Self>> {
        match overlay {
            None => Some(self.clone()),
            Some(overlay) => self.overlaid.get(overlay).cloned(),
        }
    }
}

/// A generation that is not live: what a replay is made by.
pub struct Beside {
    /// Whose connections it is for: a mapper's name.
    pub mapper: String,
    /// It.
    pub generation: Arc<Generation>,
}

/// What came of a roll back.
pub struct RolledBack {
    /// What is live now.
    pub generation: Arc<Generation>,
    /// What was withdrawn, if that was asked for.
    pub recalled: Option<Recalled>,
}

/// Why a swap or a roll back did not happen. What was live still is.
#[derive(Debug, thiserror::Error)]
pub enum SwapError {
    /// The candidate was refused.
    #[error(transparent)]
    Refused(#[from] PrepareError),
    /// The store cannot take the row, or cannot be asked.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// What is to be kept of a shadow or a stage cannot be written.
    #[error("what is to be kept of the shadow cannot be written: {0}")]
    Unwritten(#[from] serde_json::Error),
    /// What is kept of a shadow or a stage is not what this program writes.
    #[error("{place} cannot be read from the store: {error}")]
    Kept {
        /// What it is, and whose.
        place: String,
        /// What is the matter with it.
        error: serde_json::Error,
    },
    /// No mapper of that name is configured.
    #[error("no mapper is called `{0}` in the configuration")]
    Unknown(String),
    /// There is nothing to go back to.
    #[error("`{0}` has no earlier generation to go back to")]
    First(String),
    /// An earlier generation's component is gone from the store.
    #[error("the component {0} is no longer kept: give the file again with `convey mapper swap --mapper FILE`")]
    Gone(String),
}

impl From<LoadError> for SwapError {
    fn from(error: LoadError) -> Self {
        Self::Refused(error.into())
    }
}

/// Who brings a generation, and why.
pub struct Reason {
    /// `config`, `swap`, `promote`, `rollback` or `guard`.
    pub origin: &'static str,
    /// Who asked for it.
    pub who: String,
    /// Why, in their words.
    pub note: Option<String>,
}

/// How many generations are looked through for the one before.
const HISTORY: usize = 1_000;
/// How many stored changes a candidate is tried on.
const DRY_RUN: usize = 200;

impl Flow {
    /// The generation that translates for a mapper's name now.
    pub fn generation(&self, mapper: &str) -> Option<Arc<Generation>> {
        self.generations.load().get(mapper).cloned()
    }

    /// Every name's live generation.
    pub fn live(&self) -> Arc<HashMap<String, Arc<Generation>>> {
        self.generations.load_full()
    }

    /// Brings back what was live when the program last stopped, unless the configuration names another component or other settings since. What is live
    /// already stays as it is.
    pub async fn start_mapper(&self, mapper: &str, candidate: Candidate) -> Result<Arc<Generation>, SwapError> {
        let (digest, settings) = names(&candidate);
        let history = self.history(mapper).await?;
        let configured = history.iter().find(|generation| generation.written.origin == "config");
        let same =
            configured.is_some_and(|old| old.written.mapper_digest == digest && old.written.settings_hash == settings);
        if let (true, Some(latest)) = (same, history.first()) {
            // A reload that changes nothing of it leaves it alone, and with it its instances and its stage.
            if let Some(live) = self.generation(mapper).filter(|live| live.id == latest.id) {
                return Ok(live);
            }
            let written = &latest.written;
            let kept = self.kept(&candidate.name, &written.mapper_digest, written.settings.clone()).await?;
            let bare = Arc::new(Generation::new(latest.id, Arc::new(kept), BTreeMap::new()));
            let live = self.laid(mapper, &bare, &self.overlays(mapper)).await?;
            return Ok(self.publish(mapper, live));
        }
        let overlays = self.overlays(mapper);
        let prepared = prepare::prepare(self.engine(), candidate, None, &[], Vec::new(), None, &overlays).await?;
        let reason = Reason { origin: "config", who: "configuration".to_owned(), note: None };
        self.commit(mapper, prepared, reason).await
    }

    /// Prepares a candidate for a mapper's name beside the live one, without touching anything.
    pub async fn prepare(&self, mapper: &str, candidate: Candidate, cases: &[Case]) -> Result<Prepared, SwapError> {
        let live = self.generation(mapper).ok_or_else(|| SwapError::Unknown(mapper.to_owned()))?;
        let stored = self.store.recent_changes(DRY_RUN).await?;
        let stored: Vec<Change> =
            stored.iter().filter_map(|stored| serde_json::from_slice(&stored.bytes).ok()).collect();
        let plan = self.plan();
        let connection: Option<&Arc<Connection>> =
            plan.connections.values().find(|connection| connection.mapper == mapper);
        let source = connection.map(|connection| &*connection.source);
        let overlays = plan.overlays(mapper);
        Ok(prepare::prepare(self.engine(), candidate, source, cases, stored, Some(&live), &overlays).await?)
    }

    /// Makes a prepared mapper live: the row first, then the pointer. A batch under way ends with the generation it began with.
    pub async fn commit(&self, mapper: &str, prepared: Prepared, reason: Reason) -> Result<Arc<Generation>, SwapError> {
        Ok(self.commit_as(mapper, prepared, reason, None).await?.generation)
    }

    /// The same; with generations to recall, both are one step.
    async fn commit_as(
        &self,
        mapper: &str,
        prepared: Prepared,
        reason: Reason,
        recall: Option<Vec<i64>>,
    ) -> Result<RolledBack, SwapError> {
        let Prepared { variants, component, cases, diff } = prepared;
        let row = self.row(mapper, variants.base(), (cases, diff), reason);
        let overlaid = rows_of(&row, &variants, &self.overlays(mapper));
        self.store.put_component(&row.mapper_digest, &variants.base().loaded().name, component).await?;
        let ((id, ids), recalled) = match recall {
            None => (self.store.commit_generation(row, overlaid).await?, None),
            Some(bad) => {
                let (ids, recalled) = self.store.commit_and_recall(row, overlaid, bad).await?;
                (ids, Some(recalled))
            }
        };
        let generation = self.publish(mapper, Arc::new(Generation::of_variants(&variants, (id, &ids))));
        self.wake.ship.ring_all();
        self.end_shadow_of(mapper).await?;
        Ok(RolledBack { generation, recalled })
    }

    /// A candidate as a generation beside the live one. To be sent by, it passes every check and is written down, with a reason; to look only, it
    /// reads its settings.
    ///
    /// # Errors
    /// Why it is refused, or as the store has it.
    pub async fn beside(
        &self,
        mapper: &str,
        candidate: Candidate,
        reason: Option<Reason>,
    ) -> Result<Beside, SwapError> {
        let overlays = self.overlays(mapper);
        let (variants, ids) = match reason {
            None => {
                let (ready, _) = prepare::ready(self.engine(), candidate).await?;
                let mut variants = Variants::new(self.engine(), Arc::new(ready));
                variants.lay_all(&overlays).await?;
                (variants, (0, Vec::new()))
            }
            Some(reason) => {
                let Prepared { variants, component, cases, diff } = self.prepare(mapper, candidate, &[]).await?;
                let row = self.row(mapper, variants.base(), (cases, diff), reason);
                let overlaid = rows_of(&row, &variants, &overlays);
                self.store.put_component(&row.mapper_digest, mapper, component).await?;
                (variants, self.store.commit_generation(row, overlaid).await?)
            }
        };
        let generation = Arc::new(Generation::of_variants(&variants, (ids.0, &ids.1)));
        Ok(Beside { mapper: mapper.to_owned(), generation })
    }

    pub(super) fn row(
        &self,
        mapper: &str,
        ready: &Mapper,
        (cases, diff): (u32, Diff),
        reason: Reason,
    ) -> NewGeneration {
        NewGeneration {
            mapper: mapper.to_owned(),
            mapper_digest: ready.loaded().digest.to_string(),
            settings: ready.settings().to_owned(),
            settings_hash: Digest::of(ready.settings().as_bytes()).to_string(),
            origin: reason.origin.to_owned(),
            who: reason.who,
            note: reason.note,
            cases,
            diff: serde_json::to_string(&diff).ok(),
            started_at: self.clock.now_ms(),
            connection: None,
            base: None,
        }
    }

    /// Takes a stage back, so that what is live for the others is live for all; where there is none, makes the latest generation that differs from the
    /// live one live again. With `recall` what the stage, or the live one, has not told yet is withdrawn, in the same step, and its changes are
    /// translated again.
    pub async fn roll_back(&self, mapper: &str, reason: Reason, recall: bool) -> Result<RolledBack, SwapError> {
        let history = self.history(mapper).await?;
        let live = history.first().ok_or_else(|| SwapError::Unknown(mapper.to_owned()))?;
        let content = |generation: &crate::store::Generation| {
            (generation.written.mapper_digest.clone(), generation.written.settings_hash.clone())
        };
        let (target, bad) = match self.made_by_stage(mapper) {
            made if !made.is_empty() => (Some(live), made),
            _ => (history.iter().find(|earlier| content(earlier) != content(live)), vec![live.id]),
        };
        let target = &target.ok_or_else(|| SwapError::First(mapper.to_owned()))?.written;
        let component = self.component(&target.mapper_digest).await?;
        // It was live before: its code is in the cache and its checks are done.
        let loaded = self.load(mapper.to_owned(), component.clone()).await?;
        let ready = Mapper::new(self.engine(), loaded, target.settings.clone()).await?;
        let mut variants = Variants::new(self.engine(), Arc::new(ready));
        variants.lay_all(&self.overlays(mapper)).await?;
        if let Some(live) = self.generation(mapper) {
            variants.warm_as(&live).await?;
        }
        let prepared = Prepared { variants, component, cases: target.cases, diff: Diff::default() };
        self.commit_as(mapper, prepared, reason, recall.then_some(bad)).await
    }

    async fn history(&self, mapper: &str) -> Result<Vec<crate::store::Generation>, StoreError> {
        let mut history = self.store.generations_of(mapper, HISTORY).await?;
        history.retain(crate::store::Generation::was_live);
        Ok(history)
    }

    pub(super) async fn component(&self, digest: &str) -> Result<Vec<u8>, SwapError> {
        self.store.component(digest).await?.ok_or_else(|| SwapError::Gone(digest.to_owned()))
    }

    /// A mapper that was live or looked on before, made again of what is kept: its component and its settings.
    pub(super) async fn kept(&self, name: &str, digest: &str, settings: String) -> Result<Mapper, SwapError> {
        let loaded = self.load(name.to_owned(), self.component(digest).await?).await?;
        Ok(Mapper::new(self.engine(), loaded, settings).await?)
    }

    pub(super) async fn load(&self, name: String, component: Vec<u8>) -> Result<crate::engine::Loaded, SwapError> {
        let engine = self.engine().clone();
        let loaded = tokio::task::spawn_blocking(move || engine.load(&name, &component)).await;
        let loaded = loaded.map_err(|error| PrepareError::Compiler(error.to_string()))?;
        Ok(loaded?)
    }

    fn publish(&self, mapper: &str, generation: Arc<Generation>) -> Arc<Generation> {
        self.generations.rcu(|generations| {
            let mut next = HashMap::clone(generations);
            next.insert(mapper.to_owned(), generation.clone());
            next
        });
        let digest = generation.mapper.loaded().digest.to_string();
        self.tell(|| What::Swapped { mapper: mapper.to_owned(), generation: generation.id, digest });
        self.drop_stage(mapper);
        self.wake.translate.ring_all();
        generation
    }

    /// Lays what a plan's connections ask for over every generation that translates, before that plan is in force.
    ///
    /// # Errors
    /// If an overlay does not fit, or as the store has it.
    pub async fn lay_overlays(&self, plan: &Plan) -> Result<(), SwapError> {
        for (mapper, live) in self.live().iter() {
            let laid = self.laid(mapper, live, &plan.overlays(mapper)).await?;
            self.generations.rcu(|generations| {
                let mut next = HashMap::clone(generations);
                // Another may have become live meanwhile.
                if let Some(known) = next.get_mut(mapper).filter(|known| known.id == laid.id) {
                    known.clone_from(&laid);
                }
                next
            });
        }
        self.lay_over_stages(plan).await
    }

    /// A generation with these overlays laid over it, each written down.
    pub(super) async fn laid(
        &self,
        mapper: &str,
        generation: &Arc<Generation>,
        overlays: &Overlays,
    ) -> Result<Arc<Generation>, SwapError> {
        let mut variants = Variants::new(self.engine(), generation.mapper.clone());
        let mut overlaid = generation.overlaid.clone();
        for (overlay, connections) in by_overlay(overlays) {
            if let (false, Some(first)) = (overlaid.contains_key(overlay), connections.first()) {
                let ready = variants.lay(first, overlay).await?;
                let reason = Reason { origin: "overlay", who: "configuration".to_owned(), note: None };
                let row = self.row(mapper, &ready, (0, Diff::default()), reason);
                let row = NewGeneration { connection: serde_json::to_string(&connections).ok(), ..row };
                let id = self.store.put_overlaid(generation.id, row).await?;
                overlaid.insert(overlay.clone(), Arc::new(Generation::new(id, ready, BTreeMap::new())));
            }
        }
        Ok(Arc::new(Generation::new(generation.id, generation.mapper.clone(), overlaid)))
    }
}

/// The rows of what overlays make of a generation, in their order.
pub(super) fn rows_of(base: &NewGeneration, variants: &Variants, overlays: &Overlays) -> Vec<NewGeneration> {
    let connections = by_overlay(overlays);
    let row = |(overlay, mapper): (&Overlay, &Arc<Mapper>)| NewGeneration {
        settings: mapper.settings().to_owned(),
        settings_hash: Digest::of(mapper.settings().as_bytes()).to_string(),
        origin: "overlay".to_owned(),
        connection: serde_json::to_string(connections.get(overlay).map_or(&[][..], Vec::as_slice)).ok(),
        ..base.clone()
    };
    variants.overlaid().iter().map(row).collect()
}

fn names(candidate: &Candidate) -> (String, String) {
    (Digest::of(&candidate.component).to_string(), Digest::of(candidate.settings.as_bytes()).to_string())
}
