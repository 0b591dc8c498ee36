//! Which connections lack a custom field that a mapping reads.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::cli::desk::{Desk, names};
use crate::config::{Config, nearest};
use crate::flow::Location;

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
    pub(super) asked: Vec<String>,
    /// What is lacking.
    pub(super) lacking: Vec<Lacking>,
    /// Why a connection could not be asked, a sentence each.
    pub(super) unasked: Vec<String>,
}

/// Asks every connection that a mapping is for, those of the mappers `of`, all of them where there are none: whether it has the fields that are `wanted` of it.
pub(super) async fn look(config: &Config, of: &[&String], wanted: impl Fn(&str) -> Vec<String>) -> Found {
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
        match desk.location(name).await {
            Ok(Location { fields: Some(fields), .. }) => {
                found.asked.push(name.to_owned());
                found.lacking.extend(lacking(name, &wanted(name), &fields));
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
    use super::lacking;

    #[test]
    fn what_is_lacking_is_named_with_the_nearest() {
        let fields = [("f1".to_owned(), "budget".to_owned())].into();
        let wanted = ["budget".to_owned(), "bugdet".to_owned(), "colour".to_owned()];
        let missing = lacking("acme", &wanted, &fields);
        let said: Vec<(&str, Option<&str>)> =
            missing.iter().map(|one| (one.field.as_str(), one.near.as_deref())).collect();
        assert_eq!(said, [("bugdet", Some("budget")), ("colour", None)]);
    }
}
