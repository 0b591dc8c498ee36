//! A fact and the change that carries it.

use crate::bindings::convey::pipeline::types::{Change, Contact, Trigger};
use crate::digest;
use crate::settings::Settings;

/// One fact about one contact.
pub struct Fact {
    /// The kind of object: `contact`, `tags`, `task`, …
    pub kind: &'static str,
    /// The object's id; empty for the contact itself.
    pub object: String,
    /// Which of the object's facts: a verb, or a state with its count.
    pub version: String,
    /// When it happened, ms.
    pub at: u64,
    /// What the mapper is told.
    pub trigger: Trigger,
}

/// Where a fact was learnt.
pub struct Place<'a> {
    /// The connection.
    pub connection: &'a str,
    /// Its settings: the location's country and currency.
    pub settings: &'a Settings,
    /// When the delivery that told it was received, ms.
    pub seen_at: u64,
}

impl Fact {
    /// The change. Its id is a function of the fact alone, so webhook, poll, twin and a second reading after a crash give the same.
    pub fn change(self, place: &Place<'_>, contact: Contact) -> Change {
        let id = digest::hex(&["change", place.connection, &contact.id, self.kind, &self.object, &self.version], 32);
        Change {
            id,
            connection: place.connection.to_owned(),
            occurred_at: self.at,
            seen_at: place.seen_at,
            country: place.settings.country.clone(),
            currency: place.settings.currency.clone(),
            trigger: self.trigger,
            contact,
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::contact::contact;

    #[test]
    fn the_id_is_the_facts_and_nothing_elses() {
        let settings = Settings::default();
        let change = |connection: &str, object: &str, version: &str, at: u64| {
            let fact = Fact {
                kind: "task",
                object: object.into(),
                version: version.into(),
                at,
                trigger: Trigger::ContactCreated,
            };
            let place = Place { connection, settings: &settings, seen_at: at + 1 };
            fact.change(&place, contact(&json!({"id": "c"}))).id
        };
        assert_eq!(change("n", "t", "created", 1), change("n", "t", "created", 2));
        assert_ne!(change("n", "t", "created", 1), change("m", "t", "created", 1));
        assert_ne!(change("n", "t", "created", 1), change("n", "u", "created", 1));
        assert_ne!(change("n", "t", "created", 1), change("n", "t", "completed", 1));
        assert_eq!(change("n", "t", "created", 1).len(), 32);
    }
}
