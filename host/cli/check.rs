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
    let value = json!({
        "ok": true,
        "connections": config.connections.len(),
        "destinations": config.destinations.len(),
        "warnings": checked.warnings,
    });
    context.print(&value, || {
        let warnings: String = checked.warnings.iter().map(|warning| format!("warning: {warning}\n")).collect();
        format!(
            "{warnings}{} is good: {} connection(s), {} destination(s)",
            context.config.display(),
            config.connections.len(),
            config.destinations.len()
        )
    })
}
