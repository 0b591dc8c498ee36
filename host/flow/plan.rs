//! Who reads what, and where it goes: an immutable plan, replaced whole when the configuration is reloaded.

use std::collections::HashMap;
use std::sync::Arc;

use http::HeaderMap;

use crate::clock::Millis;
use crate::config::{Access, Overlay, Schedule, WriteBack};
use crate::contract::{ActionSource, COMMANDS, ConversionEvent, Operation};
use crate::egress::oauth::{Client, Holder};
use crate::egress::{Credential, Grant, Limiter, Reservation, Stop, Ticket};
use crate::engine::{ApiVersion, Needs, Sink, SinkDestination, SinkProfile, Source, SourceProfile, Subject, Sweep};
use crate::store::Brake;

/// A right to ask, from which a ticket is made for every call.
#[derive(Clone)]
pub struct Right {
    /// `source.highlevel`, `sink.meta`: where the configuration speaks of it.
    pub component: String,
    /// What was granted.
    pub grant: Arc<Grant>,
    /// The profile's headers.
    pub headers: HeaderMap,
}

impl Right {
    /// A ticket for one call, in the name of whom `credential` belongs to.
    pub fn ticket(&self, credential: &Credential) -> Ticket {
        Ticket::new(self.component.clone(), self.grant.clone(), Some(credential.clone()), self.headers.clone())
    }
}

/// One CRM location bound to a mapper and its destinations.
pub struct Connection {
    /// Its name, in the configuration or by the install that made it.
    pub name: String,
    /// The source's name in the configuration.
    pub origin: String,
    /// The vendor's id of the location.
    pub location: String,
    /// The source that reads it.
    pub source: Arc<Source>,
    /// What the source said of itself.
    pub profile: Arc<SourceProfile>,
    /// What the source may ask.
    pub right: Right,
    /// The location's credential.
    pub credential: Credential,
    /// Whether the location is ever written to.
    pub access: Access,
    /// What the location allows, shared by every call.
    pub limiter: Arc<Limiter>,
    /// What is written to a contact once its event was delivered.
    pub write_back: WriteBack,
    /// What the settings ask of the host.
    pub needs: Needs,
    /// What happened before is the past: remembered, never told.
    pub since: Millis,
    /// When it is asked for contacts that changed.
    pub poll: Option<Schedule>,
    /// When everything is looked through.
    pub sync: Option<Schedule>,
    /// The source's settings, as TOML text.
    pub settings: String,
    /// The mapper's name in the configuration.
    pub mapper: String,
    /// What is laid over the mapper's settings for it.
    pub overlay: Option<Overlay>,
    /// Where its events go.
    pub destinations: Vec<Arc<Destination>>,
}

impl Connection {
    /// What a call of the source is told about this connection.
    pub fn subject(&self, catalogue: Option<Vec<u8>>) -> Subject {
        let (connection, location, settings) = (self.name.clone(), self.location.clone(), self.settings.clone());
        Subject { connection, location, settings, catalogue, since: self.since }
    }

    /// A ticket for one call of the source, counted against the location's allowance; `reserved` is spent first.
    pub fn ticket(&self, reserved: Option<Reservation>) -> Arc<Ticket> {
        let mut ticket = self.right.ticket(&self.credential);
        ticket.allowance = Some(self.limiter.clone());
        ticket.reservation = reserved;
        ticket.digest = Some(self.source.loaded().digest.to_string());
        ticket.lane = format!("connection:{}", self.name);
        ticket.connection = Some(self.name.clone());
        Arc::new(ticket)
    }

    /// When a sweep is made.
    pub fn schedule(&self, sweep: Sweep) -> Option<&Schedule> {
        match sweep {
            Sweep::Updates => self.poll.as_ref(),
            Sweep::Everything => self.sync.as_ref(),
        }
    }

    /// The operation that serves a command, by name.
    pub fn operation(&self, command: &str) -> Option<&Operation> {
        self.profile.operations.iter().find(|operation| operation.name == command)
    }

    /// The scopes that what is configured needs, each once, in order.
    pub fn scopes(&self) -> Vec<String> {
        let used = self.profile.operations.iter().filter(|operation| is_used(operation, &self.needs, self.access));
        let mut scopes: Vec<String> = used.filter_map(|operation| operation.scope.clone()).collect();
        scopes.sort();
        scopes.dedup();
        scopes
    }

    /// Who holds its grant; `None` for a token that a person keeps.
    pub fn holder(&self) -> Option<&Arc<Holder>> {
        match &self.credential {
            Credential::Held(holder) => Some(holder),
            Credential::Secret(_) | Credential::Proven(..) => None,
        }
    }
}

/// Whether a connection makes use of an operation: of a command's where it may write, of another where its settings need it.
pub fn is_used(operation: &Operation, needs: &Needs, access: Access) -> bool {
    let serves = operation.name.split('.').next().unwrap_or_default();
    if COMMANDS.contains(&serves) { access == Access::Write } else { needs.operations.contains(&operation.name) }
}

/// A CRM's app and the locations that may install it.
pub struct Crm {
    /// The component.
    pub source: Arc<Source>,
    /// The app's side of OAuth, where it is configured.
    pub app: Option<Arc<Client>>,
    /// The scopes its component may ever need.
    pub scopes: Vec<String>,
    /// Whether an install makes a connection.
    pub installs: bool,
}

/// A dataset of an ad platform.
pub struct Destination {
    /// Its name in the configuration.
    pub name: String,
    /// The sink that speaks to it.
    pub sink: Arc<Sink>,
    /// What the sink said of its platform.
    pub profile: SinkProfile,
    /// What the sink may ask.
    pub right: Right,
    /// The dataset's credential.
    pub credential: Credential,
    /// What the sink is told about it.
    pub words: SinkDestination,
    /// The versions of the platform's API that its settings make use of.
    pub versions: Vec<ApiVersion>,
    /// Requests in flight at once.
    pub in_flight: usize,
    /// Whether an attempt without an answer is sent again with the same ids.
    pub resend: bool,
    /// How many events of one rule an hour may hold.
    pub brake: Brake,
}

/// Events leave with this much time to spare before the platform would refuse them.
const MARGIN_MS: Millis = 60 * 60 * 1_000;

impl Destination {
    /// A ticket for one call of the sink, in an attempt where it sends events. Nothing leaves on it once `stop` is on.
    pub fn ticket(&self, attempt: Option<i64>, stop: Option<Arc<Stop>>) -> Arc<Ticket> {
        let mut ticket = self.right.ticket(&self.credential);
        ticket.digest = Some(self.sink.loaded().digest.to_string());
        ticket.lane = format!("destination:{}", self.name);
        ticket.attempt = attempt;
        ticket.stop = stop;
        Arc::new(ticket)
    }

    /// After this the platform refuses the event.
    pub fn deadline(&self, event: &ConversionEvent) -> Millis {
        let of_source =
            |wanted: ActionSource| self.profile.max_age_by_source.iter().find(|(source, _)| *source == wanted);
        let max_age = of_source(event.action_source).map_or(self.profile.max_age_ms, |(_, age)| *age);
        event.occurred_at.saturating_add(max_age).saturating_sub(MARGIN_MS.min(max_age / 10))
    }
}

/// All of it.
#[derive(Default)]
pub struct Plan {
    /// By name.
    pub connections: HashMap<String, Arc<Connection>>,
    /// By name.
    pub destinations: HashMap<String, Arc<Destination>>,
    /// By the source's name.
    pub crms: HashMap<String, Arc<Crm>>,
}

impl Plan {
    /// The names of the connections that a mapper translates for, sorted.
    pub fn translated_by(&self, mapper: &str) -> Vec<&str> {
        let of_mapper = self.connections.values().filter(|connection| connection.mapper == mapper);
        let mut names: Vec<&str> = of_mapper.map(|connection| connection.name.as_str()).collect();
        names.sort_unstable();
        names
    }

    /// The connection of a location, if there is one.
    pub fn of_location(&self, origin: &str, location: &str) -> Option<&Arc<Connection>> {
        self.connections.values().find(|connection| connection.origin == origin && connection.location == location)
    }
}
