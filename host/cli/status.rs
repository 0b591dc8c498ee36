//! `convey status`: from the running convey, or from its store when none runs.

use anyhow::anyhow;
use serde_json::{Value, json};

use super::Context;
use super::client::Door;
use super::output::{Exit, table};
use crate::app::open_vault;
use crate::clock::Clock;
use crate::config;
use crate::store::Store;

pub(super) async fn run(context: &Context) -> Result<(), Exit> {
    let config = config::load(&context.config)?;
    let status = match Door::find(&config.state_dir)? {
        Some(door) => door.get::<Value>("/status").await?,
        None if !config.state_dir.is_dir() => {
            return Err(anyhow!("nothing has run here yet: start it with `convey run`").into());
        }
        None => {
            let (vault, _) = open_vault(&config)?;
            let store = Store::open(config.state_dir.clone(), vault).await.map_err(anyhow::Error::from)?;
            let status = store.status(Clock::system().now_ms()).await.map_err(anyhow::Error::from)?;
            let ambiguous = store.ambiguous().await.map_err(anyhow::Error::from)?;
            json!({"running": false, "status": status, "mappers": {}, "ambiguous": ambiguous})
        }
    };
    context.print(&status, || text(&status))
}

fn text(answer: &Value) -> String {
    let status = &answer["status"];
    let mut text = if answer["running"] == true { "convey runs\n" } else { "convey does not run\n" }.to_owned();
    for (name, mapper) in answer["mappers"].as_object().into_iter().flatten() {
        let short = |key: &str| mapper[key].as_str().and_then(|digest| digest.get(..12)).unwrap_or_default().to_owned();
        text.push_str(&format!(
            "mapper {name}: generation {}, mapper {}, settings {}\n",
            mapper["generation"],
            short("digest"),
            short("settings_hash")
        ));
    }
    for pause in status["pauses"].as_array().into_iter().flatten() {
        text.push_str(&format!(
            "paused: {} ({})\n",
            scope(&pause["scope"]),
            pause["reason"].as_str().unwrap_or_default()
        ));
    }
    let mut rows = vec![["connection", "waiting", "done", "silent", "dead"].map(str::to_owned).to_vec()];
    for (name, row) in status["connections"].as_object().into_iter().flatten() {
        rows.push(vec![
            name.clone(),
            row["waiting"].to_string(),
            row["done"].to_string(),
            counts(&row["silent"]),
            row["dead"].to_string(),
        ]);
    }
    text.push_str(&format!("\n{}\n", table(&rows)));
    let changes = &status["changes"];
    let skipped = counts(&changes["skipped"]);
    text.push_str(&format!(
        "\nchanges: {} waiting, {} translated, {} dead; skipped: {skipped}\n",
        changes["waiting"], changes["done"], changes["dead"]
    ));
    let columns = ["waiting", "retrying", "in_flight", "done", "dead", "expired", "ambiguous"];
    let mut rows = vec![std::iter::once("destination").chain(columns).map(str::to_owned).collect()];
    for (name, row) in status["destinations"].as_object().into_iter().flatten() {
        rows.push(
            std::iter::once(name.clone())
                .chain(columns.iter().map(|column| row[column].to_string()))
                .collect::<Vec<_>>(),
        );
    }
    text.push_str(&format!("\n{}\n", table(&rows)));
    for held in status["held"].as_array().into_iter().flatten() {
        text.push_str(&format!(
            "\nheld: {} delivery(s) of location {}, which no connection has\n",
            held["count"],
            held["location"].as_str().unwrap_or_default()
        ));
    }
    text
}

fn scope(scope: &Value) -> String {
    match scope {
        Value::String(all) => all.clone(),
        Value::Object(named) => {
            named.iter().map(|(kind, name)| format!("{kind} {}", name.as_str().unwrap_or_default())).collect()
        }
        other => other.to_string(),
    }
}

/// `3 (repeated 2, baseline 1)`.
fn counts(by_code: &Value) -> String {
    let counts: Vec<(&String, u64)> =
        by_code.as_object().into_iter().flatten().filter_map(|(code, count)| Some((code, count.as_u64()?))).collect();
    let total: u64 = counts.iter().map(|(_, count)| count).sum();
    let each: Vec<String> = counts.iter().map(|(code, count)| format!("{code} {count}")).collect();
    if each.is_empty() { total.to_string() } else { format!("{total} ({})", each.join(", ")) }
}
