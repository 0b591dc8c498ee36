//! The same mapper without a border: the guest's crate linked in, and the changes in its own types.

use convey::contract::types as host;
use convey_rules::settings::Settings;
use convey_sdk::Mapper;
use convey_sdk::types::{Attribution, Change, Consent, Contact, CustomField, FieldValue, Proposal, Skip, Trigger};

/// The mapper of these settings, as plain Rust.
pub struct Native(Settings);

impl Native {
    /// From the text an operator writes.
    pub fn new(settings: &str) -> Self {
        match Settings::configure(settings) {
            Ok(settings) => Self(settings),
            Err(problems) => panic!("the settings are refused: {problems:?}"),
        }
    }

    /// What [`convey::engine::Mapper::translate`] answers, in the guest's types.
    pub fn translate(&self, changes: &[Change]) -> Vec<Result<Vec<Proposal>, Skip>> {
        changes.iter().map(|change| self.0.translate(change)).collect()
    }
}

/// A change in the guest's types.
pub fn change(change: &host::Change) -> Change {
    let host::Trigger::ContactCreated = change.trigger else {
        panic!("the corpus holds new contacts only");
    };
    Change {
        id: change.id.clone(),
        connection: change.connection.clone(),
        occurred_at: change.occurred_at,
        seen_at: change.seen_at,
        country: change.country.clone(),
        currency: change.currency.clone(),
        trigger: Trigger::ContactCreated,
        contact: contact(change.contact.clone()),
    }
}

fn contact(contact: host::Contact) -> Contact {
    assert!(contact.tasks.is_empty() && contact.notes.is_empty() && contact.appointments.is_empty());
    Contact {
        id: contact.id,
        location: contact.location,
        business: contact.business,
        first_name: contact.first_name,
        last_name: contact.last_name,
        full_name: contact.full_name,
        emails: contact.emails,
        phones: contact.phones,
        gender: contact.gender,
        date_of_birth: contact.date_of_birth,
        street: contact.street,
        city: contact.city,
        state: contact.state,
        postal_code: contact.postal_code,
        country: contact.country,
        tags: contact.tags,
        custom_fields: contact.custom_fields.into_iter().map(custom_field).collect(),
        source: contact.source,
        consent: Consent {
            do_not_disturb: contact.consent.do_not_disturb,
            blocked_channels: contact.consent.blocked_channels,
        },
        first_touch: contact.first_touch.map(attribution),
        last_touch: contact.last_touch.map(attribution),
        created_at: contact.created_at,
        updated_at: contact.updated_at,
        tasks: Vec::new(),
        notes: Vec::new(),
        appointments: Vec::new(),
    }
}

fn custom_field(field: host::CustomField) -> CustomField {
    let value = match field.value {
        host::FieldValue::Text(text) => FieldValue::Text(text),
        host::FieldValue::Number(number) => FieldValue::Number(number),
        host::FieldValue::Flag(flag) => FieldValue::Flag(flag),
        host::FieldValue::Many(many) => FieldValue::Many(many),
        host::FieldValue::Json(json) => FieldValue::Json(json),
    };
    CustomField { key: field.key, name: field.name, value }
}

fn attribution(touch: host::Attribution) -> Attribution {
    Attribution {
        fbclid: touch.fbclid,
        fbc: touch.fbc,
        fbp: touch.fbp,
        event_id: touch.event_id,
        client_ip: touch.client_ip,
        user_agent: touch.user_agent,
        url: touch.url,
        referrer: touch.referrer,
        campaign: touch.campaign,
        lead_id: touch.lead_id,
        clicked_at: touch.clicked_at,
        other: touch.other,
    }
}
