//! What a location consists of: itself, its custom fields, its pipelines.

use std::sync::Arc;

use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::super::world::{World, lock};
use super::state::Location;
use super::{auth, reply};

/// Which location's pipelines.
#[derive(Deserialize)]
pub struct Asked {
    #[serde(rename = "locationId")]
    location: Option<String>,
}

/// `GET /locations/:id`.
pub async fn location(State(world): State<Arc<World>>, Path(id): Path<String>, headers: HeaderMap) -> Response {
    told(&world, &headers, Some(&id), "location", |location| {
        json!({
            "id": location.id, "name": location.name, "country": location.country.code, "timezone": location.country.timezone,
        })
    })
}

/// `GET /locations/:id/customFields`.
pub async fn custom_fields(State(world): State<Arc<World>>, Path(id): Path<String>, headers: HeaderMap) -> Response {
    told(&world, &headers, Some(&id), "customFields", |location| {
        let rows = location.fields.iter().enumerate().map(|(position, field)| {
            json!({
                "id": field.id, "name": field.name, "fieldKey": format!("contact.{}", field.key), "dataType": field.kind,
                "position": position * 50, "locationId": location.id, "model": "contact",
            })
        });
        rows.collect()
    })
}

/// `GET /opportunities/pipelines?locationId=…`.
pub async fn pipelines(State(world): State<Arc<World>>, Query(asked): Query<Asked>, headers: HeaderMap) -> Response {
    told(&world, &headers, asked.location.as_deref(), "pipelines", |location| {
        let stages = location
            .stages
            .iter()
            .enumerate()
            .map(|(position, stage)| json!({ "id": stage.id, "name": stage.name, "position": position }));
        json!([{
            "id": location.pipeline, "name": "Sales", "locationId": location.id, "stages": stages.collect::<Vec<_>>(),
        }])
    })
}

fn told(
    world: &World,
    headers: &HeaderMap,
    id: Option<&str>,
    name: &str,
    shape: impl FnOnce(&Location) -> Value,
) -> Response {
    if let Some(refused) = auth::refused(world, headers) {
        return refused;
    }
    let Some(id) = id else {
        return reply::refusal(world, StatusCode::UNPROCESSABLE_ENTITY, "locationId should not be empty");
    };
    let found = {
        let crm = lock(&world.crm);
        crm.position(id).map(|at| (at, shape(&crm.locations[at])))
    };
    match found {
        Some((at, value)) => reply::granted(world, at, Map::from_iter([(name.to_owned(), value)])),
        // To a token of another account a location of ours looks just like one that never was.
        None => reply::refusal(world, StatusCode::FORBIDDEN, "The token does not have access to this location."),
    }
}
