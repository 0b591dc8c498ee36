//! `GET /oauth/installedLocations`: where an agency has the app.

use std::collections::HashMap;
use std::sync::Arc;

use axum::extract::{Query, State};
use axum::http::{HeaderMap, Method, StatusCode};
use axum::response::Response;
use serde_json::{Map, Value, json};

use super::super::super::time::iso;
use super::super::super::world::{World, lock};
use super::super::auth::{self, Version};
use super::super::reply;

type Asked = HashMap<String, String>;

/// The path of the dated versions; `v3` answers there as well.
pub async fn locations(State(world): State<Arc<World>>, Query(asked): Query<Asked>, headers: HeaderMap) -> Response {
    listed(&world, &asked, &headers).unwrap_or_else(|refused| refused)
}

/// The path of `v3` only.
pub async fn locations_v3(State(world): State<Arc<World>>, Query(asked): Query<Asked>, headers: HeaderMap) -> Response {
    match auth::version(&world, &headers) {
        Ok(Version::Dated) => reply::unrouted(&world, &Method::GET, "/oauth/installed-locations"),
        Ok(Version::V3) | Err(_) => listed(&world, &asked, &headers).unwrap_or_else(|refused| refused),
    }
}

fn listed(world: &World, asked: &Asked, headers: &HeaderMap) -> Result<Response, Response> {
    let caller = auth::caller(world, headers, "oauth.readonly")?;
    let given = |name: &str| asked.get(name).map(String::as_str).filter(|value| !value.is_empty());
    let missing: Vec<String> = ["companyId", "appId"]
        .into_iter()
        .filter(|name| given(name).is_none())
        .map(|name| format!("{name} should not be empty"))
        .collect();
    if !missing.is_empty() {
        return Err(reply::unprocessable(world, &missing));
    }
    let number = |name: &str, default: usize| match given(name).map(str::parse) {
        None => Ok(default),
        Some(Ok(number)) => Ok(number),
        Some(Err(_)) => Err(reply::unprocessable(world, &[format!("{name} must be a number string")])),
    };
    let rows = rows(world, asked);
    let count = rows.len();
    let body = match caller.version() {
        Version::Dated => {
            let (skip, limit) = (number("skip", 0)?, number("limit", 20)?);
            let page: Vec<Value> = rows.into_iter().skip(skip).take(limit).collect();
            json!({ "locations": page, "count": count, "installToFutureLocations": true })
        }
        Version::V3 => {
            let (skip, size) = (number("pageToken", 0)?, number("pageSize", 20)?);
            let page: Vec<Value> = rows.into_iter().skip(skip).take(size).collect();
            let end = skip + page.len();
            let mut pagination = json!({
                "hasNextPage": end < count, "hasPrevPage": skip > 0, "currentPageSize": page.len(),
            });
            if end < count {
                pagination["nextPageToken"] = end.to_string().into();
            }
            json!({ "items": page, "pagination": pagination, "metadata": { "installToFutureLocations": true } })
        }
    };
    let body = if let Value::Object(body) = body { body } else { Map::new() };
    Ok(reply::plain(world, StatusCode::OK, body))
}

/// The agency's locations that were asked for, in the order of the summary.
fn rows(world: &World, asked: &Asked) -> Vec<Value> {
    let (company, installed) = {
        let grants = lock(&world.grants);
        (grants.names.company.clone(), grants.installed.clone())
    };
    let is = |name: &str, value: &str| asked.get(name).is_none_or(|wanted| wanted == value);
    if !is("companyId", &company) || !is("appId", &world.app.id) {
        return Vec::new();
    }
    let query = asked.get("query").map(|query| query.to_lowercase());
    let crm = lock(&world.crm);
    let named = crm.locations.iter().enumerate().filter(|(at, location)| {
        is("isInstalled", if installed.contains_key(at) { "true" } else { "false" })
            && is("locationId", &location.id)
            && query.as_ref().is_none_or(|query| location.name.to_lowercase().contains(query))
    });
    let shown = named.map(|(at, location)| {
        let mut row = json!({
            "_id": location.id, "name": location.name, "address": location.country.places[0].0,
            "isInstalled": installed.contains_key(&at),
        });
        if let Some(since) = installed.get(&at) {
            row["versionId"] = world.app.version.as_str().into();
            row["installedAt"] = iso(*since).into();
        }
        row
    });
    shown.collect()
}
