//! What a location says of itself that a mapping may need, and which of a mapping's fields it lacks.

use std::collections::BTreeMap;

use serde_json::Value;

/// What a location says of itself that a mapping may need: read from its source's own words, as far as they go.
#[derive(Debug, Default, PartialEq)]
pub struct Location {
    /// Custom fields: key by id. None where it does not say.
    pub fields: Option<BTreeMap<String, String>>,
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
        let fields = value["fields"].as_object().map(|fields| fields.iter().filter_map(field).collect());
        // An empty list beside something that was refused is no list.
        let refused = value["missing"].as_array().is_some_and(|missing| !missing.is_empty());
        let fields = fields.filter(|fields: &BTreeMap<_, _>| !(fields.is_empty() && refused));
        Self { fields, country: text(&value["country"]), currency: text(&value["currency"]) }
    }

    /// Which of these custom fields it surely does not have, in their order.
    pub fn lacks<'a>(&self, wanted: &'a [String]) -> Vec<&'a str> {
        let Some(fields) = &self.fields else { return Vec::new() };
        let missing = wanted.iter().filter(|key| !fields.values().any(|known| known == *key));
        missing.map(String::as_str).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::Location;

    #[test]
    fn a_catalogue_is_read_as_far_as_it_says() {
        let whole = r#"{"fields":{"f1":{"key":"budget","name":"Budget"},"f2":{"name":"?"}},"country":"US","currency":null,"missing":[]}"#;
        let read = Location::read(whole);
        let fields = read.fields.as_ref().unwrap();
        assert_eq!(
            (fields["f1"].as_str(), fields.len(), read.country.as_deref(), &read.currency),
            ("budget", 1, Some("US"), &None)
        );
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
