//! SIGHUP: what can be taken up is, what cannot is named, and a configuration with a mistake changes nothing.

use std::path::Path;

use super::reach::Reach;
use super::{AppError, Components, enforce, planned, planning};
use crate::config::{self, Config};
use crate::flow::Flow;
use crate::ingress::Ingress;

/// Reads the file again and takes up what it can.
pub(super) async fn reload(
    path: &Path,
    config: &mut Config,
    components: &Components,
    reach: &Reach,
    flow: &Flow,
    ingress: &Ingress,
) {
    let new = match config::load(path) {
        Ok(new) => new,
        Err(problems) => {
            tracing::error!("the configuration is not taken up:\n{problems}");
            return;
        }
    };
    let config::Reload { now, restart, in_force } = config::reloadable(config, &new);
    if !restart.is_empty() {
        tracing::warn!("these take effect only after a restart: {}", restart.join(", "));
    }
    if now.is_empty() {
        tracing::info!("nothing in the configuration has changed that can be taken up");
        return;
    }
    match take_up(&in_force, components, reach, flow, ingress).await {
        Ok(()) => {
            tracing::info!("taken up: {}", now.join(", "));
            *config = in_force;
        }
        Err(error) => tracing::error!("the configuration is not taken up: {error}"),
    }
}

/// Mappers first: a connection never points at one that is not there. Nothing is taken up whose settings a component refuses.
async fn take_up(
    new: &Config,
    components: &Components,
    reach: &Reach,
    flow: &Flow,
    ingress: &Ingress,
) -> Result<(), AppError> {
    let planned = planned(new, components, reach, &flow.store, &flow.clock).await?;
    for (name, candidate) in planning::candidates(new)? {
        flow.start_mapper(&name, candidate).await.map_err(|error| AppError::Mapper { name, error })?;
    }
    enforce(new, components, flow, ingress, planned).await?;
    flow.set_alerts(&new.alerts);
    Ok(())
}
