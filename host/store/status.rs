//! How much stands where. Counts cover what is in the store: swept rows are counted no more.

use std::collections::BTreeMap;

use rusqlite::OptionalExtension;
use serde::Serialize;

use super::gap::GAP_GRACE_MS;
use super::pause::Pause;
use super::poll::PollSummary;
use super::rows::{Rows, nat};
use super::test_mode::TestMode;
use super::token::GrantState;
use super::{Store, StoreError};
use crate::clock::Millis;

/// How much stands where.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Status {
    /// When this was asked.
    pub at: Millis,
    /// The live generation.
    pub generation: Option<i64>,
    /// Deliveries, by connection.
    pub connections: BTreeMap<String, ConnectionStatus>,
    /// Deliveries whose location belongs to no connection yet.
    pub held: Vec<HeldLocation>,
    /// Changes of all connections.
    pub changes: ChangeStatus,
    /// Events, by destination.
    pub destinations: BTreeMap<String, DestinationStatus>,
    /// Commands to the CRM that rules asked for, by connection.
    pub commands: BTreeMap<String, CommandStatus>,
    /// What is paused.
    pub pauses: Vec<Pause>,
    /// Whose events are marked as tests.
    pub test_modes: Vec<TestMode>,
}

/// A connection's deliveries.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct ConnectionStatus {
    /// Waiting to be read.
    pub waiting: u64,
    /// When the oldest of those came.
    pub oldest: Option<Millis>,
    /// Read, with something to tell.
    pub done: u64,
    /// Read, with nothing to tell, by code.
    pub silent: BTreeMap<String, u64>,
    /// Parked until a person replays them.
    pub dead: u64,
    /// Ended by a person, or with their contact.
    pub dropped: u64,
    /// Where its polls stand.
    pub polls: Vec<PollSummary>,
    /// Facts that no webhook told, past the usual grace.
    pub gaps: u64,
    /// The same by kind of fact, and what polls missed, in order.
    pub missed: BTreeMap<String, Missed>,
    /// How the connection's own grant stands, where there is one: its holder is `connection:` and the connection's name.
    pub grant: Option<GrantState>,
}

/// What each way of learning missed of one kind of fact.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Missed {
    /// Facts that no webhook told.
    pub webhooks: u64,
    /// Facts that no poll found although one looked since.
    pub polls: u64,
}

/// Deliveries held for a location.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct HeldLocation {
    /// The source.
    pub source: String,
    /// The location that no connection claims.
    pub location: String,
    /// How many.
    pub count: u64,
    /// When the oldest came.
    pub oldest: Millis,
}

/// Changes.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct ChangeStatus {
    /// Waiting to be translated.
    pub waiting: u64,
    /// Translated into events.
    pub done: u64,
    /// Skipped, by code.
    pub skipped: BTreeMap<String, u64>,
    /// Parked until a person replays them.
    pub dead: u64,
    /// Ended by a person, or with their contact.
    pub dropped: u64,
}

/// What we know of an audience's members.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct AudienceStatus {
    /// Put in by us, as far as the platform has said.
    pub joined: u64,
    /// Waiting to be put in or taken out, or on the way.
    pub waiting: u64,
    /// Parked until a person decides.
    pub dead: u64,
    /// Rows the platform could make nothing of; it does not say which.
    pub invalid: u64,
    /// Why those that wait could not be sent the last time, one of the reasons.
    pub reason: Option<String>,
}

/// A destination's events.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct DestinationStatus {
    /// Waiting to be sent for the first time.
    pub waiting: u64,
    /// Waiting to be sent again.
    pub retrying: u64,
    /// In an attempt without an answer so far.
    pub in_flight: u64,
    /// The platform has them.
    pub done: u64,
    /// Parked until a person replays them.
    pub dead: u64,
    /// Past their deadline.
    pub expired: u64,
    /// Ended by a person, or with their contact.
    pub dropped: u64,
    /// Of all these: once in an attempt that never had an answer.
    pub ambiguous: u64,
    /// Its audiences, by name.
    pub audiences: BTreeMap<String, AudienceStatus>,
}

/// A connection's commands to its CRM.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct CommandStatus {
    /// Waiting to be carried out.
    pub waiting: u64,
    /// Waiting for their event to be delivered.
    pub held: u64,
    /// Carried out.
    pub done: u64,
    /// Given up, with a reason.
    pub dead: u64,
    /// Ended by a person, or with their contact.
    pub dropped: u64,
}

impl Store {
    /// How much stands where at `now`. Reads indexes only, yet all of them: for people, not for loops.
    ///
    /// # Errors
    /// As the database has it.
    pub async fn status(&self, now: Millis) -> Result<Status, StoreError> {
        self.read(move |rows| {
            let mut status =
                Status { at: now, pauses: rows.pauses()?, test_modes: rows.test_modes(now)?, ..Status::default() };
            rows.count_deliveries(&mut status)?;
            rows.count_changes(&mut status)?;
            rows.count_events(&mut status)?;
            rows.count_commands(&mut status)?;
            rows.count_members(&mut status)?;
            rows.ask_after_connections(&mut status)?;
            status.generation =
                rows.db.query_row("SELECT max(id) FROM generation WHERE connection IS NULL", [], |row| row.get(0))?;
            Ok(status)
        })
        .await
    }
}

impl Rows<'_> {
    fn count_deliveries(&self, status: &mut Status) -> Result<(), StoreError> {
        let mut query = self.db.prepare_cached(
            "SELECT connection, state, coalesce(code, ''), count(*), min(received_at) FROM inbox
             WHERE state <> 'held' AND connection IS NOT NULL GROUP BY state, connection, code",
        )?;
        let mut rows = query.query([])?;
        while let Some(row) = rows.next()? {
            let connection = status.connections.entry(row.get(0)?).or_default();
            let count = nat(row.get(3)?);
            match row.get_ref(1)?.as_str().unwrap_or_default() {
                "waiting" => {
                    connection.waiting += count;
                    connection.oldest = Some(nat(row.get(4)?));
                }
                "silent" => *connection.silent.entry(row.get(2)?).or_default() += count,
                "done" => connection.done += count,
                "dropped" => connection.dropped += count,
                _ => connection.dead += count,
            }
        }
        let mut query = self.db.prepare_cached(
            "SELECT source, location, count(*), min(received_at) FROM inbox
             WHERE state = 'held' GROUP BY source, location",
        )?;
        let held = query.query_map([], |row| {
            let (count, oldest) = (nat(row.get(2)?), nat(row.get(3)?));
            Ok(HeldLocation { source: row.get(0)?, location: row.get(1)?, count, oldest })
        })?;
        status.held = held.collect::<Result<_, _>>()?;
        Ok(())
    }

    /// What is known of connections apart from their deliveries. One without a delivery is listed for its polls and
    /// gaps, not for a grant alone: a grant may be a whole company's.
    fn ask_after_connections(&self, status: &mut Status) -> Result<(), StoreError> {
        for poll in self.polls()? {
            status.connections.entry(poll.connection.clone()).or_default().polls.push(poll);
        }
        for count in self.gaps(None, status.at.saturating_sub(GAP_GRACE_MS))? {
            let connection = status.connections.entry(count.connection).or_default();
            connection.gaps += count.webhooks_missed;
            let missed = Missed { webhooks: count.webhooks_missed, polls: count.polls_missed };
            connection.missed.insert(count.kind, missed);
        }
        let mut query = self.db.prepare_cached("SELECT state FROM token WHERE holder = ?1")?;
        for (name, connection) in &mut status.connections {
            let state =
                query.query_row([format!("connection:{name}")], |row| Ok(GrantState::read(row.get_ref(0)?.as_str()?)));
            connection.grant = state.optional()?;
        }
        Ok(())
    }

    fn count_changes(&self, status: &mut Status) -> Result<(), StoreError> {
        let mut query =
            self.db.prepare_cached("SELECT state, coalesce(code, ''), count(*) FROM change GROUP BY state, code")?;
        let mut rows = query.query([])?;
        while let Some(row) = rows.next()? {
            let count = nat(row.get(2)?);
            match row.get_ref(0)?.as_str().unwrap_or_default() {
                "waiting" => status.changes.waiting += count,
                "done" => status.changes.done += count,
                "dropped" => status.changes.dropped += count,
                "skipped" => *status.changes.skipped.entry(row.get(1)?).or_default() += count,
                _ => status.changes.dead += count,
            }
        }
        Ok(())
    }

    fn count_commands(&self, status: &mut Status) -> Result<(), StoreError> {
        let mut query =
            self.db.prepare_cached("SELECT connection, state, count(*) FROM wanted GROUP BY state, connection")?;
        let mut rows = query.query([])?;
        while let Some(row) = rows.next()? {
            let commands = status.commands.entry(row.get(0)?).or_default();
            let count = nat(row.get(2)?);
            match row.get_ref(1)?.as_str().unwrap_or_default() {
                "waiting" => commands.waiting = count,
                "held" => commands.held = count,
                "done" => commands.done = count,
                "dropped" => commands.dropped = count,
                _ => commands.dead = count,
            }
        }
        Ok(())
    }

    fn count_members(&self, status: &mut Status) -> Result<(), StoreError> {
        let mut query = self.db.prepare_cached(
            "SELECT destination, audience, sum(put_in IS NOT NULL), sum(state IN ('waiting', 'in_flight')),
                    sum(state = 'dead'), max(CASE WHEN state = 'waiting' THEN reason END)
             FROM membership GROUP BY destination, audience",
        )?;
        let mut rows = query.query([])?;
        while let Some(row) = rows.next()? {
            let destination = status.destinations.entry(row.get(0)?).or_default();
            let audience = destination.audiences.entry(row.get(1)?).or_default();
            (audience.joined, audience.waiting) = (nat(row.get(2)?), nat(row.get(3)?));
            (audience.dead, audience.reason) = (nat(row.get(4)?), row.get(5)?);
        }
        let mut query = self.db.prepare_cached("SELECT destination, audience, invalid FROM audience")?;
        let mut rows = query.query([])?;
        while let Some(row) = rows.next()? {
            let destination = status.destinations.entry(row.get(0)?).or_default();
            destination.audiences.entry(row.get(1)?).or_default().invalid = nat(row.get(2)?);
        }
        Ok(())
    }

    fn count_events(&self, status: &mut Status) -> Result<(), StoreError> {
        let mut query = self.db.prepare_cached(
            "SELECT destination, state, tries > 0, count(*), sum(ambiguous) FROM outbox
             GROUP BY state, destination, tries > 0",
        )?;
        let mut rows = query.query([])?;
        while let Some(row) = rows.next()? {
            let destination = status.destinations.entry(row.get(0)?).or_default();
            let count = nat(row.get(3)?);
            destination.ambiguous += nat(row.get(4)?);
            match (row.get_ref(1)?.as_str().unwrap_or_default(), row.get::<_, bool>(2)?) {
                ("waiting", false) => destination.waiting += count,
                ("waiting", true) => destination.retrying += count,
                ("in_flight", _) => destination.in_flight += count,
                ("done", _) => destination.done += count,
                ("expired", _) => destination.expired += count,
                ("dropped", _) => destination.dropped += count,
                _ => destination.dead += count,
            }
        }
        Ok(())
    }
}
