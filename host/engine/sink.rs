//! A conversions-sink as typed functions.

use std::sync::Arc;

use super::pool::{Kind, Pool};
use super::worlds::sink::SinkComponent;
use super::worlds::sink::exports::convey::pipeline::conversions_sink as words;
use super::{Engine, Fault, Lines, LoadError, Loaded, World};
use crate::contract::{ConversionEvent, Membership, UserData};
use crate::egress::Ticket;

pub use words::{ApiVersion, Destination, Outcome, Profile, Shipment};

/// An ad platform's component.
pub struct Sink {
    loaded: Loaded,
    pool: Pool<SinkComponent>,
}

impl Sink {
    /// A sink from a loaded component.
    pub fn new(engine: &Engine, loaded: Loaded) -> Result<Self, LoadError> {
        let loaded = loaded.expect(World::Sink)?;
        let pool = Pool::new(engine, &loaded, Kind::Connected, |store, instance| SinkComponent::new(store, instance))?;
        Ok(Self { loaded, pool })
    }

    /// The component behind it.
    pub fn loaded(&self) -> &Loaded {
        &self.loaded
    }

    /// What the operator is asked to grant. Asks the network nothing.
    pub async fn describe(&self) -> Result<Profile, Fault> {
        self.pool
            .call("describe", None, async |store, guest| {
                guest.convey_pipeline_conversions_sink().call_describe(store).await
            })
            .await
    }

    /// The versions of the platform's API that a destination's settings make use of; `Err` is its objection to them.
    pub async fn configure(&self, settings: &str) -> Result<Result<Vec<ApiVersion>, String>, Fault> {
        self.pool
            .call("configure", None, async |store, guest| {
                guest.convey_pipeline_conversions_sink().call_configure(store, settings).await
            })
            .await
    }

    /// One harmless request: whether the credential reaches the destination.
    pub async fn probe(&self, ticket: Arc<Ticket>, destination: &Destination) -> Result<Outcome, Fault> {
        self.pool
            .call("probe", Some(ticket), async |store, guest| {
                guest.convey_pipeline_conversions_sink().call_probe(store, destination).await
            })
            .await
    }

    /// The platform's wire form, one JSON text an event, without a request.
    pub async fn encode(&self, destination: &Destination, events: &[ConversionEvent]) -> Result<Vec<String>, Fault> {
        const CALL: &str = "encode";
        let texts = self
            .pool
            .call(CALL, None, async |store, guest| {
                guest.convey_pipeline_conversions_sink().call_encode(store, destination, events).await
            })
            .await?;
        self.same_length(CALL, events.len(), texts.len())?;
        Ok(texts)
    }

    /// Sends events, on `ticket`. One outcome each. `lines` gets what the guest writes.
    pub async fn deliver(
        &self,
        ticket: Arc<Ticket>,
        destination: &Destination,
        events: &[ConversionEvent],
        lines: &mut Option<Lines>,
    ) -> Result<Shipment, Fault> {
        const CALL: &str = "deliver";
        let shipment = self
            .pool
            .call_heard(CALL, Some(ticket), lines, async |store, guest| {
                guest.convey_pipeline_conversions_sink().call_deliver(store, destination, events).await
            })
            .await?;
        self.same_length(CALL, events.len(), shipment.outcomes.len())?;
        Ok(shipment)
    }

    /// Puts people into an audience or takes them out, on `ticket`. One outcome each.
    pub async fn update_audience(
        &self,
        ticket: Arc<Ticket>,
        destination: &Destination,
        audience: &str,
        membership: Membership,
        members: &[UserData],
    ) -> Result<Shipment, Fault> {
        const CALL: &str = "update-audience";
        let shipment = self
            .pool
            .call(CALL, Some(ticket), async |store, guest| {
                guest
                    .convey_pipeline_conversions_sink()
                    .call_update_audience(store, destination, audience, membership, members, None)
                    .await
            })
            .await?;
        self.same_length(CALL, members.len(), shipment.outcomes.len())?;
        Ok(shipment)
    }

    fn same_length(&self, call: &'static str, asked: usize, answered: usize) -> Result<(), Fault> {
        if asked == answered {
            return Ok(());
        }
        Err(self.pool.broken(call, format!("{asked} items went in, {answered} answers came out")))
    }
}
