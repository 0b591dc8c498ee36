//! Which lanes (connections, destinations) have rows whose time has come.

use rusqlite::params;

use super::rows::{Rows, int, nat};
use super::{Store, StoreError};
use crate::clock::Millis;

/// A lane counts this far: enough to size a claim, and a deep backlog costs no more than a short one.
const COUNTED: i64 = 1_000;

/// A lane with rows to claim.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Waiting {
    /// The connection's or destination's name.
    pub name: String,
    /// When its longest-due row became due.
    pub oldest: Millis,
    /// How many rows are due, counted up to 1,000.
    pub count: u64,
}

/// The lanes of a table: the column that names them, and what its `waiting` rows are indexed by.
#[derive(Clone, Copy)]
pub(super) struct Lanes {
    pub(super) table: &'static str,
    pub(super) column: &'static str,
}

impl Lanes {
    /// Steps from one lane's name to the next through the index, so the cost grows with the lanes and not with their
    /// rows.
    pub(super) fn sql(self) -> String {
        let Self { table, column } = self;
        let waiting = format!("FROM {table} WHERE state = 'waiting' AND {column}");
        format!(
            "WITH RECURSIVE lane (name) AS (
                 SELECT min({column}) {waiting} >= ''
                 UNION ALL
                 SELECT (SELECT min({column}) {waiting} > lane.name) FROM lane WHERE lane.name IS NOT NULL
             )
             SELECT name,
                    (SELECT min(due_at) {waiting} = lane.name AND due_at <= ?1) AS oldest,
                    (SELECT count(*) FROM (SELECT 1 {waiting} = lane.name AND due_at <= ?1 LIMIT ?2))
             FROM lane WHERE name IS NOT NULL AND oldest IS NOT NULL"
        )
    }
}

impl Rows<'_> {
    /// The lanes with rows due at `now`.
    pub(super) fn waiting(&self, lanes: Lanes, now: Millis) -> Result<Vec<Waiting>, StoreError> {
        let mut query = self.db.prepare_cached(&lanes.sql())?;
        let found = query.query_map(params![int(now), COUNTED], |row| {
            Ok(Waiting { name: row.get(0)?, oldest: nat(row.get(1)?), count: nat(row.get(2)?) })
        })?;
        Ok(found.collect::<Result<_, _>>()?)
    }
}

impl Store {
    /// How many rows wait in all: deliveries to be read, changes to be translated, events to be shipped. Counted up to `limit` each.
    ///
    /// # Errors
    /// As the database has it.
    pub async fn backlog(&self, limit: u64) -> Result<u64, StoreError> {
        self.read(move |rows| {
            let mut waiting = 0;
            for table in ["inbox", "change", "outbox"] {
                let count = format!("SELECT count(*) FROM (SELECT 1 FROM {table} WHERE state = 'waiting' LIMIT ?1)");
                waiting += nat(rows.db.prepare_cached(&count)?.query_row([int(limit)], |row| row.get(0))?);
            }
            Ok(waiting)
        })
        .await
    }
}
