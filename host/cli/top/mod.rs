//! `convey top`: rates, latency, failures and queues of a running convey, from two looks at its metrics. On a terminal the picture is drawn anew; elsewhere
//! one picture follows the other.

mod samples;

use std::io::{IsTerminal, Write};
use std::time::Duration;

use clap::Args;
use serde_json::{Map, Value, json};

use super::client::Door;
use super::output::{Exit, heads, table, unread};
use super::written::roughly;
use super::{Context, Format};
use crate::config;
use samples::Samples;

#[derive(Args)]
pub(super) struct Top {
    /// Seconds between two looks
    #[arg(long, default_value_t = 2, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(1..=3600))]
    interval: u64,
    /// End after so many pictures
    #[arg(long, value_name = "N")]
    count: Option<u64>,
}

/// Forgets what stands on a terminal and begins at its upper left (ECMA-48: ED, CUP).
const CLEAR: &str = "\x1b[2J\x1b[H";

impl Top {
    pub(super) async fn run(self, context: &Context) -> Result<(), Exit> {
        let door = Door::running(&config::load(&context.config)?.state_dir)?;
        let every = Duration::from_secs(self.interval);
        let mut ticks = tokio::time::interval(every);
        ticks.tick().await;
        let mut before = Samples::read(&door.text("/metrics").await?);
        let mut left = self.count.unwrap_or(u64::MAX);
        while left > 0 {
            ticks.tick().await;
            let now = Samples::read(&door.text("/metrics").await?);
            let picture = picture(&before, &now, every.as_secs_f64());
            if context.format == Format::Text && std::io::stdout().is_terminal() {
                std::io::stdout().write_all(CLEAR.as_bytes()).map_err(unread)?;
            }
            context.print(&picture, || drawn(&picture))?;
            before = now;
            left -= 1;
        }
        Ok(())
    }
}

/// What grew between two looks `seconds` apart, and what stands now.
fn picture(before: &Samples, now: &Samples, seconds: f64) -> Value {
    let rate =
        |name: &str, labels: &[(&str, &str)]| round((now.sum(name, labels) - before.sum(name, labels)) / seconds);
    let mut steps = Map::new();
    for step in ["receive", "poll", "read", "translate", "ship", "execute", "audience"] {
        let labels = [("step", step)];
        let name = "convey_step_duration_seconds";
        steps.insert(
            step.to_owned(),
            json!({
                "batches_per_second": rate(&format!("{name}_count"), &labels),
                "p50_ms": millis(now.quantile_since(before, name, &labels, 0.5)),
                "p95_ms": millis(now.quantile_since(before, name, &labels, 0.95)),
            }),
        );
    }
    let mut components = Map::new();
    for component in now.values("component_received_events_total", "component_id") {
        let labels = [("component_id", component.as_str())];
        components.insert(
            component.clone(),
            json!({
                "received_per_second": rate("component_received_events_total", &labels),
                "sent_per_second": rate("component_sent_events_total", &labels),
                "discarded_per_second": rate("component_discarded_events_total", &labels),
                "errors_per_second": rate("component_errors_total", &labels),
            }),
        );
    }
    let mut queues = Map::new();
    for stage in now.values("convey_queue_depth", "stage") {
        let labels = [("stage", stage.as_str())];
        queues.insert(
            stage.clone(),
            json!({
                "waiting": now.sum("convey_queue_depth", &labels),
                "oldest_ms": round(now.sum("convey_queue_oldest_seconds", &labels) * 1_000.0),
                "dead": now.sum("convey_dlq_events", &labels),
            }),
        );
    }
    let mut destinations = Map::new();
    for destination in now.values("convey_destination_queue_depth", "destination") {
        let labels = [("destination", destination.as_str())];
        destinations.insert(
            destination.clone(),
            json!({
                "waiting": now.sum("convey_destination_queue_depth", &labels),
                "expiring": now.sum("convey_events_expiring", &labels),
                "dead": now.sum("convey_destination_dead_events", &labels),
                "paused": now.sum("convey_destination_paused", &labels) > 0.0,
                "match_quality": round(now.sum("convey_emq_estimate", &labels)),
            }),
        );
    }
    let mut connections = Map::new();
    for connection in now.values("convey_rate_limit_remaining", "connection") {
        let labels = [("connection", connection.as_str())];
        let daily = now.has("convey_rate_limit_daily_remaining", &labels);
        connections.insert(
            connection.clone(),
            json!({
                "requests_left": now.sum("convey_rate_limit_remaining", &labels),
                "requests_left_today": daily.then(|| now.sum("convey_rate_limit_daily_remaining", &labels)),
            }),
        );
    }
    let whole = "convey_delivery_duration_seconds";
    json!({
        "ready": now.sum("convey_ready", &[]) > 0.0,
        "told_per_second": rate(&format!("{whole}_count"), &[]),
        "delivery_p50_ms": millis(now.quantile_since(before, whole, &[], 0.5)),
        "delivery_p95_ms": millis(now.quantile_since(before, whole, &[], 0.95)),
        "throttled_per_second": rate("convey_requests_throttled_total", &[]),
        "steps": steps,
        "components": components,
        "queues": queues,
        "destinations": destinations,
        "connections": connections,
    })
}

fn drawn(picture: &Value) -> String {
    let figure = |value: &Value| match value {
        Value::Null => String::new(),
        Value::Bool(yes) => if *yes { "yes" } else { "no" }.to_owned(),
        Value::Number(number) => number.as_f64().map(plain).unwrap_or_default(),
        other => other.to_string(),
    };
    let group = |name: &str, columns: &[(&str, &str)]| {
        let mut rows =
            vec![std::iter::once(name).chain(columns.iter().map(|(head, _)| *head)).map(str::to_owned).collect()];
        let key = if name == "step" { "steps".to_owned() } else { format!("{name}s") };
        for (name, row) in picture[&key].as_object().into_iter().flatten() {
            let cells = columns.iter().map(|(_, key)| match *key {
                "oldest_ms" => {
                    row[key].as_f64().filter(|ms| *ms > 0.0).map(|ms| roughly(ms as u64)).unwrap_or_default()
                }
                key => figure(&row[key]),
            });
            rows.push(std::iter::once(name.clone()).chain(cells).collect());
        }
        if rows.len() == 1 { String::new() } else { format!("\n\n{}", table(&rows)) }
    };
    let latency = |key: &str| picture[key].as_f64().map_or_else(|| "-".to_owned(), |ms| format!("{} ms", plain(ms)));
    let mut text = table(&[
        heads(["", "told/s", "delivery p50", "p95", "throttled/s"]),
        vec![
            if picture["ready"] == true { "ready" } else { "NOT READY" }.to_owned(),
            figure(&picture["told_per_second"]),
            latency("delivery_p50_ms"),
            latency("delivery_p95_ms"),
            figure(&picture["throttled_per_second"]),
        ],
    ]);
    text += &group("step", &[("batches/s", "batches_per_second"), ("p50 ms", "p50_ms"), ("p95 ms", "p95_ms")]);
    text += &group(
        "component",
        &[
            ("in/s", "received_per_second"),
            ("out/s", "sent_per_second"),
            ("discarded/s", "discarded_per_second"),
            ("errors/s", "errors_per_second"),
        ],
    );
    text += &group("queue", &[("waiting", "waiting"), ("oldest", "oldest_ms"), ("dead", "dead")]);
    text += &group(
        "destination",
        &[
            ("waiting", "waiting"),
            ("expiring", "expiring"),
            ("dead", "dead"),
            ("paused", "paused"),
            ("quality", "match_quality"),
        ],
    );
    text + &group("connection", &[("requests left", "requests_left"), ("today", "requests_left_today")])
}

fn millis(seconds: Option<f64>) -> Option<f64> {
    seconds.map(|seconds| round(seconds * 1_000.0))
}

/// A tenth is more than anybody reads in passing.
fn round(value: f64) -> f64 {
    (value * 10.0).round() / 10.0
}

fn plain(value: f64) -> String {
    if value == value.trunc() { format!("{value:.0}") } else { format!("{value:.1}") }
}

#[cfg(test)]
mod tests {
    use super::{Samples, drawn, picture};

    #[test]
    fn what_grew_is_a_rate_and_what_stands_is_a_figure() {
        let before = Samples::read(
            "component_received_events_total{component_id=\"crm\",component_kind=\"source\"} 10\n\
             convey_step_duration_seconds_count{step=\"ship\"} 1\n",
        );
        let now = Samples::read(
            "component_received_events_total{component_id=\"crm\",component_kind=\"source\"} 30\n\
             component_errors_total{component_id=\"crm\",component_kind=\"source\",error_type=\"forged\",stage=\"receiving\"} 4\n\
             convey_step_duration_seconds_count{step=\"ship\"} 5\n\
             convey_step_duration_seconds_bucket{le=\"0.1\",step=\"ship\"} 5\n\
             convey_step_duration_seconds_bucket{le=\"+Inf\",step=\"ship\"} 5\n\
             convey_queue_depth{stage=\"ship\"} 7.0\nconvey_queue_oldest_seconds{stage=\"ship\"} 200.0\n\
             convey_destination_queue_depth{destination=\"ads\"} 7.0\nconvey_destination_paused{destination=\"ads\"} 1.0\n\
             convey_ready 1.0\n# EOF\n",
        );
        let picture = picture(&before, &now, 2.0);
        assert_eq!(picture["components"]["crm"]["received_per_second"], 10.0);
        assert_eq!(picture["components"]["crm"]["errors_per_second"], 2.0);
        assert_eq!(picture["steps"]["ship"]["batches_per_second"], 2.0);
        assert_eq!(picture["queues"]["ship"]["waiting"], 7.0);
        assert_eq!(picture["destinations"]["ads"]["paused"], true);
        let text = drawn(&picture);
        for part in ["ready", "ship", "3 min", "ads", "yes"] {
            assert!(text.contains(part), "{part}\n{text}");
        }
    }
}
