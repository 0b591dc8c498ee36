//! The control door: what people and tests ask of the sandbox itself. One file a family of questions; a family adds its routes here.

mod ads;
mod oauth;
mod simulate;
mod switches;

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, Path, Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{delete, get, post, put};
use axum::{Json, Router};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::error::SandboxError;
use super::play::{self, Play};
use super::requests::Shown;
use super::world::{World, lock};
use crate::clock::Millis;

/// The control door's routes.
pub fn router(world: Arc<World>) -> Router {
    Router::new()
        .route("/", get(summary))
        .route("/play", post(play))
        .route("/simulate", post(simulate::simulate))
        .route("/faults", get(switches::faults).post(switches::set_faults))
        .route("/faults/{object}", put(switches::set_fault_of))
        .route("/quirks", get(switches::quirks).put(switches::set_quirks))
        .route("/allowance", get(switches::allowance).put(switches::set_allowance))
        .route("/subscription", get(switches::subscription).put(switches::set_subscription))
        .route("/limits", get(switches::limits))
        .route("/tokens", post(oauth::private))
        .route("/oauth/expire", post(oauth::expire))
        .route("/oauth/revoke", post(oauth::revoke))
        .route("/oauth/install", post(oauth::install))
        .route("/oauth/uninstall", post(oauth::uninstall))
        .route("/oauth/life", put(oauth::life))
        .route("/oauth/log", get(oauth::log))
        .route("/locations/{id}/suspend", post(oauth::suspend))
        .route("/locations/{id}/activate", post(oauth::activate))
        .route("/locations/{id}/fields/{key}", delete(lose_field))
        .route("/accepted", get(ads::accepted))
        .route("/repeats", get(ads::repeats))
        .route("/audiences", get(ads::audiences))
        .route("/audiences/{id}/members", get(ads::members))
        .route("/requests", get(requests))
        .route("/clock", post(clock))
        .route("/reset", post(reset))
        .route("/contacts", get(contacts))
        .route("/fired", get(fired))
        .route("/dropped", get(dropped))
        .layer(DefaultBodyLimit::max(4 << 20))
        .with_state(world)
}

impl IntoResponse for SandboxError {
    fn into_response(self) -> Response {
        (StatusCode::BAD_REQUEST, Json(json!({ "error": self.to_string() }))).into_response()
    }
}

fn read<T: DeserializeOwned>(body: &Bytes) -> Result<T, SandboxError> {
    serde_json::from_slice(body).map_err(|error| SandboxError::Asked(error.to_string()))
}

/// The position of the location with this id.
fn position(world: &World, id: &str) -> Result<usize, SandboxError> {
    let found = world.summary.locations.iter().position(|location| location == id);
    found.ok_or_else(|| SandboxError::Asked(format!("there is no location {id}")))
}

async fn summary(State(world): State<Arc<World>>) -> Response {
    Json(&world.summary).into_response()
}

async fn play(State(world): State<Arc<World>>, body: Bytes) -> Result<Response, SandboxError> {
    let play: Play = read(&body)?;
    Ok(Json(play::run(&world, play).await?).into_response())
}

async fn requests(State(world): State<Arc<World>>) -> Json<Shown> {
    Json(world.requests.shown())
}

/// One of the two.
#[derive(Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
enum Move {
    AdvanceMs(i64),
    NowMs(Millis),
}

async fn clock(State(world): State<Arc<World>>, body: Bytes) -> Result<Json<Value>, SandboxError> {
    match read(&body)? {
        Move::AdvanceMs(by) => world.time.advance_ms(by),
        Move::NowMs(to) => world.time.set_ms(to),
    }
    Ok(Json(json!({ "now_ms": world.time.now_ms() })))
}

async fn reset(State(world): State<Arc<World>>) -> Json<Value> {
    world.reset();
    Json(json!({}))
}

#[derive(Deserialize)]
struct Where {
    location: Option<String>,
}

async fn contacts(State(world): State<Arc<World>>, Query(asked): Query<Where>) -> Result<Json<Value>, SandboxError> {
    let id = asked.location.unwrap_or_else(|| world.summary.location.clone());
    let at = position(&world, &id)?;
    let crm = lock(&world.crm);
    let location = &crm.locations[at];
    let people: Vec<&String> = location.seeded.iter().chain(&location.born).collect();
    Ok(Json(json!({ "location": id, "contacts": people })))
}

/// A location has a custom field no more.
async fn lose_field(
    State(world): State<Arc<World>>,
    Path((id, key)): Path<(String, String)>,
) -> Result<Json<Value>, SandboxError> {
    let at = position(&world, &id)?;
    let fields = &mut lock(&world.crm).locations[at].fields;
    let before = fields.len();
    fields.retain(|field| field.key != key);
    if fields.len() == before {
        return Err(SandboxError::Asked(format!("location {id} has no custom field {key}")));
    }
    Ok(Json(json!({})))
}

async fn fired(State(world): State<Arc<World>>) -> Json<Value> {
    Json(json!({ "fired": *lock(&world.fired) }))
}

async fn dropped(State(world): State<Arc<World>>) -> Json<Value> {
    let dropped = lock(&world.dropped);
    let rows = dropped.iter().map(|lost| {
        json!({ "type": lost.kind, "contact": lost.contact_id, "webhookId": lost.webhook_id, "location": lost.location_id })
    });
    Json(json!({ "dropped": rows.collect::<Vec<_>>() }))
}
