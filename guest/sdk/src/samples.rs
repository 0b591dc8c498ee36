//! Changes to try a mapper on: a person of California, invented.

use crate::types::{Attribution, Change, Consent, Contact, Opportunity, Stage, Trigger, UserData};

/// A person nothing is known of.
pub fn nobody() -> UserData {
    UserData {
        emails: vec![],
        phones: vec![],
        first_names: vec![],
        last_names: vec![],
        genders: vec![],
        dates_of_birth: vec![],
        cities: vec![],
        states: vec![],
        postal_codes: vec![],
        countries: vec![],
        external_ids: vec![],
        client_ip: None,
        user_agent: None,
        fbc: None,
        fbp: None,
        lead_id: None,
    }
}

/// A contact with everything the platform can find a person by, but for clicks.
pub fn contact() -> Contact {
    Contact {
        id: "ocQHyuzHvysMo5N5VsXc".into(),
        location: "loc".into(),
        business: None,
        first_name: Some("Ann".into()),
        last_name: Some("O’Brien".into()),
        full_name: Some("Ann O’Brien".into()),
        emails: vec!["Ann@Example.com".into()],
        phones: vec!["+1 (650) 555-1212".into()],
        gender: None,
        date_of_birth: Some("1997-02-16".into()),
        street: None,
        city: Some("Menlo Park".into()),
        state: Some("California".into()),
        postal_code: Some("94025-1234".into()),
        country: Some("US".into()),
        tags: vec![],
        custom_fields: vec![],
        source: None,
        consent: Consent { do_not_disturb: false, blocked_channels: vec![] },
        first_touch: None,
        last_touch: None,
        created_at: Some(1_789_000_000_000),
        updated_at: None,
        tasks: vec![],
        notes: vec![],
        appointments: vec![],
    }
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
        other: vec![],
    }
}

/// A change of [`contact`], in a location in the United States.
pub fn change(trigger: Trigger) -> Change {
    Change {
        id: "chg_1".into(),
        connection: "main".into(),
        occurred_at: 1_789_500_000_000,
        seen_at: 1_789_500_001_000,
        country: Some("US".into()),
        currency: Some("usd".into()),
        trigger,
        contact: contact(),
    }
}

/// An opportunity in the stage “Proposal sent” of the pipeline “Sales”.
pub fn opportunity(status: &str, value: Option<f64>) -> Trigger {
    Trigger::OpportunityChanged(Opportunity {
        id: "opp_1".into(),
        name: Some("Ann O’Brien".into()),
        stage: Some(Stage {
            pipeline_id: "p1".into(),
            pipeline: Some("Sales".into()),
            id: "s1".into(),
            name: Some("Proposal sent".into()),
            position: Some(2),
        }),
        earlier: vec![],
        status: Some(status.into()),
        value,
    })
}
