//! A contact's tasks, and the search over all tasks of a location.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::HeaderMap;
use serde_json::{Map, Value, json};

use super::super::ids;
use super::super::time::iso;
use super::super::world::{World, lock};
use super::dates;
use super::desk::{Answer, Desk, READ, WRITE};
use super::news::News;
use super::schema::{self, Schema};
use super::state::Task;

/// `GET /contacts/:id/tasks`.
pub async fn list(State(world): State<Arc<World>>, Path(id): Path<String>, headers: HeaderMap) -> Answer {
    let desk = Desk::contact(world, &headers, READ, &id)?;
    let crm = lock(&desk.world.crm);
    let rows: Vec<Value> = crm.person(&id).into_iter().flat_map(|person| person.tasks.iter().map(shown)).collect();
    drop(crm);
    desk.ok(json!({ "tasks": rows }))
}

/// `GET /contacts/:id/tasks/:id`.
pub async fn by_id(
    State(world): State<Arc<World>>,
    Path((id, task)): Path<(String, String)>,
    headers: HeaderMap,
) -> Answer {
    let desk = Desk::contact(world, &headers, READ, &id)?;
    let row = {
        let crm = lock(&desk.world.crm);
        crm.person(&id).and_then(|person| person.tasks.iter().find(|known| known.id == task)).map(shown)
    };
    desk.ok(json!({ "task": row.ok_or_else(|| desk.unknown("Task", &task))? }))
}

/// `POST /contacts/:id/tasks`: 201.
pub async fn create(
    State(world): State<Arc<World>>,
    Path(id): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Answer {
    let desk = Desk::contact(world, &headers, WRITE, &id)?;
    let said = desk.read(&body, schema::CREATE_TASK)?;
    let blank = Task {
        id: ids::alphanumeric(&mut desk.world.trace(), 20),
        contact: id.clone(),
        title: String::new(),
        body: String::new(),
        assignee: None,
        added: desk.now,
        due: desk.now,
        completed: false,
    };
    let task = written(blank, &said);
    let mut news = News::new(&desk);
    {
        let mut crm = lock(&desk.world.crm);
        let Some(person) = crm.person_mut(&id) else { return Err(desk.unknown("Contact", &id)) };
        person.tasks.push(task.clone());
        if !task.completed {
            crm.locations[desk.at].open_tasks.push((id.clone(), task.id.clone()));
        }
        news.task(&crm, "TaskCreate", &task);
    }
    news.announce();
    desk.created(json!({ "task": shown(&task) }))
}

/// `PUT /contacts/:id/tasks/:id`. No webhook tells of it, unless the task is done by it.
pub async fn update(state: State<Arc<World>>, path: Path<(String, String)>, headers: HeaderMap, body: Bytes) -> Answer {
    change(state, path, headers, body, schema::UPDATE_TASK)
}

/// `PUT /contacts/:id/tasks/:id/completed`.
pub async fn complete(
    state: State<Arc<World>>,
    path: Path<(String, String)>,
    headers: HeaderMap,
    body: Bytes,
) -> Answer {
    change(state, path, headers, body, schema::COMPLETE_TASK)
}

fn change(
    State(world): State<Arc<World>>,
    Path((id, task)): Path<(String, String)>,
    headers: HeaderMap,
    body: Bytes,
    schema: Schema,
) -> Answer {
    let desk = Desk::contact(world, &headers, WRITE, &id)?;
    let said = desk.read(&body, schema)?;
    let mut news = News::new(&desk);
    let row = {
        let mut crm = lock(&desk.world.crm);
        let known = crm.person_mut(&id).and_then(|person| person.tasks.iter_mut().find(|known| known.id == task));
        let Some(known) = known else { return Err(desk.unknown("Task", &task)) };
        let before = known.completed;
        *known = written(known.clone(), &said);
        let after = known.clone();
        match (before, after.completed) {
            (false, true) => news.task(&crm, "TaskComplete", &after),
            (true, false) => crm.locations[desk.at].open_tasks.push((id.clone(), task.clone())),
            _ => {}
        }
        shown(&after)
    };
    news.announce();
    desk.ok(json!({ "task": row }))
}

/// `DELETE /contacts/:id/tasks/:id`.
pub async fn delete(
    State(world): State<Arc<World>>,
    Path((id, task)): Path<(String, String)>,
    headers: HeaderMap,
) -> Answer {
    let desk = Desk::contact(world, &headers, WRITE, &id)?;
    let mut news = News::new(&desk);
    {
        let mut crm = lock(&desk.world.crm);
        let gone = crm.person_mut(&id).and_then(|person| {
            let place = person.tasks.iter().position(|known| known.id == task)?;
            Some(person.tasks.remove(place))
        });
        let Some(gone) = gone else { return Err(desk.unknown("Task", &task)) };
        news.task(&crm, "TaskDelete", &gone);
    }
    news.announce();
    desk.deleted()
}

/// `POST /locations/:id/tasks/search`: the tasks of a whole location, those due last first.
pub async fn search(
    State(world): State<Arc<World>>,
    Path(id): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Answer {
    let desk = Desk::location(world, &headers, "locations/tasks.readonly", &id)?;
    let said = desk.read(&body, schema::SEARCH_TASKS)?;
    let (limit, skip) = (desk.count(&said, "limit", 25, 1..=100)?, desk.count(&said, "skip", 0, 0..=usize::MAX)?);
    let named = |key: &str| said.get(key).and_then(Value::as_array).filter(|items| !items.is_empty());
    let among =
        |key: &str, id: Option<&str>| named(key).is_none_or(|items| items.iter().any(|item| item.as_str() == id));
    let completed = said.get("completed").and_then(Value::as_bool);
    let business = said.get("businessId").and_then(Value::as_str);
    let query = said.get("query").and_then(Value::as_str).unwrap_or_default().to_lowercase();
    let crm = lock(&desk.world.crm);
    let people = crm.people_of(desk.at).filter(|person| {
        !person.tasks.is_empty()
            && among("contactId", Some(person.id()))
            && business.is_none_or(|id| person.text("businessId") == Some(id))
    });
    let mut found: Vec<&Task> = people
        .flat_map(|person| &person.tasks)
        .filter(|task| completed.is_none_or(|completed| task.completed == completed))
        .filter(|task| among("assignedTo", task.assignee.as_deref()))
        .filter(|task| [&task.title, &task.body].iter().any(|text| text.to_lowercase().contains(&query)))
        .collect();
    found.sort_by_key(|task| std::cmp::Reverse((task.due, &task.id)));
    let rows: Vec<Value> = found.into_iter().skip(skip).take(limit).map(shown).collect();
    drop(crm);
    desk.ok(json!({ "tasks": rows }))
}

/// The task with what was said of it; what was not stays as it is.
fn written(mut task: Task, said: &Map<String, Value>) -> Task {
    let text = |key: &str| said.get(key).and_then(Value::as_str);
    if let Some(title) = text("title") {
        task.title = title.to_owned();
    }
    if let Some(body) = text("body") {
        task.body = body.to_owned();
    }
    if let Some(assignee) = text("assignedTo") {
        task.assignee = (!assignee.is_empty()).then(|| assignee.to_owned());
    }
    if let Some(due) = text("dueDate").and_then(dates::millis) {
        task.due = due;
    }
    if let Some(completed) = said.get("completed").and_then(Value::as_bool) {
        task.completed = completed;
    }
    task
}

fn shown(task: &Task) -> Value {
    let mut shown = json!({
        "id": task.id, "title": task.title, "body": task.body, "dueDate": iso(task.due), "completed": task.completed,
        "contactId": task.contact,
    });
    if let Some(assignee) = &task.assignee {
        shown["assignedTo"] = assignee.as_str().into();
    }
    shown
}
