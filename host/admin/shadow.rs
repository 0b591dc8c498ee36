//! Shadows of a running convey: beginning, reporting, promoting and ending one.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::IntoResponse;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::mapper::Proposed;
use super::{Admin, Failed};
use crate::flow::{Promoted, Promotion, Reason, Scope, ShadowAsked, ShadowError, ShadowReport};

/// A shadow that is asked for.
#[derive(Debug, Serialize, Deserialize)]
pub struct Begin {
    /// The component and its settings.
    pub proposed: Proposed,
    /// Which changes it is given, and when it is believed.
    pub scope: Scope,
}

/// A promotion that is asked for.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct Promote {
    /// For how long the one before is watched over, in milliseconds; none: as the shadow was begun.
    pub watch_ms: Option<u64>,
    /// For how many connections it is live first, then, …; empty: for all, or as it was said before.
    #[serde(default)]
    pub stages: Vec<u32>,
    /// Who asks.
    #[serde(default)]
    pub who: String,
    /// Why, in their words.
    pub note: Option<String>,
}

impl From<ShadowError> for Failed {
    fn from(error: ShadowError) -> Self {
        match error {
            ShadowError::Swap(error) => error.into(),
            ShadowError::None(_) => Self(StatusCode::NOT_FOUND, error.to_string()),
            ShadowError::Runs(_) | ShadowError::Promoted(_) | ShadowError::Paused(_) => {
                Self(StatusCode::CONFLICT, error.to_string())
            }
            ShadowError::Asked(_) => Self(StatusCode::BAD_REQUEST, error.to_string()),
        }
    }
}

pub(super) async fn report(
    State(admin): State<Arc<Admin>>,
    Path(name): Path<String>,
) -> Result<Json<ShadowReport>, Failed> {
    Ok(Json(admin.flow.shadow_report(&name).await?))
}

pub(super) async fn start(
    State(admin): State<Arc<Admin>>,
    Path(name): Path<String>,
    Json(Begin { proposed, scope }): Json<Begin>,
) -> Result<Json<ShadowReport>, Failed> {
    let (candidate, _, Reason { who, note, .. }) = admin.candidate(&name, proposed).await?;
    Ok(Json(admin.flow.start_shadow(&name, ShadowAsked { candidate, scope, who, note }).await?))
}

pub(super) async fn promote(
    State(admin): State<Arc<Admin>>,
    Path(name): Path<String>,
    Json(promote): Json<Promote>,
) -> Result<impl IntoResponse, Failed> {
    let Promoted { generation, report, stage } = promote_now(&admin, &name, promote).await?;
    Ok(Json::<Value>(json!({"generation": generation.id, "stage": stage, "report": report})))
}

/// Promotes a shadow. What was begun goes on even if who asked has gone.
pub(super) async fn promote_now(admin: &Admin, name: &str, asked: Promote) -> Result<Promoted, Failed> {
    let Promote { watch_ms, stages, who, note } = asked;
    let (flow, name) = (admin.flow.clone(), name.to_owned());
    let (promotion, reason) = (Promotion { watch_ms, stages }, Reason { origin: "promote", who, note });
    let promoted = tokio::spawn(async move { flow.promote_shadow(&name, promotion, reason).await }).await;
    Ok(promoted.map_err(|error| Failed(StatusCode::INTERNAL_SERVER_ERROR, error.to_string()))??)
}

pub(super) async fn stop(
    State(admin): State<Arc<Admin>>,
    Path(name): Path<String>,
    Json(Promote { who, .. }): Json<Promote>,
) -> Result<Json<ShadowReport>, Failed> {
    Ok(Json(admin.flow.stop_shadow(&name, &who).await?))
}
