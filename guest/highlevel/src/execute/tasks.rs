//! Tasks: made once per key, changed only where they differ.

use serde_json::{Map, Value, json};

use super::attempt::attempt;
use super::marker::{found, kept, marked, marker};
use super::written::Written;
use super::{Done, Errand};
use crate::bindings::convey::pipeline::types::TaskDraft;
use crate::bindings::exports::convey::pipeline::contact_source::SourceError;
use crate::call::Call;
use crate::iso::iso;
use crate::json::{flag, list, text};
use crate::path;
use crate::query::missing;
use crate::reply::{Reply, held};
use crate::scope::CONTACTS_READ;
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
    if let Some(id) = look_up(errand, contact, &line, send).await? {
        return Ok(Done { written: created(&id, completed), ..Done::already(&id) });
    }
    let mut body = json!({
        "title": title, "dueDate": due, "completed": completed,
        "body": marked(draft.body.as_deref().unwrap_or_default(), &line),
    });
    if let Some(assignee) = &draft.assignee {
        body["assignedTo"] = json!(assignee);
    }
    let call = Call::post(path::of_contact(contact, "tasks"), errand.version, body);
    let id = match attempt(call, send).await {
        Ok(answer) => match answer.get("task").and_then(|task| text(task, "id")) {
            Some(id) => Some(id),
            None => look_up(errand, contact, &line, send).await?,
        },
        Err(failed) if failed.open => match look_up(errand, contact, &line, send).await? {
            Some(id) => Some(id),
            None => return Err(failed.into()),
        },
        Err(failed) => return Err(missing(failed.into(), &format!("contact {contact}"))),
    };
    let id = id.ok_or_else(|| SourceError::Unavailable("a successful answer holds no task".into()))?;
    Ok(Done::now(&id, created(&id, completed)))
}

fn created(id: &str, completed: bool) -> Vec<Written> {
    let mut written = vec![Written::Object("task", id.to_owned(), "created")];
    if completed {
        written.push(Written::Object("task", id.to_owned(), "completed"));
    }
    written
}

async fn look_up<G>(errand: &Errand<'_>, contact: &str, line: &str, send: &G) -> Result<Option<String>, SourceError>
where
    G: AsyncFn(Call) -> Result<Reply, String>,
{
    let answer = Call::get(path::of_contact(contact, "tasks"), errand.version).json(CONTACTS_READ, send).await;
    let answer = answer.map_err(|error| missing(error, &format!("contact {contact}")))?;
    let ours = |task: &&Value| text(task, "body").is_some_and(|body| found(&body) == Some(line));
    Ok(list(&answer, "tasks").iter().find(ours).and_then(|task| text(task, "id")))
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
    let before = fetch(errand, contact, task, send).await?;
    let difference = difference(&before, draft)?;
    if difference.is_empty() {
        return Ok(Done::already(task));
    }
    let completes = difference.get("completed") == Some(&Value::Bool(true));
    let call = Call::put(path::object(contact, "tasks", task), errand.version, Value::Object(difference));
    write(errand, (contact, task), call, |now| Ok(self::difference(now, draft)?.is_empty()), send).await?;
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
    let before = fetch(errand, contact, task, send).await?;
    if flag(&before, "completed") == completed {
        return Ok(Done::already(task));
    }
    let path = format!("{}/completed", path::object(contact, "tasks", task));
    let call = Call::put(path, errand.version, json!({"completed": completed}));
    write(errand, (contact, task), call, |now| Ok(flag(now, "completed") == completed), send).await?;
    let written = completed.then(|| Written::Object("task", task.to_owned(), "completed"));
    Ok(Done::now(task, written.into_iter().collect()))
}

/// Sends a change of a task; where the answer leaves it open, the task itself says whether `is_so`.
async fn write<G, S>(
    errand: &Errand<'_>,
    (contact, task): (&str, &str),
    call: Call,
    is_so: S,
    send: &G,
) -> Result<(), SourceError>
where
    G: AsyncFn(Call) -> Result<Reply, String>,
    S: Fn(&Value) -> Result<bool, SourceError>,
{
    match attempt(call, send).await {
        Ok(_) => Ok(()),
        Err(failed) if failed.open => {
            let now = fetch(errand, contact, task, send).await?;
            if is_so(&now)? { Ok(()) } else { Err(failed.into()) }
        }
        Err(failed) => Err(missing(failed.into(), &format!("task {task} of contact {contact}"))),
    }
}

/// Deletes a task; one that is gone is done.
pub async fn delete<G>(errand: &Errand<'_>, contact: &str, task: &str, send: &G) -> Result<Done, SourceError>
where
    G: AsyncFn(Call) -> Result<Reply, String>,
{
    let written = || vec![Written::Object("task", task.to_owned(), "deleted")];
    match attempt(Call::delete(path::object(contact, "tasks", task), errand.version), send).await {
        Ok(_) => Ok(Done::now(task, written())),
        Err(failed) if matches!(failed.error, SourceError::NotFound(_)) => Ok(Done::already(task)),
        Err(failed) if failed.open => match fetch(errand, contact, task, send).await {
            Err(SourceError::NotFound(_)) => Ok(Done::now(task, written())),
            _ => Err(failed.into()),
        },
        Err(failed) => Err(failed.into()),
    }
}

async fn fetch<G>(errand: &Errand<'_>, contact: &str, task: &str, send: &G) -> Result<Value, SourceError>
where
    G: AsyncFn(Call) -> Result<Reply, String>,
{
    let answer = Call::get(path::object(contact, "tasks", task), errand.version).json(CONTACTS_READ, send).await;
    let answer = answer.map_err(|error| missing(error, &format!("task {task} of contact {contact}")))?;
    held(answer, "task")
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
