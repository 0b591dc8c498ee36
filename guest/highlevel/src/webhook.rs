//! A delivery's body, parsed: whose it is, when it was said and what it says.

use serde_json::Value;

use crate::bindings::convey::pipeline::types::{
    Appointment, Note, Opportunity, Origin, ReportedConversion, Stage, Task,
};
use crate::json::{any_text, flag, number, text};
use crate::time;

/// The status told of an object that was deleted: the contract has no trigger of its own for it.
const DELETED: &str = "deleted";

/// What a delivery says.
#[derive(Clone, Debug, PartialEq)]
pub enum Said {
    /// A contact came to be.
    ContactCreated,
    /// Some field of a contact changed; which one is not said.
    ContactUpdated,
    /// A contact is gone.
    ContactDeleted,
    /// The tags are now these; which came or went is not said.
    TagsUpdated,
    /// Do-not-disturb is now so.
    ConsentUpdated,
    /// A task came to be.
    TaskCreated(Task),
    /// A task was completed.
    TaskCompleted(Task),
    /// A task is gone.
    TaskDeleted(Task),
    /// A note was written.
    NoteCreated(Note),
    /// A note was rewritten.
    NoteUpdated(Note),
    /// A note is gone.
    NoteDeleted(Note),
    /// An appointment is now so, or is gone.
    Appointment(Appointment, bool),
    /// An opportunity is now so, or is gone.
    Opportunity(Opportunity, bool),
    /// A poll found the contact changed; what changed is not said.
    Seen,
    /// A sweep came by the contact: what it has is compared with what was told.
    Swept,
    /// Somebody reported a conversion for a contact.
    Reported(ReportedConversion),
    /// The app was installed.
    Installed,
    /// The app was removed.
    Removed,
    /// No fact of a contact.
    Nothing,
}

/// One delivery, parsed.
#[derive(Clone, Debug)]
pub struct Webhook {
    /// The vendor's name of the event.
    pub kind: String,
    /// The contact it is about.
    pub contact: Option<String>,
    /// When the vendor says it happened, ms.
    pub at: Option<u64>,
    /// When the object it is about last changed by its own word, or came to be if this is its creation, ms.
    pub dated: Option<u64>,
    /// What it says.
    pub said: Said,
    /// The parsed body.
    pub body: Value,
}

impl Webhook {
    /// Whether the body is the contact itself, flat.
    pub fn is_contact(&self) -> bool {
        matches!(
            self.said,
            Said::ContactCreated
                | Said::ContactUpdated
                | Said::ContactDeleted
                | Said::TagsUpdated
                | Said::ConsentUpdated
        )
    }

    /// Whether it is a row of a poll or of a sweep.
    pub fn is_row(&self) -> bool {
        matches!(self.said, Said::Seen | Said::Swept)
    }

    /// The task it is about, where the webhook does not say whose it is. HighLevel's TaskCreate leaves `contactId` out.
    pub fn orphan(&self) -> Option<&Task> {
        match &self.said {
            Said::TaskCreated(task) | Said::TaskCompleted(task) | Said::TaskDeleted(task) if self.contact.is_none() => {
                Some(task).filter(|task| !task.id.is_empty())
            }
            _ => None,
        }
    }

    /// Whether it states a fact of a contact.
    pub fn speaks(&self) -> bool {
        self.contact.is_some() && !matches!(self.said, Said::Installed | Said::Removed | Said::Nothing)
    }

    /// When it happened: the vendor's time, else the object's, else `received_at`.
    pub fn happened_at(&self, received_at: u64) -> u64 {
        self.at.or(self.dated).unwrap_or(received_at)
    }
}

/// The JSON object in `body`. Errors: what is wrong and where, never the text itself.
pub fn object(body: &[u8]) -> Result<Value, String> {
    match serde_json::from_slice(body) {
        Ok(value @ Value::Object(_)) => Ok(value),
        Ok(_) => Err("line 1, column 1: the body is JSON but not an object".into()),
        Err(error) => Err(format!("line {}, column {}: the body is not JSON", error.line(), error.column())),
    }
}

/// The event a body names. A bare contact has a `type` too ("lead"), in lower case.
pub fn event(body: &Value) -> Option<&str> {
    body.get("type").and_then(Value::as_str).filter(|name| name.starts_with(|first: char| first.is_ascii_uppercase()))
}

/// Parses a delivery. Errors: see [`object`].
pub fn parse(body: &[u8], origin: &Origin) -> Result<Webhook, String> {
    let mut body = object(body)?;
    if let Origin::Reported(contact) = origin {
        return Ok(reported(contact, body));
    }
    if let Some(name) = event(&body).map(str::to_owned) {
        return Ok(webhook(&name, body));
    }
    if let Some(inner @ Value::Object(_)) = body.get_mut("contact") {
        body = inner.take();
    }
    // A row is the contact as it was found; anything else without an event's name is not ours to guess.
    let said = match origin {
        Origin::Poll => Said::Seen,
        Origin::Sweep => Said::Swept,
        _ => Said::Nothing,
    };
    Ok(Webhook {
        kind: if said == Said::Nothing { "unknown" } else { "contact" }.into(),
        contact: text(&body, "id").filter(|_| said != Said::Nothing),
        at: time::at(&body, "dateUpdated"),
        dated: time::at(&body, "dateAdded"),
        said,
        body,
    })
}

fn webhook(name: &str, body: Value) -> Webhook {
    let said = said(name, &body);
    let nested = body.get("appointment").unwrap_or(&body);
    let contact = match &said {
        Said::Installed | Said::Removed | Said::Nothing => None,
        Said::ContactCreated
        | Said::ContactUpdated
        | Said::ContactDeleted
        | Said::TagsUpdated
        | Said::ConsentUpdated => text(&body, "id"),
        _ => text(nested, "contactId"),
    };
    // A creation's date is when it happened; the date of creation of something that changed today is not.
    let dated = if name.ends_with("Create") { time::at(nested, "dateAdded") } else { time::at(nested, "dateUpdated") };
    Webhook { kind: name.into(), contact, at: time::at(&body, "timestamp"), dated, said, body }
}

fn said(name: &str, body: &Value) -> Said {
    match name {
        "ContactCreate" => Said::ContactCreated,
        "ContactUpdate" => Said::ContactUpdated,
        "ContactDelete" => Said::ContactDeleted,
        "ContactTagUpdate" => Said::TagsUpdated,
        "ContactDndUpdate" => Said::ConsentUpdated,
        "TaskCreate" => Said::TaskCreated(task(body, false)),
        "TaskComplete" => Said::TaskCompleted(task(body, true)),
        "TaskDelete" => Said::TaskDeleted(task(body, false)),
        "NoteCreate" => Said::NoteCreated(note(body)),
        "NoteUpdate" => Said::NoteUpdated(note(body)),
        "NoteDelete" => Said::NoteDeleted(note(body)),
        "AppointmentCreate" | "AppointmentUpdate" => Said::Appointment(appointment(body, false), false),
        "AppointmentDelete" => Said::Appointment(appointment(body, true), true),
        "OpportunityDelete" => Said::Opportunity(opportunity(body, true), true),
        "OpportunityCreate"
        | "OpportunityUpdate"
        | "OpportunityStageUpdate"
        | "OpportunityStatusUpdate"
        | "OpportunityMonetaryValueUpdate"
        | "OpportunityAssignedToUpdate" => Said::Opportunity(opportunity(body, false), false),
        "INSTALL" => Said::Installed,
        "UNINSTALL" => Said::Removed,
        _ => Said::Nothing,
    }
}

/// A task, of a webhook or of a list.
pub fn task(body: &Value, completed: bool) -> Task {
    Task {
        id: text(body, "id").unwrap_or_default(),
        title: text(body, "title").unwrap_or_default(),
        body: text(body, "body"),
        due_at: time::at(body, "dueDate"),
        completed: completed || flag(body, "completed"),
        assignee: text(body, "assignedTo"),
    }
}

/// A note, of a webhook or of a list.
pub fn note(body: &Value) -> Note {
    Note {
        id: text(body, "id").unwrap_or_default(),
        body: text(body, "body").unwrap_or_default(),
        created_at: time::at(body, "dateAdded"),
    }
}

/// An appointment, of a webhook (nested) or of a list (flat, its times without a zone: taken as UTC). `gone` tells of its end.
pub fn appointment(body: &Value, gone: bool) -> Appointment {
    let body = body.get("appointment").unwrap_or(body);
    Appointment {
        id: text(body, "id").unwrap_or_default(),
        title: text(body, "title"),
        status: if gone { Some(DELETED.into()) } else { any_text(body, &["appointmentStatus", "status"]) },
        starts_at: time::at(body, "startTime"),
        ends_at: time::at(body, "endTime"),
    }
}

/// An opportunity, of a webhook or of a search. `gone` tells of its end.
pub fn opportunity(body: &Value, gone: bool) -> Opportunity {
    let stage = text(body, "pipelineStageId").map(|id| Stage {
        pipeline_id: text(body, "pipelineId").unwrap_or_default(),
        pipeline: None,
        id,
        name: None,
        position: None,
    });
    Opportunity {
        id: text(body, "id").unwrap_or_default(),
        name: text(body, "name"),
        stage,
        earlier: Vec::new(),
        status: if gone { Some(DELETED.into()) } else { text(body, "status") },
        value: number(body, "monetaryValue"),
    }
}

fn reported(contact: &str, body: Value) -> Webhook {
    let conversion = ReportedConversion {
        event_type: any_text(&body, &["eventType", "event_type"]).unwrap_or_default(),
        value: number(&body, "value"),
        currency: text(&body, "currency"),
        external_id: any_text(&body, &["externalId", "external_id"]),
    };
    let said = if conversion.event_type.is_empty() { Said::Nothing } else { Said::Reported(conversion) };
    Webhook {
        kind: "conversion-reported".into(),
        contact: Some(contact.to_owned()),
        at: time::at(&body, "timestamp"),
        dated: None,
        said,
        body,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn parsed(body: Value) -> Webhook {
        parse(body.to_string().as_bytes(), &Origin::Webhook).expect("valid JSON")
    }

    #[test]
    fn each_kind_finds_its_contact() {
        for (body, contact) in [
            (json!({"type": "ContactCreate", "id": "c"}), Some("c")),
            (json!({"type": "NoteCreate", "id": "n", "contactId": "c"}), Some("c")),
            (json!({"type": "TaskCreate", "id": "t"}), None),
            (json!({"type": "AppointmentCreate", "appointment": {"id": "a", "contactId": "c"}}), Some("c")),
            (json!({"type": "OpportunityStageUpdate", "id": "o", "contactId": "c"}), Some("c")),
            (json!({"type": "LocationUpdate", "id": "l"}), None),
            (json!({"type": "INSTALL", "locationId": "l"}), None),
            (json!({"type": "lead", "id": "c"}), None),
        ] {
            assert_eq!(parsed(body.clone()).contact.as_deref(), contact, "{body}");
        }
    }

    #[test]
    fn a_task_without_a_contact_is_an_orphan() {
        let orphan = |body| parsed(body).orphan().map(|task| task.id.clone());
        assert_eq!(orphan(json!({"type": "TaskCreate", "id": "t"})).as_deref(), Some("t"));
        assert_eq!(orphan(json!({"type": "TaskCreate", "id": "t", "contactId": "c"})), None);
        assert_eq!(orphan(json!({"type": "NoteCreate", "id": "n"})), None);
    }

    #[test]
    fn a_change_of_today_is_not_dated_by_its_creation() {
        let old = parsed(
            json!({"type": "TaskComplete", "id": "t", "contactId": "c", "dateAdded": "2021-11-29T13:37:28.304Z"}),
        );
        assert_eq!(old.happened_at(99), 99);
        let new =
            parsed(json!({"type": "TaskCreate", "id": "t", "contactId": "c", "dateAdded": "2021-11-29T13:37:28.304Z"}));
        assert_eq!(new.happened_at(99), 1_638_193_048_304);
        let sent =
            parsed(json!({"type": "TaskCreate", "dateAdded": "2021-11-29", "timestamp": "2021-11-30T00:00:00Z"}));
        assert_eq!(sent.happened_at(99), 1_638_230_400_000);
    }

    #[test]
    fn a_reported_conversion_is_the_named_contacts() {
        let body = json!({"eventType": "Purchase", "value": "12.5", "timestamp": 1_638_230_400_000_u64});
        let webhook = parse(body.to_string().as_bytes(), &Origin::Reported("c".into())).expect("valid");
        assert_eq!(webhook.contact.as_deref(), Some("c"));
        assert!(matches!(webhook.said, Said::Reported(ref conversion) if conversion.value == Some(12.5)));
    }

    #[test]
    fn a_row_of_a_poll_is_a_contact() {
        let webhook = parse(br#"{"contact":{"id":"c","type":"lead"}}"#, &Origin::Poll).expect("valid");
        assert_eq!((webhook.contact.as_deref(), webhook.said), (Some("c"), Said::Seen));
        let swept = parse(br#"{"contact":{"id":"c"}}"#, &Origin::Sweep).expect("valid");
        assert!(swept.said == Said::Swept && swept.is_row() && swept.speaks() && !swept.is_contact());
    }

    #[test]
    fn what_is_not_json_is_placed_and_not_quoted() {
        assert_eq!(object(b"{\"email\":\n secret@example.org"), Err("line 2, column 2: the body is not JSON".into()));
        assert!(object(b"[]").is_err());
    }

    proptest! {
        #[test]
        fn no_body_breaks_the_parser(body in "\\PC{0,80}") {
            let _ = parse(body.as_bytes(), &Origin::Webhook);
        }
    }
}
