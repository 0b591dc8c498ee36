//! A fact and the change that carries it.

use crate::bindings::convey::pipeline::types::{Change, Contact, Trigger};
use crate::catalogue::{self, Catalogue};
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
    /// Its settings: the location's country and currency, where the operator knows better than the catalogue.
    pub settings: &'a Settings,
    /// What the ids in the fact mean, and the location's country and currency.
    pub catalogue: &'a Catalogue,
    /// When the delivery that told it was received, ms.
    pub seen_at: u64,
}

/// The id of a fact's change: a function of the fact alone, so webhook, poll, twin, sweep and a second reading after a crash give the same.
pub fn id(connection: &str, contact: &str, kind: &str, object: &str, version: &str) -> String {
    digest::hex(&["change", connection, contact, kind, object, version], 32)
}

impl Fact {
    /// The change, with names for the ids in it.
    pub fn change(self, place: &Place<'_>, contact: Contact) -> Change {
        let said = |set: &Option<String>, known: &Option<String>| set.clone().or_else(|| known.clone());
        Change {
            id: id(place.connection, &contact.id, self.kind, &self.object, &self.version),
            connection: place.connection.to_owned(),
            occurred_at: self.at,
            seen_at: place.seen_at,
            country: said(&place.settings.country, &place.catalogue.country),
            currency: said(&place.settings.currency, &place.catalogue.currency),
            trigger: place.catalogue.resolve(self.trigger),
            contact: catalogue::resolved(contact, Some(place.catalogue)),
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
        let (settings, catalogue) = (Settings::default(), Catalogue::default());
        let change = |connection: &str, object: &str, version: &str, at: u64| {
            let fact = Fact {
                kind: "task",
                object: object.into(),
                version: version.into(),
                at,
                trigger: Trigger::ContactCreated,
            };
            let place = Place { connection, settings: &settings, catalogue: &catalogue, seen_at: at + 1 };
            fact.change(&place, contact(&json!({"id": "c"}))).id
        };
        assert_eq!(change("n", "t", "created", 1), change("n", "t", "created", 2));
        assert_ne!(change("n", "t", "created", 1), change("m", "t", "created", 1));
        assert_ne!(change("n", "t", "created", 1), change("n", "u", "created", 1));
        assert_ne!(change("n", "t", "created", 1), change("n", "t", "completed", 1));
        assert_eq!(change("n", "t", "created", 1).len(), 32);
    }

    #[test]
    fn the_settings_win_over_the_catalogue() {
        let settings = Settings { currency: Some("EUR".into()), ..Settings::default() };
        let mut catalogue = Catalogue::default();
        (catalogue.country, catalogue.currency) = (Some("IE".into()), Some("USD".into()));
        let fact = Fact {
            kind: "contact",
            object: String::new(),
            version: "created".into(),
            at: 1,
            trigger: Trigger::ContactCreated,
        };
        let place = Place { connection: "n", settings: &settings, catalogue: &catalogue, seen_at: 2 };
        let change = fact.change(&place, contact(&json!({"id": "c"})));
        assert_eq!((change.country.as_deref(), change.currency.as_deref()), (Some("IE"), Some("EUR")));
    }
}
