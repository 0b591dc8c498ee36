//! The least that a configuration needs its locations to grant.

use std::collections::BTreeMap;

use serde::Serialize;

use super::components::{Components, Consent};
use super::{AppError, planning};
use crate::config::Config;
use crate::engine::Engine;
use crate::flow::is_used;

/// What one connection, or every connection of an app's installs, needs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Needed {
    /// `connection.acme` or `source.highlevel.install`.
    pub place: String,
    /// Each scope with the operations that need it.
    pub scopes: BTreeMap<String, Vec<String>>,
}

/// The scopes that what is configured needs, place by place: those of the operations its settings use, and those of commands where it may write.
pub async fn needed(engine: &Engine, config: &Config) -> Result<Vec<Needed>, AppError> {
    let components = Components::load(engine, config, Consent::Unasked).await?;
    let wanted = planning::wanted(config, &[]);
    let agreed = planning::agreed(config, &components, &wanted).await?;
    let installs = config.sources.iter().filter_map(|(name, source)| Some((name, source.install.as_ref()?)));
    let installs = installs.map(|(name, terms)| (format!("source.{name}.install"), name, terms.access));
    let configured = config.connections.iter().map(|(name, made)| (name.clone(), &made.source, made.terms.access));
    let mut all = Vec::new();
    for (name, source, access) in configured.chain(installs) {
        let (Some(ready), Some(needs)) = (components.sources.get(source), agreed.needs.get(&name)) else { continue };
        let mut scopes: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for operation in &ready.profile.operations {
            if let (true, Some(scope)) = (is_used(operation, needs, access), &operation.scope) {
                scopes.entry(scope.clone()).or_default().push(operation.name.clone());
            }
        }
        let place = if name.contains('.') { name } else { format!("connection.{name}") };
        all.push(Needed { place, scopes });
    }
    Ok(all)
}
