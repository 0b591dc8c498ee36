//! An event's part of why: what made it, and every request that carried it.

use rusqlite::Row;
use serde::Serialize;

use super::took;
use crate::clock::Millis;
use crate::store::queue::{QueueKind, QueueRow};
use crate::store::rows::{Rows, nat};
use crate::store::written::WhyWritten;
use crate::store::{Store, StoreError};

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

const EVENTS: &str =
    "SELECT row, event_id, name, destination, state, reason, rule, outbox.generation, created_at, deadline, done_at, trace,
     ambiguous, making.source_digest, mapper_digest, settings_hash, contract, host
     FROM outbox LEFT JOIN making ON making.id = outbox.making LEFT JOIN generation ON generation.id = outbox.generation
     WHERE change = ?1 ORDER BY row";

const ATTEMPTS: &str = "SELECT attempt.row, at, settled_at, outcome, verdict, sink_digest
     FROM attempt_item JOIN attempt ON attempt.row = attempt_item.attempt WHERE attempt_item.event = ?1 ORDER BY attempt.row";

impl Store {
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
    /// The events of a change, in order.
    pub(super) fn event_stories(&self, change: i64) -> Result<Vec<WhyEvent>, StoreError> {
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
