//! What the ad platform holds: events in the order they were accepted, what came again, and who is in an audience.

use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::extract::{Path, Query, State};
use serde::Deserialize;
use serde_json::{Value, json};

use super::super::error::SandboxError;
use super::super::world::World;

/// The longest `wait_ms`.
const LONGEST_WAIT_MS: u64 = 30_000;
/// How much one answer holds unless `limit` says otherwise: everything.
const ALL: usize = usize::MAX;

/// Which part of a list is asked for.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Part {
    #[serde(default)]
    after: usize,
    #[serde(default)]
    wait_ms: u64,
    limit: Option<usize>,
}

/// `GET /accepted`: events after the first `after`, at most `limit`; with `wait_ms` it waits for the next one.
pub async fn accepted(State(world): State<Arc<World>>, Query(part): Query<Part>) -> Json<Value> {
    if part.wait_ms > 0 {
        let limit = Duration::from_millis(part.wait_ms.min(LONGEST_WAIT_MS));
        // Too long is no error: the answer is then what there is.
        let _ = tokio::time::timeout(limit, world.platform.more_than(part.after)).await;
    }
    let events = world.platform.accepted(part.after, part.limit.unwrap_or(ALL));
    let next = events.last().map_or(part.after, |last| last.seq);
    Json(json!({ "events": events, "next": next }))
}

/// `GET /repeats`: what came again within 48 hours, and how many came of each dataset, new and again.
pub async fn repeats(State(world): State<Arc<World>>) -> Json<Value> {
    Json(json!({ "datasets": world.platform.counts(), "repeated": world.platform.repeated() }))
}

/// `GET /audiences`.
pub async fn audiences(State(world): State<Arc<World>>) -> Json<Value> {
    Json(json!({ "audiences": world.platform.audiences() }))
}

/// `GET /audiences/{id}/members`: each by key, in the order they came in.
pub async fn members(
    State(world): State<Arc<World>>,
    Path(id): Path<String>,
    Query(part): Query<Part>,
) -> Result<Json<Value>, SandboxError> {
    let members = world.platform.members(&id, part.after, part.limit.unwrap_or(ALL));
    let members = members.ok_or_else(|| SandboxError::Asked(format!("there is no audience {id}")))?;
    let next = part.after + members.len();
    Ok(Json(json!({ "members": members, "next": next })))
}
