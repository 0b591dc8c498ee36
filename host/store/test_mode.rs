//! Test mode: for a while, a destination's events are marked as tests. It always has an end.

use rusqlite::params;
use serde::Serialize;

use super::rows::{Rows, int, nat};
use super::{Store, StoreError};
use crate::clock::Millis;

/// A destination's test mode.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TestMode {
    /// The destination.
    pub destination: String,
    /// The code that marks its events.
    pub code: String,
    /// When it began.
    pub since: Millis,
    /// When it ends by itself.
    pub until: Millis,
    /// Who asked for it.
    pub by: String,
}

impl Store {
    /// Begins test mode, in place of one that is on.
    ///
    /// # Errors
    /// As the disk has it.
    pub async fn begin_test_mode(&self, mode: TestMode) -> Result<(), StoreError> {
        self.write("begin_test_mode", 0, move |rows| {
            rows.db
                .prepare_cached(
                    "INSERT OR REPLACE INTO test_mode (destination, code, since, until, who) VALUES (?1, ?2, ?3, ?4, ?5)",
                )?
                .execute(params![mode.destination, mode.code, int(mode.since), int(mode.until), mode.by])?;
            Ok(())
        })
        .await
    }

    /// Ends a destination's test mode. Whether it was on at `now`.
    ///
    /// # Errors
    /// As the disk has it.
    pub async fn end_test_mode(&self, destination: &str, now: Millis) -> Result<bool, StoreError> {
        let destination = destination.to_owned();
        self.write("end_test_mode", 0, move |rows| {
            let on = rows.test_modes(now)?.iter().any(|mode| mode.destination == destination);
            rows.db.prepare_cached("DELETE FROM test_mode WHERE destination = ?1")?.execute([&destination])?;
            Ok(on)
        })
        .await
    }

    /// The test modes that are on at `now`, by destination.
    ///
    /// # Errors
    /// As the database has it.
    pub async fn test_modes(&self, now: Millis) -> Result<Vec<TestMode>, StoreError> {
        self.read(move |rows| rows.test_modes(now)).await
    }
}

impl Rows<'_> {
    pub(super) fn test_modes(&self, now: Millis) -> Result<Vec<TestMode>, StoreError> {
        let mut query = self.db.prepare_cached(
            "SELECT destination, code, since, until, who FROM test_mode WHERE until > ?1 ORDER BY destination",
        )?;
        let found = query.query_map([int(now)], |row| {
            let (since, until) = (nat(row.get(2)?), nat(row.get(3)?));
            Ok(TestMode { destination: row.get(0)?, code: row.get(1)?, since, until, by: row.get(4)? })
        })?;
        Ok(found.collect::<Result<_, _>>()?)
    }
}
