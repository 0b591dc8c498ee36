//! The ad platform: Meta's Graph API as far as a sender of conversion events needs it.

mod audience;
mod body;
mod error;
mod events;
mod rules;

use std::sync::{Arc, Mutex};

use axum::Router;
use axum::extract::{DefaultBodyLimit, Request, State};
use axum::http::{HeaderValue, StatusCode, Uri, header};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use serde::Serialize;
use serde_json::Value;
use tokio::sync::watch;

use super::faults::{self, Fault};
use super::requests::{self, Side};
use super::world::{World, lock};
use crate::clock::Millis;
use error::GraphError;

/// One event the platform accepted.
#[derive(Clone, Debug, Serialize)]
pub struct Accepted {
    /// 1 for the first, without gaps.
    pub seq: usize,
    /// The dataset it was sent to.
    pub dataset: String,
    /// As it was sent.
    pub event: Value,
    /// Milliseconds since the epoch.
    pub accepted_at: Millis,
    /// Whether the request carried a test event code.
    pub test: bool,
}

/// What the platform has accepted.
#[derive(Default)]
pub struct Platform {
    events: Mutex<Vec<Accepted>>,
    count: watch::Sender<usize>,
    /// Its audiences.
    pub audiences: audience::Audiences,
}

impl Platform {
    /// Accepts one request's events, in their order.
    fn accept(&self, dataset: &str, events: Vec<Value>, test: bool, accepted_at: Millis) {
        let mut all = lock(&self.events);
        for event in events {
            let seq = all.len() + 1;
            all.push(Accepted { seq, dataset: dataset.to_owned(), event, accepted_at, test });
        }
        self.count.send_replace(all.len());
    }

    /// All events without the first `after`.
    pub fn accepted(&self, after: usize) -> Vec<Accepted> {
        lock(&self.events).get(after..).map(<[Accepted]>::to_vec).unwrap_or_default()
    }

    /// Waits until there are more than `after`.
    pub async fn more_than(&self, after: usize) {
        // The sender is part of self and outlives the wait.
        let _ = self.count.subscribe().wait_for(|count| *count > after).await;
    }

    /// Forgets everything.
    pub fn reset(&self) {
        self.audiences.reset();
        let mut all = lock(&self.events);
        all.clear();
        self.count.send_replace(0);
    }
}

/// The platform's routes.
pub fn router(world: Arc<World>) -> Router {
    let (router, patterns) = requests::routed([
        ("/{version}/{object}", get(events::dataset)),
        ("/{version}/{object}/events", post(events::send)),
        ("/{version}/{object}/users", post(audience::join).delete(audience::leave)),
    ]);
    let router = router
        .fallback(unknown)
        .method_not_allowed_fallback(unknown)
        .layer(DefaultBodyLimit::max(16 << 20))
        .layer(from_fn_with_state(world.clone(), weather));
    requests::noted(router, &world, Side::Ads, patterns).with_state(world)
}

async fn unknown(State(world): State<Arc<World>>, uri: Uri) -> Response {
    GraphError::unknown_path(uri.path()).answer(&world)
}

async fn weather(State(world): State<Arc<World>>, mut request: Request, next: Next) -> Response {
    let Some(mut met) = world.faults.draw(Side::Ads) else { return next.run(request).await };
    met.wait().await;
    if met.fault.echo {
        return faults::echo(request).await;
    }
    match broken(&world, &met.fault) {
        Some(response) => faults::retry_after(response, &met.fault),
        None => {
            request.extensions_mut().insert(met.fault);
            next.run(request).await
        }
    }
}

/// The answer a fault gives in place of the real one.
fn broken(world: &World, fault: &Fault) -> Option<Response> {
    let status = fault.status.and_then(|status| StatusCode::from_u16(status).ok());
    if fault.html {
        const PAGE: &str = "<!DOCTYPE html><html><head><title>Error</title></head><body><h1>Sorry, something went wrong.</h1></body></html>";
        let html = [(header::CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"))];
        return Some((status.unwrap_or(StatusCode::SERVICE_UNAVAILABLE), html, PAGE).into_response());
    }
    if fault.empty {
        return Some(status.unwrap_or(StatusCode::BAD_GATEWAY).into_response());
    }
    if status.is_none() && fault.code.is_none() {
        return None;
    }
    let status = status.unwrap_or(StatusCode::BAD_REQUEST);
    Some(GraphError::fault(status, fault.code, fault.subcode).answer(world))
}
