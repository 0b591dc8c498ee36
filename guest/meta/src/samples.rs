//! Events for tests: good ones, to be made worse one field at a time.

use crate::bindings::convey::pipeline::types::{ActionSource, ConversionEvent, Hashed, UserData};

/// When the tests take place, ms since the epoch.
pub const NOW_MS: u64 = 1_795_305_600_000;

/// A hash that starts with `word`.
pub fn hash(word: u32) -> Hashed {
    Hashed { a: word, b: 0, c: 0, d: 0, e: 0, f: 0, g: 0, h: 0 }
}

/// Nobody.
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

/// An event of a minute ago that Meta takes; `id` is its id.
pub fn event(id: usize) -> ConversionEvent {
    ConversionEvent {
        id: id.to_string(),
        name: "Lead".into(),
        occurred_at: NOW_MS - 60_000,
        action_source: ActionSource::Other,
        source_url: None,
        user_data: UserData { emails: vec![hash(1)], ..nobody() },
        value: None,
        currency: None,
        custom_data: vec![],
        limited_data_use: false,
    }
}
