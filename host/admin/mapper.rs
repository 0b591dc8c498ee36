//! Trying, swapping and rolling back mappers on a running convey.

use std::sync::Arc;
use std::time::Instant;

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Admin, Failed};
use crate::contract::Digest;
use crate::flow::{Candidate, Case, Diff, Generation, Prepared, Reason, RolledBack, SwapError};
use crate::store::Recalled;

/// A mapper that is proposed. What is left out stays as it is.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Proposed {
    /// The component in base64; none: the live one.
    pub component: Option<String>,
    /// Instead of it: the first digits of the digest of one that is kept.
    #[serde(default)]
    pub digest: Option<String>,
    /// The settings as TOML text; none: the live ones.
    pub settings: Option<String>,
    /// Cases it must pass, as in case files.
    #[serde(default)]
    pub cases: Vec<Value>,
    /// With a roll back: what the live one has not told yet is withdrawn.
    #[serde(default)]
    pub recall: bool,
    /// Who proposes it.
    #[serde(default)]
    pub who: String,
    /// Why, in their words.
    pub note: Option<String>,
}

/// What came of it.
#[derive(Debug, Serialize, Deserialize)]
pub struct SwapReport {
    /// The generation that is live now.
    pub generation: i64,
    /// The live mapper's digest.
    pub digest: String,
    /// The digest of its settings.
    pub settings_hash: String,
    /// How many cases it passed.
    pub cases: u32,
    /// Stored changes it was tried on.
    pub compared: usize,
    /// Those whose effects would be others.
    pub differing: usize,
    /// What was withdrawn, if that was asked for.
    pub recalled: Option<Recalled>,
    /// How long making it ready took, in milliseconds.
    pub prepare_ms: u64,
    /// How long making it live took, in milliseconds.
    pub commit_ms: u64,
}

impl From<SwapError> for Failed {
    fn from(error: SwapError) -> Self {
        let status = match &error {
            SwapError::Refused(_) => StatusCode::UNPROCESSABLE_ENTITY,
            SwapError::Store(_) => StatusCode::SERVICE_UNAVAILABLE,
            SwapError::Kept { .. } | SwapError::Unwritten(_) => StatusCode::INTERNAL_SERVER_ERROR,
            SwapError::Unknown(_) => StatusCode::NOT_FOUND,
            SwapError::First(_) | SwapError::Gone(_) => StatusCode::CONFLICT,
        };
        Self(status, error.to_string())
    }
}

pub(super) async fn history(State(admin): State<Arc<Admin>>, Path(name): Path<String>) -> Result<Json<Value>, Failed> {
    let mut history = admin.flow.store.generations(1_000).await?;
    history.retain(|generation| generation.written.mapper == name);
    serde_json::to_value(history)
        .map(Json)
        .map_err(|error| Failed(StatusCode::INTERNAL_SERVER_ERROR, error.to_string()))
}

pub(super) async fn test(
    State(admin): State<Arc<Admin>>,
    Path(name): Path<String>,
    Json(proposed): Json<Proposed>,
) -> Result<Json<SwapReport>, Failed> {
    let started = Instant::now();
    let (candidate, cases, _) = admin.candidate(&name, proposed).await?;
    let prepared = admin.flow.prepare(&name, candidate, &cases).await?;
    let live = admin.live(&name)?;
    Ok(Json(report(live.id, &prepared, started.elapsed().as_millis() as u64, 0)))
}

pub(super) async fn swap(
    State(admin): State<Arc<Admin>>,
    Path(name): Path<String>,
    Json(proposed): Json<Proposed>,
) -> Result<Json<SwapReport>, Failed> {
    let started = Instant::now();
    let (candidate, cases, reason) = admin.candidate(&name, proposed).await?;
    let prepared = admin.flow.prepare(&name, candidate, &cases).await?;
    let mut report = report(0, &prepared, started.elapsed().as_millis() as u64, 0);
    let committing = Instant::now();
    // Preparing may be given up half way; committing is not: it goes on even if who asked has gone.
    let flow = admin.flow.clone();
    let committed = tokio::spawn(async move { flow.commit(&name, prepared, reason).await }).await;
    let generation = committed.map_err(|error| Failed(StatusCode::INTERNAL_SERVER_ERROR, error.to_string()))??;
    report.generation = generation.id;
    report.commit_ms = committing.elapsed().as_millis() as u64;
    Ok(Json(report))
}

pub(super) async fn roll_back(
    State(admin): State<Arc<Admin>>,
    Path(name): Path<String>,
    Json(proposed): Json<Proposed>,
) -> Result<Json<SwapReport>, Failed> {
    let committing = Instant::now();
    let reason = Reason { origin: "rollback", who: proposed.who, note: proposed.note };
    let (flow, recall) = (admin.flow.clone(), proposed.recall);
    let rolled = tokio::spawn(async move { flow.roll_back(&name, reason, recall).await }).await;
    let rolled = rolled.map_err(|error| Failed(StatusCode::INTERNAL_SERVER_ERROR, error.to_string()))??;
    let RolledBack { generation, recalled } = rolled;
    let loaded = generation.mapper.loaded();
    Ok(Json(SwapReport {
        generation: generation.id,
        digest: loaded.digest.to_string(),
        settings_hash: Digest::of(generation.mapper.settings().as_bytes()).to_string(),
        cases: 0,
        compared: 0,
        differing: 0,
        recalled,
        prepare_ms: 0,
        commit_ms: committing.elapsed().as_millis() as u64,
    }))
}

impl Admin {
    fn live(&self, name: &str) -> Result<Arc<Generation>, SwapError> {
        self.flow.generation(name).ok_or_else(|| SwapError::Unknown(name.to_owned()))
    }

    /// What is proposed, completed from what is live.
    pub(super) async fn candidate(
        &self,
        name: &str,
        proposed: Proposed,
    ) -> Result<(Candidate, Vec<Case>, Reason), Failed> {
        let live = self.live(name)?;
        let unusable = |text: String| Failed(StatusCode::BAD_REQUEST, text);
        let component = match (proposed.component, proposed.digest) {
            (Some(text), _) => {
                STANDARD.decode(text).map_err(|error| unusable(format!("component is not base64: {error}")))?
            }
            (None, Some(digest)) => {
                let kept = self.flow.store.component_named(&digest).await?;
                kept.ok_or_else(|| {
                    unusable(format!("no one component that is kept has a digest that begins with `{digest}`"))
                })?
            }
            (None, None) => {
                let digest = live.mapper.loaded().digest.to_string();
                self.flow.store.component(&digest).await?.ok_or(SwapError::Gone(digest))?
            }
        };
        let settings = proposed.settings.unwrap_or_else(|| live.mapper.settings().to_owned());
        let cases = proposed.cases.into_iter().map(serde_json::from_value).collect::<Result<Vec<Case>, _>>();
        let cases = cases.map_err(|error| unusable(format!("a case is none: {error}")))?;
        let reason = Reason { origin: "swap", who: proposed.who, note: proposed.note };
        Ok((Candidate { name: name.to_owned(), component, settings }, cases, reason))
    }
}

fn report(generation: i64, prepared: &Prepared, prepare_ms: u64, commit_ms: u64) -> SwapReport {
    let Diff { compared, differing } = prepared.diff;
    let mapper = prepared.variants.base();
    let loaded = mapper.loaded();
    SwapReport {
        generation,
        digest: loaded.digest.to_string(),
        settings_hash: Digest::of(mapper.settings().as_bytes()).to_string(),
        cases: prepared.cases,
        compared,
        differing,
        recalled: None,
        prepare_ms,
        commit_ms,
    }
}
