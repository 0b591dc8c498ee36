//! Stages: what is promoted is believed for a few connections first, then for more, then for all.

use std::collections::HashMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use super::ShadowError;
use super::words::kept;
use crate::flow::generation::{Generation, Reason, rows_of};
use crate::flow::prepare::Prepared;
use crate::flow::variants::Variants;
use crate::flow::{Connection, Flow, Plan, PrepareError, SwapError};

/// What brings a generation that is live for some connections.
const STAGE: &str = "stage";
/// Locations that are asked at once whether a mapper suits them.
const ASKED: usize = 8;
/// How many generations are looked through for those of a stage.
const GENERATIONS: usize = 10_000;

/// A promoted mapper that breaks on so many changes of its stage is taken back.
pub(super) const FAULTS: u64 = 5;

/// What is live for some connections of a mapper only.
pub(in crate::flow) struct Staged {
    connections: Vec<String>,
    generation: Arc<Generation>,
    /// Every generation of this promotion, one a stage.
    made: Vec<i64>,
}

/// How far a promotion went.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stage {
    /// The connections it is live for.
    pub live: Vec<String>,
    /// The connections it is to be live for, in the end.
    pub of: usize,
    /// Those that are left out for now, and why.
    pub left_out: Vec<(String, String)>,
}

impl Flow {
    /// The generation that translates a connection's changes now.
    pub(in crate::flow) fn generation_of(&self, connection: &Connection) -> Option<Arc<Generation>> {
        let staged = self.staged.load();
        let staged = staged.get(&connection.mapper).filter(|staged| staged.connections.contains(&connection.name));
        let generation = staged.map(|staged| staged.generation.clone());
        generation.or_else(|| self.generation(&connection.mapper))?.of(connection.overlay.as_ref())
    }

    /// Every generation that a mapper's stage had, the latest last; none where there is no stage.
    pub(in crate::flow) fn made_by_stage(&self, mapper: &str) -> Vec<i64> {
        self.staged.load().get(mapper).map(|staged| staged.made.clone()).unwrap_or_default()
    }

    /// Lays what a plan's connections ask for over every generation that is live for a stage.
    pub(in crate::flow) async fn lay_over_stages(&self, plan: &Plan) -> Result<(), SwapError> {
        for (mapper, staged) in self.staged.load_full().iter() {
            let generation = self.laid(mapper, &staged.generation, &plan.overlays(mapper)).await?;
            let laid =
                Arc::new(Staged { connections: staged.connections.clone(), generation, made: staged.made.clone() });
            self.staged.rcu(|all| {
                let mut next = HashMap::clone(all);
                // Another stage may be live meanwhile, or none.
                if let Some(known) = next.get_mut(mapper).filter(|known| known.generation.id == laid.generation.id) {
                    known.clone_from(&laid);
                }
                next
            });
        }
        Ok(())
    }

    /// Whether a connection's changes are translated by what is not live for all yet.
    pub(in crate::flow) fn is_staged(&self, connection: &Connection) -> bool {
        let staged = self.staged.load();
        staged.get(&connection.mapper).is_some_and(|staged| staged.connections.contains(&connection.name))
    }

    /// The connections that a mapper's stage is live for; none where there is no stage.
    pub(super) fn staged(&self, mapper: &str) -> Vec<String> {
        self.staged.load().get(mapper).map(|staged| staged.connections.clone()).unwrap_or_default()
    }

    /// The next stage of a mapper's connections; none if that is all of them. A connection that would not do well with it, because it lacks a field or
    /// its location does not answer, is left out with the reason, and no error.
    pub(super) async fn next_stage(
        self: &Arc<Self>,
        mapper: &str,
        stages: &[u32],
        variants: &Variants,
    ) -> Result<Option<Stage>, SwapError> {
        if stages.is_empty() {
            return Ok(None);
        }
        let plan = self.plan();
        let mut of_mapper: Vec<&Arc<Connection>> =
            plan.connections.values().filter(|known| known.mapper == mapper).collect();
        of_mapper.sort_by(|one, other| one.name.cmp(&other.name));
        let staged = self.staged(mapper);
        let (mut live, others): (Vec<&Arc<Connection>>, Vec<&Arc<Connection>>) =
            of_mapper.iter().partition(|known| staged.contains(&known.name));
        let next = stages.iter().map(|stage| *stage as usize).find(|stage| *stage > live.len()).unwrap_or(usize::MAX);
        let hindrances = self.hindrances(&others, variants).await?;
        let (hindered, fit): (Vec<_>, Vec<_>) =
            others.into_iter().zip(hindrances).partition(|(_, hindrance)| hindrance.is_some());
        if hindered.is_empty() && next >= of_mapper.len() {
            return Ok(None);
        }
        let room = next.saturating_sub(live.len());
        live.extend(fit.into_iter().map(|(connection, _)| connection).take(room));
        let left_out = hindered.into_iter().filter_map(|(connection, why)| Some((connection.name.clone(), why?)));
        let live = live.into_iter().map(|connection| connection.name.clone());
        Ok(Some(Stage { live: live.collect(), of: of_mapper.len(), left_out: left_out.collect() }))
    }

    /// What keeps each of these connections from a mapper, in their order; some are asked at once.
    async fn hindrances(
        self: &Arc<Self>,
        connections: &[&Arc<Connection>],
        variants: &Variants,
    ) -> Result<Vec<Option<String>>, SwapError> {
        let mut found = vec![None; connections.len()];
        let mut asking = JoinSet::new();
        let turns = Arc::new(Semaphore::new(ASKED));
        for (at, connection) in connections.iter().enumerate() {
            let Some(mapper) = variants.of(connection.overlay.as_ref()) else {
                found[at] = Some("its overlay came while the mapping was tried".to_owned());
                continue;
            };
            let fields = mapper.custom_fields().to_vec();
            let (flow, name, turns) = (self.clone(), connection.name.clone(), turns.clone());
            asking.spawn(async move {
                // It is never closed.
                let _turn = turns.acquire_owned().await;
                (at, flow.hindrance(&name, &fields).await)
            });
        }
        while let Some(asked) = asking.join_next().await {
            let (at, hindrance) = asked.map_err(|error| PrepareError::Compiler(error.to_string()))?;
            found[at] = hindrance;
        }
        Ok(found)
    }

    /// What keeps a connection from a mapper that reads these custom fields.
    async fn hindrance(&self, connection: &str, fields: &[String]) -> Option<String> {
        if self.is_paused(connection) {
            return Some("it is paused".to_owned());
        }
        match self.location(connection).await {
            Ok(location) => {
                let lacks = location.lacks(fields);
                (!lacks.is_empty()).then(|| format!("it lacks field {}", lacks.join(", ")))
            }
            Err(error) => Some(error.to_string()),
        }
    }

    /// Makes a prepared mapper live for a stage's connections: the row first, then the pointer. A stage of the same connections stays that.
    pub(super) async fn commit_stage(
        &self,
        mapper: &str,
        prepared: Prepared,
        stage: &Stage,
        reason: Reason,
    ) -> Result<Arc<Generation>, SwapError> {
        let staged = self.staged.load().get(mapper).cloned();
        let are_same = |staged: &Arc<Staged>| {
            staged.connections.len() == stage.live.len()
                && stage.live.iter().all(|name| staged.connections.contains(name))
        };
        if let Some(staged) = staged.filter(are_same) {
            return Ok(staged.generation.clone());
        }
        let Prepared { variants, cases, diff, .. } = prepared;
        let mut row = self.row(mapper, variants.base(), (cases, diff), Reason { origin: STAGE, ..reason });
        row.connection = Some(serde_json::to_string(&stage.live)?);
        let overlaid = rows_of(&row, &variants, &self.overlays(mapper));
        let (id, ids) = self.store.commit_generation(row, overlaid).await?;
        let generation = Arc::new(Generation::of_variants(&variants, (id, &ids)));
        let made = self.made_by_stage(mapper).into_iter().chain([id]).collect();
        self.put_stage(mapper, Staged { connections: stage.live.clone(), generation: generation.clone(), made });
        Ok(generation)
    }

    fn put_stage(&self, mapper: &str, staged: Staged) {
        let staged = Arc::new(staged);
        self.staged.rcu(|all| {
            let mut next = HashMap::clone(all);
            next.insert(mapper.to_owned(), staged.clone());
            next
        });
    }

    /// Forgets a mapper's stage: another generation is live for all. The generations it had.
    pub(in crate::flow) fn drop_stage(&self, mapper: &str) -> Vec<i64> {
        let mut dropped = Vec::new();
        self.staged.rcu(|all| {
            let mut next = HashMap::clone(all);
            dropped = next.remove(mapper).map(|staged| staged.made.clone()).unwrap_or_default();
            next
        });
        dropped
    }

    /// Takes a mapper's stage back: its connections are translated by what is live for all, and so is again what it had not told yet.
    pub(super) async fn take_stage_back(&self, mapper: &str) -> Result<(), ShadowError> {
        let made = self.drop_stage(mapper);
        if !made.is_empty() {
            self.store.recall(made, self.clock.now_ms()).await?;
            self.wake.translate.ring_all();
        }
        Ok(())
    }

    /// Brings back the stage that a mapper had when the program stopped.
    pub(super) async fn resume_stage(&self, mapper: &str) -> Result<(), SwapError> {
        let Some(live) = self.generation(mapper) else { return Ok(()) };
        let generations = self.store.generations_of(mapper, GENERATIONS).await?;
        // Newest first. What is live for all came before, or ended it.
        let of_stage = generations.into_iter().filter(|known| known.written.origin == STAGE && known.id > live.id);
        let of_stage: Vec<_> = of_stage.filter(|known| known.recalled_at.is_none()).collect();
        let Some(latest) = of_stage.first() else { return Ok(()) };
        let written = &latest.written;
        let place = || format!("for whom generation {} of `{mapper}` is live", latest.id);
        let connections = kept(place, written.connection.as_deref().unwrap_or_default())?;
        let ready = self.kept(mapper, &written.mapper_digest, written.settings.clone()).await?;
        let bare = Variants::new(self.engine(), Arc::new(ready));
        let bare = Arc::new(Generation::of_variants(&bare, (latest.id, &[])));
        let generation = self.laid(mapper, &bare, &self.overlays(mapper)).await?;
        let made = of_stage.iter().rev().map(|known| known.id).collect();
        self.put_stage(mapper, Staged { connections, generation, made });
        Ok(())
    }
}
