//! Wiring: a checked configuration, listeners and a clock become an App that runs until it is told to stop.

mod check;
mod components;
mod error;
mod granting;
mod planning;
mod reach;
mod reload;
mod scopes;

use std::collections::{BTreeMap, HashMap};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::OptionFuture;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use planning::Wanted;
use reach::Reach;

pub use check::{Checked, check};
pub use components::{Components, Consent, bytes_of};
pub use error::AppError;
pub use granting::asked;
pub use scopes::{Needed, needed};

use crate::admin::{Admin, Scraping, Tokens};
use crate::clock::{Clock, Millis};
use crate::config::{self, Ambiguous, Config, Metrics};
use crate::egress::{Egress, Limits};
use crate::engine::{CodeCache, Engine, GuestLimits, LoadError};
use crate::flow::{Flow, Otlp, Plan};
use crate::ingress::{Hook, Ingress};
use crate::store::{Ambiguity, Farewell, Retention, Store, StoreError};
use crate::vault::{KeyOrigin, SecretRef, Vault};

/// A program that is ready to run: everything is loaded, granted, recovered and listening.
pub struct App {
    config: Config,
    flow: Arc<Flow>,
    ingress: Arc<Ingress>,
    components: Components,
    reach: Reach,
    stop: CancellationToken,
    listeners: Listeners,
    admin: Arc<Admin>,
    reload: Option<PathBuf>,
    traces: Option<Otlp>,
    /// Where the vault's key came from: a new one must be copied to a safe place.
    pub key_origin: KeyOrigin,
}

/// A flow with its plan, for a person's own questions and commands: nothing listens and nothing is carried.
pub struct Desk {
    /// The flow, at rest.
    pub flow: Arc<Flow>,
    components: Components,
    reach: Reach,
    wanted: BTreeMap<String, Wanted>,
    stop: CancellationToken,
    key_origin: KeyOrigin,
}

impl Desk {
    /// Opens the store, loads and grants the components, and makes the plan.
    pub async fn build(config: &Config, clock: Clock) -> Result<Self, AppError> {
        let (vault, key_origin) = open_vault(config)?;
        let store = Store::open(config.state_dir.clone(), vault).await?;
        let cache = CodeCache::new(config.state_dir.join("compiled"));
        let cache = cache.map_err(|source| AppError::State { path: config.state_dir.join("compiled"), source })?;
        let engine = engine(&config.limits, Some(cache))?.on_clock(clock.clone());
        engine.egress().keep_book(store.clone(), clock.clone());
        let components = Components::load(&engine, config, Consent::Kept(Some(&store), &clock)).await?;
        let stop = CancellationToken::new();
        let reach = Reach::new(store.clone(), clock.clone(), engine.egress().clone()).await?;
        let flow = Flow::new(store, clock, engine, stop.clone());
        flow.look_at_pauses().await?;
        let (wanted, plan) = planned(config, &components, &reach, &flow.store, &flow.clock).await?;
        flow.replan(plan);
        Ok(Self { flow, components, reach, wanted, stop, key_origin })
    }
}

/// The doors before they are opened.
struct Listeners {
    ingress: TcpListener,
    admin: TcpListener,
}

const HOUR_MS: Millis = 60 * 60 * 1_000;
/// Webhook ids are remembered this long: longer than any vendor re-sends.
const WEBHOOK_IDS_MS: Millis = 72 * HOUR_MS;
/// Deliveries of a location nobody knows are held this long.
const HELD_MS: Millis = 7 * 24 * HOUR_MS;
/// How often what is old is swept and what waits is counted.
const HOUSEKEEPING: Duration = Duration::from_secs(1);

/// An engine whose guests get what `limits` allow. `cache` holds compiled code.
pub fn engine(limits: &config::Limits, cache: Option<CodeCache>) -> Result<Engine, AppError> {
    let (guests, egress) = surroundings(limits);
    Engine::new(guests, egress, cache).map_err(no_engine)
}

/// The same for nothing but what ships with convey. Nothing stops a guest: whoever has this engine watches the time.
pub fn engine_of_builtins(limits: &config::Limits, cache: Option<CodeCache>) -> Result<Engine, AppError> {
    let (guests, egress) = surroundings(limits);
    Engine::of_builtins(guests, egress, cache).map_err(no_engine)
}

fn no_engine(error: LoadError) -> AppError {
    AppError::Component { place: "engine".to_owned(), error }
}

/// What guests get, and their way out.
fn surroundings(limits: &config::Limits) -> (GuestLimits, Egress) {
    let egress = Egress::new(Limits {
        request_timeout_ms: limits.request_timeout_ms,
        response_max_bytes: limits.response_max_bytes,
        request_max_bytes: REQUEST_MAX_BYTES,
    });
    let guests = GuestLimits {
        memory_bytes: limits.guest_memory_mib as usize * 1024 * 1024,
        call_cpu: Duration::from_millis(limits.guest_cpu_ms),
        // A call may try a request and what follows from its answer.
        call_wall: Duration::from_millis(limits.request_timeout_ms.saturating_mul(3)),
        mapper_cpu: Duration::from_millis(limits.mapper_cpu_ms),
        calls_in_flight: limits.calls_in_flight as usize,
    };
    (guests, egress)
}

/// The largest body a guest may send: a batch of a thousand events with room to spare.
const REQUEST_MAX_BYTES: usize = 8 * 1024 * 1024;

impl App {
    /// Opens, loads, recovers and listens. `reload` is the file that a reload reads again.
    pub async fn build(config: Config, clock: Clock, reload: Option<PathBuf>) -> Result<Self, AppError> {
        let Desk { flow, components, reach, wanted, stop, key_origin } = Desk::build(&config, clock).await?;
        for (name, candidate) in planning::candidates(&config)? {
            flow.start_mapper(&name, candidate).await.map_err(|error| AppError::Mapper { name, error })?;
        }
        flow.resume_shadows().await.map_err(|error| AppError::Mapper { name: "shadow".to_owned(), error })?;
        // Before anything is sent: attempts of an earlier life are judged by their destination's policy.
        let policy: HashMap<String, Ambiguity> = config
            .destinations
            .iter()
            .map(|(name, destination)| (name.clone(), ambiguity(destination.ambiguous)))
            .collect();
        let unanswered = flow.store.recover(flow.clock.now_ms(), &policy).await?;
        if unanswered > 0 {
            tracing::warn!(
                attempts = unanswered,
                "attempts were under way when convey last stopped: `convey status` lists what may repeat"
            );
        }
        flow.intake.note_heard(flow.clock.now_ms());
        flow.set_alerts(&config.alerts);
        let ingress = Ingress::new(flow.clone(), config.ingress.max_body_bytes, config.ingress.high_water);
        let listeners =
            Listeners { ingress: listen(config.ingress.listen).await?, admin: listen(config.admin.listen).await? };
        let tokens = Tokens::make(&config.state_dir)
            .map_err(|source| AppError::State { path: config.state_dir.clone(), source })?;
        let address =
            listeners.admin.local_addr().map_err(|source| AppError::Listen { address: config.admin.listen, source })?;
        crate::admin::write_address(&config.state_dir, address)
            .map_err(|source| AppError::State { path: config.state_dir.clone(), source })?;
        let scraping = scraping(&config.admin)?;
        let admin = Admin::new(flow.clone(), tokens, scraping, config.admin.public_url.clone());
        open(&config, planning::hooks(&config, &components, &wanted)?, &wanted, &flow, &ingress).await?;
        Ok(Self { config, flow, ingress, components, reach, stop, listeners, admin, reload, traces: None, key_origin })
    }

    /// Where webhooks are taken.
    pub fn ingress_address(&self) -> std::io::Result<SocketAddr> {
        self.listeners.ingress.local_addr()
    }

    /// Where the command line talks to it.
    pub fn admin_address(&self) -> std::io::Result<SocketAddr> {
        self.listeners.admin.local_addr()
    }

    /// The steps, for who wants to take one at a time.
    pub fn flow(&self) -> Arc<Flow> {
        self.flow.clone()
    }

    /// The source and connection a webhook's body belongs to, and its id, by what the sources say of their webhooks.
    pub fn place(&self, body: &serde_json::Value) -> Option<(String, String, Option<String>)> {
        let text = |pointer: &str| body.pointer(pointer).and_then(serde_json::Value::as_str).map(str::to_owned);
        self.components.sources.iter().find_map(|(source, ready)| {
            let location = text(&ready.profile.envelope.location)?;
            let of_location = |(_, connection): &(&String, &config::Connection)| {
                connection.source == *source && connection.location == location
            };
            let (connection, _) = self.config.connections.iter().find(of_location)?;
            Some((source.clone(), connection.clone(), text(&ready.profile.envelope.id)))
        })
    }

    /// Has it send traces while it runs.
    pub fn send_traces(&mut self, otlp: Otlp) {
        self.traces = Some(otlp);
    }

    /// What stops it.
    pub fn stop(&self) -> CancellationToken {
        self.stop.clone()
    }

    /// Serves until it is stopped, then ends what is under way: nothing new is taken, what is claimed is settled. `reloads` brings SIGHUPs.
    pub async fn run(self, mut reloads: impl Reloads) -> Result<(), AppError> {
        let Self { mut config, flow, ingress, components, reach, stop, listeners, admin, reload, traces, .. } = self;
        // Ends after the steps: what they do last is told as well.
        let traced = CancellationToken::new();
        let exporting = traces.map(|otlp| tokio::spawn(flow.clone().export_traces(otlp, traced.clone())));
        let parts = [
            serve(listeners.ingress, ingress.clone().router(), stop.clone()),
            serve(listeners.admin, admin.router(), stop.clone()),
            tokio::spawn(flow.clone().run()),
        ];
        let mut housekeeping = tokio::time::interval(HOUSEKEEPING);
        loop {
            tokio::select! {
                () = stop.cancelled() => break,
                _ = housekeeping.tick() => keep_house(&flow, &config).await,
                () = flow.wake.replan.notified() => {
                    let planned = planned(&config, &components, &reach, &flow.store, &flow.clock).await;
                    let enforced = match planned {
                        Ok(planned) => enforce(&config, &components, &flow, &ingress, planned).await,
                        Err(error) => Err(error),
                    };
                    if let Err(error) = enforced {
                        tracing::error!(%error, "connections that came or went are not taken up");
                    }
                }
                () = reloads.next() => if let Some(path) = &reload {
                    reload::reload(path, &mut config, &components, &reach, &flow, &ingress).await;
                },
            }
        }
        for part in parts {
            if let Err(error) = part.await {
                tracing::error!(%error, "a part of the program broke");
            }
        }
        traced.cancel();
        if let Some(Err(error)) = OptionFuture::from(exporting).await {
            tracing::error!(%error, "sending traces broke");
        }
        Ok(())
    }
}

async fn keep_house(flow: &Flow, config: &Config) {
    flow.warn_of_sunsets();
    // A door that is shut because the disk was full brings no write that could show that there is room again.
    if !flow.store.writable()
        && let Err(error) = flow.store.probe(flow.clock.now_ms()).await
    {
        tracing::warn!(%error, "the store still cannot be written");
        return;
    }
    flow.intake.note_free(room(&config.state_dir));
    match flow.store.backlog(config.ingress.high_water + 1).await {
        Ok(waiting) => flow.intake.note_waiting(waiting),
        Err(error) => tracing::error!(%error, "cannot count what waits"),
    }
    if let Err(error) = flow.store.note_down().await {
        tracing::error!(%error, "cannot write down what left");
    }
    if let Err(error) = flow.store.sweep(flow.clock.now_ms(), retention(&config.retention)).await {
        tracing::error!(%error, "cannot sweep what is old");
    }
    if let Err(error) = forget(flow, config).await {
        tracing::error!(%error, "cannot forget what is to be forgotten");
    }
}

/// Room for whoever is no administrator on the disk of a folder, in bytes; as good as endless where the system does not say.
fn room(folder: &Path) -> u64 {
    rustix::fs::statvfs(folder).map_or(u64::MAX, |disk| disk.f_bavail.saturating_mul(disk.f_frsize))
}

/// How long what stays, as it was asked.
fn retention(asked: &config::Retention) -> Retention {
    let days = |days: u32| u64::from(days) * 24 * HOUR_MS;
    Retention {
        webhook_ids_ms: WEBHOOK_IDS_MS,
        held_ms: HELD_MS,
        done_ms: days(asked.done_days),
        dead_ms: days(asked.dead_days),
        audit_ms: days(asked.audit_days),
        command_ms: days(asked.command_days),
        max_bytes: asked.max_mib << 20,
    }
}

/// Forgets contacts that are no more, and what came from locations that took the app out a while ago.
async fn forget(flow: &Flow, config: &Config) -> Result<(), StoreError> {
    let now = flow.clock.now_ms();
    let grace = u64::from(config.retention.uninstalled_days) * 24 * HOUR_MS;
    for gone in flow.store.installs_to_forget(now.saturating_sub(grace)).await? {
        // A connection of the same name in the file is somebody's word that it stays.
        if config.connections.contains_key(&gone.name) {
            continue;
        }
        let why = "its app was taken out".to_owned();
        let wish = Farewell { at: now, by: "convey".to_owned(), why };
        let forgotten = flow.store.forget_connection(&gone.name, &gone.source, &gone.location, wish).await?;
        tracing::info!(connection = %gone.name, contacts = forgotten.contacts, "forgotten: its app was taken out long ago");
    }
    flow.store.forget_due(now).await
}

/// Who may read the metrics.
fn scraping(admin: &config::Admin) -> Result<Scraping, AppError> {
    if admin.metrics == Metrics::Open {
        return Ok(Scraping::Open);
    }
    let token = admin.metrics_token.as_ref().map(SecretRef::read).transpose()?;
    Ok(token.map_or(Scraping::Roles, Scraping::Token))
}

/// What asks for a reload.
pub trait Reloads {
    /// Waits for the next time somebody asks.
    fn next(&mut self) -> impl Future<Output = ()> + Send;
}

/// Nobody ever asks.
pub struct Never;

impl Reloads for Never {
    async fn next(&mut self) {
        std::future::pending().await
    }
}

impl Reloads for tokio::signal::unix::Signal {
    async fn next(&mut self) {
        // A signal stream ends only with the runtime.
        if self.recv().await.is_none() {
            std::future::pending().await
        }
    }
}

/// Who is wanted, by name, and the plan that makes it so.
type Planned = (BTreeMap<String, Wanted>, Plan);

/// Makes the plan: every component is asked once whether it takes its settings.
async fn planned(
    config: &Config,
    components: &Components,
    reach: &Reach,
    store: &Store,
    clock: &Clock,
) -> Result<Planned, AppError> {
    let wanted = planning::wanted(config, &store.installed().await?);
    let plan = planning::plan(config, components, &wanted, reach, store, clock).await?;
    Ok((wanted, plan))
}

/// Puts a plan in force and opens its hooks.
async fn enforce(
    config: &Config,
    components: &Components,
    flow: &Flow,
    ingress: &Ingress,
    (wanted, plan): Planned,
) -> Result<(), AppError> {
    let hooks = planning::hooks(config, components, &wanted)?;
    let laid = flow.lay_overlays(&plan).await;
    laid.map_err(|error| AppError::Mapper { name: "overlay".to_owned(), error })?;
    flow.replan(plan);
    open(config, hooks, &wanted, flow, ingress).await
}

/// Opens hooks, and the door for reports; deliveries that were held for a location now known are taken up.
async fn open(
    config: &Config,
    hooks: HashMap<String, Hook>,
    wanted: &BTreeMap<String, Wanted>,
    flow: &Flow,
    ingress: &Ingress,
) -> Result<(), AppError> {
    ingress.rehook(hooks, planning::reporters(config));
    for (name, wanted) in wanted {
        let adopted = flow.store.adopt(&wanted.source, &wanted.location, name).await?;
        if adopted > 0 {
            tracing::info!(connection = %name, deliveries = adopted, "deliveries that were held are taken up");
        }
    }
    Ok(())
}

/// Serves a door until `stop`; requests under way are answered.
fn serve(listener: TcpListener, router: axum::Router, stop: CancellationToken) -> JoinHandle<()> {
    tokio::spawn(async move {
        if let Err(error) = axum::serve(listener, router).with_graceful_shutdown(stop.cancelled_owned()).await {
            tracing::error!(%error, "a door broke");
        }
    })
}

async fn listen(address: SocketAddr) -> Result<TcpListener, AppError> {
    TcpListener::bind(address).await.map_err(|source| AppError::Listen { address, source })
}

fn ambiguity(configured: Ambiguous) -> Ambiguity {
    match configured {
        Ambiguous::Resend => Ambiguity::Resend,
        Ambiguous::Hold => Ambiguity::Hold,
    }
}

/// The vault of a configuration's state directory, which is made (0700) when it is missing.
pub fn open_vault(config: &Config) -> Result<(Arc<Vault>, KeyOrigin), AppError> {
    make_private(&config.state_dir)?;
    let (vault, origin) = Vault::open(&config.state_dir, config.vault_key.as_ref())?;
    Ok((Arc::new(vault), origin))
}

fn make_private(folder: &Path) -> Result<(), AppError> {
    use std::os::unix::fs::DirBuilderExt;
    let made = std::fs::DirBuilder::new().recursive(true).mode(0o700).create(folder);
    made.map_err(|source| AppError::State { path: folder.to_owned(), source })
}
