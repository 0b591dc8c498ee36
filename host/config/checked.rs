//! The configuration after every check: plain values that the rest of the host can rely on.

use std::collections::BTreeMap;
use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;

use http::Uri;

use super::alerts::Alerts;
use super::overlay::Overlay;
use super::schedule::Schedule;
use crate::clock::Millis;
use crate::vault::SecretRef;

/// What an operator asked for. Names in it exist, paths are resolved against the file's folder, and secrets are named, not held.
#[derive(Clone, Debug, PartialEq)]
pub struct Config {
    /// The file this came from.
    pub path: PathBuf,
    /// Where the store, the vault's key and the compiled components are kept.
    pub state_dir: PathBuf,
    /// Where the CRM's webhooks arrive.
    pub ingress: Ingress,
    /// Where the operator's commands arrive.
    pub admin: Admin,
    /// The vault's key; without it one is made in the state directory on the first run.
    pub vault_key: Option<SecretRef>,
    /// The CRMs, by name; the name is also the last segment of the webhook's path.
    pub sources: BTreeMap<String, Source>,
    /// The ad platforms, by name.
    pub sinks: BTreeMap<String, Sink>,
    /// The mappers, by name.
    pub mappers: BTreeMap<String, Mapper>,
    /// Where events go, by name.
    pub destinations: BTreeMap<String, Destination>,
    /// Which location's changes go where, by name; empty only where a source takes installs.
    pub connections: BTreeMap<String, Connection>,
    /// What guests and their requests may use.
    pub limits: Limits,
    /// What is kept, and for how long.
    pub retention: Retention,
    /// What is said unasked, and to whom.
    pub alerts: Alerts,
}

impl Config {
    /// What connections lay over a mapper's settings, by name; what an install's will stands under `source.NAME.install`.
    pub fn overlays(&self, mapper: &str) -> BTreeMap<String, Overlay> {
        let installs = self
            .sources
            .iter()
            .filter_map(|(name, source)| Some((format!("source.{name}.install"), source.install.as_ref()?)));
        let connections = self.connections.iter().map(|(name, connection)| (name.clone(), &connection.terms));
        let of_mapper = connections.chain(installs).filter(|(_, terms)| terms.mapper == mapper);
        of_mapper.filter_map(|(name, terms)| Some((name, terms.overlay.clone()?))).collect()
    }
}

/// The door for webhooks.
#[derive(Clone, Debug, PartialEq)]
pub struct Ingress {
    /// Address and port to listen on.
    pub listen: SocketAddr,
    /// A longer body is refused, in bytes.
    pub max_body_bytes: usize,
    /// A webhook sent longer ago is refused, in hours; the vendor's retry horizon is used when that is longer.
    pub replay_window_hours: u32,
    /// From so many waiting deliveries on, webhooks are answered 429.
    pub high_water: u64,
}

/// The door for the operator.
#[derive(Clone, Debug, PartialEq)]
pub struct Admin {
    /// Address and port to listen on; loopback unless `allow_remote`.
    pub listen: SocketAddr,
    /// The operator accepts that other machines can reach this door.
    pub allow_remote: bool,
    /// Where people's browsers reach it through a proxy: https, or http to loopback; no path. Requests to other names are refused.
    pub public_url: Option<Uri>,
    /// Who may read the metrics.
    pub metrics: Metrics,
    /// What opens the metrics and nothing else, beside the tokens of the state directory.
    pub metrics_token: Option<SecretRef>,
}

/// Who may read the metrics.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Metrics {
    /// Who brings a token.
    #[default]
    Token,
    /// Everybody who reaches the door.
    Open,
}

/// What stands before a digest that a component is pinned to.
pub(super) const PIN: &str = "@sha256:";

/// Where a component's bytes come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ComponentRef {
    /// Embedded in the program, by name.
    Builtin(String),
    /// A file that exists.
    File(PathBuf),
    /// One of these, and the digest that its bytes must have.
    Pinned(Box<ComponentRef>, String),
}

impl ComponentRef {
    /// Whether it is embedded in the program.
    pub fn is_builtin(&self) -> bool {
        match self {
            Self::Builtin(_) => true,
            Self::File(_) => false,
            Self::Pinned(component, _) => component.is_builtin(),
        }
    }
}

impl fmt::Display for ComponentRef {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Builtin(name) => write!(out, "builtin:{name}"),
            Self::File(path) => path.display().fmt(out),
            Self::Pinned(component, digest) => write!(out, "{component}{PIN}{digest}"),
        }
    }
}

/// A CRM.
#[derive(Clone, Debug, PartialEq)]
pub struct Source {
    /// The component that knows it.
    pub component: ComponentRef,
    /// Requests go here instead of the vendor's own address: https, or http to loopback; no query.
    pub base_url: Option<Uri>,
    /// Webhooks are verified with this public key (PEM text) instead of the vendor's.
    pub webhook_public_key: Option<String>,
    /// Signature schemes the vendor calls legacy are accepted too.
    pub legacy_signatures: bool,
    /// Requests it may make beyond its profile, without the credential: `METHOD URL`, a path segment in braces stands for any one.
    pub allow: Vec<String>,
    /// The app that asks locations for their consent; none: every connection brings its own token.
    pub oauth: Option<OauthApp>,
    /// What a connection is made of when the app is installed in a location; none: such a location is held until it is configured.
    pub install: Option<Terms>,
}

/// The app as it is registered with the CRM (OAuth 2.0 client, RFC 6749).
#[derive(Clone, Debug, PartialEq)]
pub struct OauthApp {
    /// Its public id.
    pub client_id: String,
    /// Its secret.
    pub client_secret: SecretRef,
    /// Where the CRM sends the person back, as it is registered: this host's `/oauth/NAME` behind public HTTPS.
    pub redirect_uri: String,
    /// Asked in a browser instead of the vendor's own page.
    pub authorize_url: Option<Uri>,
}

/// An ad platform.
#[derive(Clone, Debug, PartialEq)]
pub struct Sink {
    /// The component that knows it.
    pub component: ComponentRef,
    /// Requests go here instead of the vendor's own address: https, or http to loopback; no query.
    pub base_url: Option<Uri>,
    /// Requests it may make beyond its profile, without the credential: `METHOD URL`, a path segment in braces stands for any one.
    pub allow: Vec<String>,
}

/// A mapper with its settings.
#[derive(Clone, Debug, PartialEq)]
pub struct Mapper {
    /// The component that decides.
    pub component: ComponentRef,
    /// The file its settings were read from.
    pub settings: Option<PathBuf>,
    /// The settings as they were when the configuration was read; empty without a file.
    pub settings_text: String,
}

/// What happens to an attempt that left and was not answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ambiguous {
    /// Send again under the same ids.
    Resend,
    /// Hold it until a person decides.
    Hold,
}

/// Where events go.
#[derive(Clone, Debug, PartialEq)]
pub struct Destination {
    /// The ad platform, by name.
    pub sink: String,
    /// The platform's id of it (a dataset or pixel).
    pub id: String,
    /// The credential that reaches it.
    pub token: SecretRef,
    /// The secret of the app that the token was made by: proves, where the platform asks for it, that whoever sends the token knows the app.
    pub app_secret: Option<SecretRef>,
    /// What happens to an attempt without an answer.
    pub ambiguous: Ambiguous,
    /// Batches on their way at once.
    pub in_flight: u32,
    /// A rule that asks for more than so many times its usual hour's events is held up; 0: none is.
    pub brake_times: u32,
    /// So many events of a rule leave in any hour.
    pub brake_floor: u32,
    /// Handed to the sink as TOML text; empty without settings.
    pub settings: String,
}

/// One CRM location bound to a mapper and its destinations.
#[derive(Clone, Debug, PartialEq)]
pub struct Connection {
    /// The CRM, by name.
    pub source: String,
    /// The CRM's id of the location.
    pub location: String,
    /// The credential that reaches it.
    pub auth: Auth,
    /// What proves that a program may report conversions of its contacts; none: nobody may.
    pub conversions: Option<Conversions>,
    /// Everything else.
    pub terms: Terms,
}

/// What proves that a program of the operator's may report conversions; at least one of them is there.
#[derive(Clone, Debug, PartialEq)]
pub struct Conversions {
    /// Sent as it is, as a bearer token.
    pub token: Option<SecretRef>,
    /// Signs every report and is never sent.
    pub hmac: Option<SecretRef>,
}

/// How a connection reaches its location.
#[derive(Clone, Debug, PartialEq)]
pub enum Auth {
    /// By a token that a person made and keeps.
    Token(SecretRef),
    /// By a grant to the source's app; `convey auth login` asks for it.
    Oauth,
}

/// What a connection may do to its location.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Access {
    /// Nothing is written.
    #[default]
    Read,
    /// Commands are executed.
    Write,
}

/// What a connection does, wherever it comes from.
#[derive(Clone, Debug, PartialEq)]
pub struct Terms {
    /// The mapper, by name.
    pub mapper: String,
    /// The destinations, by name; never empty, none twice.
    pub destinations: Vec<String>,
    /// Whether the location is ever written to.
    pub access: Access,
    /// When the CRM is asked for contacts that changed; none: webhooks only.
    pub poll: Option<Schedule>,
    /// When everything is looked through for what no webhook told; none: never.
    pub sync: Option<Schedule>,
    /// How far before its start a connection tells what happened; 0: not at all.
    pub backfill_ms: Millis,
    /// What the location allows, where it is not what the vendor describes.
    pub rate_limit: Option<RateLimit>,
    /// What is written to a contact once its event was delivered.
    pub write_back: WriteBack,
    /// Handed to the source as TOML text; empty without settings.
    pub settings: String,
    /// Laid over the mapper's settings for this connection.
    pub overlay: Option<Overlay>,
}

/// What is written to a contact once the platform has its event.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct WriteBack {
    /// This tag.
    pub tag: Option<String>,
    /// This note.
    pub note: Option<String>,
}

/// Requests that a location allows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RateLimit {
    /// So many,
    pub requests: u32,
    /// in any so many milliseconds;
    pub per_ms: u64,
    /// and so many a day; none: no bound.
    pub daily: Option<u32>,
}

/// What guests and their requests may use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Linear memory of one instance, in MiB.
    pub guest_memory_mib: u32,
    /// CPU time of one call of a source or sink, in milliseconds.
    pub guest_cpu_ms: u64,
    /// CPU time of one batch of a mapper, in milliseconds.
    pub mapper_cpu_ms: u64,
    /// Wall time of one request to a vendor, in milliseconds.
    pub request_timeout_ms: u64,
    /// A longer answer is cut off and counts as a failure, in bytes.
    pub response_max_bytes: usize,
    /// Calls of sources and sinks at once.
    pub calls_in_flight: u32,
}

impl Default for Limits {
    /// What a configuration that says nothing gets.
    fn default() -> Self {
        Self {
            guest_memory_mib: 64,
            guest_cpu_ms: 1_000,
            mapper_cpu_ms: 500,
            request_timeout_ms: 10_000,
            response_max_bytes: 8 << 20,
            calls_in_flight: 64,
        }
    }
}

/// How long things are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retention {
    /// Deliveries, changes and events that are done, in days.
    pub done_days: u32,
    /// What is dead or expired, in days.
    pub dead_days: u32,
    /// Requests and acts in the audit, in days.
    pub audit_days: u32,
    /// The keys of commands to the CRM, in days: until then a key is carried out once.
    pub command_days: u32,
    /// What came from a location after its app was taken out, in days; then it is forgotten.
    pub uninstalled_days: u32,
    /// What is done leaves earlier, the oldest first, once the store is larger than this, in MiB.
    pub max_mib: u64,
}
