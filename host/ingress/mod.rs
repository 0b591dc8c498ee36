//! Where the CRM's webhooks and the operator's reports arrive: proven genuine, made durable, and only then answered.

mod consent;
mod conversion;
mod moment;
mod report;
mod reporter;
mod verify;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Instant;

use arc_swap::ArcSwap;
use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{Path, Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{any, get, post};
use serde_json::{Value, json};

pub use reporter::{Reporter, faults};
pub use verify::{Judgement, Verifier};

use crate::clock::Millis;
use crate::contract::Digest;
use crate::engine::Envelope;
use crate::flow::{Flow, What};
use crate::metrics::{Kind, Stage};
use crate::store::{Incoming, Origin, Put, StoreError};
use moment::moment;

/// How one source's webhooks are taken.
pub struct Hook {
    /// What proves that a webhook is the vendor's.
    pub verifiers: Vec<Verifier>,
    /// Where id, time and location stand in a body.
    pub envelope: Envelope,
    /// Older webhooks are refused.
    pub replay_window_ms: Millis,
    /// The connection of each known location.
    pub locations: HashMap<String, String>,
}

/// The door for webhooks and reports.
pub struct Ingress {
    flow: Arc<Flow>,
    hooks: ArcSwap<HashMap<String, Hook>>,
    reporters: ArcSwap<Vec<Reporter>>,
    max_body_bytes: usize,
}

/// A sender is asked to come back after this many seconds.
const RETRY_AFTER_S: &str = "30";

impl Ingress {
    /// A door onto `flow`. It answers 429 while more than `high_water` deliveries wait.
    pub fn new(flow: Arc<Flow>, max_body_bytes: usize, high_water: u64) -> Arc<Self> {
        let (hooks, reporters) = (ArcSwap::default(), ArcSwap::default());
        flow.intake.set_high_water(high_water);
        Arc::new(Self { flow, hooks, reporters, max_body_bytes })
    }

    /// Puts other hooks and reporters in force.
    pub fn rehook(&self, hooks: HashMap<String, Hook>, reporters: Vec<Reporter>) {
        self.hooks.store(Arc::new(hooks));
        self.reporters.store(Arc::new(reporters));
    }

    /// Whether a webhook would be taken now.
    pub fn is_open(&self) -> bool {
        self.flow.readiness().is_open()
    }

    /// The routes.
    pub fn router(self: Arc<Self>) -> Router {
        Router::new()
            .route("/hooks/{source}", post(receive))
            .route("/contacts/{contact}/conversions", any(report::report))
            .route("/oauth/{source}", get(consent::redirected))
            .route("/healthz", get(async || "ok\n"))
            .route("/readyz", get(ready))
            .with_state(self)
    }

    async fn whole(&self, body: Body) -> Result<Vec<u8>, Refusal> {
        let body = to_bytes(body, self.max_body_bytes).await;
        body.map(Vec::from).map_err(|_| Refusal::TooLarge(self.max_body_bytes))
    }

    async fn take(&self, source: &str, headers: HeaderMap, body: Vec<u8>) -> Result<Taken, Refusal> {
        let hooks = self.hooks.load();
        let hook = hooks.get(source).ok_or(Refusal::NoSuchSource)?;
        let trial = match verify::judge(&hook.verifiers, &headers, &body) {
            Judgement::Genuine => false,
            Judgement::Unsigned => return Err(Refusal::Unsigned),
            Judgement::Forged if self.is_trial(source, &headers, &body) => true,
            Judgement::Forged => return Err(Refusal::Forged),
        };
        if !self.is_open() {
            return Err(Refusal::Full);
        }
        let now = self.flow.clock.now_ms();
        let parsed: Value = serde_json::from_slice(&body).map_err(|_| Refusal::NotJson)?;
        let text = |pointer: &str| parsed.pointer(pointer).and_then(Value::as_str).filter(|text| !text.is_empty());
        let sent_at = hook.envelope.sent_at.as_deref().and_then(|pointer| parsed.pointer(pointer)).and_then(moment);
        if sent_at.is_some_and(|sent_at| sent_at.saturating_add(hook.replay_window_ms) < now) {
            return Err(Refusal::Stale);
        }
        // A webhook without an id is known by its bytes.
        let webhook_id = text(&hook.envelope.id).map_or_else(|| Digest::of(&body).to_string(), str::to_owned);
        let location = text(&hook.envelope.location).unwrap_or_default().to_owned();
        let connection = hook.locations.get(&location).cloned();
        let incoming = Incoming {
            source: source.to_owned(),
            connection: connection.clone(),
            webhook_id,
            location,
            kind_hint: None,
            origin: Origin::Webhook,
            received_at: now,
            sent_at,
            headers: kept(&headers),
            body,
        };
        if trial {
            // A row is written all the same: whether there is room for one is half of what is asked.
            self.flow.store.probe(now).await.map_err(Refusal::Store)?;
            return Ok(Taken::Trial { connection: incoming.connection });
        }
        // Told to nobody, it need not be known once the delivery is the store's.
        let told = self.flow.is_followed().then(|| (incoming.connection.clone(), incoming.webhook_id.clone()));
        let put = self.flow.store.put(incoming).await.map_err(Refusal::Store)?;
        if matches!(put, Put::Stored { .. }) {
            self.flow.intake.note_one();
            self.flow.intake.note_heard(now);
            match connection {
                Some(connection) => self.flow.wake.read.ring(&connection),
                // Nobody's yet: it may be the install that makes a connection.
                None => self.flow.wake.meet.ring_all(),
            }
        }
        Ok(Taken::Put { put, told })
    }

    /// Whether these bytes are the test webhook that an operator asked for a moment ago, signed as it was. It goes the way of every other up to
    /// where it would be kept.
    fn is_trial(&self, source: &str, headers: &HeaderMap, body: &[u8]) -> bool {
        let Some(scheme) = self.flow.trial_of(source, body) else { return false };
        let verifiers = Verifier::of(&[scheme], None, false).unwrap_or_default();
        verify::judge(&verifiers, headers, body) == Judgement::Genuine
    }

    /// Counts a webhook that was not taken, by its source if that is one of ours.
    fn count_refusal(&self, source: &str, refusal: &Refusal) {
        let source = if self.hooks.load().contains_key(source) { source } else { "unknown" };
        self.flow.metrics.failed(Kind::Source, source, Stage::Receiving, refusal.word());
    }
}

/// What became of a webhook that was not refused.
enum Taken {
    Put {
        put: Put,
        /// Its connection and its webhook id, where somebody follows what happens.
        told: Option<(Option<String>, String)>,
    },
    /// It was a test of ours: it would have been kept.
    Trial { connection: Option<String> },
}

/// Why a webhook was not taken.
enum Refusal {
    NoSuchSource,
    TooLarge(usize),
    Unsigned,
    Forged,
    NotJson,
    Stale,
    Full,
    Store(StoreError),
}

impl Refusal {
    /// Its word, for who counts.
    fn word(&self) -> &'static str {
        match self {
            Self::NoSuchSource => "no-such-source",
            Self::TooLarge(_) => "too-large",
            Self::Unsigned => "unsigned",
            Self::Forged => "forged",
            Self::NotJson => "not-json",
            Self::Stale => "stale",
            Self::Full => "full",
            Self::Store(_) => "store",
        }
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let (status, text) = match self {
            Refusal::NoSuchSource => (StatusCode::NOT_FOUND, "no source of that name is configured"),
            Refusal::Unsigned => (StatusCode::UNAUTHORIZED, "the webhook is not signed"),
            Refusal::Forged => (StatusCode::UNAUTHORIZED, "the signature is not the sender's over these bytes"),
            Refusal::Stale => (StatusCode::UNAUTHORIZED, "the webhook is older than the replay window"),
            Refusal::NotJson => (StatusCode::BAD_REQUEST, "the body is not JSON"),
            Refusal::TooLarge(most) => {
                let text = format!("the body is larger than {most} bytes, or broke off");
                return (StatusCode::PAYLOAD_TOO_LARGE, axum::Json(json!({"error": text}))).into_response();
            }
            Refusal::Full => (StatusCode::TOO_MANY_REQUESTS, "too much is waiting: come back later"),
            // Never 5xx: some senders do not come back after one.
            Refusal::Store(error) => {
                tracing::error!(%error, "a delivery cannot be stored");
                (StatusCode::TOO_MANY_REQUESTS, "it cannot be stored now: come back later")
            }
        };
        let body = axum::Json(json!({"error": text}));
        if status == StatusCode::TOO_MANY_REQUESTS {
            return (status, [(header::RETRY_AFTER, RETRY_AFTER_S)], body).into_response();
        }
        (status, body).into_response()
    }
}

async fn receive(State(ingress): State<Arc<Ingress>>, Path(source): Path<String>, request: Request<Body>) -> Response {
    let began = Instant::now();
    let (parts, body) = request.into_parts();
    let body = match ingress.whole(body).await {
        Ok(body) => body,
        Err(refusal) => {
            ingress.count_refusal(&source, &refusal);
            return refusal.into_response();
        }
    };
    let taken = ingress.take(&source, parts.headers, body).await;
    // The name is the sender's own word until a hook of that name was found.
    if taken.is_ok() {
        let took = began.elapsed();
        let latency_ms = took.as_millis() as u64;
        ingress.flow.metrics.stepped("receive", took);
        tracing::debug!(step = "receive", lane = %source, items = 1, latency_ms, "a webhook is taken");
    }
    match taken {
        Ok(Taken::Trial { connection }) => axum::Json(json!({"trial": true, "connection": connection})).into_response(),
        Ok(Taken::Put { put, told }) => {
            ingress.flow.metrics.received(Kind::Source, &source, 1);
            let Put::Stored { delivery } = put else {
                ingress.flow.metrics.skipped(Kind::Source, &source, "repeated", 1);
                return axum::Json(json!({"known": true})).into_response();
            };
            if let Some((connection, webhook_id)) = told {
                ingress.flow.tell(|| What::Received {
                    source,
                    connection,
                    delivery: delivery.clone(),
                    webhook_id,
                    latency_ms: began.elapsed().as_millis() as u64,
                });
            }
            axum::Json(json!({"delivery": delivery})).into_response()
        }
        Err(refusal) => {
            ingress.count_refusal(&source, &refusal);
            refusal.into_response()
        }
    }
}

async fn ready(State(ingress): State<Arc<Ingress>>) -> Result<&'static str, (StatusCode, String)> {
    ingress.flow.readiness().answer().map_err(|reasons| (StatusCode::SERVICE_UNAVAILABLE, reasons))
}

/// The headers a source may want to see. Signatures have done their work.
fn kept(headers: &HeaderMap) -> Vec<(String, String)> {
    let kept = headers.iter().filter(|(name, _)| name.as_str() == "content-type" || name.as_str() == "user-agent");
    kept.filter_map(|(name, value)| Some((name.to_string(), value.to_str().ok()?.to_owned()))).collect()
}
