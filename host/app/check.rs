//! Everything a start does short of traffic.

use super::components::Consent;
use super::{AppError, Components, engine, listen, open_vault, planning};
use crate::clock::Clock;
use crate::config::{Auth, Config};
use crate::engine::CodeCache;
use crate::flow::{Sunset, prepare, sunsets};
use crate::ingress;
use crate::store::Store;

/// What a check found that does not stop a start.
#[derive(Debug, Default)]
pub struct Checked {
    /// One sentence each.
    pub warnings: Vec<String>,
    /// Versions in use that end soon or have ended.
    pub sunsets: Vec<Sunset>,
    /// Destinations whose platform may be told to ask for a proof of the app's secret, and that name none.
    pub unproven: Vec<String>,
}

/// Checks what a start would: secrets, components, what they were granted, their settings, mappers, addresses. `running` says that a convey
/// holds the state directory now: then its store and its addresses are left alone. `cache` holds compiled code.
pub async fn check(
    config: &Config,
    clock: Clock,
    running: bool,
    cache: Option<CodeCache>,
) -> Result<Checked, AppError> {
    let mut checked = Checked::default();
    let destinations = config.destinations.values();
    let destinations = destinations.flat_map(|known| std::iter::once(&known.token).chain(&known.app_secret));
    let connections = config.connections.values().filter_map(|connection| match &connection.auth {
        Auth::Token(place) => Some(place),
        Auth::Oauth => None,
    });
    let apps = config.sources.values().filter_map(|source| Some(&source.oauth.as_ref()?.client_secret));
    let tokens = destinations.chain(connections).chain(apps);
    let mut missing: Vec<String> =
        tokens.filter_map(|token| token.read().err()).map(|error| error.to_string()).collect();
    missing.extend(ingress::faults(&planning::reporters(config)));
    if !missing.is_empty() {
        return Err(AppError::Tokens(missing.join("\n")));
    }
    // Nothing is made that a start has not made already.
    let store = match config.state_dir.is_dir() && !running {
        true => Some(Store::open(config.state_dir.clone(), open_vault(config)?.0).await?),
        false => None,
    };
    let engine = engine(&config.limits, cache)?;
    let consent = if running { Consent::Unasked } else { Consent::Kept(store.as_ref(), &clock) };
    let components = Components::load(&engine, config, consent).await?;
    if running {
        checked
            .warnings
            .push("convey runs now: what its components were granted, and its addresses, were left alone".to_owned());
    }
    let installed = match &store {
        Some(store) => store.installed().await?,
        None => Vec::new(),
    };
    let wanted = planning::wanted(config, &installed);
    let planning::Agreed { versions, .. } = planning::agreed(config, &components, &wanted).await?;
    for (name, destination) in &config.destinations {
        checked.sunsets.extend(sunsets(name, versions.get(name).map_or(&[], Vec::as_slice), clock.now_ms()));
        let taken = components.sinks.get(&destination.sink).is_some_and(|ready| ready.profile.proof.is_some());
        if taken && destination.app_secret.is_none() {
            checked.unproven.push(name.clone());
        }
    }
    planning::apps(config, &components, &clock)?;
    planning::hooks(config, &components, &wanted)?;
    for (name, candidate) in planning::candidates(config)? {
        let prepared = prepare(&engine, candidate, None, &[], Vec::new(), None, &config.overlays(&name)).await;
        prepared.map_err(|error| AppError::Mapper { name, error: error.into() })?;
    }
    if !running {
        listen(config.ingress.listen).await?;
        listen(config.admin.listen).await?;
    }
    Ok(checked)
}
