//! Who reads what, and where it goes: an immutable plan, replaced whole when the configuration is reloaded.

use std::collections::HashMap;
use std::sync::Arc;

use http::HeaderMap;

use crate::clock::Millis;
use crate::contract::{ActionSource, ConversionEvent};
use crate::egress::{Grant, Ticket};
use crate::engine::{Sink, SinkDestination, SinkProfile, Source, Subject};
use crate::vault::SecretRef;

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
    pub fn ticket(&self, credential: &SecretRef) -> Arc<Ticket> {
        Arc::new(Ticket::new(
            self.component.clone(),
            self.grant.clone(),
            Some(credential.clone()),
            self.headers.clone(),
        ))
    }
}

/// One CRM location bound to a mapper and its destinations.
pub struct Connection {
    /// Its name in the configuration.
    pub name: String,
    /// The vendor's id of the location.
    pub location: String,
    /// The source that reads it.
    pub source: Arc<Source>,
    /// What the source may ask.
    pub right: Right,
    /// The location's credential.
    pub credential: SecretRef,
    /// The source's settings, as TOML text.
    pub settings: String,
    /// The mapper's name in the configuration.
    pub mapper: String,
    /// Where its events go.
    pub destinations: Vec<Arc<Destination>>,
}

impl Connection {
    /// What a call of the source is told about this connection.
    pub fn subject(&self, catalogue: Option<Vec<u8>>) -> Subject {
        let (connection, location, settings) = (self.name.clone(), self.location.clone(), self.settings.clone());
        Subject { connection, location, settings, catalogue }
    }
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
    pub credential: SecretRef,
    /// What the sink is told about it.
    pub words: SinkDestination,
    /// Requests in flight at once.
    pub in_flight: usize,
    /// Whether an attempt without an answer is sent again with the same ids.
    pub resend: bool,
}

/// Events leave with this much time to spare before the platform would refuse them.
const MARGIN_MS: Millis = 60 * 60 * 1_000;

impl Destination {
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
}
