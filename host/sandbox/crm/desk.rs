//! How every endpoint begins and ends: the token, the version, the scope, the location, and only then what the request says.

use std::ops::RangeInclusive;
use std::sync::Arc;

use axum::body::Bytes;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use serde_json::{Map, Value, json};

use super::super::ids;
use super::super::world::{World, lock};
use super::auth::{self, Caller, Entered, Version};
use super::reply;
use super::schema::{self, Schema};
use crate::clock::Millis;

/// Scope of what only reads contacts, tasks, notes and appointments.
pub const READ: &str = "contacts.readonly";
/// Scope of what writes them.
pub const WRITE: &str = "contacts.write";

/// What an endpoint answers; an early end is an answer, too.
pub type Answer = Result<Response, Response>;

/// A query as axum gives it.
pub type Asked = std::collections::BTreeMap<String, String>;

/// A request that was let in.
pub struct Desk {
    /// The world it is about.
    pub world: Arc<World>,
    /// The shape in which to read and to answer.
    pub version: Version,
    /// Position of its location.
    pub at: usize,
    /// When it came, milliseconds since the epoch.
    pub now: Millis,
    entered: Entered,
}

impl Desk {
    /// Lets a request in to the location it names.
    pub fn location(world: Arc<World>, headers: &HeaderMap, scope: &str, location: &str) -> Result<Self, Response> {
        let caller = auth::caller(&world, headers, scope)?;
        Self::enter(world, &caller, location)
    }

    /// Lets a request in to the location of the contact it names.
    pub fn contact(world: Arc<World>, headers: &HeaderMap, scope: &str, id: &str) -> Result<Self, Response> {
        let caller = auth::caller(&world, headers, scope)?;
        let location = {
            let crm = lock(&world.crm);
            crm.person(id).map(|person| crm.locations[person.location].id.clone())
        };
        match location {
            Some(location) => Self::enter(world, &caller, &location),
            None => Err(reply::refusal(&world, StatusCode::BAD_REQUEST, &missing("Contact", id))),
        }
    }

    /// Lets a request in to the location its body names, and reads the body.
    pub fn body(
        world: Arc<World>,
        headers: &HeaderMap,
        scope: &str,
        body: &Bytes,
        schema: Schema,
    ) -> Result<(Self, Map<String, Value>), Response> {
        let caller = auth::caller(&world, headers, scope)?;
        let said = members(body).map_err(|message| reply::refusal(&world, StatusCode::BAD_REQUEST, &message))?;
        Self::named(world, &caller, said, "locationId", schema)
    }

    /// Lets a request in to the location its query names under `key`, and reads the query.
    pub fn query(
        world: Arc<World>,
        headers: &HeaderMap,
        scope: &str,
        asked: Asked,
        key: &str,
        schema: Schema,
    ) -> Result<(Self, Map<String, Value>), Response> {
        let caller = auth::caller(&world, headers, scope)?;
        Self::named(world, &caller, queried(asked), key, schema)
    }

    fn named(
        world: Arc<World>,
        caller: &Caller,
        said: Map<String, Value>,
        key: &str,
        schema: Schema,
    ) -> Result<(Self, Map<String, Value>), Response> {
        let Some(location) = said.get(key).and_then(Value::as_str).filter(|id| !id.is_empty()) else {
            // Nobody's allowance pays for this one: whose it is was not said.
            let body = json!({
                "statusCode": 422, "message": schema::faults(&said, schema, caller.version()),
                "error": "Unprocessable Entity", "traceId": ids::uuid(&mut world.trace()),
            });
            return Err(reply::bare(&world, StatusCode::UNPROCESSABLE_ENTITY, body));
        };
        let desk = Self::enter(world, caller, location)?;
        desk.check(&said, schema)?;
        Ok((desk, said))
    }

    fn enter(world: Arc<World>, caller: &Caller, location: &str) -> Result<Self, Response> {
        let entered = caller.enter(&world, location)?;
        let now = world.time.now_ms();
        Ok(Self { world, version: caller.version(), at: entered.location, now, entered })
    }

    /// Reads the body of a request that was let in already.
    pub fn read(&self, body: &Bytes, schema: Schema) -> Result<Map<String, Value>, Response> {
        let said = members(body).map_err(|message| self.refuse(StatusCode::BAD_REQUEST, message))?;
        self.check(&said, schema)?;
        Ok(said)
    }

    /// Reads the query of a request that was let in already.
    pub fn read_query(&self, asked: Asked, schema: Schema) -> Result<Map<String, Value>, Response> {
        let said = queried(asked);
        self.check(&said, schema)?;
        Ok(said)
    }

    fn check(&self, said: &Map<String, Value>, schema: Schema) -> Result<(), Response> {
        match schema::faults(said, schema, self.version) {
            faults if faults.is_empty() => Ok(()),
            faults => Err(self.unprocessable(faults)),
        }
    }

    /// 200 with these members.
    pub fn ok(&self, body: Value) -> Answer {
        self.answer(StatusCode::OK, body)
    }

    /// 201 with these members; 422 instead while that is asked for, although what was asked is done.
    pub fn created(&self, body: Value) -> Answer {
        if self.world.quirks().create_answers_422 {
            return Err(self.unprocessable(vec!["The request could not be completed".to_owned()]));
        }
        self.answer(StatusCode::CREATED, body)
    }

    /// What `DELETE` and `PUT` say of themselves; dated versions misspell it, `v3` says it in both ways.
    pub fn deleted(&self) -> Answer {
        match self.version {
            Version::Dated => self.ok(json!({ "succeded": true })),
            Version::V3 => self.ok(json!({ "succeeded": true, "succeded": true })),
        }
    }

    /// An answer with these members and this status.
    pub fn answer(&self, status: StatusCode, body: Value) -> Answer {
        let members = match body {
            Value::Object(members) => members,
            _ => Map::new(),
        };
        Ok(reply::ok(&self.world, &self.entered, status, members))
    }

    /// An error with one message.
    pub fn refuse(&self, status: StatusCode, message: String) -> Response {
        reply::refused(&self.world, &self.entered, status, message.into(), Map::new())
    }

    /// 400 with more than a message.
    pub fn refuse_with(&self, message: &str, extra: Map<String, Value>) -> Response {
        reply::refused(&self.world, &self.entered, StatusCode::BAD_REQUEST, message.into(), extra)
    }

    /// 400: no such thing; the dated versions know no 404 for that.
    pub fn unknown(&self, what: &str, id: &str) -> Response {
        self.refuse(StatusCode::BAD_REQUEST, missing(what, id))
    }

    /// 422 with a list of messages.
    pub fn unprocessable(&self, messages: Vec<String>) -> Response {
        let message = messages.into();
        reply::refused(&self.world, &self.entered, StatusCode::UNPROCESSABLE_ENTITY, message, Map::new())
    }

    /// How far lists and searches lag behind, in milliseconds.
    pub fn lag_ms(&self) -> Millis {
        self.world.quirks().search_lag_ms
    }

    /// A whole number the request gave, or what it is otherwise; one out of `range` is refused.
    pub fn count(
        &self,
        said: &Map<String, Value>,
        key: &str,
        otherwise: usize,
        range: RangeInclusive<usize>,
    ) -> Result<usize, Response> {
        let Some(number) = said.get(key).and_then(Value::as_f64) else { return Ok(otherwise) };
        let (least, most) = range.into_inner();
        if number < least as f64 {
            return Err(self.unprocessable(vec![format!("{key} must not be less than {least}")]));
        }
        if number > most as f64 {
            return Err(self.unprocessable(vec![format!("{key} must not be greater than {most}")]));
        }
        Ok(number as usize)
    }
}

fn missing(what: &str, id: &str) -> String {
    format!("{what} with id {id} not found")
}

/// A body's members; no body at all has none.
fn members(body: &Bytes) -> Result<Map<String, Value>, String> {
    if body.iter().all(u8::is_ascii_whitespace) {
        return Ok(Map::new());
    }
    match serde_json::from_slice(body) {
        Ok(Value::Object(members)) => Ok(members),
        Ok(_) => Err("Unexpected token in JSON at position 0".to_owned()),
        Err(error) => Err(format!("Unexpected token in JSON at position {}", error.column().saturating_sub(1))),
    }
}

/// A query has texts only: what reads as a number is one, but for ids and searched words.
fn queried(asked: Asked) -> Map<String, Value> {
    const NUMBERS: [&str; 4] = ["limit", "skip", "page", "startAfter"];
    let read = |key: &str, text: String| match text.parse::<f64>() {
        Ok(number) if NUMBERS.contains(&key) => number.into(),
        _ => Value::String(text),
    };
    asked.into_iter().map(|(key, text)| (key.clone(), read(&key, text))).collect()
}
