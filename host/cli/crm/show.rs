//! What the CRM answers, for people and for programs: the contract's records in snake case, times as RFC 3339, what is absent as null.

use serde_json::{Map, Value, json};

use crate::cli::output::{card, heads, table};
use crate::cli::written::rfc3339;
use crate::clock::Millis;
use crate::contract::types::{Appointment, Attribution, Note, Task};
use crate::contract::{Contact, CustomField, FieldValue};

/// What a command came to: `id` and whether anything was written.
pub(super) fn done(kind: &str, done: &Value, verb: &str) -> String {
    let id = done["id"].as_str().or(done["contact"].as_str()).unwrap_or_default();
    let what = match (done["repeated"] == true, done["changed"] == true) {
        (true, _) => "done before under this key, nothing was asked",
        (false, false) => "it is so already, nothing was written",
        (false, true) => verb,
    };
    format!("{kind} {id}: {what}")
}

/// A contact, for programs.
pub(super) fn contact_value(contact: &Contact) -> Value {
    json!({
        "id": contact.id,
        "location": contact.location,
        "business": contact.business,
        "first_name": contact.first_name,
        "last_name": contact.last_name,
        "full_name": contact.full_name,
        "emails": contact.emails,
        "phones": contact.phones,
        "gender": contact.gender,
        "date_of_birth": contact.date_of_birth,
        "street": contact.street,
        "city": contact.city,
        "state": contact.state,
        "postal_code": contact.postal_code,
        "country": contact.country,
        "tags": contact.tags,
        "custom_fields": contact.custom_fields.iter().map(custom_field).collect::<Vec<_>>(),
        "source": contact.source,
        "consent": {
            "do_not_disturb": contact.consent.do_not_disturb,
            "blocked_channels": contact.consent.blocked_channels,
        },
        "first_touch": contact.first_touch.as_ref().map(touch),
        "last_touch": contact.last_touch.as_ref().map(touch),
        "created_at": time(contact.created_at),
        "updated_at": time(contact.updated_at),
        "tasks": contact.tasks.iter().map(task_value).collect::<Vec<_>>(),
        "notes": contact.notes.iter().map(note_value).collect::<Vec<_>>(),
        "appointments": contact.appointments.iter().map(appointment_value).collect::<Vec<_>>(),
    })
}

fn custom_field(field: &CustomField) -> Value {
    json!({"key": field.key, "name": field.name, "value": plain(&field.value)})
}

fn plain(value: &FieldValue) -> Value {
    match value {
        FieldValue::Text(text) => json!(text),
        FieldValue::Number(number) => json!(number),
        FieldValue::Flag(flag) => json!(flag),
        FieldValue::Many(items) => json!(items),
        FieldValue::Json(text) => serde_json::from_str(text).unwrap_or_else(|_| json!(text)),
    }
}

fn touch(touch: &Attribution) -> Value {
    let other: Map<String, Value> = touch.other.iter().map(|(key, value)| (key.clone(), json!(value))).collect();
    json!({
        "fbclid": touch.fbclid,
        "fbc": touch.fbc,
        "fbp": touch.fbp,
        "event_id": touch.event_id,
        "client_ip": touch.client_ip,
        "user_agent": touch.user_agent,
        "url": touch.url,
        "referrer": touch.referrer,
        "campaign": touch.campaign,
        "lead_id": touch.lead_id,
        "clicked_at": time(touch.clicked_at),
        "other": other,
    })
}

/// A task, for programs: `status` says what `completed` says.
pub(super) fn task_value(task: &Task) -> Value {
    json!({
        "id": task.id,
        "title": task.title,
        "body": task.body,
        "due_at": time(task.due_at),
        "completed": task.completed,
        "status": status(task),
        "assignee": task.assignee,
    })
}

/// A note, for programs.
pub(super) fn note_value(note: &Note) -> Value {
    json!({"id": note.id, "body": note.body, "created_at": time(note.created_at)})
}

/// An appointment, for programs.
pub(super) fn appointment_value(appointment: &Appointment) -> Value {
    json!({
        "id": appointment.id,
        "title": appointment.title,
        "status": appointment.status,
        "starts_at": time(appointment.starts_at),
        "ends_at": time(appointment.ends_at),
    })
}

/// A contact, for people.
pub(super) fn contact(contact: &Contact) -> String {
    let text = |value: &Option<String>| value.clone().unwrap_or_default();
    let consent = match (contact.consent.do_not_disturb, contact.consent.blocked_channels.as_slice()) {
        (true, _) => "do not disturb".to_owned(),
        (false, blocked) if !blocked.is_empty() => format!("not by {}", blocked.join(", ")),
        _ => String::new(),
    };
    let rows = [
        ("id", contact.id.clone()),
        ("name", name(contact)),
        ("e-mail", contact.emails.join(", ")),
        ("phone", contact.phones.join(", ")),
        ("street", text(&contact.street)),
        ("city", text(&contact.city)),
        ("state", text(&contact.state)),
        ("postal code", text(&contact.postal_code)),
        ("country", text(&contact.country)),
        ("born", text(&contact.date_of_birth)),
        ("gender", text(&contact.gender)),
        ("business", text(&contact.business)),
        ("source", text(&contact.source)),
        ("tags", contact.tags.join(", ")),
        ("consent", consent),
        ("created", moment(contact.created_at)),
        ("updated", moment(contact.updated_at)),
        ("first touch", contact.first_touch.as_ref().map(told).unwrap_or_default()),
        ("last touch", contact.last_touch.as_ref().map(told).unwrap_or_default()),
    ];
    let mut text = card(&rows);
    if !contact.custom_fields.is_empty() {
        let row = |field: &CustomField| vec![field.key.clone(), written(&plain(&field.value))];
        text.push_str("\n\ncustom fields\n");
        text.push_str(&table(&contact.custom_fields.iter().map(row).collect::<Vec<_>>()));
    }
    text
}

fn name(contact: &Contact) -> String {
    let parts = [contact.first_name.as_deref(), contact.last_name.as_deref()];
    let parts: Vec<&str> = parts.into_iter().flatten().collect();
    if parts.is_empty() { contact.full_name.clone().unwrap_or_default() } else { parts.join(" ") }
}

/// What says most about where somebody came from.
fn told(touch: &Attribution) -> String {
    let named = [
        ("campaign", &touch.campaign),
        ("lead", &touch.lead_id),
        ("fbclid", &touch.fbclid),
        ("url", &touch.url),
        ("referrer", &touch.referrer),
    ];
    let named = named.into_iter().filter_map(|(key, value)| Some(format!("{key} {}", value.as_deref()?)));
    named.chain(touch.clicked_at.and_then(rfc3339)).collect::<Vec<_>>().join(", ")
}

/// Contacts, for people.
pub(super) fn contacts(contacts: &[Contact]) -> String {
    let row = |contact: &Contact| {
        vec![
            contact.id.clone(),
            name(contact),
            contact.emails.first().cloned().unwrap_or_default(),
            contact.phones.first().cloned().unwrap_or_default(),
            contact.tags.join(", "),
            moment(contact.updated_at),
        ]
    };
    listed(heads(["id", "name", "e-mail", "phone", "tags", "updated"]), contacts.iter().map(row))
}

/// Tasks, for people.
pub(super) fn tasks(tasks: &[Task]) -> String {
    let row = |task: &Task| {
        let assignee = task.assignee.clone().unwrap_or_default();
        vec![task.id.clone(), status(task).to_owned(), moment(task.due_at), task.title.clone(), assignee]
    };
    listed(heads(["id", "status", "due", "title", "assignee"]), tasks.iter().map(row))
}

/// A task, for people.
pub(super) fn task(task: &Task) -> String {
    card(&[
        ("id", task.id.clone()),
        ("title", task.title.clone()),
        ("status", status(task).to_owned()),
        ("due", moment(task.due_at)),
        ("assignee", task.assignee.clone().unwrap_or_default()),
        ("body", task.body.clone().unwrap_or_default()),
    ])
}

/// Notes, for people.
pub(super) fn notes(notes: &[Note]) -> String {
    let row = |note: &Note| vec![note.id.clone(), moment(note.created_at), note.body.replace('\n', " ")];
    listed(heads(["id", "created", "body"]), notes.iter().map(row))
}

/// A note, for people.
pub(super) fn note(note: &Note) -> String {
    format!("{}\n\n{}", card(&[("id", note.id.clone()), ("created", moment(note.created_at))]), note.body)
}

/// Appointments, for people.
pub(super) fn appointments(appointments: &[Appointment]) -> String {
    let row = |appointment: &Appointment| {
        vec![
            appointment.id.clone(),
            moment(appointment.starts_at),
            moment(appointment.ends_at),
            appointment.status.clone().unwrap_or_default(),
            appointment.title.clone().unwrap_or_default(),
        ]
    };
    listed(heads(["id", "starts", "ends", "status", "title"]), appointments.iter().map(row))
}

fn listed(head: Vec<String>, rows: impl Iterator<Item = Vec<String>>) -> String {
    let rows: Vec<Vec<String>> = std::iter::once(head).chain(rows).collect();
    if rows.len() == 1 { "none".to_owned() } else { table(&rows) }
}

fn status(task: &Task) -> &'static str {
    if task.completed { "completed" } else { "open" }
}

fn time(at: Option<Millis>) -> Option<String> {
    at.and_then(rfc3339)
}

fn moment(at: Option<Millis>) -> String {
    time(at).unwrap_or_default()
}

/// Text as it is, a list joined, anything else as JSON.
fn written(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Array(items) => items.iter().map(written).collect::<Vec<_>>().join(", "),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::{contact, contact_value, done, listed, plain, task_value, tasks};
    use crate::contract::FieldValue;
    use crate::contract::types::Task;
    use crate::flow::sample_changes;

    #[test]
    fn every_field_of_a_contact_is_there_in_snake_case() {
        let change = sample_changes().into_iter().next().expect("a sample");
        let mut someone = change.contact;
        someone.business = None;
        let value = contact_value(&someone);
        let there: Vec<&String> = value.as_object().expect("an object").keys().collect();
        let serde = serde_json::to_value(&someone).expect("a record");
        assert_eq!(there, serde.as_object().expect("an object").keys().collect::<Vec<_>>());
        assert_eq!((&value["business"], &value["id"]), (&Value::Null, &json!(someone.id)));
        assert!(contact(&someone).starts_with("id ") && !contact(&someone).contains("business"));
    }

    #[test]
    fn a_field_is_its_plain_value() {
        let values = [
            FieldValue::Text("a".into()),
            FieldValue::Number(1.5),
            FieldValue::Flag(true),
            FieldValue::Many(vec!["x".into()]),
            FieldValue::Json("{\"k\":1}".into()),
            FieldValue::Json("{broken".into()),
        ];
        let plain: Vec<Value> = values.iter().map(plain).collect();
        assert_eq!(json!(plain), json!(["a", 1.5, true, ["x"], {"k": 1}, "{broken"]));
    }

    #[test]
    fn a_task_says_its_status_both_ways() {
        let (id, title) = ("t".to_owned(), "call".to_owned());
        let task = Task { id, title, body: None, due_at: Some(0), completed: true, assignee: None };
        let value = task_value(&task);
        assert_eq!((&value["completed"], &value["status"]), (&json!(true), &json!("completed")));
        assert_eq!(value["due_at"], "1970-01-01T00:00:00Z");
        assert!(tasks(&[task]).contains("completed"));
        assert_eq!(listed(Vec::new(), std::iter::empty()), "none");
    }

    #[test]
    fn what_was_done_is_told_from_what_was_so() {
        let said = |repeated: bool, changed: bool| {
            done("task", &json!({"id": "t", "repeated": repeated, "changed": changed}), "made")
        };
        assert_eq!(said(false, true), "task t: made");
        assert!(said(false, false).contains("so already") && said(true, false).contains("before"));
        assert_eq!(done("contact", &json!({"id": null, "contact": "c", "changed": true}), "x"), "contact c: x");
    }
}
