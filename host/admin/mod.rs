//! The door for commands: loopback unless told otherwise, and never without the token.

mod alerts;
mod auth;
mod crm;
mod follow;
mod health;
mod mapper;
mod metrics;
mod operate;
mod preview;
mod replay;
mod shadow;
mod test_mode;
mod token;
mod trial;
mod verify;

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

pub use auth::Brought;
pub use crm::{Command, Look, Probe};
pub use mapper::{Proposed, SwapReport};
pub use metrics::Scraping;
pub use preview::Foreseen;
pub use replay::ReplayedWith;
pub use shadow::{Begin, Promote};
pub use test_mode::{TestModeBegun, TestModeEnded};
pub use token::{Token, read_address, write_address};
pub use trial::{TryDestination, TryWebhook};

use crate::contract::Digest;
use crate::flow::Flow;
use crate::store::{Pause, PauseScope, StoreError};

/// The door onto a running flow.
pub struct Admin {
    flow: Arc<Flow>,
    token: Token,
    scraping: Scraping,
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
    /// A door that opens to `token`; the metrics to who `scraping` says as well.
    pub fn new(flow: Arc<Flow>, token: Token, scraping: Scraping) -> Arc<Self> {
        Arc::new(Self { flow, token, scraping })
    }

    fn is_operator(&self, headers: &HeaderMap) -> bool {
        headers.get(header::AUTHORIZATION).is_some_and(|sent| self.token.is(sent.as_bytes()))
    }

    /// The routes.
    pub fn router(self: Arc<Self>) -> Router {
        Router::new()
            .route("/status", get(status))
            .route("/pause", post(pause))
            .route("/resume", post(resume))
            .route("/test-mode/on", post(test_mode::on))
            .route("/test-mode/off", post(test_mode::off))
            .route("/mapper/{name}/history", get(mapper::history))
            .route("/mapper/{name}/test", post(mapper::test))
            .route("/mapper/{name}/preview", post(preview::preview))
            .route("/mapper/{name}/swap", post(mapper::swap))
            .route("/mapper/{name}/rollback", post(mapper::roll_back))
            .route("/shadow/{name}", get(shadow::report))
            .route("/shadow/{name}/start", post(shadow::start))
            .route("/shadow/{name}/promote", post(shadow::promote))
            .route("/shadow/{name}/stop", post(shadow::stop))
            .route("/crm/{connection}/ask", post(crm::ask))
            .route("/crm/{connection}/execute", post(crm::execute))
            .route("/crm/{connection}/probe", post(crm::probe))
            .route("/crm/{connection}/look", post(crm::look))
            .route("/trial/webhook", post(trial::webhook))
            .route("/trial/destination", post(trial::destination))
            .route("/replay", post(replay::replay))
            .route("/replay/{name}", post(replay::replay_with))
            .route("/verify", post(verify::verify))
            .route("/operate", post(operate::take))
            .route("/auth", get(auth::status))
            .route("/auth/{target}/login", post(auth::login))
            .route("/auth/{target}/redirected", post(auth::redirected))
            .route("/auth/{target}/refresh", post(auth::refresh))
            .route("/auth/{target}/revoke", post(auth::revoke))
            .route("/happenings", get(follow::happenings))
            .route("/alerts", get(alerts::open))
            .route("/alerts/test", post(alerts::test))
            .layer(axum::extract::DefaultBodyLimit::max(64 * 1024 * 1024))
            .layer(from_fn_with_state(self.clone(), guard))
            // Behind the token are those above. These ask for none, or for another.
            .route("/metrics", get(metrics::metrics))
            .route("/healthz", get(health::alive))
            .route("/readyz", get(health::ready))
            .with_state(self)
    }
}

/// Nothing behind this door without the token.
async fn guard(State(admin): State<Arc<Admin>>, request: Request, next: Next) -> Response {
    if admin.is_operator(request.headers()) {
        return next.run(request).await;
    }
    strange("this door needs the token of the state directory: `Authorization: Bearer …`")
}

/// Whoever does not bring what opens the door.
fn strange(text: &str) -> Response {
    let body = Json(json!({"error": text}));
    (StatusCode::UNAUTHORIZED, [(header::WWW_AUTHENTICATE, "Bearer")], body).into_response()
}

/// An error as the door answers it.
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
