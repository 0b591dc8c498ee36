//! Tokens from the vendor's side of the counter: made, ended, taken away; and who called for one.

use std::sync::Arc;

use axum::Json;
use axum::body::Bytes;
use axum::extract::{Path, State};
use serde::Deserialize;
use serde_json::{Value, json};

use super::super::crm::oauth::grants::{Code, Grant, Holder};
use super::super::crm::oauth::install as installation;
use super::super::error::SandboxError;
use super::super::world::{World, lock};
use super::{position, read};

/// What an installation by the control door may do when nobody says: everything the app's endpoints need.
const SCOPES: [&str; 10] = [
    "contacts.readonly",
    "contacts.write",
    "locations.readonly",
    "locations/customFields.readonly",
    "locations/tags.readonly",
    "locations/tasks.readonly",
    "opportunities.readonly",
    "calendars/events.readonly",
    "oauth.readonly",
    "oauth.write",
];

/// A private integration token for one location.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Private {
    location: String,
    scopes: Vec<String>,
}

/// `POST /tokens`.
pub async fn private(State(world): State<Arc<World>>, body: Bytes) -> Result<Json<Value>, SandboxError> {
    let asked: Private = read(&body)?;
    let grant = Grant { holder: Holder::Location(position(&world, &asked.location)?), scopes: asked.scopes.into() };
    let token = lock(&world.grants).private(grant, &mut world.trace());
    Ok(Json(json!({ "token": token })))
}

/// A location, the agency, or neither.
#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Whose {
    location: Option<String>,
    company: bool,
    scopes: Option<Vec<String>>,
}

impl Whose {
    fn read(body: &Bytes) -> Result<Self, SandboxError> {
        let whose: Self = if body.is_empty() { Self::default() } else { read(body)? };
        if whose.company && whose.location.is_some() {
            return Err(SandboxError::Asked("location and company exclude each other".to_owned()));
        }
        Ok(whose)
    }

    fn holder(&self, world: &World) -> Result<Option<Holder>, SandboxError> {
        match &self.location {
            Some(location) => Ok(Some(Holder::Location(position(world, location)?))),
            None if self.company => Ok(Some(Holder::Company)),
            None => Ok(None),
        }
    }

    fn without_scopes(self) -> Result<Self, SandboxError> {
        match self.scopes {
            Some(_) => Err(SandboxError::Asked("scopes belong to an installation".to_owned())),
            None => Ok(self),
        }
    }
}

/// `POST /oauth/expire`: the access tokens of a location, of the agency, or of all end now.
pub async fn expire(State(world): State<Arc<World>>, body: Bytes) -> Result<Json<Value>, SandboxError> {
    let holder = Whose::read(&body)?.without_scopes()?.holder(&world)?;
    lock(&world.grants).expire(holder);
    Ok(Json(json!({})))
}

/// `POST /oauth/revoke`: refresh tokens and codes are taken away as well.
pub async fn revoke(State(world): State<Arc<World>>, body: Bytes) -> Result<Json<Value>, SandboxError> {
    let holder = Whose::read(&body)?.without_scopes()?.holder(&world)?;
    lock(&world.grants).revoke(holder);
    Ok(Json(json!({})))
}

/// `POST /oauth/install`: as somebody does in the vendor's marketplace. The first location when none is named; answers with the code that
/// the redirect would have carried.
pub async fn install(State(world): State<Arc<World>>, body: Bytes) -> Result<Json<Value>, SandboxError> {
    let whose = Whose::read(&body)?;
    let holder = whose.holder(&world)?.unwrap_or(Holder::Location(0));
    let scopes = whose.scopes.unwrap_or_else(|| SCOPES.map(str::to_owned).to_vec());
    let code = Code { grant: Grant { holder, scopes: scopes.into() }, told: true };
    let code = lock(&world.grants).offer(code, &mut world.trace());
    installation::install(&world, holder);
    Ok(Json(json!({ "code": code })))
}

/// `POST /oauth/uninstall`: the first location when none is named.
pub async fn uninstall(State(world): State<Arc<World>>, body: Bytes) -> Result<Json<Value>, SandboxError> {
    let holder = Whose::read(&body)?.without_scopes()?.holder(&world)?.unwrap_or(Holder::Location(0));
    installation::uninstall(&world, holder);
    Ok(Json(json!({})))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Life {
    token_life_s: u64,
}

/// `PUT /oauth/life`: how long access tokens are good that are made from now on.
pub async fn life(State(world): State<Arc<World>>, body: Bytes) -> Result<Json<Value>, SandboxError> {
    let life: Life = read(&body)?;
    lock(&world.switches).token_life_s = life.token_life_s;
    Ok(Json(json!({ "token_life_s": life.token_life_s })))
}

/// `GET /oauth/log`: every call for a token, oldest first.
pub async fn log(State(world): State<Arc<World>>) -> Json<Value> {
    Json(json!({ "calls": lock(&world.grants).log }))
}

/// `POST /locations/{id}/suspend`.
pub async fn suspend(State(world): State<Arc<World>>, Path(id): Path<String>) -> Result<Json<Value>, SandboxError> {
    let at = position(&world, &id)?;
    lock(&world.grants).suspend(at, true);
    Ok(Json(json!({})))
}

/// `POST /locations/{id}/activate`.
pub async fn activate(State(world): State<Arc<World>>, Path(id): Path<String>) -> Result<Json<Value>, SandboxError> {
    let at = position(&world, &id)?;
    lock(&world.grants).suspend(at, false);
    Ok(Json(json!({})))
}
