//! The contract's records with nothing in them, to be filled in part.

use crate::contract::types::{
    Appointment, Attribution, Consent, Note, Opportunity, ReportedConversion, Stage, TagDelta, Task,
};
use crate::contract::{Change, Contact, CustomField, FieldValue, Trigger, UserData};

/// When a blank change happened: the same moment always, so that what comes of it is.
const AT: u64 = 1_795_000_000_000;

/// Somebody unknown came to be.
pub fn change() -> Change {
    Change {
        id: "case".into(),
        connection: super::alone().connection,
        occurred_at: AT,
        seen_at: AT,
        country: None,
        currency: None,
        trigger: Trigger::ContactCreated,
        contact: contact(),
    }
}

/// Somebody of whom nothing is known but an id.
pub fn contact() -> Contact {
    Contact {
        id: "case-contact".into(),
        location: "case-location".into(),
        business: None,
        first_name: None,
        last_name: None,
        full_name: None,
        emails: Vec::new(),
        phones: Vec::new(),
        gender: None,
        date_of_birth: None,
        street: None,
        city: None,
        state: None,
        postal_code: None,
        country: None,
        tags: Vec::new(),
        custom_fields: Vec::new(),
        source: None,
        consent: consent(),
        first_touch: None,
        last_touch: None,
        created_at: None,
        updated_at: None,
        tasks: Vec::new(),
        notes: Vec::new(),
        appointments: Vec::new(),
    }
}

/// A person by whom nobody could be found.
pub fn user_data() -> UserData {
    UserData {
        emails: Vec::new(),
        phones: Vec::new(),
        first_names: Vec::new(),
        last_names: Vec::new(),
        genders: Vec::new(),
        dates_of_birth: Vec::new(),
        cities: Vec::new(),
        states: Vec::new(),
        postal_codes: Vec::new(),
        countries: Vec::new(),
        external_ids: Vec::new(),
        client_ip: None,
        user_agent: None,
        fbc: None,
        fbp: None,
        lead_id: None,
    }
}

/// No objection.
pub fn consent() -> Consent {
    Consent { do_not_disturb: false, blocked_channels: Vec::new() }
}

/// A touch that left nothing behind.
pub fn touch() -> Attribution {
    Attribution {
        fbclid: None,
        fbc: None,
        fbp: None,
        event_id: None,
        client_ip: None,
        user_agent: None,
        url: None,
        referrer: None,
        campaign: None,
        lead_id: None,
        clicked_at: None,
        other: Vec::new(),
    }
}

/// A custom field without a key.
pub fn custom_field() -> CustomField {
    CustomField { key: String::new(), name: None, value: FieldValue::Text(String::new()) }
}

/// A stage without a name.
pub fn stage() -> Stage {
    Stage { pipeline_id: "case-pipeline".into(), pipeline: None, id: "case-stage".into(), name: None, position: None }
}

/// An opportunity in no stage.
pub fn opportunity() -> Opportunity {
    Opportunity {
        id: "case-opportunity".into(),
        name: None,
        stage: None,
        earlier: Vec::new(),
        status: None,
        value: None,
    }
}

/// A task to do.
pub fn task() -> Task {
    Task { id: "case-task".into(), title: String::new(), body: None, due_at: None, completed: false, assignee: None }
}

/// An empty note.
pub fn note() -> Note {
    Note { id: "case-note".into(), body: String::new(), created_at: None }
}

/// An appointment at no time.
pub fn appointment() -> Appointment {
    Appointment { id: "case-appointment".into(), title: None, status: None, starts_at: None, ends_at: None }
}

/// No tag came or went.
pub fn tags() -> TagDelta {
    TagDelta { added: Vec::new(), removed: Vec::new() }
}

/// A conversion of no type.
pub fn reported() -> ReportedConversion {
    ReportedConversion { event_type: String::new(), value: None, currency: None, external_id: None }
}
