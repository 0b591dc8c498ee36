//! A few invented changes that every mapper is tried on before it goes live: common, sparse, and odd.

use super::blank;
use crate::contract::types::{
    Attribution, Consent, CustomField, Note, Opportunity, ReportedConversion, Stage, TagDelta, Task,
};
use crate::contract::{Change, Contact, FieldValue, Trigger};

/// One change of most kinds, over contacts from full to empty.
pub fn changes() -> Vec<Change> {
    let stage = Stage {
        pipeline_id: "p1".into(),
        pipeline: Some("Sales".into()),
        id: "s2".into(),
        name: Some("Qualified".into()),
        position: Some(1),
    };
    let won = Opportunity {
        id: "o1".into(),
        name: Some("Roof".into()),
        stage: Some(stage),
        earlier: Vec::new(),
        status: Some("won".into()),
        value: Some(1_250.5),
    };
    let task =
        Task { id: "t1".into(), title: "Call back".into(), body: None, due_at: None, completed: true, assignee: None };
    let note = Note { id: "n1".into(), body: "Asked for a quote".into(), created_at: None };
    let tags = TagDelta { added: vec!["vip".into()], removed: vec!["cold".into()] };
    let reported = ReportedConversion {
        event_type: "Purchase".into(),
        value: Some(9.99),
        currency: Some("EUR".into()),
        external_id: Some("x1".into()),
    };
    let triggers = [
        Trigger::ContactCreated,
        Trigger::ContactUpdated(vec!["email".into()]),
        Trigger::TagsChanged(tags),
        Trigger::ConsentChanged,
        Trigger::TaskCompleted(task),
        Trigger::NoteCreated(note),
        Trigger::OpportunityChanged(won),
        Trigger::ConversionReported(reported),
        Trigger::ContactDeleted,
    ];
    let contacts = [full(), sparse(), odd()];
    let combined =
        triggers.iter().flat_map(|trigger| contacts.iter().map(move |contact| (trigger.clone(), contact.clone())));
    combined.enumerate().map(|(index, (trigger, contact))| change(index, trigger, contact)).collect()
}

fn change(index: usize, trigger: Trigger, contact: Contact) -> Change {
    let at = 1_795_000_000_000 + index as u64 * 1_000;
    Change {
        id: format!("sample-{index}"),
        connection: "sample".into(),
        occurred_at: at,
        seen_at: at + 250,
        country: Some("US".into()),
        currency: Some("USD".into()),
        trigger,
        contact,
    }
}

fn sparse() -> Contact {
    Contact { id: "sample-sparse".into(), location: "sample-location".into(), ..blank::contact() }
}

fn full() -> Contact {
    let touch = Attribution {
        fbclid: Some("IwAR0sample".into()),
        fbc: None,
        fbp: Some("fb.1.1794990000000.1098115397".into()),
        event_id: Some("pixel-1".into()),
        client_ip: Some("203.0.113.9".into()),
        user_agent: Some("Mozilla/5.0 (X11; Linux x86_64)".into()),
        url: Some("https://shop.example/quote?utm_source=fb".into()),
        referrer: None,
        campaign: Some("autumn".into()),
        lead_id: Some("123456789012345".into()),
        clicked_at: Some(1_794_990_000_000),
        other: Vec::new(),
    };
    Contact {
        id: "sample-full".into(),
        first_name: Some("Renée".into()),
        last_name: Some("O'Brien".into()),
        emails: vec![" Renee@Example.com ".into()],
        phones: vec!["+1 (650) 555-1212".into()],
        date_of_birth: Some("1990-02-16".into()),
        city: Some("St. Louis".into()),
        state: Some("Missouri".into()),
        postal_code: Some("63101-1234".into()),
        country: Some("US".into()),
        tags: vec!["vip".into()],
        custom_fields: vec![CustomField {
            key: "budget".into(),
            name: Some("Budget".into()),
            value: FieldValue::Number(5_000.0),
        }],
        first_touch: Some(touch.clone()),
        last_touch: Some(touch),
        created_at: Some(1_794_990_000_000),
        ..sparse()
    }
}

/// What people really type into a CRM.
fn odd() -> Contact {
    Contact {
        id: "sample-odd".into(),
        full_name: Some("İPEK 😀 Žluťoučký".into()),
        emails: vec!["not an address".into(), "a@b".into(), String::new()],
        phones: vec!["1-800-FLOWERS".into(), "0000000000".into(), "١٦٥٠٥٥٥١٢١٢".into()],
        date_of_birth: Some("19970231".into()),
        state: Some("06".into()),
        country: Some("Nowhere".into()),
        consent: Consent { do_not_disturb: true, blocked_channels: vec!["sms".into()] },
        ..sparse()
    }
}
