//! `POST` and `DELETE /{version}/{audience}/users`: who is in which audience. Any number names an audience.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};

use axum::body::Bytes;
use axum::extract::{Path, RawQuery, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use serde_json::{Value, json};

use super::super::world::{World, lock};
use super::error::{self, GraphError};
use super::events::opened;

/// Rows in one request.
const MOST: usize = 10_000;

/// Every audience's members, each as the keys it was put in by.
#[derive(Default)]
pub struct Audiences(Mutex<BTreeMap<String, BTreeSet<String>>>);

impl Audiences {
    /// All of them, by audience.
    pub fn shown(&self) -> BTreeMap<String, BTreeSet<String>> {
        lock(&self.0).clone()
    }

    /// Forgets everything.
    pub fn reset(&self) {
        lock(&self.0).clear();
    }
}

/// Puts people in.
pub async fn join(
    State(world): State<Arc<World>>,
    Path((version, audience)): Path<(String, String)>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
    bytes: Bytes,
) -> Response {
    changed(&world, &version, &audience, query.as_deref(), &headers, &bytes, true)
}

/// Takes people out: whoever has one of the keys.
pub async fn leave(
    State(world): State<Arc<World>>,
    Path((version, audience)): Path<(String, String)>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
    bytes: Bytes,
) -> Response {
    changed(&world, &version, &audience, query.as_deref(), &headers, &bytes, false)
}

fn changed(
    world: &World,
    version: &str,
    audience: &str,
    query: Option<&str>,
    headers: &HeaderMap,
    body: &[u8],
    join: bool,
) -> Response {
    // Whoever may send to a dataset may change its account's audiences.
    let dataset = world.summary.datasets.first().map_or("", String::as_str);
    let checked = opened(world, version, headers, query, None, ("post", dataset)).and_then(|()| rows(audience, body));
    let rows = match checked {
        Ok(rows) => rows,
        Err(error) => return error.answer(world),
    };
    let mut all = lock(&world.platform.audiences.0);
    let members = all.entry(audience.to_owned()).or_default();
    let mut invalid = 0;
    for row in &rows {
        let keys: Vec<&String> = row.iter().filter(|key| !key.is_empty()).collect();
        if keys.is_empty() || keys.iter().any(|key| key.len() != 64) {
            invalid += 1;
            continue;
        }
        for key in keys {
            if join {
                members.insert(key.clone())
            } else {
                members.remove(key)
            };
        }
    }
    let answer = json!({
        "audience_id": audience, "session_id": "1", "num_received": rows.len(), "num_invalid_entries": invalid,
        "invalid_entry_samples": {},
    });
    error::reply(StatusCode::OK, answer, 1)
}

/// The keys of each row: addresses, phone numbers and ids; what only describes a person finds nobody.
fn rows(audience: &str, body: &[u8]) -> Result<Vec<Vec<String>>, GraphError> {
    if audience.is_empty() || !audience.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(GraphError::no_object("post", audience));
    }
    let body: Value = serde_json::from_slice(body).map_err(|_| GraphError::parameter("The body is not valid JSON"))?;
    let (schema, data) = (body["payload"]["schema"].as_array(), body["payload"]["data"].as_array());
    let (Some(schema), Some(data)) = (schema, data) else {
        return Err(GraphError::parameter("The parameter payload needs schema and data, both arrays"));
    };
    if data.len() > MOST {
        return Err(GraphError::parameter("Param data must hold at most 10000 users"));
    }
    let identifies = |name: &Value| matches!(name.as_str(), Some("EMAIL" | "PHONE" | "EXTERN_ID"));
    let row = |row: &Value| {
        let cells = row.as_array().filter(|cells| cells.len() == schema.len());
        let cells = cells.ok_or_else(|| GraphError::parameter("Every row needs a value for each key of the schema"))?;
        let keys = schema.iter().zip(cells).filter(|(name, _)| identifies(name));
        Ok(keys.map(|(_, cell)| cell.as_str().unwrap_or_default().to_owned()).collect())
    };
    data.iter().map(row).collect()
}
