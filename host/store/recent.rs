//! What came and went last, row by row, for who watches: ids, times, words and reasons only; nothing sealed is opened.

use std::collections::BTreeMap;

use rusqlite::{OptionalExtension, named_params, params};
use serde::Serialize;

use super::rows::{int, nat};
use super::{Store, StoreError};
use crate::clock::Millis;

/// So many of the newest rows are looked through at most: a rare word does not read the whole store.
const LOOKED_THROUGH: i64 = 100_000;

/// A delivery that came.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RecentDelivery {
    /// Our id of it.
    pub id: String,
    /// Whose it is; none while it is held.
    pub connection: Option<String>,
    /// How it came.
    pub origin: String,
    /// What kind it is.
    pub kind: Option<String>,
    /// `held`, `waiting`, `done`, `silent`, `dead` or `dropped`.
    pub state: String,
    /// Why it told nothing, or waits.
    pub reason: Option<String>,
    /// When it came.
    pub received_at: Millis,
    /// From its coming to its reading, in milliseconds.
    pub read_after_ms: Option<u64>,
    /// How many changes it told.
    pub changes: u64,
}

/// An event that was made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RecentEvent {
    /// How a person names it: `e12`.
    pub name: String,
    /// What it is called at the platform.
    pub event: String,
    /// Where it goes.
    pub destination: String,
    /// Whose change made it.
    pub connection: Option<String>,
    /// The rule that asked for it.
    pub rule: String,
    /// `waiting`, `in_flight`, `done`, `dead`, `expired` or `dropped`.
    pub state: String,
    /// Why it is not done.
    pub reason: Option<String>,
    /// When it was made.
    pub created_at: Millis,
    /// From its making to its end, in milliseconds.
    pub took_ms: Option<u64>,
}

/// Which rows are meant. What is left out does not matter.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RecentFilter {
    /// Whose they are.
    pub connection: Option<String>,
    /// Where they stand.
    pub state: Option<String>,
    /// How many, the newest.
    pub limit: u64,
}

/// What of a destination's events must leave by when.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Deadlines {
    /// The destination.
    pub destination: String,
    /// Events that have not left.
    pub waiting: u64,
    /// The first deadline among them.
    pub nearest: Millis,
    /// Of these: within an hour.
    pub within_hour: u64,
    /// Of these: within a day.
    pub within_day: u64,
}

const HOUR_MS: Millis = 60 * 60 * 1_000;

impl Store {
    /// The newest deliveries, newest first.
    ///
    /// # Errors
    /// As the database has it.
    pub async fn recent_deliveries(&self, filter: RecentFilter) -> Result<Vec<RecentDelivery>, StoreError> {
        self.read(move |rows| {
            let mut query = rows.db.prepare_cached(
                "SELECT id, connection, origin, kind, state, coalesce(reason, code), received_at, read_at,
                        (SELECT count(*) FROM told WHERE told.delivery = inbox.row)
                 FROM inbox WHERE row > (SELECT coalesce(max(row), 0) FROM inbox) - :through
                 AND (:connection IS NULL OR connection = :connection) AND (:state IS NULL OR state = :state)
                 ORDER BY row DESC LIMIT :limit",
            )?;
            let asked = named_params! {
                ":through": LOOKED_THROUGH, ":connection": filter.connection, ":state": filter.state, ":limit": int(filter.limit),
            };
            let found = query.query_map(asked, |row| {
                let received_at = nat(row.get(6)?);
                Ok(RecentDelivery {
                    id: row.get(0)?,
                    connection: row.get(1)?,
                    origin: row.get(2)?,
                    kind: row.get(3)?,
                    state: row.get(4)?,
                    reason: row.get(5)?,
                    received_at,
                    read_after_ms: row.get::<_, Option<i64>>(7)?.map(|at| nat(at).saturating_sub(received_at)),
                    changes: nat(row.get(8)?),
                })
            })?;
            Ok(found.collect::<Result<_, _>>()?)
        })
        .await
    }

    /// The newest events, newest first.
    ///
    /// # Errors
    /// As the database has it.
    pub async fn recent_events(&self, filter: RecentFilter) -> Result<Vec<RecentEvent>, StoreError> {
        self.read(move |rows| {
            let mut query = rows.db.prepare_cached(
                "SELECT outbox.row, outbox.name, destination, change.connection, outbox.rule, outbox.state, outbox.reason, created_at,
                        done_at
                 FROM outbox LEFT JOIN change ON change.row = outbox.change
                 WHERE outbox.row > (SELECT coalesce(max(row), 0) FROM outbox) - :through
                 AND (:connection IS NULL OR change.connection = :connection) AND (:state IS NULL OR outbox.state = :state)
                 ORDER BY outbox.row DESC LIMIT :limit",
            )?;
            let asked = named_params! {
                ":through": LOOKED_THROUGH, ":connection": filter.connection, ":state": filter.state, ":limit": int(filter.limit),
            };
            let found = query.query_map(asked, |row| {
                let created_at = nat(row.get(7)?);
                Ok(RecentEvent {
                    name: format!("e{}", row.get::<_, i64>(0)?),
                    event: row.get(1)?,
                    destination: row.get(2)?,
                    connection: row.get(3)?,
                    rule: row.get(4)?,
                    state: row.get(5)?,
                    reason: row.get(6)?,
                    created_at,
                    took_ms: row.get::<_, Option<i64>>(8)?.map(|at| nat(at).saturating_sub(created_at)),
                })
            })?;
            Ok(found.collect::<Result<_, _>>()?)
        })
        .await
    }

    /// What must leave by when, by destination, the most urgent first.
    ///
    /// # Errors
    /// As the database has it.
    pub async fn deadlines(&self, now: Millis) -> Result<Vec<Deadlines>, StoreError> {
        self.read(move |rows| {
            let mut query = rows.db.prepare_cached(
                "SELECT destination, count(*), min(deadline), sum(deadline <= ?1), sum(deadline <= ?2) FROM outbox
                 WHERE state IN ('waiting', 'in_flight') GROUP BY destination ORDER BY min(deadline)",
            )?;
            let found = query.query_map(params![int(now + HOUR_MS), int(now + 24 * HOUR_MS)], |row| {
                Ok(Deadlines {
                    destination: row.get(0)?,
                    waiting: nat(row.get(1)?),
                    nearest: nat(row.get(2)?),
                    within_hour: nat(row.get(3)?),
                    within_day: nat(row.get(4)?),
                })
            })?;
            Ok(found.collect::<Result<_, _>>()?)
        })
        .await
    }

    /// When each of these connections last had a webhook, as far as the newest deliveries say.
    ///
    /// # Errors
    /// As the database has it.
    pub async fn last_webhooks(&self, connections: Vec<String>) -> Result<BTreeMap<String, Millis>, StoreError> {
        self.read(move |rows| {
            let mut query = rows.db.prepare_cached(
                "SELECT received_at FROM inbox WHERE row > (SELECT coalesce(max(row), 0) FROM inbox) - ?1
                 AND origin = 'webhook' AND connection = ?2 ORDER BY row DESC LIMIT 1",
            )?;
            let mut found = BTreeMap::new();
            for name in connections {
                let at = query.query_row(params![LOOKED_THROUGH, name], |row| row.get(0)).optional()?;
                found.extend(at.map(|at| (name, nat(at))));
            }
            Ok(found)
        })
        .await
    }
}
