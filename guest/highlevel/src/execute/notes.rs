//! Notes: made once per key, rewritten only where the text differs.

use serde_json::{Value, json};

use super::attempt::attempt;
use super::marker::{found, kept, marked, marker};
use super::written::Written;
use super::{Done, Errand};
use crate::bindings::exports::convey::pipeline::contact_source::SourceError;
use crate::call::Call;
use crate::json::{list, text};
use crate::path;
use crate::query::missing;
use crate::reply::{Reply, held};
use crate::scope::CONTACTS_READ;

/// Writes a note, unless the one of this key is there.
pub async fn create<G>(errand: &Errand<'_>, contact: &str, words: &str, send: &G) -> Result<Done, SourceError>
where
    G: AsyncFn(Call) -> Result<Reply, String>,
{
    if words.trim().is_empty() {
        return Err(SourceError::Invalid("a note needs a text; give one".into()));
    }
    let line = marker(errand.key);
    let words = marked(words, &line);
    let written = |id: &str| vec![Written::NoteCreated(id.to_owned(), words.clone())];
    // One that stands there already is ours too: its webhook may be still to come.
    if let Some(id) = look_up(errand, contact, &line, send).await? {
        return Ok(Done { written: written(&id), ..Done::already(&id) });
    }
    let body = json!({"body": words});
    let call = Call::post(path::of_contact(contact, "notes"), errand.version, body);
    let id = match attempt(call, send).await {
        Ok(answer) => match answer.get("note").and_then(|note| text(note, "id")) {
            Some(id) => Some(id),
            None => look_up(errand, contact, &line, send).await?,
        },
        Err(failed) if failed.open => match look_up(errand, contact, &line, send).await? {
            Some(id) => Some(id),
            None => return Err(failed.into()),
        },
        Err(failed) => return Err(missing(failed.into(), &format!("contact {contact}"))),
    };
    let id = id.ok_or_else(|| SourceError::Unavailable("a successful answer holds no note".into()))?;
    Ok(Done::now(&id, written(&id)))
}

async fn look_up<G>(errand: &Errand<'_>, contact: &str, line: &str, send: &G) -> Result<Option<String>, SourceError>
where
    G: AsyncFn(Call) -> Result<Reply, String>,
{
    let answer = Call::get(path::of_contact(contact, "notes"), errand.version).json(CONTACTS_READ, send).await;
    let answer = answer.map_err(|error| missing(error, &format!("contact {contact}")))?;
    let ours = |note: &&Value| text(note, "body").is_some_and(|body| found(&body) == Some(line));
    Ok(list(&answer, "notes").iter().find(ours).and_then(|note| text(note, "id")))
}

/// Rewrites a note; the line that a look-up finds it by stays.
pub async fn update<G>(
    errand: &Errand<'_>,
    contact: &str,
    note: &str,
    words: &str,
    send: &G,
) -> Result<Done, SourceError>
where
    G: AsyncFn(Call) -> Result<Reply, String>,
{
    if words.trim().is_empty() {
        return Err(SourceError::Invalid("a note needs a text; give one, or delete the note".into()));
    }
    let path = path::object(contact, "notes", note);
    let before = fetch(errand, contact, note, send).await?;
    let wanted = kept(&before, words);
    if wanted == before {
        return Ok(Done::already(note));
    }
    let call = Call::put(path, errand.version, json!({"body": wanted}));
    match attempt(call, send).await {
        Ok(_) => {}
        Err(failed) if failed.open => {
            if fetch(errand, contact, note, send).await? != wanted {
                return Err(failed.into());
            }
        }
        Err(failed) => return Err(missing(failed.into(), &format!("note {note} of contact {contact}"))),
    }
    Ok(Done::now(note, vec![Written::NoteText(note.to_owned(), wanted)]))
}

/// The text of a note.
async fn fetch<G>(errand: &Errand<'_>, contact: &str, note: &str, send: &G) -> Result<String, SourceError>
where
    G: AsyncFn(Call) -> Result<Reply, String>,
{
    let answer = Call::get(path::object(contact, "notes", note), errand.version).json(CONTACTS_READ, send).await;
    let answer = answer.map_err(|error| missing(error, &format!("note {note} of contact {contact}")))?;
    Ok(text(&held(answer, "note")?, "body").unwrap_or_default())
}

/// Deletes a note; one that is gone is done.
pub async fn delete<G>(errand: &Errand<'_>, contact: &str, note: &str, send: &G) -> Result<Done, SourceError>
where
    G: AsyncFn(Call) -> Result<Reply, String>,
{
    let path = path::object(contact, "notes", note);
    let written = || vec![Written::Object("note", note.to_owned(), "deleted")];
    match attempt(Call::delete(path, errand.version), send).await {
        Ok(_) => Ok(Done::now(note, written())),
        Err(failed) if matches!(failed.error, SourceError::NotFound(_)) => Ok(Done::already(note)),
        Err(failed) if failed.open => match fetch(errand, contact, note, send).await {
            Err(SourceError::NotFound(_)) => Ok(Done::now(note, written())),
            _ => Err(failed.into()),
        },
        Err(failed) => Err(failed.into()),
    }
}
