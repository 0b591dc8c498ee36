//! Replaying a part of the past through the live mappers.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;

use super::{Admin, Failed};
use crate::flow::{Replay, Replayed};

pub(super) async fn replay(
    State(admin): State<Arc<Admin>>,
    Json(replay): Json<Replay>,
) -> Result<Json<Replayed>, Failed> {
    let flow = admin.flow.clone();
    // What was begun goes on even if who asked has gone: half a replay would look like a whole one.
    let replayed = tokio::spawn(async move { flow.replay(&replay).await }).await;
    let replayed = replayed.map_err(|error| Failed(StatusCode::INTERNAL_SERVER_ERROR, error.to_string()))??;
    if replayed.changes + replayed.orphaned == 0 {
        return Err(Failed(StatusCode::NOT_FOUND, "no stored change matches".to_owned()));
    }
    Ok(Json(replayed))
}
