//! Tasks: made once per key, changed only where they differ.

use serde_json::{Map, Value, json};

use super::item::TASK;
use super::marker::{kept, marked, marker};
use super::written::Written;
use super::{Done, Errand};
use crate::bindings::convey::pipeline::types::TaskDraft;
use crate::bindings::exports::convey::pipeline::contact_source::SourceError;
use crate::call::Call;
use crate::iso::iso;
use crate::json::{flag, text};
use crate::path;
use crate::reply::Reply;
use crate::time;

/// Makes a task, unless the one of this key is there.
pub async fn create<G>(errand: &Errand<'_>, contact: &str, draft: &TaskDraft, send: &G) -> Result<Done, SourceError>
where
    G: AsyncFn(Call) -> Result<Reply, String>,
{
    let Some(title) = draft.title.as_deref().filter(|title| !title.trim().is_empty()) else {
        return Err(SourceError::Invalid("a task needs a title; give one".into()));
    };
    let due = draft.due_at.and_then(iso).ok_or_else(|| {
        SourceError::Invalid(
            "the API makes no task without a due date; give one, 2026-12-01T09:00:00Z for instance".into(),
        )
    })?;
    let line = marker(errand.key);
    let completed = draft.completed.unwrap_or(false);
    // One that stands there already is ours too: its webhook may be still to come.
    if let Some(id) = TASK.look_up(errand, contact, &line, send).await? {
        return Ok(Done { written: created(&id, completed), ..Done::already(&id) });
    }
    let mut body = json!({
        "title": title, "dueDate": due, "completed": completed,
        "body": marked(draft.body.as_deref().unwrap_or_default(), &line),
    });
    if let Some(assignee) = &draft.assignee {
        body["assignedTo"] = json!(assignee);
    }
    let id = TASK.make(errand, contact, body, &line, send).await?;
    Ok(Done::now(&id, created(&id, completed)))
}

fn created(id: &str, completed: bool) -> Vec<Written> {
    let mut written = vec![Written::Object("task", id.to_owned(), "created")];
    if completed {
        written.push(Written::Object("task", id.to_owned(), "completed"));
    }
    written
}

/// Changes what differs; the line that a look-up finds the task by stays.
pub async fn update<G>(
    errand: &Errand<'_>,
    contact: &str,
    task: &str,
    draft: &TaskDraft,
    send: &G,
) -> Result<Done, SourceError>
where
    G: AsyncFn(Call) -> Result<Reply, String>,
{
    let before = TASK.fetch(errand, contact, task, send).await?;
    let difference = difference(&before, draft)?;
    if difference.is_empty() {
        return Ok(Done::already(task));
    }
    let completes = difference.get("completed") == Some(&Value::Bool(true));
    let call = Call::put(path::object(contact, TASK.all, task), errand.version, Value::Object(difference));
    TASK.write(errand, (contact, task), call, |now| Ok(self::difference(now, draft)?.is_empty()), send).await?;
    let written = completes.then(|| Written::Object("task", task.to_owned(), "completed"));
    Ok(Done::now(task, written.into_iter().collect()))
}

/// Completes or reopens a task.
pub async fn complete<G>(
    errand: &Errand<'_>,
    contact: &str,
    task: &str,
    completed: bool,
    send: &G,
) -> Result<Done, SourceError>
where
    G: AsyncFn(Call) -> Result<Reply, String>,
{
    let before = TASK.fetch(errand, contact, task, send).await?;
    if flag(&before, "completed") == completed {
        return Ok(Done::already(task));
    }
    let path = format!("{}/completed", path::object(contact, TASK.all, task));
    let call = Call::put(path, errand.version, json!({"completed": completed}));
    TASK.write(errand, (contact, task), call, |now| Ok(flag(now, "completed") == completed), send).await?;
    let written = completed.then(|| Written::Object("task", task.to_owned(), "completed"));
    Ok(Done::now(task, written.into_iter().collect()))
}

/// The fields of the draft that the task does not have so.
fn difference(task: &Value, draft: &TaskDraft) -> Result<Map<String, Value>, SourceError> {
    let mut difference = Map::new();
    let mut differ = |name: &str, wanted: &str, current: &str| {
        if wanted != current {
            difference.insert(name.to_owned(), json!(wanted));
        }
    };
    let current = |name: &str| text(task, name).unwrap_or_default();
    if let Some(title) = &draft.title {
        differ("title", title, &current("title"));
    }
    if let Some(body) = &draft.body {
        differ("body", &kept(&current("body"), body), &current("body"));
    }
    if let Some(assignee) = &draft.assignee {
        differ("assignedTo", assignee, &current("assignedTo"));
    }
    if let Some(due_at) = draft.due_at.filter(|due_at| time::at(task, "dueDate") != Some(*due_at)) {
        let due = iso(due_at).ok_or_else(|| SourceError::Invalid("the due date is out of range".into()))?;
        difference.insert("dueDate".into(), json!(due));
    }
    if let Some(completed) = draft.completed.filter(|completed| flag(task, "completed") != *completed) {
        difference.insert("completed".into(), json!(completed));
    }
    Ok(difference)
}
