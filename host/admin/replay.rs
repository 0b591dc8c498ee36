//! Replaying a part of the past through the live mappers.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;

use serde::{Deserialize, Serialize};

use super::mapper::Proposed;
use super::{Admin, Failed};
use crate::flow::{Reason, Replay, Replayed, SwapError};

/// A replay by a mapper that is not live.
#[derive(Debug, Serialize, Deserialize)]
pub struct ReplayedWith {
    /// What is to be replayed.
    pub replay: Replay,
    /// By what.
    pub proposed: Proposed,
}

pub(super) async fn replay(
    State(admin): State<Arc<Admin>>,
    Json(replay): Json<Replay>,
) -> Result<Json<Replayed>, Failed> {
    let flow = admin.flow.clone();
    // What was begun goes on even if who asked has gone: half a replay would look like a whole one.
    let replayed = tokio::spawn(async move { flow.replay(&replay, None).await }).await;
    let replayed = replayed.map_err(|error| Failed(StatusCode::INTERNAL_SERVER_ERROR, error.to_string()))??;
    some(replayed)
}

/// The same by a mapper and settings that are not live: to be sent by, they pass every check that a swap makes.
pub(super) async fn replay_with(
    State(admin): State<Arc<Admin>>,
    Path(name): Path<String>,
    Json(ReplayedWith { replay, proposed }): Json<ReplayedWith>,
) -> Result<Json<Replayed>, Failed> {
    let (candidate, _, reason) = admin.candidate(&name, proposed).await?;
    let reason = (!replay.dry_run).then_some(Reason { origin: "replay", ..reason });
    let flow = admin.flow.clone();
    let replayed = tokio::spawn(async move {
        let beside = flow.beside(&name, candidate, reason).await?;
        Ok::<_, SwapError>(flow.replay(&replay, Some(&beside)).await?)
    });
    let replayed = replayed.await.map_err(|error| Failed(StatusCode::INTERNAL_SERVER_ERROR, error.to_string()))??;
    some(replayed)
}

fn some(replayed: Replayed) -> Result<Json<Replayed>, Failed> {
    if replayed.changes + replayed.orphaned == 0 {
        return Err(Failed(StatusCode::NOT_FOUND, "no stored change matches".to_owned()));
    }
    Ok(Json(replayed))
}
