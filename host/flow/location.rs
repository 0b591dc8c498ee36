//! What a location says of itself that a mapping may need, and which of a mapping's fields it lacks.

use std::collections::BTreeMap;

use serde_json::Value;

use super::{CrmError, Flow};
use crate::engine::{Answer, Query, SourceError};

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
}

/// A source that answers something else.
pub(super) fn strange() -> CrmError {
    CrmError::Source(SourceError::Invalid("the source answered another question than it was asked".to_owned()))
}

#[cfg(test)]
mod tests {
    use super::Location;

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
}
