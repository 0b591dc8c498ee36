//! `GET /contacts/:id`: the full contact, attribution included.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use serde_json::{Map, Value};

use super::super::world::{World, lock};
use super::{auth, reply};

/// 200 `{"contact":{…}}`; an id that is not known is a 400 there, not a 404.
pub async fn by_id(State(world): State<Arc<World>>, Path(id): Path<String>, headers: HeaderMap) -> Response {
    if let Some(refused) = auth::refused(&world, &headers) {
        return refused;
    }
    let found = lock(&world.crm).person(&id).map(|known| (known.location, known.fields.clone()));
    match found {
        Some((location, fields)) => {
            reply::granted(&world, location, Map::from_iter([("contact".to_owned(), Value::Object(fields))]))
        }
        None => reply::refusal(&world, StatusCode::BAD_REQUEST, &format!("Contact with id {id} not found")),
    }
}
