//! Why something was sent, or not: a delivery, what it told, what was made of that, and every attempt to say it. Ids,
//! times, digests and reasons only; of what is sealed nothing is opened but what guests wrote.

use std::collections::BTreeSet;

use rusqlite::{OptionalExtension, Row, params};
use serde::Serialize;

use super::queue::{QueueKind, QueueRow};
use super::rows::{Rows, nat};
use super::written::WhyWritten;
use super::{Store, StoreError};
use crate::clock::Millis;

/// Changes and deliveries that one answer holds, the newest.
const MOST: i64 = 100;

/// Everything that is known of an id.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Why {
    /// Deliveries, in the order in which they came.
    pub deliveries: Vec<WhyDelivery>,
    /// What they told, in order.
    pub changes: Vec<WhyChange>,
    /// Destinations that were told an event of this id, whose rows are gone.
    pub told_long_ago: Vec<String>,
    /// When the contact was forgotten.
    pub forgotten_at: Option<Millis>,
}

/// A delivery.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct WhyDelivery {
    /// Our id of it.
    pub id: String,
    /// Its sender's.
    pub webhook_id: String,
    /// Whose it is.
    pub connection: Option<String>,
    /// How it came.
    pub origin: String,
    /// What kind it is.
    pub kind: Option<String>,
    /// `held`, `waiting`, `done`, `silent`, `dead` or `dropped`.
    pub state: String,
    /// Why it told nothing, or waits again.
    pub reason: Option<String>,
    /// When its sender sent it.
    pub sent_at: Option<Millis>,
    /// When it came.
    pub received_at: Millis,
    /// When it was read last.
    pub read_at: Option<Millis>,
    /// From its coming to that.
    pub took_ms: Option<u64>,
    /// The digest of the source that read it.
    pub source_digest: Option<String>,
    /// What the source wrote while it did.
    pub wrote: Vec<WhyWritten>,
}

/// A change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct WhyChange {
    /// How a person names it: `c34`.
    pub name: String,
    /// The fact's id.
    pub id: String,
    /// Where it happened.
    pub connection: String,
    /// What kind of fact.
    pub kind: String,
    /// `waiting`, `done`, `skipped`, `dead` or `dropped`.
    pub state: String,
    /// The skip as one word.
    pub code: Option<String>,
    /// The rule that skipped it.
    pub rule: Option<String>,
    /// Why it was skipped, is dead or waits again.
    pub reason: Option<String>,
    /// When it happened.
    pub occurred_at: Millis,
    /// When it was translated last.
    pub translated_at: Option<Millis>,
    /// From the reading of its first delivery to that.
    pub took_ms: Option<u64>,
    /// What translated it.
    pub generation: Option<WhyGeneration>,
    /// Our ids of the deliveries that told it.
    pub told_by: Vec<String>,
    /// Its events.
    pub events: Vec<WhyEvent>,
    /// What the CRM is told of it.
    pub commands: Vec<WhyCommand>,
}

/// A command to the CRM that a rule asked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct WhyCommand {
    /// How a person names it: `k56`.
    pub name: String,
    /// Which command.
    pub command: String,
    /// The rule that asked for it.
    pub rule: String,
    /// `held`, `waiting`, `done`, `dead` or `dropped`.
    pub state: String,
    /// Why it is not done.
    pub reason: Option<String>,
    /// When it was asked for.
    pub created_at: Millis,
    /// When its story ended.
    pub done_at: Option<Millis>,
    /// What the source wrote while it carried it out.
    pub wrote: Vec<WhyWritten>,
}

/// A mapper with its settings.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct WhyGeneration {
    /// Its number.
    pub id: i64,
    /// The mapper's name.
    pub mapper: String,
    /// The mapper's digest.
    pub mapper_digest: String,
    /// The digest of its settings.
    pub settings_hash: String,
}

/// An event.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct WhyEvent {
    /// How a person names it: `e12`.
    pub name: String,
    /// Its id at the platform.
    pub event_id: String,
    /// What it is called there.
    pub event: String,
    /// Where it goes.
    pub destination: String,
    /// `waiting`, `in_flight`, `done`, `dead`, `expired` or `dropped`.
    pub state: String,
    /// Why it is not done.
    pub reason: Option<String>,
    /// The rule that asked for it.
    pub rule: String,
    /// What made it, where that is not what translated its change last.
    pub generation: i64,
    /// When it was made.
    pub created_at: Millis,
    /// When the platform stops taking it.
    pub deadline: Millis,
    /// When its story ended.
    pub done_at: Option<Millis>,
    /// From its making to its end.
    pub took_ms: Option<u64>,
    /// The platform's word for the request that took it.
    pub trace: Option<String>,
    /// Whether the platform may have it twice, or have it although it is not done.
    pub may_repeat: bool,
    /// What made it. None where an older convey did.
    pub made_by: Option<WhyMaking>,
    /// Every request that carried it.
    pub attempts: Vec<WhyAttempt>,
    /// What the sink wrote with it in hand.
    pub wrote: Vec<WhyWritten>,
}

/// What made an event; the sink's digest stands with each attempt.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct WhyMaking {
    /// The digest of the source that read its change.
    pub source_digest: String,
    /// The mapper's digest.
    pub mapper_digest: String,
    /// The digest of its settings.
    pub settings_hash: String,
    /// The version of the contract.
    pub contract: String,
    /// The version of the host.
    pub host: String,
}

/// A request that carried an event.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct WhyAttempt {
    /// Its number.
    pub attempt: i64,
    /// When it was made.
    pub at: Millis,
    /// Until its answer was written down.
    pub took_ms: Option<u64>,
    /// The worst word for any event in it.
    pub outcome: Option<String>,
    /// What followed for this event; none while nothing has.
    pub verdict: Option<String>,
    /// The digest of the sink that made it.
    pub sink_digest: String,
}

const DELIVERY: &str =
    "SELECT id, webhook_id, connection, origin, kind, state, coalesce(code, reason), sent_at, received_at, read_at,
     source_digest FROM inbox WHERE row = ?1";

const CHANGE: &str = "SELECT id, connection, kind, state, code, rule, reason, occurred_at, translated_at, generation
     FROM change WHERE row = ?1";

const EVENTS: &str =
    "SELECT row, event_id, name, destination, state, reason, rule, outbox.generation, created_at, deadline, done_at, trace,
     ambiguous, making.source_digest, mapper_digest, settings_hash, contract, host
     FROM outbox LEFT JOIN making ON making.id = outbox.making LEFT JOIN generation ON generation.id = outbox.generation
     WHERE change = ?1 ORDER BY row";

const ATTEMPTS: &str = "SELECT attempt.row, at, settled_at, outcome, verdict, sink_digest
     FROM attempt_item JOIN attempt ON attempt.row = attempt_item.attempt WHERE attempt_item.event = ?1 ORDER BY attempt.row";

impl Store {
    /// What is known of an event, a fact, a delivery or a contact, by the names that [`Store::queue_named`] knows or by the
    /// CRM's id of the contact; in one connection, or in all. `None` if nothing is called so.
    ///
    /// # Errors
    /// As the database has it.
    pub async fn why(&self, id: &str, connection: Option<&str>) -> Result<Option<Why>, StoreError> {
        let (id, connection) = (id.to_owned(), connection.map(str::to_owned));
        self.read(move |rows| rows.why(&id, connection.as_deref())).await
    }

    /// Every request that carried a row of the queue; none of what is no event.
    ///
    /// # Errors
    /// As the database has it.
    pub async fn attempts_of(&self, row: &QueueRow) -> Result<Vec<WhyAttempt>, StoreError> {
        if row.kind != QueueKind::Event {
            return Ok(Vec::new());
        }
        let row = row.row;
        self.read(move |rows| rows.attempt_stories(row)).await
    }
}

impl Rows<'_> {
    fn why(&self, id: &str, connection: Option<&str>) -> Result<Option<Why>, StoreError> {
        let (mut deliveries, mut changes) = (BTreeSet::new(), BTreeSet::new());
        let mut why = Why::default();
        for (table, row) in self.named(id)? {
            match table {
                "inbox" => drop(deliveries.insert(row)),
                "change" => drop(changes.insert(row)),
                "wanted" => changes.extend(self.numbers("SELECT change FROM wanted WHERE row = ?1", row)?),
                _ => changes.extend(self.numbers("SELECT change FROM outbox WHERE row = ?1", row)?),
            }
        }
        for connection in self.connections_named(connection)? {
            let subject = self.contact(&connection, id);
            for (table, into) in [("change", &mut changes), ("inbox", &mut deliveries)] {
                let mut query = self.db.prepare_cached(&format!(
                    "SELECT row FROM {table} WHERE subject = ?1 ORDER BY row DESC LIMIT ?2"
                ))?;
                for row in query.query_map(params![subject, MOST], |row| row.get(0))? {
                    into.insert(row?);
                }
            }
            let forgotten: Option<i64> = self
                .db
                .prepare_cached("SELECT asked_at FROM forgotten WHERE subject = ?1")?
                .query_row([subject], |row| row.get(0))
                .optional()?;
            why.forgotten_at = why.forgotten_at.max(forgotten.map(nat));
        }
        for delivery in &deliveries {
            changes.extend(self.numbers("SELECT change FROM told WHERE delivery = ?1", *delivery)?);
        }
        for change in &changes {
            deliveries.extend(self.numbers("SELECT delivery FROM told WHERE change = ?1", *change)?);
        }
        let mut told = self.db.prepare_cached("SELECT destination FROM event_told WHERE event_id = ?1")?;
        why.told_long_ago = told.query_map([id], |row| row.get(0))?.collect::<Result<_, _>>()?;
        for row in deliveries {
            let mut query = self.db.prepare_cached(DELIVERY)?;
            if let Some(found) = query.query_row([row], delivery).optional()? {
                why.deliveries.push(WhyDelivery { wrote: self.written("inbox", row)?, ..found });
            }
        }
        for row in changes {
            why.changes.extend(self.change_story(row)?);
        }
        let nothing = why.deliveries.is_empty() && why.changes.is_empty() && why.told_long_ago.is_empty();
        Ok((!nothing || why.forgotten_at.is_some()).then_some(why))
    }

    fn change_story(&self, row: i64) -> Result<Option<WhyChange>, StoreError> {
        let mut query = self.db.prepare_cached(CHANGE)?;
        let found = query.query_row([row], |from| {
            let change = WhyChange {
                name: format!("c{row}"),
                id: from.get(0)?,
                connection: from.get(1)?,
                kind: from.get(2)?,
                state: from.get(3)?,
                code: from.get(4)?,
                rule: from.get(5)?,
                reason: from.get(6)?,
                occurred_at: nat(from.get(7)?),
                translated_at: from.get::<_, Option<i64>>(8)?.map(nat),
                took_ms: None,
                generation: None,
                told_by: Vec::new(),
                events: Vec::new(),
                commands: Vec::new(),
            };
            Ok((change, from.get::<_, Option<i64>>(9)?))
        });
        let Some((mut change, generation)) = found.optional()? else { return Ok(None) };
        if let Some(id) = generation {
            change.generation = self.generation_story(id)?;
        }
        let mut tellers = self.db.prepare_cached(
            "SELECT id, read_at FROM told JOIN inbox ON inbox.row = told.delivery WHERE told.change = ?1 ORDER BY inbox.row",
        )?;
        let tellers = tellers.query_map([row], |from| Ok((from.get(0)?, from.get::<_, Option<i64>>(1)?.map(nat))))?;
        let tellers: Vec<(String, Option<Millis>)> = tellers.collect::<Result<_, _>>()?;
        let read_at = tellers.iter().filter_map(|(_, read_at)| *read_at).min();
        change.took_ms = took(read_at, change.translated_at);
        change.told_by = tellers.into_iter().map(|(id, _)| id).collect();
        change.events = self.event_stories(row)?;
        change.commands = self.command_stories(row)?;
        Ok(Some(change))
    }

    fn generation_story(&self, id: i64) -> Result<Option<WhyGeneration>, StoreError> {
        let mut query =
            self.db.prepare_cached("SELECT mapper, mapper_digest, settings_hash FROM generation WHERE id = ?1")?;
        let found = query.query_row([id], |row| {
            Ok(WhyGeneration { id, mapper: row.get(0)?, mapper_digest: row.get(1)?, settings_hash: row.get(2)? })
        });
        Ok(found.optional()?)
    }

    fn command_stories(&self, change: i64) -> Result<Vec<WhyCommand>, StoreError> {
        let mut query = self.db.prepare_cached(
            "SELECT row, name, rule, state, reason, created_at, done_at FROM wanted WHERE change = ?1 ORDER BY row",
        )?;
        let found = query.query_map([change], |row| {
            let number: i64 = row.get(0)?;
            let command = WhyCommand {
                name: format!("k{number}"),
                command: row.get(1)?,
                rule: row.get(2)?,
                state: row.get(3)?,
                reason: row.get(4)?,
                created_at: nat(row.get(5)?),
                done_at: row.get::<_, Option<i64>>(6)?.map(nat),
                wrote: Vec::new(),
            };
            Ok((number, command))
        })?;
        let found: Vec<(i64, WhyCommand)> = found.collect::<Result<_, _>>()?;
        let wrote = |(row, command)| Ok(WhyCommand { wrote: self.written("wanted", row)?, ..command });
        found.into_iter().map(wrote).collect()
    }

    fn event_stories(&self, change: i64) -> Result<Vec<WhyEvent>, StoreError> {
        let mut query = self.db.prepare_cached(EVENTS)?;
        let mut found: Vec<(i64, WhyEvent)> = query.query_map([change], event)?.collect::<Result<_, _>>()?;
        for (row, event) in &mut found {
            event.attempts = self.attempt_stories(*row)?;
            event.wrote = self.written("outbox", *row)?;
        }
        Ok(found.into_iter().map(|(_, event)| event).collect())
    }

    /// Every request that carried an event, in order.
    fn attempt_stories(&self, event: i64) -> Result<Vec<WhyAttempt>, StoreError> {
        let mut query = self.db.prepare_cached(ATTEMPTS)?;
        let found = query.query_map([event], |row| {
            let at = nat(row.get(1)?);
            Ok(WhyAttempt {
                attempt: row.get(0)?,
                at,
                took_ms: took(Some(at), row.get::<_, Option<i64>>(2)?.map(nat)),
                outcome: row.get(3)?,
                verdict: row.get(4)?,
                sink_digest: row.get(5)?,
            })
        })?;
        Ok(found.collect::<Result<_, _>>()?)
    }

    /// The numbers that a statement finds of one row.
    fn numbers(&self, sql: &'static str, row: i64) -> Result<Vec<i64>, StoreError> {
        let mut query = self.db.prepare_cached(sql)?;
        Ok(query.query_map([row], |row| row.get(0))?.collect::<Result<_, _>>()?)
    }
}

fn took(from: Option<Millis>, to: Option<Millis>) -> Option<u64> {
    Some(to?.saturating_sub(from?))
}

fn delivery(row: &Row<'_>) -> rusqlite::Result<WhyDelivery> {
    let (received_at, read_at) = (nat(row.get(8)?), row.get::<_, Option<i64>>(9)?.map(nat));
    Ok(WhyDelivery {
        id: row.get(0)?,
        webhook_id: row.get(1)?,
        connection: row.get(2)?,
        origin: row.get(3)?,
        kind: row.get(4)?,
        state: row.get(5)?,
        reason: row.get(6)?,
        sent_at: row.get::<_, Option<i64>>(7)?.map(nat),
        received_at,
        read_at,
        took_ms: took(Some(received_at), read_at),
        source_digest: row.get(10)?,
        wrote: Vec::new(),
    })
}

fn event(row: &Row<'_>) -> rusqlite::Result<(i64, WhyEvent)> {
    let (number, created_at): (i64, Millis) = (row.get(0)?, nat(row.get(8)?));
    let done_at = row.get::<_, Option<i64>>(10)?.map(nat);
    let event = WhyEvent {
        name: format!("e{number}"),
        event_id: row.get(1)?,
        event: row.get(2)?,
        destination: row.get(3)?,
        state: row.get(4)?,
        reason: row.get(5)?,
        rule: row.get(6)?,
        generation: row.get(7)?,
        created_at,
        deadline: nat(row.get(9)?),
        done_at,
        took_ms: took(Some(created_at), done_at),
        trace: row.get(11)?,
        may_repeat: row.get(12)?,
        made_by: made_by(row)?,
        attempts: Vec::new(),
        wrote: Vec::new(),
    };
    Ok((number, event))
}

fn made_by(row: &Row<'_>) -> rusqlite::Result<Option<WhyMaking>> {
    let (Some(source_digest), Some(mapper_digest)) = (row.get(13)?, row.get(14)?) else { return Ok(None) };
    let (settings_hash, contract, host) = (row.get(15)?, row.get(16)?, row.get(17)?);
    Ok(Some(WhyMaking { source_digest, mapper_digest, settings_hash, contract, host }))
}
