//! Webhook bodies in the vendor's shapes: flat, sparse, and without the attribution that only `GET` shows.

use axum::body::Bytes;
use fastrand::Rng;
use serde_json::{Map, Value, json};

use super::crm::state::{Appointment, Deal, Location, Note, Person, Task};
use super::ids;
use super::time::{iso, iso_local};
use super::world::App;
use crate::clock::Millis;

/// What a contact's webhook may carry of the contact.
const CONTACT_KEYS: [&str; 22] = [
    "id",
    "address1",
    "city",
    "state",
    "companyName",
    "country",
    "source",
    "dateAdded",
    "dateOfBirth",
    "dnd",
    "email",
    "name",
    "firstName",
    "lastName",
    "phone",
    "postalCode",
    "tags",
    "website",
    "attachments",
    "assignedTo",
    "customFields",
    "locationId",
];

/// One webhook, ready to be signed.
pub struct Webhook {
    /// A UUID; every copy and every try carries the same.
    pub id: String,
    /// The vendor's name of the event.
    pub kind: &'static str,
    /// Its location's id.
    pub location: String,
    /// The contact it is about.
    pub contact: String,
    /// The raw bytes.
    pub body: Bytes,
}

/// What all webhooks of one moment share.
pub struct Moment<'a> {
    /// The app that is told.
    pub app: &'a App,
    /// When it happened, milliseconds since the epoch.
    pub at: Millis,
    /// Whose webhook it is.
    pub location: &'a Location,
    /// The contact it is about.
    pub contact: &'a str,
}

impl Moment<'_> {
    /// Adds what every webhook has. Empty fields were left out by whoever made `fields`.
    pub fn webhook(&self, rng: &mut Rng, kind: &'static str, mut fields: Map<String, Value>) -> Webhook {
        let id = ids::uuid(rng);
        let envelope = [
            ("type", kind),
            ("locationId", self.location.id.as_str()),
            ("timestamp", &iso(self.at)),
            ("webhookId", &id),
            ("appId", &self.app.id),
            ("versionId", &self.app.version),
        ];
        fields.extend(envelope.map(|(key, value)| (key.to_owned(), value.into())));
        Webhook {
            id,
            kind,
            location: self.location.id.clone(),
            contact: self.contact.to_owned(),
            body: Value::Object(fields).to_string().into(),
        }
    }
}

/// A contact as its webhooks carry it. An event about tags tells the tags even when none is left.
pub fn contact(kind: &str, person: &Person) -> Map<String, Value> {
    let empty = |value: &Value| match value {
        Value::Null => true,
        Value::String(text) => text.is_empty(),
        Value::Array(items) => items.is_empty(),
        _ => false,
    };
    let mut fields: Map<String, Value> = CONTACT_KEYS
        .into_iter()
        .filter_map(|key| Some((key, person.fields.get(key)?)))
        .filter(|(key, value)| !empty(value) || (kind == "ContactTagUpdate" && *key == "tags"))
        .map(|(key, value)| (key.to_owned(), value.clone()))
        .collect();
    if let Some(Value::String(born)) = fields.get_mut("dateOfBirth")
        && born.len() == 10
    {
        born.push_str("T00:00:00.000Z");
    }
    if kind == "ContactDndUpdate"
        && let Some(settings) = person.fields.get("dndSettings")
    {
        fields.insert("dndSettings".to_owned(), settings.clone());
    }
    fields
}

/// An opportunity: neither what it was before nor a currency.
pub fn opportunity(deal: &Deal, location: &Location) -> Map<String, Value> {
    members(json!({
        "id": deal.id, "assignedTo": deal.assignee, "contactId": deal.contact, "monetaryValue": deal.value, "name": deal.name,
        "pipelineId": location.pipeline, "pipelineStageId": location.stages[deal.stage].id, "status": deal.status,
        "dateAdded": iso(deal.added),
    }))
}

/// A task. `sparse`: one that is new comes without its contact and its body, as the vendor's live webhooks do.
pub fn task(kind: &str, task: &Task, sparse: bool) -> Map<String, Value> {
    let mut fields = members(json!({
        "id": task.id, "contactId": task.contact, "title": task.title, "dateAdded": iso(task.added), "dueDate": iso(task.due),
    }));
    if let Some(assignee) = &task.assignee {
        fields.insert("assignedTo".to_owned(), assignee.as_str().into());
    }
    if !task.body.is_empty() {
        fields.insert("body".to_owned(), task.body.as_str().into());
    }
    if sparse && kind == "TaskCreate" {
        fields.remove("contactId");
        fields.remove("body");
    }
    fields
}

/// A note: neither who wrote it nor its title.
pub fn note(note: &Note) -> Map<String, Value> {
    members(json!({ "id": note.id, "body": note.body, "contactId": note.contact, "dateAdded": iso(note.added) }))
}

/// An appointment: nested, its times local with their offset.
pub fn appointment(made: &Appointment, location: &Location) -> Map<String, Value> {
    let local = |at| iso_local(at, location.country.offset_minutes);
    members(json!({ "appointment": {
        "id": made.id, "title": made.title, "calendarId": location.calendar, "contactId": made.contact,
        "appointmentStatus": made.status, "assignedUserId": made.assignee, "users": [made.assignee],
        "source": "booking_widget", "startTime": local(made.starts), "endTime": local(made.ends),
        "dateAdded": local(made.added), "dateUpdated": local(made.added),
    }}))
}

fn members(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(members) => members,
        _ => Map::new(),
    }
}
