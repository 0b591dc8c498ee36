//! `convey status`: from the running convey, or from its store when none runs.

use anyhow::anyhow;
use serde_json::{Value, json};

use super::Context;
use super::client::Door;
use super::output::{Exit, heads, table};
use super::written::from_now;
use crate::app::open_vault;
use crate::clock::Clock;
use crate::config::{self, Config};
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
    context.print(&status, || text(&status, &config))
}

fn text(answer: &Value, config: &Config) -> String {
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
    for mode in status["test_modes"].as_array().into_iter().flatten() {
        let now = status["at"].as_u64().unwrap_or_default();
        text.push_str(&format!(
            "test mode: events of {} are marked as tests with {}; it ends {}\n",
            mode["destination"].as_str().unwrap_or_default(),
            mode["code"].as_str().unwrap_or_default(),
            from_now(mode["until"].as_u64().unwrap_or_default(), now)
        ));
    }
    for sunset in answer["sunsets"].as_array().into_iter().flatten() {
        let of = |key: &str| sunset[key].as_str().unwrap_or_default();
        text.push_str(&format!(
            "version {} of {}, used for {}, {}: convey doctor says what to write\n",
            of("version"),
            of("destination"),
            of("used_for"),
            if sunset["over"] == true {
                "has ended".to_owned()
            } else {
                format!("ends in {} day(s)", sunset["days_left"])
            },
        ));
    }
    let mut rows = vec![heads([
        "connection",
        "waiting",
        "done",
        "silent",
        "dead",
        "dropped",
        "webhooks missed",
        "polls missed",
        "grant",
    ])];
    for (name, row) in status["connections"].as_object().into_iter().flatten() {
        rows.push(vec![
            name.clone(),
            row["waiting"].to_string(),
            row["done"].to_string(),
            counts(&row["silent"]),
            row["dead"].to_string(),
            row["dropped"].to_string(),
            missed(&row["missed"], "webhooks"),
            missed(&row["missed"], "polls"),
            row["grant"].as_str().unwrap_or_default().to_owned(),
        ]);
    }
    text.push_str(&format!("\n{}\n", table(&rows)));
    text.push_str(&polls(status, config));
    let changes = &status["changes"];
    let skipped = counts(&changes["skipped"]);
    text.push_str(&format!(
        "\nchanges: {} waiting, {} translated, {} dead, {} dropped; skipped: {skipped}\n",
        changes["waiting"], changes["done"], changes["dead"], changes["dropped"]
    ));
    let columns = ["waiting", "retrying", "in_flight", "done", "dead", "expired", "dropped", "ambiguous"];
    let mut rows = vec![std::iter::once("destination").chain(columns).map(str::to_owned).collect()];
    for (name, row) in status["destinations"].as_object().into_iter().flatten() {
        rows.push(
            std::iter::once(name.clone())
                .chain(columns.iter().map(|column| row[column].to_string()))
                .collect::<Vec<_>>(),
        );
    }
    text.push_str(&format!("\n{}\n", table(&rows)));
    for (name, row) in status["commands"].as_object().into_iter().flatten() {
        text.push_str(&format!(
            "\ncommands of rules to {name}: {} waiting, {} until their event is delivered, {} done, {} dead, {} dropped\n",
            row["waiting"], row["held"], row["done"], row["dead"], row["dropped"]
        ));
    }
    text.push_str(&audiences(status));
    for held in status["held"].as_array().into_iter().flatten() {
        text.push_str(&format!(
            "\nheld: {} delivery(s) of location {}, which no connection has\n",
            held["count"],
            held["location"].as_str().unwrap_or_default()
        ));
    }
    text
}

/// Whom each audience holds by us; nothing where there is none.
fn audiences(status: &Value) -> String {
    let mut rows = vec![heads(["audience", "of", "joined", "waiting", "dead", "invalid", "trouble"])];
    for (name, destination) in status["destinations"].as_object().into_iter().flatten() {
        for (audience, row) in destination["audiences"].as_object().into_iter().flatten() {
            let counts = ["joined", "waiting", "dead", "invalid"].map(|column| row[column].to_string());
            let trouble = row["reason"].as_str().unwrap_or_default().to_owned();
            rows.push([vec![audience.clone(), name.clone()], counts.to_vec(), vec![trouble]].concat());
        }
    }
    if rows.len() == 1 { String::new() } else { format!("\n{}\n", table(&rows)) }
}

/// What one way of learning missed, in all and by kind.
fn missed(kinds: &Value, way: &str) -> String {
    let kinds = kinds.as_object().into_iter().flatten();
    let counts: Vec<(&String, u64)> = kinds.filter_map(|(kind, of)| Some((kind, of[way].as_u64()?))).collect();
    let all: u64 = counts.iter().map(|(_, count)| count).sum();
    let each = counts.iter().filter(|(_, count)| *count > 0).map(|(kind, count)| format!("{kind} {count}"));
    let each = each.collect::<Vec<_>>().join(", ");
    if all == 0 { "0".to_owned() } else { format!("{all} ({each})") }
}

/// Where the polls of each connection stand; nothing where nothing was ever polled.
fn polls(status: &Value, config: &Config) -> String {
    let now = status["at"].as_u64().unwrap_or_default();
    let mut rows = vec![heads(["polls of", "for", "last", "next", "pages", "trouble"])];
    for (name, row) in status["connections"].as_object().into_iter().flatten() {
        for poll in row["polls"].as_array().into_iter().flatten() {
            let schedule = config.connections.get(name).and_then(|connection| match poll["sweep"].as_str() {
                Some("everything") => connection.terms.sync.as_ref(),
                _ => connection.terms.poll.as_ref(),
            });
            let due = schedule.zip(poll["started_at"].as_u64()).map(|(schedule, began)| schedule.due_after(began));
            let next = match (poll["more"] == true, due) {
                (true, _) => "under way".to_owned(),
                (false, Some(at)) if at <= now => "due".to_owned(),
                (false, Some(at)) => from_now(at, now),
                (false, None) => "when asked".to_owned(),
            };
            let last = poll["finished_at"].as_u64().map_or_else(|| "never".to_owned(), |at| from_now(at, now));
            let trouble = poll["error"].as_str().unwrap_or_default().to_owned();
            let sweep = poll["sweep"].as_str().unwrap_or_default().to_owned();
            rows.push(vec![name.clone(), sweep, last, next, poll["pages"].to_string(), trouble]);
        }
    }
    if rows.len() == 1 { String::new() } else { format!("\n{}\n", table(&rows)) }
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

#[cfg(test)]
mod tests {
    use std::path::Path;

    use serde_json::{Value, json};

    use super::polls;
    use crate::cli::setup::{Answers, template};
    use crate::config::{Config, parse};
    use crate::vault::SecretRef;

    fn config(terms: &str) -> Config {
        let answers = Answers {
            location: "L".into(),
            location_token: SecretRef::Env("A".into()),
            dataset: "1".into(),
            dataset_token: SecretRef::Env("B".into()),
            country: None,
            currency: None,
            sandbox: None,
        };
        let text = template(&answers).replace("mapper = \"default\"\n", &format!("mapper = \"default\"\n{terms}"));
        parse(&text, "convey.toml", Path::new("")).expect("a good file")
    }

    fn status(poll: Value) -> Value {
        json!({"at": 1_000_000, "connections": {"main": {"polls": [poll]}}})
    }

    #[test]
    fn a_poll_says_when_it_was_and_when_it_comes_again() {
        let config = config("poll = \"5m\"\n");
        let poll = |sweep: &str, began: u64, more: bool| json!({"sweep": sweep, "more": more, "started_at": began, "finished_at": began + 1_000, "pages": 3, "error": null});
        let said = |poll: Value| polls(&status(poll), &config);
        assert!(said(poll("updates", 940_000, false)).contains("59 s ago  in 4 min"));
        assert!(said(poll("updates", 100_000, false)).contains("due"));
        assert!(said(poll("updates", 940_000, true)).contains("under way"));
        assert!(said(poll("everything", 940_000, false)).contains("when asked"));
        assert_eq!(polls(&json!({"connections": {"main": {"polls": []}}}), &config), "");
    }
}
