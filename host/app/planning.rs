//! From a checked configuration and ready components to the plan in force and the hooks that are open.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use super::components::Components;
use super::{AppError, components};
use crate::config::{Ambiguous, Config};
use crate::flow::{Candidate, Connection, Destination, Plan};
use crate::ingress::{Hook, Verifier};

const HOUR_MS: u64 = 60 * 60 * 1_000;

/// Who reads what and where it goes. Every component is asked whether it takes the settings it would be given.
pub(super) async fn plan(config: &Config, components: &Components) -> Result<Plan, AppError> {
    let mut plan = Plan::default();
    for (name, configured) in &config.destinations {
        let ready =
            components.sinks.get(&configured.sink).ok_or_else(|| missing(&format!("sink.{}", configured.sink)))?;
        let place = format!("destination.{name}");
        let objection =
            ready.sink.configure(&configured.settings).await.map_err(|fault| AppError::fault(&place, fault))?;
        objection.map_err(|text| AppError::Settings { place: place.clone(), text })?;
        let words = crate::engine::SinkDestination {
            id: configured.id.clone(),
            settings: configured.settings.clone(),
            test_code: configured.test_code.clone(),
        };
        let destination = Destination {
            name: name.clone(),
            sink: ready.sink.clone(),
            profile: ready.profile.clone(),
            right: ready.right.clone(),
            credential: configured.token.clone(),
            words,
            in_flight: configured.in_flight as usize,
            resend: configured.ambiguous == Ambiguous::Resend,
        };
        plan.destinations.insert(name.clone(), Arc::new(destination));
    }
    for (name, configured) in &config.connections {
        let ready = components
            .sources
            .get(&configured.source)
            .ok_or_else(|| missing(&format!("source.{}", configured.source)))?;
        let place = format!("connection.{name}");
        let objection =
            ready.source.configure(&configured.settings).await.map_err(|fault| AppError::fault(&place, fault))?;
        objection.map_err(|text| AppError::Settings { place: place.clone(), text })?;
        let destinations = configured.destinations.iter().map(|wanted| {
            plan.destinations.get(wanted).cloned().ok_or_else(|| missing(&format!("destination.{wanted}")))
        });
        let connection = Connection {
            name: name.clone(),
            location: configured.location.clone(),
            source: ready.source.clone(),
            right: ready.right.clone(),
            credential: configured.token.clone(),
            settings: configured.settings.clone(),
            mapper: configured.mapper.clone(),
            destinations: destinations.collect::<Result<_, _>>()?,
        };
        plan.connections.insert(name.clone(), Arc::new(connection));
    }
    Ok(plan)
}

/// The hooks of every source, with its locations.
pub(super) fn hooks(config: &Config, components: &Components) -> Result<HashMap<String, Hook>, AppError> {
    let hook = |(name, ready): (&String, &components::ReadySource)| {
        let configured = config.sources.get(name).ok_or_else(|| missing(&format!("source.{name}")))?;
        let key = configured.webhook_public_key.as_deref();
        let verifiers = Verifier::of(&ready.profile.signatures, key, configured.legacy_signatures);
        let verifiers = verifiers.map_err(|text| AppError::Profile { place: format!("source.{name}"), text })?;
        let of_source = config.connections.iter().filter(|(_, connection)| connection.source == *name);
        let locations =
            of_source.map(|(connection, configured)| (configured.location.clone(), connection.clone())).collect();
        let window_ms = u64::from(config.ingress.replay_window_hours) * HOUR_MS;
        let replay_window_ms = window_ms.max(ready.profile.retry_horizon_ms);
        Ok((name.clone(), Hook { verifiers, envelope: ready.profile.envelope.clone(), replay_window_ms, locations }))
    };
    components.sources.iter().map(hook).collect()
}

/// The mappers that are in use, with what the configuration says of each.
pub(super) fn candidates(config: &Config) -> Result<Vec<(String, Candidate)>, AppError> {
    let used: BTreeSet<&String> = config.connections.values().map(|connection| &connection.mapper).collect();
    let candidate = |name: &String| {
        let place = format!("mapper.{name}");
        let configured = config.mappers.get(name).ok_or_else(|| missing(&place))?;
        let component = components::bytes_of(&place, &configured.component)?;
        Ok((name.clone(), Candidate { name: name.clone(), component, settings: configured.settings_text.clone() }))
    };
    used.into_iter().map(candidate).collect()
}

/// The configuration was checked for this: only a reload that drops what is in use ends here.
fn missing(place: &str) -> AppError {
    AppError::Written { place: place.to_owned(), text: "it is not in the configuration".to_owned() }
}
