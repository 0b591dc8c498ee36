//! `convey tap`: what happens in a running convey, line by line, until it stops or nobody reads on.

use clap::Args;
use serde_json::Value;

use super::Context;
use super::client::Door;
use super::output::Exit;
use super::written::rfc3339;
use crate::config;

#[derive(Args)]
pub(super) struct Tap {
    /// What to follow: every key must have its value, as in `what=shipped destination=ads outcome=dead`
    #[arg(value_name = "KEY=VALUE", value_parser = pair)]
    filter: Vec<(String, String)>,
    /// End after so many
    #[arg(long, value_name = "N")]
    count: Option<u64>,
}

fn pair(text: &str) -> Result<(String, String), String> {
    let (key, value) = text.split_once('=').ok_or("it is no KEY=VALUE")?;
    Ok((key.to_owned(), value.to_owned()))
}

impl Tap {
    pub(super) async fn run(self, context: &Context) -> Result<(), Exit> {
        let door = Door::running(&config::load(&context.config)?.state_dir)?;
        let query: Vec<String> =
            self.filter.iter().map(|(key, value)| format!("{}={}", encoded(key), encoded(value))).collect();
        let mut stream = door.follow(&format!("/happenings?{}", query.join("&"))).await?;
        context.advise("Following. Ctrl-C ends it.");
        let mut left = self.count.unwrap_or(u64::MAX);
        while left > 0 {
            let Some(happening) = stream.next().await? else {
                context.advise("convey has stopped.");
                break;
            };
            context.print(&happening, || line(&happening))?;
            left -= 1;
        }
        Ok(())
    }
}

/// As a query has it (RFC 3986, section 2.1).
fn encoded(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    text.bytes().map(|byte| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") }).collect()
}

/// A happening as people read it: when, what, where, and what came of it.
fn line(happening: &Value) -> String {
    let text = |key: &str| happening[key].as_str().unwrap_or_default().to_owned();
    let list = |key: &str| {
        let items = happening[key].as_array().into_iter().flatten().filter_map(Value::as_str);
        items.collect::<Vec<_>>().join(",")
    };
    let at = happening["at"].as_u64().and_then(rfc3339).unwrap_or_default();
    let what = text("what");
    let (place, told) = match what.as_str() {
        "received" => (format!("{} {}", text("source"), text("connection")), text("webhook_id")),
        "polled" => (
            text("connection"),
            format!("{}: {} new, {} known", text("sweep"), happening["stored"], happening["known"]),
        ),
        "read" => {
            (text("connection"), format!("{} {}: {} change(s)", text("kind"), text("outcome"), happening["changes"]))
        }
        "translated" => {
            let events = list("events");
            let events = if events.is_empty() { text("outcome") } else { events };
            (text("connection"), format!("{}: {events} [{}]", text("kind"), list("rules")))
        }
        "shipped" => {
            let since = happening["since_received_ms"].as_u64().map(|ms| format!(" after {ms} ms")).unwrap_or_default();
            (text("destination"), format!("{} {} [{}]{since}", text("name"), text("outcome"), text("rule")))
        }
        "paused" | "resumed" => (text("scope"), text("by")),
        "swapped" => (text("mapper"), format!("generation {}", happening["generation"])),
        "braked" => (text("destination"), text("rule")),
        "missed" => {
            (String::new(), format!("{} happenings were not told: this listener is too slow", happening["count"]))
        }
        _ => (String::new(), happening.to_string()),
    };
    let parts = [at, what, place.trim().to_owned(), text("delivery"), told, text("reason")];
    parts.iter().filter(|part| !part.is_empty()).map(String::as_str).collect::<Vec<_>>().join("  ")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{encoded, line};

    #[test]
    fn a_happening_is_one_line() {
        let shipped = json!({
            "at": 1_000, "what": "shipped", "destination": "ads", "delivery": "d_1", "name": "Lead", "rule": "lead",
            "outcome": "dead", "reason": "no identity", "since_received_ms": 42,
        });
        assert_eq!(
            line(&shipped),
            "1970-01-01T00:00:01Z  shipped  ads  d_1  Lead dead [lead] after 42 ms  no identity"
        );
        let skipped = json!({
            "at": 1_000, "what": "translated", "connection": "acme", "kind": "tag-added", "outcome": "skipped",
            "events": [], "rules": ["vip"], "delivery": null, "reason": null,
        });
        assert_eq!(line(&skipped), "1970-01-01T00:00:01Z  translated  acme  tag-added: skipped [vip]");
    }

    #[test]
    fn a_value_is_written_as_a_query_takes_it() {
        assert_eq!(encoded("a b&c=é"), "a%20b%26c%3D%C3%A9");
    }
}
