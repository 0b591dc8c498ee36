//! A contact's notes.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::HeaderMap;
use serde_json::{Map, Value, json};

use super::super::ids;
use super::super::time::iso;
use super::super::world::{World, lock};
use super::desk::{Answer, Desk, READ, WRITE};
use super::news::News;
use super::schema;
use super::state::Note;

/// `GET /contacts/:id/notes`: the newest first.
pub async fn list(State(world): State<Arc<World>>, Path(id): Path<String>, headers: HeaderMap) -> Answer {
    let desk = Desk::contact(world, &headers, READ, &id)?;
    let crm = lock(&desk.world.crm);
    let notes = crm.person(&id).into_iter().flat_map(|person| person.notes.iter().rev());
    let rows: Vec<Value> = notes.map(shown).collect();
    drop(crm);
    desk.ok(json!({ "notes": rows }))
}

/// `GET /contacts/:id/notes/:id`.
pub async fn by_id(
    State(world): State<Arc<World>>,
    Path((id, note)): Path<(String, String)>,
    headers: HeaderMap,
) -> Answer {
    let desk = Desk::contact(world, &headers, READ, &id)?;
    let row = {
        let crm = lock(&desk.world.crm);
        crm.person(&id).and_then(|person| person.notes.iter().find(|known| known.id == note)).map(shown)
    };
    desk.ok(json!({ "note": row.ok_or_else(|| desk.unknown("Note", &note))? }))
}

/// `POST /contacts/:id/notes`: 201.
pub async fn create(
    State(world): State<Arc<World>>,
    Path(id): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Answer {
    let desk = Desk::contact(world, &headers, WRITE, &id)?;
    let said = desk.read(&body, schema::CREATE_NOTE)?;
    let blank = Note {
        id: ids::alphanumeric(&mut desk.world.trace(), 20),
        contact: id.clone(),
        body: String::new(),
        user: None,
        title: None,
        color: None,
        pinned: false,
        added: desk.now,
    };
    let note = written(blank, &said);
    let mut news = News::new(&desk);
    {
        let mut crm = lock(&desk.world.crm);
        let Some(person) = crm.person_mut(&id) else { return Err(desk.unknown("Contact", &id)) };
        person.notes.push(note.clone());
        news.note(&crm, "NoteCreate", &note);
    }
    news.announce();
    desk.created(json!({ "note": shown(&note) }))
}

/// `PUT /contacts/:id/notes/:id`.
pub async fn update(
    State(world): State<Arc<World>>,
    Path((id, note)): Path<(String, String)>,
    headers: HeaderMap,
    body: Bytes,
) -> Answer {
    let desk = Desk::contact(world, &headers, WRITE, &id)?;
    let said = desk.read(&body, schema::UPDATE_NOTE)?;
    let mut news = News::new(&desk);
    let row = {
        let mut crm = lock(&desk.world.crm);
        let known = crm.person_mut(&id).and_then(|person| person.notes.iter_mut().find(|known| known.id == note));
        let Some(known) = known else { return Err(desk.unknown("Note", &note)) };
        *known = written(known.clone(), &said);
        let after = known.clone();
        news.note(&crm, "NoteUpdate", &after);
        shown(&after)
    };
    news.announce();
    desk.ok(json!({ "note": row }))
}

/// `DELETE /contacts/:id/notes/:id`.
pub async fn delete(
    State(world): State<Arc<World>>,
    Path((id, note)): Path<(String, String)>,
    headers: HeaderMap,
) -> Answer {
    let desk = Desk::contact(world, &headers, WRITE, &id)?;
    let mut news = News::new(&desk);
    {
        let mut crm = lock(&desk.world.crm);
        let gone = crm.person_mut(&id).and_then(|person| {
            let place = person.notes.iter().position(|known| known.id == note)?;
            Some(person.notes.remove(place))
        });
        let Some(gone) = gone else { return Err(desk.unknown("Note", &note)) };
        news.note(&crm, "NoteDelete", &gone);
    }
    news.announce();
    desk.deleted()
}

/// The note with what was said of it; what was not stays as it is.
fn written(mut note: Note, said: &Map<String, Value>) -> Note {
    let text = |key: &str| said.get(key).and_then(Value::as_str).map(str::to_owned);
    if let Some(body) = text("body") {
        note.body = body;
    }
    note.user = text("userId").or(note.user);
    note.title = text("title").or(note.title);
    note.color = text("color").or(note.color);
    if let Some(pinned) = said.get("pinned").and_then(Value::as_bool) {
        note.pinned = pinned;
    }
    note
}

fn shown(note: &Note) -> Value {
    let mut shown = json!({
        "id": note.id, "body": note.body, "contactId": note.contact, "dateAdded": iso(note.added), "pinned": note.pinned,
    });
    for (key, text) in [("userId", &note.user), ("title", &note.title), ("color", &note.color)] {
        if let Some(text) = text {
            shown[key] = text.as_str().into();
        }
    }
    shown
}
