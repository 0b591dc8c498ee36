//! Events: what we will say, claimed by destination with the nearest deadline first, each claim a durable attempt.

use rusqlite::params;

use super::brake::{BRAKE, Brake, Pace};
use super::change::TranslationSettlement;
use super::lane::{Lanes, Waiting};
use super::rows::{Rows, int, nat, sort_opened};
use super::{Store, StoreError};
use crate::clock::Millis;
use crate::vault::Lookup;

/// An event to send. A destination is told an id once, for ever.
#[derive(Clone)]
pub struct NewEvent {
    /// Where to.
    pub destination: String,
    /// The event's id.
    pub event_id: String,
    /// The event's name.
    pub name: String,
    /// The rule that asked for it.
    pub rule: String,
    /// When the fact happened.
    pub occurred_at: Millis,
    /// When the platform stops taking it.
    pub deadline: Millis,
    /// The event itself; sealed.
    pub bytes: Vec<u8>,
    /// How many of its kind an hour may hold.
    pub brake: Brake,
}

/// Events that may be sent now, under an attempt that is durable already.
#[derive(Clone)]
pub struct Claim {
    /// The attempt, by which the settlement names it.
    pub attempt: i64,
    /// Its events, the nearest deadline first.
    pub events: Vec<StoredEvent>,
}

/// A claimed event.
#[derive(Clone)]
pub struct StoredEvent {
    /// Its row, by which the settlement names it.
    pub row: i64,
    /// The event's id.
    pub event_id: String,
    /// The event's name.
    pub name: String,
    /// The rule that asked for it.
    pub rule: String,
    /// When the fact happened.
    pub occurred_at: Millis,
    /// When the platform stops taking it.
    pub deadline: Millis,
    /// The event itself.
    pub bytes: Vec<u8>,
    /// How many attempts there were before this one.
    pub tries: u32,
    /// The delivery that told its fact first, and when that came; none once it has been swept.
    pub delivery: Option<(String, Millis)>,
}

pub(super) const EVENT_LANES: Lanes = Lanes { table: "outbox", column: "destination" };

/// The index gives the nearest deadline first without sorting; left to itself SQLite takes the one by due time and
/// sorts a whole backlog for every claim.
pub(super) const CLAIM_EVENTS: &str =
    "SELECT row, event_id, name, occurred_at, deadline, tries, subject, sealed, rule, change
     FROM outbox INDEXED BY outbox_by_state
     WHERE state = 'waiting' AND destination = ?1 AND due_at <= ?2 ORDER BY deadline LIMIT ?3";

impl Store {
    /// The destinations with events due at `now`.
    ///
    /// # Errors
    /// As the database has it.
    pub async fn destinations_waiting(&self, now: Millis) -> Result<Vec<Waiting>, StoreError> {
        self.read(move |rows| rows.waiting(EVENT_LANES, now)).await
    }

    /// Claims at most `limit` of a destination's due events. `None` if there are none, or if the destination or
    /// everything is paused. The attempt is durable when this returns; an event that does not open becomes dead.
    ///
    /// # Errors
    /// As the disk has it; then nothing was claimed.
    pub async fn claim_events(
        &self,
        destination: &str,
        now: Millis,
        limit: usize,
        sink_digest: &str,
    ) -> Result<Option<Claim>, StoreError> {
        let (destination, sink_digest) = (destination.to_owned(), sink_digest.to_owned());
        self.write("claim_events", 0, move |rows| rows.claim_events(&destination, now, limit, &sink_digest)).await
    }
}

impl Rows<'_> {
    /// Stores an event of a change. Whether the change has it: `false` if the destination was told the id by another
    /// one.
    pub(super) fn add_event(
        &self,
        settlement: &TranslationSettlement,
        (change, making): (i64, i64),
        owner: &Lookup,
        event: &NewEvent,
        pace: &mut Pace,
    ) -> Result<bool, StoreError> {
        if self.was_told(&event.destination, &event.event_id)? {
            return Ok(false);
        }
        let sealed = self.seal("outbox", &[&event.destination, &event.event_id], owner, &event.bytes)?;
        let passes = pace.passes(self, event, settlement.now)?;
        let (state, reason) = if passes { ("waiting", None) } else { ("dead", Some(BRAKE)) };
        let added = self
            .db
            .prepare_cached(
                "INSERT INTO outbox (destination, event_id, change, generation, rule, name, occurred_at, deadline,
                                     due_at, created_at, subject, sealed, state, reason, done_at, making)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?9, ?10, ?11, ?12, ?13, ?14, ?15)
                 ON CONFLICT (destination, event_id) DO NOTHING",
            )?
            .execute(params![
                event.destination,
                event.event_id,
                change,
                settlement.generation,
                event.rule,
                event.name,
                int(event.occurred_at),
                int(event.deadline),
                int(settlement.now),
                owner,
                sealed,
                state,
                reason,
                (!passes).then_some(int(settlement.now)),
                making,
            ])?;
        if added == 1 {
            pace.count(event, passes);
        }
        Ok(added == 1
            || self
                .db
                .prepare_cached("SELECT 1 FROM outbox WHERE destination = ?1 AND event_id = ?2 AND change = ?3")?
                .exists(params![event.destination, event.event_id, change])?)
    }

    /// Whether the destination was told an event of this id whose row is gone.
    pub(super) fn was_told(&self, destination: &str, event_id: &str) -> Result<bool, StoreError> {
        let mut query = self.db.prepare_cached("SELECT 1 FROM event_told WHERE destination = ?1 AND event_id = ?2")?;
        Ok(query.exists([destination, event_id])?)
    }

    fn claim_events(
        &self,
        destination: &str,
        now: Millis,
        limit: usize,
        sink_digest: &str,
    ) -> Result<Option<Claim>, StoreError> {
        if self.is_paused(destination)? {
            return Ok(None);
        }
        let events = self.due_events(destination, now, limit)?;
        if events.is_empty() {
            return Ok(None);
        }
        let attempt = self
            .db
            .prepare_cached("INSERT INTO attempt (destination, sink_digest, at) VALUES (?1, ?2, ?3)")?
            .insert(params![destination, sink_digest, int(now)])?;
        let mut item = self.db.prepare_cached("INSERT INTO attempt_item (attempt, event) VALUES (?1, ?2)")?;
        let mut leave =
            self.db.prepare_cached("UPDATE outbox SET state = 'in_flight', tries = tries + 1 WHERE row = ?1")?;
        for event in &events {
            item.execute([attempt, event.row])?;
            leave.execute([event.row])?;
        }
        Ok(Some(Claim { attempt, events }))
    }

    fn due_events(&self, destination: &str, now: Millis, limit: usize) -> Result<Vec<StoredEvent>, StoreError> {
        let mut query = self.db.prepare_cached(CLAIM_EVENTS)?;
        let found = query.query_map(params![destination, int(now), int(limit as u64)], |row| {
            let event = StoredEvent {
                row: row.get(0)?,
                event_id: row.get(1)?,
                name: row.get(2)?,
                occurred_at: nat(row.get(3)?),
                deadline: nat(row.get(4)?),
                rule: row.get(8)?,
                bytes: Vec::new(),
                tries: row.get(5)?,
                delivery: self.first_delivery(row.get(9)?)?,
            };
            Ok((event, row.get::<_, Lookup>(6)?, row.get::<_, Vec<u8>>(7)?))
        })?;
        let found = found.collect::<Result<Vec<_>, _>>()?;
        let (events, closed) = sort_opened(found.into_iter().map(|(mut event, subject, sealed)| {
            let plain = self.open("outbox", &[destination, &event.event_id], &subject, &sealed);
            let opened = plain.map(|bytes| event.bytes = bytes);
            (event.row, opened.map(|()| event))
        }))?;
        self.park("outbox", &closed)?;
        Ok(events)
    }
}
