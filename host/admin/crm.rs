//! Questions to the CRM and commands for it, by a person's hand.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{Admin, Failed};
use crate::contract::{Change, CrmCommand};
use crate::engine::{Answer, Query, SourceError, Sweep};
use crate::flow::{CrmError, Executed};

/// A command for the CRM.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Command {
    /// The contact it is about; none for one that makes a contact.
    pub contact: Option<String>,
    /// What to do.
    pub command: CrmCommand,
    /// Under one key it is done once.
    pub key: String,
}

/// A request to find out whether a scope is there.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Probe {
    /// The scope.
    pub scope: String,
}

/// A question of what a connection's last contacts would be as changes.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Suppose {
    /// How many contacts, the newest.
    pub last: usize,
}

/// A request to look now.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Look {
    /// For what changed, or through everything.
    pub sweep: Sweep,
    /// From the connection's beginning again, not from where it stopped.
    #[serde(default)]
    pub from_start: bool,
}

/// The most contacts that one question is about: each costs a request.
const MOST_CONTACTS: usize = 1_000;

impl From<CrmError> for Failed {
    fn from(error: CrmError) -> Self {
        let status = match &error {
            CrmError::NoConnection(_) | CrmError::Source(SourceError::NotFound(_)) => StatusCode::NOT_FOUND,
            CrmError::ReadOnly { .. } | CrmError::NotGranted { .. } => StatusCode::FORBIDDEN,
            CrmError::Spent { .. } | CrmError::Source(SourceError::Throttled(_)) => StatusCode::TOO_MANY_REQUESTS,
            CrmError::Source(SourceError::Invalid(_)) => StatusCode::UNPROCESSABLE_ENTITY,
            CrmError::Store(_) => StatusCode::SERVICE_UNAVAILABLE,
            CrmError::Grant(_) | CrmError::Source(_) | CrmError::Fault(_) => StatusCode::BAD_GATEWAY,
        };
        Self(status, error.to_string())
    }
}

pub(super) async fn ask(
    State(admin): State<Arc<Admin>>,
    Path(connection): Path<String>,
    Json(query): Json<Query>,
) -> Result<Json<Answer>, Failed> {
    Ok(Json(admin.flow.ask(&connection, &query).await?))
}

pub(super) async fn supposed(
    State(admin): State<Arc<Admin>>,
    Path(connection): Path<String>,
    Json(Suppose { last }): Json<Suppose>,
) -> Result<Json<Vec<Change>>, Failed> {
    Ok(Json(admin.flow.last_contacts(&connection, last.min(MOST_CONTACTS)).await?))
}

pub(super) async fn execute(
    State(admin): State<Arc<Admin>>,
    Path(connection): Path<String>,
    Json(Command { contact, command, key }): Json<Command>,
) -> Result<Json<Executed>, Failed> {
    Ok(Json(admin.flow.execute(&connection, contact.as_deref(), &command, &key).await?))
}

pub(super) async fn probe(
    State(admin): State<Arc<Admin>>,
    Path(connection): Path<String>,
    Json(Probe { scope }): Json<Probe>,
) -> Result<Json<Value>, Failed> {
    admin.flow.probe(&connection, &scope).await?;
    Ok(Json(json!({"scope": scope, "ok": true})))
}

pub(super) async fn look(
    State(admin): State<Arc<Admin>>,
    Path(connection): Path<String>,
    Json(Look { sweep, from_start }): Json<Look>,
) -> Result<Json<Value>, Failed> {
    match admin.flow.sweep_now(&connection, sweep, from_start).await? {
        true => Ok(Json(json!({"asked": true}))),
        false => Err(CrmError::NoConnection(connection).into()),
    }
}
