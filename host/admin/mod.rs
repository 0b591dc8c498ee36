//! The door for people and their commands: loopback unless told otherwise, and never without a token or a session.

mod alerts;
mod auth;
mod crm;
mod follow;
mod gate;
mod health;
mod mapper;
mod metrics;
mod operate;
mod page;
mod preview;
mod replay;
mod role;
mod routes;
mod session;
mod shadow;
mod test_mode;
mod token;
mod trial;
mod verify;

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

pub use auth::Brought;
pub use crm::{Command, Look, Probe, Suppose};
pub use mapper::{Proposed, SwapReport};
pub use metrics::Scraping;
pub use page::AskForCode;
pub use preview::Foreseen;
pub use replay::ReplayedWith;
pub use role::Role;
pub use routes::{Needs, Route, routes};
pub use session::SignInCode;
pub use shadow::{Begin, Promote};
pub use test_mode::{TestModeBegun, TestModeEnded};
pub use token::{Token, Tokens, read_address, write_address};
pub use trial::{TryDestination, TryWebhook};

use crate::contract::Digest;
use crate::flow::Flow;
use crate::store::{Pause, PauseScope, StoreError};

/// The door onto a running flow.
pub struct Admin {
    flow: Arc<Flow>,
    tokens: Tokens,
    scraping: Scraping,
    sessions: session::Sessions,
    /// Where browsers reach it through a proxy.
    public_url: Option<Uri>,
    seen: page::Seen,
    pulse: page::Pulse,
}

/// A request to pause or resume.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PauseRequest {
    /// What to pause.
    pub scope: PauseScope,
    /// Why, in the words of who asks.
    #[serde(default)]
    pub reason: String,
    /// Who asks.
    #[serde(default)]
    pub by: String,
}

impl Admin {
    /// A door that opens to `tokens`, and to sessions that they began; the metrics to who `scraping` says as well.
    pub fn new(flow: Arc<Flow>, tokens: Tokens, scraping: Scraping, public_url: Option<Uri>) -> Arc<Self> {
        let (sessions, seen, pulse) = (session::Sessions::default(), page::Seen::default(), page::Pulse::default());
        Arc::new(Self { flow, tokens, scraping, sessions, public_url, seen, pulse })
    }

    /// Whether somebody brings the token of either role.
    fn has_token(&self, headers: &HeaderMap) -> bool {
        headers.get(header::AUTHORIZATION).is_some_and(|sent| self.tokens.role_of(sent.as_bytes()).is_some())
    }
}

/// Whoever does not bring what opens the door.
fn strange(text: &str) -> Response {
    let body = Json(json!({"error": text}));
    (StatusCode::UNAUTHORIZED, [(header::WWW_AUTHENTICATE, "Bearer")], body).into_response()
}

/// An error as the door answers it.
#[derive(Debug)]
struct Failed(StatusCode, String);

impl IntoResponse for Failed {
    fn into_response(self) -> Response {
        (self.0, Json(json!({"error": self.1}))).into_response()
    }
}

impl From<StoreError> for Failed {
    fn from(error: StoreError) -> Self {
        Self(StatusCode::SERVICE_UNAVAILABLE, error.to_string())
    }
}

async fn status(State(admin): State<Arc<Admin>>) -> Result<Json<Value>, Failed> {
    let status = admin.flow.store.status(admin.flow.clock.now_ms()).await?;
    let ambiguous = admin.flow.store.ambiguous().await?;
    let live = admin.flow.live();
    let mappers = live.iter().map(|(name, generation)| {
        let digest = generation.mapper.loaded().digest.to_string();
        let settings = Digest::of(generation.mapper.settings().as_bytes()).to_string();
        (name.clone(), json!({"generation": generation.id, "digest": digest, "settings_hash": settings}))
    });
    let mappers: serde_json::Map<String, Value> = mappers.collect();
    let plan = admin.flow.plan();
    let since = plan.connections.values().map(|known| (known.name.clone(), json!({"since": known.since})));
    let connections: serde_json::Map<String, Value> = since.collect();
    Ok(Json(json!({
        "running": true, "status": status, "mappers": mappers, "ambiguous": ambiguous, "connections": connections,
        "sunsets": admin.flow.sunsets(),
    })))
}

async fn pause(State(admin): State<Arc<Admin>>, Json(request): Json<PauseRequest>) -> Result<Json<Value>, Failed> {
    let PauseRequest { scope, reason, by } = request;
    admin.flow.pause(Pause { scope, reason, at: admin.flow.clock.now_ms(), by, heals: false }).await?;
    Ok(Json(json!({"paused": true})))
}

async fn resume(State(admin): State<Arc<Admin>>, Json(request): Json<PauseRequest>) -> Result<Json<Value>, Failed> {
    admin.flow.resume(request.scope).await?;
    Ok(Json(json!({"paused": false})))
}
