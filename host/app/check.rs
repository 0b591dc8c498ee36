//! Everything a start does short of traffic.

use super::components::Consent;
use super::{AppError, Components, engine, listen, open_vault, planning};
use crate::clock::Clock;
use crate::config::Config;
use crate::engine::CodeCache;
use crate::flow::prepare;
use crate::store::Store;

/// What a check found that does not stop a start.
#[derive(Debug, Default)]
pub struct Checked {
    /// One sentence each.
    pub warnings: Vec<String>,
}

/// Checks what a start would: secrets, components, what they were granted, their settings, mappers, addresses. `running` says that a convey
/// holds the state directory now: then its store and its addresses are left alone.
pub async fn check(config: &Config, clock: Clock, running: bool) -> Result<Checked, AppError> {
    let mut checked = Checked::default();
    for token in config.destinations.values().map(|destination| &destination.token).chain(config.connections.values().map(|connection| &connection.token)) {
        token.read()?;
    }
    // Nothing is made that a start has not made already.
    let store = match config.state_dir.is_dir() && !running {
        true => Some(Store::open(config.state_dir.clone(), open_vault(config)?.0).await?),
        false => None,
    };
    let cache = config.state_dir.is_dir().then(|| CodeCache::new(config.state_dir.join("compiled")).ok()).flatten();
    let engine = engine(&config.limits, cache)?;
    let consent = store.as_ref().map_or(Consent::Unasked, |store| Consent::Kept(store, &clock));
    let components = Components::load(&engine, config, consent).await?;
    if store.is_none() {
        let why = if running { "convey runs now" } else { "nothing was granted yet" };
        checked.warnings.push(format!("what components were granted was not compared: {why}"));
    }
    planning::plan(config, &components).await?;
    planning::hooks(config, &components)?;
    for (name, candidate) in planning::candidates(config)? {
        let prepared = prepare(&engine, candidate, None, &[], Vec::new(), None).await;
        prepared.map_err(|error| AppError::Mapper { name, error: error.into() })?;
    }
    if !running {
        listen(config.ingress.listen).await?;
        listen(config.admin.listen).await?;
    }
    Ok(checked)
}
