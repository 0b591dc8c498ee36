//! `convey check`: everything `run` does short of traffic.

use serde_json::json;

use super::client::Door;
use super::output::Exit;
use super::{Context, cache};
use crate::app;
use crate::clock::Clock;
use crate::config;

pub(super) async fn run(context: &Context) -> Result<(), Exit> {
    let config = config::load(&context.config)?;
    let running = Door::find(&config.state_dir)?.is_some();
    let checked = app::check(&config, Clock::system(), running, cache::of_state(&config.state_dir)).await?;
    let sunsets = checked.sunsets.iter().map(ToString::to_string);
    let warnings: Vec<String> = checked.warnings.iter().cloned().chain(sunsets).collect();
    let value = json!({
        "ok": true,
        "connections": config.connections.len(),
        "destinations": config.destinations.len(),
        "warnings": warnings,
        "sunsets": checked.sunsets,
        "unproven": checked.unproven,
    });
    context.print(&value, || {
        let warnings: String = warnings.iter().map(|warning| format!("warning: {warning}\n")).collect();
        let notes: String = checked.unproven.iter().map(|name| format!("note: {}\n", unproven(name))).collect();
        format!(
            "{warnings}{notes}{} is good: {} connection(s), {} destination(s)",
            context.config.display(),
            config.connections.len(),
            config.destinations.len()
        )
    })
}

/// What may be missing, for a platform whose app may be set to ask for it.
pub(super) fn unproven(destination: &str) -> String {
    format!(
        "destination {destination} sends no proof of the app's secret; where the platform's app is set to require one, add to \
         [destination.{destination}]: app_secret = {{ env = \"APP_SECRET\" }}"
    )
}
