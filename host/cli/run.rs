//! `convey run`: until stopped; or `--once --fixture`, one delivery with every hop shown.

use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::{Context as _, anyhow};
use clap::builder::BoolishValueParser;
use clap::{ArgAction, Args};
use serde_json::{Value, json};
use tokio::signal::unix::{SignalKind, signal};

use super::output::{Exit, table};
use super::{Context, Format};
use crate::app::App;
use crate::clock::Clock;
use crate::config::{self, Config};
use crate::contract::Digest;
use crate::flow::{Otlp, OtlpEnvironment};
use crate::store::{Account, Incoming, Origin, Put, Store};
use crate::vault::{KeyOrigin, forbid_core_dumps};

#[derive(Args)]
pub(super) struct Run {
    /// Take one delivery from a file, show every hop, and stop
    #[arg(long, requires = "fixture")]
    once: bool,
    /// A webhook's body, as the CRM sends it; its signature is not checked
    #[arg(long, requires = "once", value_name = "FILE")]
    fixture: Option<PathBuf>,
    /// Let the system write core dumps, which hold people and secrets; for who looks for an error
    #[arg(long, env = "CONVEY_CORE_DUMPS", action = ArgAction::SetTrue, value_parser = BoolishValueParser::new())]
    core_dumps: bool,
    #[command(flatten)]
    traces: Traces,
}

/// Where traces go, by OpenTelemetry's own variables.
#[derive(Args)]
struct Traces {
    /// Send traces to this collector, by OTLP over HTTP: http://localhost:4318
    #[arg(long, env = "OTEL_EXPORTER_OTLP_ENDPOINT", value_name = "URL")]
    otlp_endpoint: Option<String>,
    /// The whole address for traces, where it is not the collector's /v1/traces
    #[arg(long, env = "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", value_name = "URL", hide = true)]
    otlp_traces_endpoint: Option<String>,
    /// Headers for the collector: name=value,name=value
    #[arg(long, env = "OTEL_EXPORTER_OTLP_HEADERS", value_name = "PAIRS", hide = true, hide_env_values = true)]
    otlp_headers: Option<String>,
    /// What traces call this program
    #[arg(long, env = "OTEL_SERVICE_NAME", value_name = "NAME", hide = true)]
    otlp_service: Option<String>,
    /// What traces say of where it runs: name=value,name=value
    #[arg(long, env = "OTEL_RESOURCE_ATTRIBUTES", value_name = "PAIRS", hide = true)]
    otlp_resource: Option<String>,
}

impl From<Traces> for OtlpEnvironment {
    fn from(traces: Traces) -> Self {
        let Traces { otlp_endpoint, otlp_traces_endpoint, otlp_headers, otlp_service, otlp_resource } = traces;
        Self {
            endpoint: otlp_endpoint,
            traces_endpoint: otlp_traces_endpoint,
            headers: otlp_headers,
            service: otlp_service,
            resource: otlp_resource,
        }
    }
}

impl Run {
    pub(super) async fn run(self, context: &Context) -> Result<(), Exit> {
        // Before anything is read that must not be in one.
        if self.core_dumps {
            tracing::warn!("core dumps are not switched off: one would hold people and secrets");
        } else if let Err(error) = forbid_core_dumps() {
            tracing::warn!(%error, "core dumps cannot be switched off: one would hold people and secrets");
        }
        let config = config::load(&context.config)?;
        let traces = Otlp::of(&self.traces.into()).map_err(Exit::Asked)?;
        let mut app = App::build(config.clone(), Clock::of_the_program(), Some(context.config.clone())).await?;
        if let KeyOrigin::Made(path) = &app.key_origin {
            context.advise(&format!(
                "A key was made that seals what is stored: {}. Keep a copy somewhere else: without it nothing stored can be read.",
                path.display()
            ));
        }
        if let Some(traces) = traces {
            app.send_traces(traces);
        }
        match self.fixture {
            Some(fixture) => once(app, &config, &fixture, context).await,
            None => serve(app, &config, context).await,
        }
    }
}

async fn serve(app: App, config: &Config, context: &Context) -> Result<(), Exit> {
    let (ingress, admin) =
        (app.ingress_address().map_err(anyhow::Error::from)?, app.admin_address().map_err(anyhow::Error::from)?);
    let hooks: Vec<String> = config.sources.keys().map(|source| format!("http://{ingress}/hooks/{source}")).collect();
    let ready = json!({"ready": true, "hooks": hooks, "ingress": format!("http://{ingress}"), "admin": format!("http://{admin}"), "pid": std::process::id()});
    let stop = app.stop();
    let mut terminate = signal(SignalKind::terminate()).map_err(anyhow::Error::from)?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(anyhow::Error::from)?;
    let hangup = signal(SignalKind::hangup()).map_err(anyhow::Error::from)?;
    // Only now: who hears that it is ready may signal at once.
    context.print(&ready, || {
        format!(
            "convey runs. Webhooks: {}\nPage: http://{admin}; `convey page` signs a browser in.\nStop it with Ctrl-C; `convey status` shows what happens.",
            hooks.join(", ")
        )
    })?;
    let signals = tokio::spawn(async move {
        tokio::select! { _ = terminate.recv() => {}, _ = interrupt.recv() => {} }
        tracing::info!("stopping: what is under way ends first; a second signal ends at once");
        stop.cancel();
        tokio::select! { _ = terminate.recv() => {}, _ = interrupt.recv() => {} }
        // Whoever asks twice does not want to wait. What was not settled is taken up at the next start.
        std::process::exit(1);
    });
    let repeats = context.repeats.clone();
    let telling = tokio::spawn(async move {
        let mut every = tokio::time::interval(super::log::WINDOW);
        loop {
            every.tick().await;
            repeats.tell();
        }
    });
    let ended = app.run(hangup).await;
    signals.abort();
    telling.abort();
    context.repeats.tell();
    Ok(ended?)
}

async fn once(app: App, config: &Config, fixture: &Path, context: &Context) -> Result<(), Exit> {
    let body = std::fs::read(fixture).with_context(|| format!("cannot read {}", fixture.display()))?;
    let parsed: Value = serde_json::from_slice(&body).with_context(|| format!("{} is not JSON", fixture.display()))?;
    let (source, connection, webhook_id) = app.place(&parsed).ok_or_else(|| {
        anyhow!("{} names no location that a connection of {} has", fixture.display(), context.config.display())
    })?;
    let webhook_id = webhook_id.unwrap_or_else(|| Digest::of(&body).to_string());
    let flow = app.flow();
    let mut hops = Hops::default();
    let incoming = Incoming {
        source,
        connection: Some(connection.clone()),
        webhook_id: webhook_id.clone(),
        location: config.connections[&connection].location.clone(),
        kind_hint: None,
        origin: Origin::Webhook,
        received_at: flow.clock.now_ms(),
        sent_at: None,
        headers: Vec::new(),
        body,
    };
    let put = flow.store.put(incoming).await.map_err(anyhow::Error::from)?;
    hops.add(
        "put",
        if put == Put::Known {
            "known already: told before, nothing is sent again".to_owned()
        } else {
            "stored".to_owned()
        },
    );
    let before = translated(&flow.store, &webhook_id).await?;
    let read = flow.read_once(&connection).await.map_err(anyhow::Error::from)?;
    hops.add("read", format!("{} delivery(s)", read.items));
    // What reading left to be translated in a step of its own.
    flow.translate_once(&connection).await.map_err(anyhow::Error::from)?;
    let translated = translated(&flow.store, &webhook_id).await? - before;
    hops.add("translate", format!("{translated} change(s)"));
    for destination in &config.connections[&connection].terms.destinations {
        let shipped = flow.ship_once(destination).await.map_err(anyhow::Error::from)?;
        hops.add("ship", format!("{} event(s) to {destination}", shipped.items));
    }
    flow.rest().await.map_err(anyhow::Error::from)?;
    let accounts = flow.store.account(Some(&[webhook_id])).await.map_err(anyhow::Error::from)?;
    let value = json!({"hops": hops.values(), "deliveries": accounts});
    context
        .print(&value, || format!("{}\n\n{}", table(&hops.rows()), accounts.iter().map(tell).collect::<String>()))?;
    // A delivery that waits for a retry, or died, is no proof that the way is open.
    let arrived = accounts.iter().all(|account| account.state != "waiting" && account.state != "dead")
        && accounts
            .iter()
            .flat_map(|account| &account.changes)
            .flat_map(|change| &change.events)
            .all(|event| event.state == "done");
    if arrived {
        return Ok(());
    }
    if context.format == Format::Text {
        eprintln!("error: it did not arrive: the reason stands above");
    }
    Err(Exit::Said)
}

/// How many changes that a delivery told were translated.
async fn translated(store: &Store, webhook_id: &str) -> Result<usize, anyhow::Error> {
    let accounts = store.account(Some(&[webhook_id.to_owned()])).await?;
    Ok(accounts.iter().flat_map(|account| &account.changes).filter(|change| change.state != "waiting").count())
}

/// What happened to one delivery, as a person reads it.
fn tell(account: &Account) -> String {
    let mut text =
        format!("delivery {} ({}): {}", account.delivery, account.kind.as_deref().unwrap_or("?"), account.state);
    if let Some(reason) = &account.reason {
        text.push_str(&format!(", {reason}"));
    }
    for change in &account.changes {
        text.push_str(&format!("\n  change {} {}: {}", change.kind, change.id, change.state));
        if let Some(reason) = change.reason.as_ref().or(change.code.as_ref()) {
            text.push_str(&format!(" ({reason})"));
        }
        for event in &change.events {
            text.push_str(&format!(
                "\n    event {} `{}` to {}: {}",
                event.event_id, event.name, event.destination, event.state
            ));
            if let Some(reason) = event.reason.as_ref().or(event.trace.as_ref()) {
                text.push_str(&format!(" ({reason})"));
            }
        }
    }
    text.push('\n');
    text
}

/// The steps taken, with the time each took.
struct Hops {
    since: Instant,
    taken: Vec<(&'static str, String, f64)>,
}

impl Default for Hops {
    fn default() -> Self {
        Self { since: Instant::now(), taken: Vec::new() }
    }
}

impl Hops {
    fn add(&mut self, step: &'static str, text: String) {
        self.taken.push((step, text, self.since.elapsed().as_secs_f64() * 1_000.0));
        self.since = Instant::now();
    }

    fn rows(&self) -> Vec<Vec<String>> {
        self.taken
            .iter()
            .map(|(step, text, ms)| vec![(*step).to_owned(), format!("{ms:.1} ms"), text.clone()])
            .collect()
    }

    fn values(&self) -> Vec<Value> {
        self.taken
            .iter()
            .map(|(step, text, ms)| json!({"step": step, "latency_ms": (ms * 10.0).round() / 10.0, "what": text}))
            .collect()
    }
}
