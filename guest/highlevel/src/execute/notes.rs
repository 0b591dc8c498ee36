//! Notes: made once per key, rewritten only where the text differs.

use serde_json::{Value, json};

use super::item::NOTE;
use super::marker::{kept, marked, marker};
use super::written::Written;
use super::{Done, Errand};
use crate::bindings::exports::convey::pipeline::contact_source::SourceError;
use crate::call::Call;
use crate::json::text;
use crate::path;
use crate::reply::Reply;

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
    if let Some(id) = NOTE.look_up(errand, contact, &line, send).await? {
        return Ok(Done { written: written(&id), ..Done::already(&id) });
    }
    let id = NOTE.make(errand, contact, json!({"body": words}), &line, send).await?;
    Ok(Done::now(&id, written(&id)))
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
    let before = said(&NOTE.fetch(errand, contact, note, send).await?);
    let wanted = kept(&before, words);
    if wanted == before {
        return Ok(Done::already(note));
    }
    let call = Call::put(path::object(contact, NOTE.all, note), errand.version, json!({"body": wanted}));
    NOTE.write(errand, (contact, note), call, |now| Ok(said(now) == wanted), send).await?;
    Ok(Done::now(note, vec![Written::NoteText(note.to_owned(), wanted)]))
}

/// The text of a note.
fn said(note: &Value) -> String {
    text(note, "body").unwrap_or_default()
}
