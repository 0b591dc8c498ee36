//! Both ends tried, on an operator's word.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{Admin, Failed};
use crate::flow::{TrialWebhook, Untried};

/// A request for a test webhook.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TryWebhook {
    /// The source whose webhooks it is like.
    pub source: String,
}

/// A request to try a destination.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TryDestination {
    /// Which.
    pub destination: String,
    /// Marks the event; none: nothing is sent, and it is only asked.
    pub test_code: Option<String>,
}

impl From<Untried> for Failed {
    fn from(error: Untried) -> Self {
        Self(StatusCode::UNPROCESSABLE_ENTITY, error.to_string())
    }
}

pub(super) async fn webhook(
    State(admin): State<Arc<Admin>>,
    Json(asked): Json<TryWebhook>,
) -> Result<Json<TrialWebhook>, Failed> {
    Ok(Json(admin.flow.try_webhook(&asked.source)?))
}

pub(super) async fn destination(
    State(admin): State<Arc<Admin>>,
    Json(asked): Json<TryDestination>,
) -> Result<Json<Value>, Failed> {
    admin.flow.try_destination(&asked.destination, asked.test_code.as_deref()).await?;
    Ok(Json(json!({"ok": true})))
}
