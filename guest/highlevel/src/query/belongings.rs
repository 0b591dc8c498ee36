//! What hangs on one contact: tasks, notes, appointments. None of these lists has pages.

use serde_json::Value;

use super::{Place, missing};
use crate::bindings::convey::pipeline::types::{Appointment, Note, Task};
use crate::bindings::exports::convey::pipeline::contact_source::SourceError;
use crate::call::Call;
use crate::json::list;
use crate::path;
use crate::reply::{Reply, held};
use crate::scope::CONTACTS_READ;
use crate::webhook;

/// All tasks of a contact.
pub async fn tasks<G>(place: &Place<'_>, contact: &str, send: &G) -> Result<Vec<Task>, SourceError>
where
    G: AsyncFn(Call) -> Result<Reply, String>,
{
    let answer = all(place, contact, "tasks", send).await?;
    Ok(list(&answer, "tasks").iter().map(|task| webhook::task(task, false)).collect())
}

/// One task of a contact.
pub async fn task<G>(place: &Place<'_>, contact: &str, task: &str, send: &G) -> Result<Task, SourceError>
where
    G: AsyncFn(Call) -> Result<Reply, String>,
{
    one(place, contact, ("tasks", "task"), task, send).await.map(|task| webhook::task(&task, false))
}

/// All notes of a contact.
pub async fn notes<G>(place: &Place<'_>, contact: &str, send: &G) -> Result<Vec<Note>, SourceError>
where
    G: AsyncFn(Call) -> Result<Reply, String>,
{
    let answer = all(place, contact, "notes", send).await?;
    Ok(list(&answer, "notes").iter().map(webhook::note).collect())
}

/// One note of a contact.
pub async fn note<G>(place: &Place<'_>, contact: &str, note: &str, send: &G) -> Result<Note, SourceError>
where
    G: AsyncFn(Call) -> Result<Reply, String>,
{
    one(place, contact, ("notes", "note"), note, send).await.map(|note| webhook::note(&note))
}

/// All appointments of a contact. Times without a zone are read as UTC.
pub async fn appointments<G>(place: &Place<'_>, contact: &str, send: &G) -> Result<Vec<Appointment>, SourceError>
where
    G: AsyncFn(Call) -> Result<Reply, String>,
{
    let answer = all(place, contact, "appointments", send).await?;
    Ok(list(&answer, "events").iter().map(|event| webhook::appointment(event, false)).collect())
}

async fn all<G>(place: &Place<'_>, contact: &str, kind: &str, send: &G) -> Result<Value, SourceError>
where
    G: AsyncFn(Call) -> Result<Reply, String>,
{
    let answer = Call::get(path::of_contact(contact, kind), place.version).json(CONTACTS_READ, send).await;
    answer.map_err(|error| missing(error, &format!("contact {contact}")))
}

/// `kind` is the path's word and the answer's.
async fn one<G>(
    place: &Place<'_>,
    contact: &str,
    kind: (&str, &str),
    object: &str,
    send: &G,
) -> Result<Value, SourceError>
where
    G: AsyncFn(Call) -> Result<Reply, String>,
{
    let answer = Call::get(path::object(contact, kind.0, object), place.version).json(CONTACTS_READ, send).await;
    let answer = answer.map_err(|error| missing(error, &format!("{} {object} of contact {contact}", kind.1)))?;
    held(answer, kind.1)
}
