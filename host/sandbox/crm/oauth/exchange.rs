//! `POST /oauth/locationToken`: an agency's token for one of a location.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, Method, StatusCode};
use axum::response::Response;

use super::super::super::world::{World, lock};
use super::super::auth::{self, Version};
use super::super::reply;
use super::grants::{Grant, Grants, Holder, Pair};
use super::{form, token};

/// What every token that is made this way gains.
const GAINED: [&str; 2] = ["oauth.readonly", "oauth.write"];

/// The path of the dated versions; `v3` answers there as well.
pub async fn location_token(State(world): State<Arc<World>>, headers: HeaderMap, body: Bytes) -> Response {
    exchange(&world, &headers, &body).unwrap_or_else(|refused| refused)
}

/// The path of `v3` only.
pub async fn location_token_v3(State(world): State<Arc<World>>, headers: HeaderMap, body: Bytes) -> Response {
    match auth::version(&world, &headers) {
        Ok(Version::Dated) => reply::unrouted(&world, &Method::POST, "/oauth/location-token"),
        Ok(Version::V3) | Err(_) => exchange(&world, &headers, &body).unwrap_or_else(|refused| refused),
    }
}

fn exchange(world: &World, headers: &HeaderMap, body: &[u8]) -> Result<Response, Response> {
    let caller = auth::caller(world, headers, "oauth.write")?;
    let given = form::read(headers, body);
    let need = |name: &str| {
        let value = given.get(name).filter(|value| !value.is_empty());
        value.ok_or_else(|| reply::unprocessable(world, &[format!("{name} should not be empty")]))
    };
    let (company, location) = (need("companyId")?, need("locationId")?);
    let bearer = headers.get("authorization").and_then(|value| value.to_str().ok()?.strip_prefix("Bearer "));
    let (made, names) = {
        let mut grants = lock(&world.grants);
        let made = if *company == grants.names.company {
            made(world, &mut grants, bearer.unwrap_or_default(), location)
        } else {
            Err((StatusCode::FORBIDDEN, "The token does not have access to this company."))
        };
        let (word, holder) = match &made {
            Ok(pair) => ("issued", Some(pair.grant.holder)),
            Err((StatusCode::FORBIDDEN, _)) => ("no_access", None),
            Err(_) => ("not_active", None),
        };
        grants.note(world.time.now_ms(), "location_token", word, holder);
        (made, grants.names.clone())
    };
    let pair = made.map_err(|(status, message)| reply::refusal(world, status, message))?;
    let mut body = token::told(&pair, &names, caller.version());
    body.insert("appId".to_owned(), world.app.id.as_str().into());
    body.insert("versionId".to_owned(), world.app.version.as_str().into());
    Ok(reply::plain(world, StatusCode::CREATED, body))
}

fn made(world: &World, grants: &mut Grants, bearer: &str, location: &str) -> Result<Pair, (StatusCode, &'static str)> {
    let at = grants.names.locations.iter().position(|id| id == location);
    let Some(at) = at.filter(|at| grants.installed.contains_key(at)) else {
        return Err((StatusCode::FORBIDDEN, "The token does not have access to this location."));
    };
    if grants.is_suspended(at) {
        return Err((StatusCode::BAD_REQUEST, "Location is not active"));
    }
    let now = world.time.now_ms();
    let own = grants.access(bearer, now).map(|access| access.scopes()).unwrap_or_default();
    let gained =
        GAINED.iter().filter(|gained| !own.iter().any(|scope| scope == *gained)).map(|name| (*name).to_owned());
    let scopes = own.iter().cloned().chain(gained).collect();
    let grant = Grant { holder: Holder::Location(at), scopes };
    Ok(grants.issue(grant, world.token_life_s(), &mut world.trace(), now))
}
