//! Generations: one mapper digest with its settings, with its start time. Committing writes the row first and then moves one pointer.

use std::collections::HashMap;
use std::sync::Arc;

use super::prepare::{Candidate, Diff, Prepared};
use super::{Case, Connection, Flow, PrepareError, What, prepare};
use crate::contract::{Change, Digest};
use crate::engine::{LoadError, Mapper};
use crate::store::{NewGeneration, Recalled, StoreError};

/// What translates now, or did.
pub struct Generation {
    /// Its number in the store.
    pub id: i64,
    /// The mapper behind it.
    pub mapper: Mapper,
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

    /// Brings back what was live when the program last stopped, unless the configuration names another component or other settings since.
    pub async fn start_mapper(&self, mapper: &str, candidate: Candidate) -> Result<Arc<Generation>, SwapError> {
        let (digest, settings) = names(&candidate);
        let history = self.history(mapper).await?;
        let configured = history.iter().find(|generation| generation.written.origin == "config");
        let same =
            configured.is_some_and(|old| old.written.mapper_digest == digest && old.written.settings_hash == settings);
        if let (true, Some(latest)) = (same, history.first()) {
            let written = &latest.written;
            let kept = self.kept(&candidate.name, &written.mapper_digest, written.settings.clone()).await?;
            return Ok(self.publish(mapper, Generation { id: latest.id, mapper: kept }));
        }
        let prepared = prepare::prepare(self.engine(), candidate, None, &[], Vec::new(), None).await?;
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
        Ok(prepare::prepare(self.engine(), candidate, source, cases, stored, Some(&live.mapper)).await?)
    }

    /// Makes a prepared mapper live: the row first, then the pointer. A batch under way ends with the generation it began with.
    pub async fn commit(&self, mapper: &str, prepared: Prepared, reason: Reason) -> Result<Arc<Generation>, SwapError> {
        Ok(self.commit_as(mapper, prepared, reason, None).await?.generation)
    }

    /// The same; with a generation to recall, both are one step.
    async fn commit_as(
        &self,
        mapper: &str,
        prepared: Prepared,
        reason: Reason,
        recall: Option<i64>,
    ) -> Result<RolledBack, SwapError> {
        let Prepared { mapper: ready, component, cases, diff } = prepared;
        let row = self.row(mapper, &ready, (cases, diff), reason);
        self.store.put_component(&row.mapper_digest, &ready.loaded().name, component).await?;
        let (id, recalled) = match recall {
            None => (self.store.commit_generation(row).await?, None),
            Some(bad) => {
                let (id, recalled) = self.store.commit_and_recall(row, bad).await?;
                (id, Some(recalled))
            }
        };
        let generation = self.publish(mapper, Generation { id, mapper: ready });
        self.wake.ship.notify_one();
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
        let Some(reason) = reason else {
            let (ready, _) = prepare::ready(self.engine(), candidate).await?;
            let generation = Arc::new(Generation { id: 0, mapper: ready });
            return Ok(Beside { mapper: mapper.to_owned(), generation });
        };
        let Prepared { mapper: ready, component, cases, diff } = self.prepare(mapper, candidate, &[]).await?;
        let row = self.row(mapper, &ready, (cases, diff), reason);
        self.store.put_component(&row.mapper_digest, mapper, component).await?;
        let id = self.store.commit_generation(row).await?;
        Ok(Beside { mapper: mapper.to_owned(), generation: Arc::new(Generation { id, mapper: ready }) })
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
        }
    }

    /// Makes the latest generation that differs from the live one live again. With `recall` what the live one has not told yet is withdrawn, in
    /// the same step, and its changes are translated again.
    pub async fn roll_back(&self, mapper: &str, reason: Reason, recall: bool) -> Result<RolledBack, SwapError> {
        let history = self.history(mapper).await?;
        let live = history.first().ok_or_else(|| SwapError::Unknown(mapper.to_owned()))?;
        let content = |generation: &crate::store::Generation| {
            (generation.written.mapper_digest.clone(), generation.written.settings_hash.clone())
        };
        let earlier = history.iter().find(|earlier| content(earlier) != content(live));
        let earlier = earlier.ok_or_else(|| SwapError::First(mapper.to_owned()))?;
        let component = self.component(&earlier.written.mapper_digest).await?;
        // It was live before: its code is in the cache and its checks are done.
        let loaded = self.load(mapper.to_owned(), component.clone()).await?;
        let ready = Mapper::new(self.engine(), loaded, earlier.written.settings.clone()).await?;
        let (cases, diff) = (earlier.written.cases, Default::default());
        let prepared = Prepared { mapper: ready, component, cases, diff };
        let bad = recall.then_some(live.id);
        self.commit_as(mapper, prepared, reason, bad).await
    }

    async fn history(&self, mapper: &str) -> Result<Vec<crate::store::Generation>, StoreError> {
        let mut history = self.store.generations(HISTORY).await?;
        history.retain(|generation| generation.written.mapper == mapper && generation.was_live());
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

    fn publish(&self, mapper: &str, generation: Generation) -> Arc<Generation> {
        let generation = Arc::new(generation);
        self.generations.rcu(|generations| {
            let mut next = HashMap::clone(generations);
            next.insert(mapper.to_owned(), generation.clone());
            next
        });
        let digest = generation.mapper.loaded().digest.to_string();
        self.tell(|| What::Swapped { mapper: mapper.to_owned(), generation: generation.id, digest });
        self.drop_stage(mapper);
        self.wake.translate.notify_one();
        generation
    }
}

fn names(candidate: &Candidate) -> (String, String) {
    (Digest::of(&candidate.component).to_string(), Digest::of(candidate.settings.as_bytes()).to_string())
}
