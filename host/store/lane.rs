//! Which lanes (connections, destinations) have rows whose time has come.

use rusqlite::params;

use super::rows::{Rows, int, nat};
use super::{Store, StoreError};
use crate::clock::Millis;

/// A lane with rows to claim.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Waiting {
    /// The connection's or destination's name.
    pub name: String,
    /// When its longest-due row became due.
    pub oldest: Millis,
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
                    (SELECT min(due_at) {waiting} = lane.name AND due_at <= ?1) AS oldest
             FROM lane WHERE name IS NOT NULL AND oldest IS NOT NULL"
        )
    }
}

impl Rows<'_> {
    /// The lanes with rows due at `now`, the longest due first.
    pub(super) fn waiting(&self, lanes: Lanes, now: Millis) -> Result<Vec<Waiting>, StoreError> {
        let mut query = self.db.prepare_cached(&lanes.sql())?;
        let found =
            query.query_map(params![int(now)], |row| Ok(Waiting { name: row.get(0)?, oldest: nat(row.get(1)?) }))?;
        let mut lanes = found.collect::<Result<Vec<_>, _>>()?;
        lanes.sort_by_key(|lane| lane.oldest);
        Ok(lanes)
    }
}

impl Store {
    /// How many of a connection's deliveries wait to be read, counted up to `limit`.
    ///
    /// # Errors
    /// As the database has it.
    pub async fn deliveries_waiting(&self, connection: &str, limit: u64) -> Result<u64, StoreError> {
        let connection = connection.to_owned();
        self.read(move |rows| {
            let count =
                "SELECT count(*) FROM (SELECT 1 FROM inbox WHERE state = 'waiting' AND connection = ?1 LIMIT ?2)";
            let mut query = rows.db.prepare_cached(count)?;
            Ok(nat(query.query_row(params![connection, int(limit)], |row| row.get(0))?))
        })
        .await
    }

    /// How many rows wait in all: deliveries to be read, changes to be translated, events to be shipped, members of
    /// audiences to be put in or taken out. Counted up to `limit` each.
    ///
    /// # Errors
    /// As the database has it.
    pub async fn backlog(&self, limit: u64) -> Result<u64, StoreError> {
        self.read(move |rows| {
            let mut waiting = 0;
            for table in ["inbox", "change", "outbox", "membership"] {
                let count = format!("SELECT count(*) FROM (SELECT 1 FROM {table} WHERE state = 'waiting' LIMIT ?1)");
                waiting += nat(rows.db.prepare_cached(&count)?.query_row([int(limit)], |row| row.get(0))?);
            }
            Ok(waiting)
        })
        .await
    }
}
