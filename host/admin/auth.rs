//! Grants: asked for, shown, refreshed and revoked.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{Admin, Failed};
use crate::flow::{GrantStatus, LoginError, Opened, Redirected};

/// What a person brings back from the browser.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Brought {
    /// The one-time code.
    pub code: String,
    /// The state, where the vendor sent one back.
    pub state: Option<String>,
    /// A person says that an answer without a state is theirs.
    #[serde(default)]
    pub accept_no_state: bool,
}

impl From<LoginError> for Failed {
    fn from(error: LoginError) -> Self {
        let status = match &error {
            LoginError::NoApp(_) => StatusCode::NOT_FOUND,
            LoginError::Refused(_) | LoginError::Held(_) => StatusCode::BAD_GATEWAY,
            LoginError::Store(_) | LoginError::Vault(_) => StatusCode::SERVICE_UNAVAILABLE,
            LoginError::WrongState | LoginError::NoState(_) | LoginError::OtherLocation { .. } => {
                StatusCode::UNPROCESSABLE_ENTITY
            }
        };
        Self(status, error.to_string())
    }
}

pub(super) async fn status(State(admin): State<Arc<Admin>>) -> Result<Json<Vec<GrantStatus>>, Failed> {
    Ok(Json(admin.flow.grants().await?))
}

pub(super) async fn login(State(admin): State<Arc<Admin>>, Path(target): Path<String>) -> Result<Json<Opened>, Failed> {
    Ok(Json(admin.flow.open_login(&target).await?))
}

pub(super) async fn redirected(
    State(admin): State<Arc<Admin>>,
    Path(target): Path<String>,
    Json(Brought { code, state, accept_no_state }): Json<Brought>,
) -> Result<Json<Value>, Failed> {
    let origin = admin.flow.origin_of(&target)?;
    let accepted = accept_no_state.then_some(target.as_str());
    let connected = admin.flow.close_login(&origin, Redirected { code, state }, accepted).await?;
    Ok(Json(json!({"connected": connected})))
}

pub(super) async fn refresh(
    State(admin): State<Arc<Admin>>,
    Path(connection): Path<String>,
) -> Result<Json<Value>, Failed> {
    let expires_at = admin.flow.refresh_grant(&connection).await?;
    Ok(Json(json!({"connection": connection, "expires_at": expires_at})))
}

pub(super) async fn revoke(
    State(admin): State<Arc<Admin>>,
    Path(connection): Path<String>,
) -> Result<Json<Value>, Failed> {
    admin.flow.revoke_grant(&connection).await?;
    Ok(Json(json!({"connection": connection, "revoked": true})))
}
