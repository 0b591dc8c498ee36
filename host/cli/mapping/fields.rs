//! Which connections lack a custom field that a mapping reads.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::Value;

use crate::cli::desk::{Desk, names};
use crate::cli::output::Exit;
use crate::config::{Config, nearest};
use crate::engine::{Answer, Query};

/// What a location says of itself that a mapping may need: read from its source's own words, as far as they go.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Location {
    /// Custom fields: key by id. None where it does not say.
    pub(super) fields: Option<BTreeMap<String, String>>,
    /// Its country.
    pub(super) country: Option<String>,
    /// Its currency.
    pub(super) currency: Option<String>,
}

impl Location {
    /// From a catalogue as `convey crm catalogue` prints it.
    pub(super) fn read(catalogue: &str) -> Self {
        let value: Value = serde_json::from_str(catalogue).unwrap_or_default();
        let text = |value: &Value| value.as_str().map(str::to_owned);
        let field = |(id, field): (&String, &Value)| Some((id.clone(), text(&field["key"])?));
        let fields = value["fields"].as_object().map(|fields| fields.iter().filter_map(field).collect());
        // An empty list beside something that was refused is no list.
        let refused = value["missing"].as_array().is_some_and(|missing| !missing.is_empty());
        let fields = fields.filter(|fields: &BTreeMap<_, _>| !(fields.is_empty() && refused));
        Self { fields, country: text(&value["country"]), currency: text(&value["currency"]) }
    }

    /// Asks a connection's CRM.
    pub(super) async fn ask(desk: &Desk, connection: &str) -> Result<Self, Exit> {
        match desk.ask(connection, &Query::Catalogue).await? {
            Answer::Catalogue(text) => Ok(Self::read(&text)),
            _ => Err(Exit::Failed(anyhow::anyhow!("the source answered another question than it was asked"))),
        }
    }
}

/// A custom field that a mapping reads and a connection does not have.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Lacking {
    /// The connection.
    pub(super) connection: String,
    /// The field's key, as the mapping has it.
    pub(super) field: String,
    /// One that the connection has and that may be meant.
    pub(super) near: Option<String>,
}

/// What was found of all connections that were asked, and what could not be asked.
#[derive(Debug, Default)]
pub(super) struct Found {
    /// Connections that said which custom fields they have.
    pub(super) asked: usize,
    /// What is lacking.
    pub(super) lacking: Vec<Lacking>,
    /// Why a connection could not be asked, a sentence each.
    pub(super) unasked: Vec<String>,
}

/// Asks every connection that a mapping is for: those of the mappers `of`, all of them where there are none.
pub(super) async fn look(config: &Config, of: &[&String], wanted: &[String]) -> Found {
    let mut found = Found::default();
    let desk = match Desk::open(config).await {
        Ok(desk) => desk,
        Err(exit) => {
            found.unasked.push(format!("no connection could be asked for its custom fields: {}", exit.text()));
            return found;
        }
    };
    let grants = desk.grants().await.unwrap_or_default();
    let is_meant = |name: &&str| {
        let configured = config.connections.get(*name);
        of.is_empty() || configured.is_none_or(|connection| of.contains(&&connection.terms.mapper))
    };
    for name in names(&grants).into_iter().filter(is_meant) {
        match Location::ask(&desk, name).await {
            Ok(Location { fields: Some(fields), .. }) => {
                found.asked += 1;
                found.lacking.extend(lacking(name, wanted, &fields));
            }
            Ok(_) => found.unasked.push(format!("connection `{name}` does not say which custom fields it has")),
            Err(exit) => found
                .unasked
                .push(format!("connection `{name}` could not be asked for its custom fields: {}", exit.text())),
        }
    }
    found
}

fn lacking(connection: &str, wanted: &[String], fields: &BTreeMap<String, String>) -> Vec<Lacking> {
    let has = |key: &String| fields.values().any(|known| known == key);
    let missing = wanted.iter().filter(|key| !has(key));
    let near = |key: &str| nearest(key, fields.values().map(String::as_str)).map(str::to_owned);
    missing.map(|key| Lacking { connection: connection.to_owned(), field: key.clone(), near: near(key) }).collect()
}

#[cfg(test)]
mod tests {
    use super::{Location, lacking};

    #[test]
    fn a_catalogue_is_read_as_far_as_it_says() {
        let whole = r#"{"fields":{"f1":{"key":"budget","name":"Budget"},"f2":{"name":"?"}},"country":"US","currency":null,"missing":[]}"#;
        let read = Location::read(whole);
        let fields = read.fields.unwrap();
        assert_eq!(
            (fields["f1"].as_str(), fields.len(), read.country.as_deref(), read.currency),
            ("budget", 1, Some("US"), None)
        );
        let wanted = ["budget".to_owned(), "bugdet".to_owned(), "colour".to_owned()];
        let missing = lacking("acme", &wanted, &fields);
        let said: Vec<(&str, Option<&str>)> =
            missing.iter().map(|one| (one.field.as_str(), one.near.as_deref())).collect();
        assert_eq!(said, [("bugdet", Some("budget")), ("colour", None)]);

        assert_eq!(Location::read(r#"{"fields":{},"missing":["locations/customFields.readonly"]}"#).fields, None);
        assert!(Location::read(r#"{"fields":{},"missing":[]}"#).fields.is_some());
        for other in ["", "words", "[]", r#"{"fields":3}"#] {
            assert_eq!(Location::read(other), Location::default(), "{other}");
        }
    }
}
