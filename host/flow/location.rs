//! What a location says of itself, and its last contacts as changes that might have been: what a mapping is tried on before anything has happened.

use std::collections::BTreeMap;

use serde_json::Value;

use super::{CrmError, Flow, supposed};
use crate::contract::{Change, Contact};
use crate::engine::{Answer, ContactFilter, Query, SourceError};

/// What a location says of itself that a mapping may need: read from its source's own words, as far as they go.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Location {
    /// Custom fields: key by id. None where it does not say.
    pub fields: Option<BTreeMap<String, String>>,
    /// Custom fields as people read them: name by key.
    pub field_names: BTreeMap<String, String>,
    /// Stages by name, each with its pipeline's name, in their order.
    pub stages: Vec<(String, String)>,
    /// Its country.
    pub country: Option<String>,
    /// Its currency.
    pub currency: Option<String>,
}

impl Location {
    /// From a catalogue as `convey crm catalogue` prints it.
    pub fn read(catalogue: &str) -> Self {
        let value: Value = serde_json::from_str(catalogue).unwrap_or_default();
        let text = |value: &Value| value.as_str().map(str::to_owned);
        let field = |(id, field): (&String, &Value)| Some((id.clone(), text(&field["key"])?));
        let written = value["fields"].as_object();
        let fields = written.map(|fields| fields.iter().filter_map(field).collect());
        // An empty list beside something that was refused is no list.
        let refused = value["missing"].as_array().is_some_and(|missing| !missing.is_empty());
        let fields = fields.filter(|fields: &BTreeMap<_, _>| !(fields.is_empty() && refused));
        let named = |field: &Value| Some((text(&field["key"])?, text(&field["name"]).or_else(|| text(&field["key"]))?));
        let field_names = written.into_iter().flatten().filter_map(|(_, field)| named(field)).collect();
        let pipelines = value["pipelines"].as_array().into_iter().flatten();
        let stages = pipelines.flat_map(|pipeline| {
            let stages = pipeline["stages"].as_array().into_iter().flatten();
            stages.filter_map(|stage| Some((text(&pipeline["name"])?, text(&stage["name"])?)))
        });
        let stages = stages.collect();
        Self { fields, field_names, stages, country: text(&value["country"]), currency: text(&value["currency"]) }
    }

    /// Which of these custom fields it surely does not have, in their order.
    pub fn lacks<'a>(&self, wanted: &'a [String]) -> Vec<&'a str> {
        let Some(fields) = &self.fields else { return Vec::new() };
        let missing = wanted.iter().filter(|key| !fields.values().any(|known| known == *key));
        missing.map(String::as_str).collect()
    }
}

impl Flow {
    /// What a connection's location says of itself.
    ///
    /// # Errors
    /// As [`CrmError`] has it.
    pub async fn location(&self, connection: &str) -> Result<Location, CrmError> {
        match self.ask(connection, &Query::Catalogue).await? {
            Answer::Catalogue(text) => Ok(Location::read(&text)),
            _ => Err(strange()),
        }
    }

    /// The changes that the last contacts of a connection would be if they came to be now, the newest first.
    ///
    /// # Errors
    /// As [`CrmError`] has it.
    pub async fn last_contacts(&self, connection: &str, last: usize) -> Result<Vec<Change>, CrmError> {
        let location = self.location(connection).await?;
        let settings = self.plan().connections.get(connection).map(|known| known.settings.clone());
        let (country, currency) = terms(settings.as_deref().unwrap_or_default());
        let (country, currency) = (country.or(location.country.clone()), currency.or(location.currency.clone()));
        let now = self.clock.now_ms();
        let mut changes = Vec::new();
        for id in self.last_ids(connection, last).await? {
            // A list says less of a person than a fetch, and nothing of where they came from.
            let contact = match self.ask(connection, &Query::Contact(id)).await {
                Ok(Answer::Contact(contact)) => named(contact, &location),
                Ok(_) => return Err(strange()),
                // Deleted between the list and the fetch.
                Err(CrmError::Source(SourceError::NotFound(_))) => continue,
                Err(error) => return Err(error),
            };
            changes.extend(supposed(&contact, connection, (country.as_deref(), currency.as_deref()), now));
        }
        Ok(changes)
    }

    async fn last_ids(&self, connection: &str, last: usize) -> Result<Vec<String>, CrmError> {
        let mut ids: Vec<String> = Vec::with_capacity(last);
        let mut cursor = None;
        loop {
            let limit = u32::try_from(last - ids.len()).unwrap_or(u32::MAX).min(100);
            let filter = ContactFilter { text: None, updated_after: None, limit, cursor, older_listing: false };
            let Answer::Contacts((page, next)) = self.ask(connection, &Query::Contacts(filter)).await? else {
                return Err(strange());
            };
            ids.extend(page.into_iter().map(|contact| contact.id));
            if ids.len() >= last || next.is_none() {
                ids.truncate(last);
                return Ok(ids);
            }
            cursor = next;
        }
    }
}

/// What the connection's settings say of its location: that goes before the location's own word, as it does in a live reading.
fn terms(settings: &str) -> (Option<String>, Option<String>) {
    let settings: toml::Table = settings.parse().unwrap_or_default();
    let text = |key: &str| settings.get(key).and_then(|value| value.as_str()).map(str::to_owned);
    (text("country"), text("currency"))
}

/// Custom fields by key: a convey that has read nothing yet knows their ids only.
fn named(mut contact: Contact, location: &Location) -> Contact {
    for field in &mut contact.custom_fields {
        if let Some(key) = location.fields.as_ref().and_then(|fields| fields.get(&field.key)) {
            field.key.clone_from(key);
        }
    }
    contact
}

fn strange() -> CrmError {
    CrmError::Source(SourceError::Invalid("the source answered another question than it was asked".to_owned()))
}

#[cfg(test)]
mod tests {
    use super::{Location, terms};

    #[test]
    fn a_catalogue_is_read_as_far_as_it_says() {
        let whole = r#"{"fields":{"f1":{"key":"budget","name":"Budget"},"f2":{"name":"?"}},"country":"US","currency":null,"missing":[],
            "pipelines":[{"id":"p","name":"Sales","stages":[{"id":"s","name":"New"},{"id":"t","name":"Won"},{"id":"u"}]}]}"#;
        let read = Location::read(whole);
        let fields = read.fields.as_ref().unwrap();
        assert_eq!(
            (fields["f1"].as_str(), fields.len(), read.country.as_deref(), &read.currency),
            ("budget", 1, Some("US"), &None)
        );
        assert_eq!(read.field_names["budget"], "Budget");
        let stages: Vec<(&str, &str)> = read.stages.iter().map(|(of, stage)| (of.as_str(), stage.as_str())).collect();
        assert_eq!(stages, [("Sales", "New"), ("Sales", "Won")]);

        let wanted = ["budget".to_owned(), "bugdet".to_owned()];
        assert_eq!(read.lacks(&wanted), ["bugdet"]);

        let refused = Location::read(r#"{"fields":{},"missing":["locations/customFields.readonly"]}"#);
        assert_eq!((&refused.fields, refused.lacks(&wanted)), (&None, Vec::new()));
        assert!(Location::read(r#"{"fields":{},"missing":[]}"#).fields.is_some());
        for other in ["", "words", "[]", r#"{"fields":3}"#] {
            assert_eq!(Location::read(other), Location::default(), "{other}");
        }
    }

    #[test]
    fn what_the_settings_say_of_the_location_is_read() {
        let said = terms("country = \"US\"\ncurrency = 3\n");
        assert_eq!((said.0.as_deref(), said.1), (Some("US"), None));
        assert_eq!(terms("no toml ="), (None, None));
    }
}
