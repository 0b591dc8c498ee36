//! A contact's tags and followers: two sets that are added to and taken from.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use serde_json::{Map, Value};

use super::super::world::{World, lock};
use super::desk::{Answer, Desk, WRITE};
use super::edit;
use super::news::News;
use super::schema::{self, Schema};

/// One of the two sets, and what becomes of it.
struct Set {
    key: &'static str,
    /// The answer's name for what really came or went.
    moved: &'static str,
    schema: Schema,
    adds: bool,
}

/// `POST /contacts/:id/tags`: 201 with the whole set and what was new in it.
pub async fn add(state: State<Arc<World>>, path: Path<String>, headers: HeaderMap, body: Bytes) -> Answer {
    change(&Set { key: "tags", moved: "tagsAdded", schema: schema::TAGS, adds: true }, state, path, headers, body)
}

/// `DELETE /contacts/:id/tags`, with a body: 200 with what is left and what went.
pub async fn remove(state: State<Arc<World>>, path: Path<String>, headers: HeaderMap, body: Bytes) -> Answer {
    change(&Set { key: "tags", moved: "tagsRemoved", schema: schema::TAGS, adds: false }, state, path, headers, body)
}

/// `POST /contacts/:id/followers`: 201.
pub async fn follow(state: State<Arc<World>>, path: Path<String>, headers: HeaderMap, body: Bytes) -> Answer {
    let set = Set { key: "followers", moved: "followersAdded", schema: schema::FOLLOWERS, adds: true };
    change(&set, state, path, headers, body)
}

/// `DELETE /contacts/:id/followers`, with a body: 200.
pub async fn unfollow(state: State<Arc<World>>, path: Path<String>, headers: HeaderMap, body: Bytes) -> Answer {
    let set = Set { key: "followers", moved: "followersRemoved", schema: schema::FOLLOWERS, adds: false };
    change(&set, state, path, headers, body)
}

fn change(
    set: &Set,
    State(world): State<Arc<World>>,
    Path(id): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Answer {
    let desk = Desk::contact(world, &headers, WRITE, &id)?;
    let said = desk.read(&body, set.schema)?;
    let given = edit::distinct(&said[set.key]);
    let mut news = News::new(&desk);
    let (all, moved) = {
        let mut crm = lock(&desk.world.crm);
        let known = crm.person(&id).map(|person| person.texts(set.key)).unwrap_or_default();
        let mut all: Vec<Value> = known.into_iter().map(Value::from).collect();
        let moved: Vec<Value> = given.into_iter().filter(|item| all.contains(item) != set.adds).collect();
        match set.adds {
            true => all.extend(moved.iter().cloned()),
            false => all.retain(|item| !moved.contains(item)),
        }
        if !moved.is_empty() {
            let changed = edit::apply(&mut crm, &desk, &id, vec![(set.key, Some(all.clone().into()))]);
            if changed.tags {
                news.contact(&crm, "ContactTagUpdate", &id);
            }
        }
        (all, moved)
    };
    news.announce();
    let body = Map::from_iter([(set.key.to_owned(), all.into()), (set.moved.to_owned(), moved.into())]);
    desk.answer(if set.adds { StatusCode::CREATED } else { StatusCode::OK }, body.into())
}
