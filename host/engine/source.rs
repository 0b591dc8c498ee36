//! A contact-source as typed functions.

use std::sync::Arc;

use super::pool::{Kind, Pool};
use super::worlds::source::SourceComponent;
use super::worlds::source::exports::convey::pipeline::contact_source as words;
use super::{Engine, Fault, Lines, LoadError, Loaded, World};
use crate::contract::{Change, CrmCommand, Delivery};
use crate::egress::Ticket;

pub use words::{
    Answer, BusinessFilter, ContactFilter, Encoding, Envelope, Execution, Gap, GrantState, Identity, Installation,
    Lifecycle, Needs, Oauth, Page, Profile, Query, RateHeaders, RateLimit, Reading, Readings, Row, Signature,
    SignatureAlgorithm, Silence, SourceError, Subject, Sweep, Telling, Work,
};

/// A CRM's component.
pub struct Source {
    loaded: Loaded,
    pool: Pool<SourceComponent>,
}

impl Source {
    /// A source from a loaded component.
    pub fn new(engine: &Engine, loaded: Loaded) -> Result<Self, LoadError> {
        let loaded = loaded.expect(World::Source)?;
        let pool =
            Pool::new(engine, &loaded, Kind::Connected, |store, instance| SourceComponent::new(store, instance))?;
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
                guest.convey_pipeline_contact_source().call_describe(store).await
            })
            .await
    }

    /// What a connection's settings ask of the host; `Err` is its objection to them.
    pub async fn configure(&self, settings: &str) -> Result<Result<Needs, String>, Fault> {
        self.pool
            .call("configure", None, async |store, guest| {
                guest.convey_pipeline_contact_source().call_configure(store, settings).await
            })
            .await
    }

    /// Whose deliveries these are, one answer each. `lines` gets what the guest writes.
    pub async fn identify(
        &self,
        deliveries: &[Delivery],
        lines: &mut Option<Lines>,
    ) -> Result<Vec<Result<Identity, String>>, Fault> {
        const CALL: &str = "identify";
        let answers = self
            .pool
            .call_heard(CALL, None, lines, async |store, guest| {
                guest.convey_pipeline_contact_source().call_identify(store, deliveries).await
            })
            .await?;
        self.same_length(CALL, deliveries.len(), answers.len())?;
        Ok(answers)
    }

    /// Bodies as changes, without a request.
    pub async fn interpret(
        &self,
        subject: &Subject,
        trigger: Option<&str>,
        bodies: &[Vec<u8>],
    ) -> Result<Vec<Result<Vec<Change>, String>>, Fault> {
        const CALL: &str = "interpret";
        let answers = self
            .pool
            .call(CALL, None, async |store, guest| {
                guest.convey_pipeline_contact_source().call_interpret(store, subject, trigger, bodies).await
            })
            .await?;
        self.same_length(CALL, bodies.len(), answers.len())?;
        Ok(answers)
    }

    /// Deliveries as changes, with the requests that takes, on `ticket`. One answer each, inside too. `lines` gets what the guest writes.
    pub async fn read(
        &self,
        ticket: Arc<Ticket>,
        subject: &Subject,
        work: &[Work],
        lines: &mut Option<Lines>,
    ) -> Result<Readings, Fault> {
        const CALL: &str = "read";
        let readings = self
            .pool
            .call_heard(CALL, Some(ticket), lines, async |store, guest| {
                guest.convey_pipeline_contact_source().call_read(store, subject, work).await
            })
            .await?;
        self.same_length(CALL, work.len(), readings.items.len())?;
        for (work, reading) in work.iter().zip(&readings.items) {
            if let Ok(reading) = reading {
                self.same_length(CALL, work.deliveries.len(), reading.tellings.len())?;
            }
        }
        Ok(readings)
    }

    /// One page of what changed, or of everything, from `cursor` on.
    pub async fn poll(
        &self,
        ticket: Arc<Ticket>,
        subject: &Subject,
        sweep: Sweep,
        cursor: Option<&str>,
    ) -> Result<Result<Page, SourceError>, Fault> {
        self.pool
            .call("poll", Some(ticket), async |store, guest| {
                guest.convey_pipeline_contact_source().call_poll(store, subject, sweep, cursor).await
            })
            .await
    }

    /// The CRM's answer to a question.
    pub async fn ask(
        &self,
        ticket: Arc<Ticket>,
        subject: &Subject,
        query: &Query,
    ) -> Result<Result<Answer, SourceError>, Fault> {
        self.pool
            .call("ask", Some(ticket), async |store, guest| {
                guest.convey_pipeline_contact_source().call_ask(store, subject, query).await
            })
            .await
    }

    /// Whether the credential carries a scope, by one harmless request.
    pub async fn probe(
        &self,
        ticket: Arc<Ticket>,
        subject: &Subject,
        scope: &str,
    ) -> Result<Result<(), SourceError>, Fault> {
        self.pool
            .call("probe", Some(ticket), async |store, guest| {
                guest.convey_pipeline_contact_source().call_probe(store, subject, scope).await
            })
            .await
    }

    /// Writes to the CRM what `command` says, once for a `key`. `memory` is what is remembered of the contact. `lines` gets what the guest writes.
    #[expect(
        clippy::too_many_arguments,
        reason = "six are the contract's own, and the seventh is what the guest says besides"
    )]
    pub async fn execute(
        &self,
        ticket: Arc<Ticket>,
        subject: &Subject,
        contact: Option<&str>,
        memory: Option<&[u8]>,
        command: &CrmCommand,
        key: &str,
        lines: &mut Option<Lines>,
    ) -> Result<Result<Execution, SourceError>, Fault> {
        self.pool
            .call_heard("execute", Some(ticket), lines, async |store, guest| {
                let guest = guest.convey_pipeline_contact_source();
                guest.call_execute(store, subject, contact, memory, command, key).await
            })
            .await
    }

    fn same_length(&self, call: &'static str, asked: usize, answered: usize) -> Result<(), Fault> {
        if asked == answered {
            return Ok(());
        }
        Err(self.pool.broken(call, format!("{asked} items went in, {answered} answers came out")))
    }
}
