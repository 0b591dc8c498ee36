//! From a shadow to what is live, and back: what was live is watched over for a while, and a breach goes back to it by itself.

use std::sync::Arc;

use super::{Running, Scope, ShadowError, ShadowReport, Stage};
use crate::clock::Millis;
use crate::flow::prepare::{Candidate, Diff};
use crate::flow::variants::Variants;
use crate::flow::{Flow, Generation, Reason, SwapError};
use crate::store::Shadow;

/// What came of a promotion.
pub struct Promoted {
    /// What is live now.
    pub generation: Arc<Generation>,
    /// What was seen of it before.
    pub report: ShadowReport,
    /// How far it went, where that is not all the way.
    pub stage: Option<Stage>,
}

/// How a shadow is promoted.
#[derive(Default)]
pub struct Promotion {
    /// For how long the one before is watched over, in milliseconds; none: as the shadow was begun.
    pub watch_ms: Option<Millis>,
    /// For how many connections first; empty: as it was said before.
    pub stages: Vec<u32>,
}

/// A stage is live only while its shadow runs, which takes it back when it breaks.
fn watchable(open: &Shadow, stages: &[u32]) -> Result<(), ShadowError> {
    if open.state == "paused" && !stages.is_empty() {
        return Err(ShadowError::Paused(open.written.mapper.clone()));
    }
    Ok(())
}

impl Flow {
    /// Makes the shadow of a mapper's name live, or live for its next stage, after every check that a swap makes; once it is live for all, what was
    /// live before is watched over.
    ///
    /// # Errors
    /// If none runs, if it is refused, or as the store has it: then what was live still is.
    pub async fn promote_shadow(
        self: &Arc<Self>,
        mapper: &str,
        promotion: Promotion,
        reason: Reason,
    ) -> Result<Promoted, ShadowError> {
        let open = self.open_shadow(mapper).await?.ok_or_else(|| ShadowError::None(mapper.to_owned()))?;
        if open.written.role != "candidate" {
            return Err(ShadowError::Promoted(mapper.to_owned()));
        }
        let report = self.shadow_report(mapper).await?;
        let Scope { promote_when, watch_ms: watched, connections, sample_per_mille, stages } = report.scope.clone();
        let stages = if promotion.stages.is_empty() { stages } else { promotion.stages };
        watchable(&open, &stages)?;
        let component = self.component(&open.written.mapper_digest).await?;
        let candidate = Candidate { name: mapper.to_owned(), component, settings: open.written.settings };
        let mut prepared = self.prepare(mapper, candidate, &[]).await?;
        // What was seen of it is more than what a dry run on a few changes shows.
        prepared.diff = Diff { compared: report.tally.compared as usize, differing: report.tally.differing as usize };
        let stage = self.next_stage(mapper, &stages, &prepared.variants).await?;
        // Checks and locations took their time: it may have been ended or paused meanwhile.
        let _moving = self.shadows.moving.lock().await;
        let open = self.open_shadow(mapper).await?.filter(|now| now.id == open.id);
        let open = open.ok_or_else(|| ShadowError::None(mapper.to_owned()))?;
        watchable(&open, &stages)?;
        if let Some(stage) = stage {
            let written = serde_json::to_string(&Scope { stages, ..report.scope.clone() })?;
            self.store.rescope_shadow(open.id, written).await?;
            let generation = self.commit_stage(mapper, prepared, &stage, reason).await?;
            return Ok(Promoted { generation, report, stage: Some(stage) });
        }
        let before = self.generation(mapper).ok_or_else(|| SwapError::Unknown(mapper.to_owned()))?;
        let former = Variants::new(self.engine(), before.mapper.clone());
        let who = reason.who.clone();
        self.end_shadow(mapper, open.id, "promoted", None).await?;
        let generation = self.commit(mapper, prepared, reason).await?;
        let watch_ms = promotion.watch_ms.unwrap_or(watched);
        let scope = Scope { connections, sample_per_mille, promote_when, watch_ms, stages: Vec::new() };
        if scope.watch_ms > 0 {
            let note = format!("watches over generation {}", generation.id);
            self.begin(mapper, "former", former, scope, (who, Some(note))).await?;
        }
        Ok(Promoted { generation, report, stage: None })
    }

    /// Promotes a shadow whose gate holds.
    pub(super) async fn promote_by_gate(self: &Arc<Self>, running: &Running) -> Result<(), ShadowError> {
        let gate = running.scope.promote_when.clone().unwrap_or_default();
        let reason =
            Reason { origin: "promote", who: "convey".to_owned(), note: Some(format!("its gate holds: {gate}")) };
        // Boxed: what is promoted begins a shadow of its own.
        match Box::pin(self.promote_shadow(&running.mapper, Promotion::default(), reason)).await {
            Ok(promoted) => {
                tracing::info!(mapper = %running.mapper, generation = promoted.generation.id, "promoted: {gate}");
                Ok(())
            }
            Err(ShadowError::Swap(SwapError::Refused(refused))) => {
                let why = format!("its gate holds, and it is refused: {refused}");
                tracing::warn!(mapper = %running.mapper, "the shadow pauses: {why}");
                self.pause_shadow(running, why).await
            }
            Err(error) => Err(error),
        }
    }

    /// Goes back to what was live before, withdraws what the promoted one had not told yet, and has its changes translated again.
    pub(super) async fn fall_back(self: &Arc<Self>, running: &Running, why: String) -> Result<(), ShadowError> {
        tracing::error!(mapper = %running.mapper, "rolled back: {why}");
        self.note_breach(&running.mapper, &why);
        self.end_shadow(&running.mapper, running.id, "rolled-back", Some(why.clone())).await?;
        let reason = Reason { origin: "guard", who: "convey".to_owned(), note: Some(why) };
        self.roll_back(&running.mapper, reason, true).await?;
        Ok(())
    }

    /// Ends the watch over a promotion after which nothing happened.
    pub(super) async fn pass_shadow(&self, running: &Running) -> Result<(), ShadowError> {
        tracing::info!(mapper = %running.mapper, "nothing happened since the promotion: the one before is watched over no more");
        Ok(self.end_shadow(&running.mapper, running.id, "passed", None).await?)
    }

    /// Tries a shadow no more until somebody stops it: what was seen stays.
    pub(super) async fn pause_shadow(&self, running: &Running, why: String) -> Result<(), ShadowError> {
        let _moving = self.shadows.moving.lock().await;
        self.shadows.take(&running.mapper, running.id);
        self.take_stage_back(&running.mapper).await?;
        Ok(self.store.move_shadow(running.id, "paused", Some(why), None).await?)
    }
}
