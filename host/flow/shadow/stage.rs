//! Stages: what is promoted is believed for a few connections first, then for more, then for all.

use std::collections::HashMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::ShadowError;
use crate::flow::generation::{Generation, Reason};
use crate::flow::prepare::Prepared;
use crate::flow::{Connection, Flow, SwapError};

/// A promoted mapper that breaks on so many changes of its stage is taken back.
pub(super) const FAULTS: u64 = 5;

/// What is live for some connections of a mapper only.
pub(in crate::flow) struct Staged {
    connections: Vec<String>,
    generation: Arc<Generation>,
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
        staged.map(|staged| staged.generation.clone()).or_else(|| self.generation(&connection.mapper))
    }

    /// Whether a connection's changes are translated by what is not live for all yet.
    pub(in crate::flow) fn is_staged(&self, connection: &Connection) -> bool {
        let staged = self.staged.load();
        staged.get(&connection.mapper).is_some_and(|staged| staged.connections.contains(&connection.name))
    }

    /// The connections that a mapper's stage is live for.
    pub(super) fn staged(&self, mapper: &str) -> Vec<String> {
        self.staged.load().get(mapper).map(|staged| staged.connections.clone()).unwrap_or_default()
    }

    /// The next stage of a mapper's connections; none if that is all of them.
    pub(super) fn next_stage(&self, mapper: &str, stages: &[u32]) -> Option<Stage> {
        let plan = self.plan();
        let mut names: Vec<&String> =
            plan.connections.values().filter(|known| known.mapper == mapper).map(|known| &known.name).collect();
        names.sort();
        let now = self.staged(mapper).len();
        let next = stages.iter().map(|stage| *stage as usize).find(|stage| *stage > now)?;
        let of = names.len();
        let (paused, awake): (Vec<&String>, Vec<&String>) = names.into_iter().partition(|name| self.is_paused(name));
        if next >= awake.len() {
            return None;
        }
        let live = awake.into_iter().take(next).cloned().collect();
        let left_out = paused.into_iter().map(|name| (name.clone(), "it is paused".to_owned())).collect();
        Some(Stage { live, of, left_out })
    }

    /// Makes a prepared mapper live for a stage's connections: the row first, then the pointer.
    pub(super) async fn commit_stage(
        &self,
        mapper: &str,
        prepared: Prepared,
        stage: &Stage,
        reason: Reason,
    ) -> Result<Arc<Generation>, SwapError> {
        let Prepared { mapper: ready, cases, diff, .. } = prepared;
        let mut row = self.row(mapper, &ready, (cases, diff), Reason { origin: "stage", ..reason });
        row.connection = serde_json::to_string(&stage.live).ok();
        let id = self.store.commit_generation(row).await?;
        let generation = Arc::new(Generation { id, mapper: ready });
        self.put_stage(mapper, stage.live.clone(), generation.clone());
        Ok(generation)
    }

    fn put_stage(&self, mapper: &str, connections: Vec<String>, generation: Arc<Generation>) {
        let staged = Arc::new(Staged { connections, generation });
        self.staged.rcu(|all| {
            let mut next = HashMap::clone(all);
            next.insert(mapper.to_owned(), staged.clone());
            next
        });
    }

    /// Forgets a mapper's stage: another generation is live for all.
    pub(in crate::flow) fn drop_stage(&self, mapper: &str) -> Option<i64> {
        let mut dropped = None;
        self.staged.rcu(|all| {
            let mut next = HashMap::clone(all);
            dropped = next.remove(mapper).map(|staged| staged.generation.id);
            next
        });
        dropped
    }

    /// Takes a mapper's stage back: its connections are translated by what is live for all, and so is again what it had not told yet.
    pub(super) async fn take_stage_back(&self, mapper: &str) -> Result<(), ShadowError> {
        if let Some(generation) = self.drop_stage(mapper) {
            self.store.recall(generation, self.clock.now_ms()).await?;
            self.wake.translate.notify_one();
        }
        Ok(())
    }

    /// Brings back the stage that a mapper had when the program stopped.
    pub(super) async fn resume_stage(&self, mapper: &str) -> Result<(), SwapError> {
        let Some(live) = self.generation(mapper) else { return Ok(()) };
        let generations = self.store.generations(1_000).await?;
        let of_mapper = generations.into_iter().filter(|known| known.written.mapper == mapper && known.id > live.id);
        let latest = of_mapper.filter(|known| known.written.connection.is_some()).max_by_key(|known| known.id);
        let Some(latest) = latest.filter(|latest| latest.recalled_at.is_none()) else { return Ok(()) };
        let written = latest.written;
        let connections = written.connection.as_deref().and_then(|text| serde_json::from_str(text).ok());
        let ready = self.kept(mapper, &written.mapper_digest, written.settings).await?;
        let generation = Arc::new(Generation { id: latest.id, mapper: ready });
        self.put_stage(mapper, connections.unwrap_or_default(), generation);
        Ok(())
    }
}
