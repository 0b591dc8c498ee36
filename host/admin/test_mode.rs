//! Test mode, on and off.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{Admin, Failed};
use crate::clock::Millis;
use crate::store::TestMode;

/// The longest test mode there is, in milliseconds: what is marked as a test is not counted where it should be.
const LONGEST_MS: u64 = 24 * 60 * 60 * 1_000;

/// A request to begin test mode.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TestModeBegun {
    /// The destination.
    pub destination: String,
    /// The code that marks its events.
    pub code: String,
    /// For how long.
    pub for_ms: Millis,
    /// Who asks.
    pub by: String,
}

/// A request to end it.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TestModeEnded {
    /// The destination.
    pub destination: String,
}

pub(super) async fn on(
    State(admin): State<Arc<Admin>>,
    Json(asked): Json<TestModeBegun>,
) -> Result<Json<Value>, Failed> {
    known(&admin, &asked.destination)?;
    if asked.code.trim().is_empty() {
        return Err(Failed(StatusCode::BAD_REQUEST, "test mode needs the code that the platform shows".to_owned()));
    }
    if asked.for_ms == 0 || asked.for_ms > LONGEST_MS {
        let text = "test mode lasts at most 24 h: it never stays on by itself. Say for how long, `--for 1h`";
        return Err(Failed(StatusCode::BAD_REQUEST, text.to_owned()));
    }
    let since = admin.flow.clock.now_ms();
    let TestModeBegun { destination, code, for_ms, by } = asked;
    let mode = TestMode { destination, code, since, until: since + for_ms, by };
    tracing::warn!(destination = %mode.destination, minutes = for_ms / 60_000, "test mode is on: events are marked as tests");
    admin.flow.begin_test_mode(mode.clone()).await?;
    Ok(Json(json!(mode)))
}

pub(super) async fn off(
    State(admin): State<Arc<Admin>>,
    Json(asked): Json<TestModeEnded>,
) -> Result<Json<Value>, Failed> {
    known(&admin, &asked.destination)?;
    let was_on = admin.flow.end_test_mode(&asked.destination).await?;
    Ok(Json(json!({"destination": asked.destination, "was_on": was_on})))
}

fn known(admin: &Admin, destination: &str) -> Result<(), Failed> {
    if admin.flow.plan().destinations.contains_key(destination) {
        return Ok(());
    }
    Err(Failed(StatusCode::NOT_FOUND, format!("no destination is called `{destination}`")))
}
