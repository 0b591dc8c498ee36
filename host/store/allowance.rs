//! When each location's allowance was last known to be in use, so that a start knows whose may be spent already.

use rusqlite::params;

use super::rows::{int, nat};
use super::{Store, StoreError};
use crate::clock::Millis;

/// The last that is known of a location's allowance.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Use {
    /// The source.
    pub source: String,
    /// The location.
    pub location: String,
    /// When it was in use.
    pub at: Millis,
    /// How many requests were spent by then; `None` if the program ended without saying, so that it may be all of them, and some later.
    pub spent: Option<u32>,
}

impl Store {
    /// Notes that the allowance of a source's location is in use from `at` on, nobody knows how much of it. An earlier time changes nothing.
    ///
    /// # Errors
    /// As the disk has it.
    pub async fn mark_use(&self, source: &str, location: &str, at: Millis) -> Result<(), StoreError> {
        let (source, location) = (source.to_owned(), location.to_owned());
        self.write("mark_use", 0, move |rows| {
            rows.db
                .prepare_cached(
                    "INSERT INTO allowance (source, location, used_at, spent) VALUES (?1, ?2, ?3, NULL)
                     ON CONFLICT (source, location) DO UPDATE SET used_at = max(used_at, excluded.used_at), spent = NULL",
                )?
                .execute(params![source, location, int(at)])?;
            Ok(())
        })
        .await
    }

    /// Notes how much of a location's allowance was spent when nothing was under way any more.
    ///
    /// # Errors
    /// As the disk has it.
    pub async fn settle_use(&self, settled: Use) -> Result<(), StoreError> {
        self.write("settle_use", 0, move |rows| {
            let Use { source, location, at, spent } = settled;
            rows.db
                .prepare_cached("UPDATE allowance SET used_at = ?3, spent = ?4 WHERE source = ?1 AND location = ?2")?
                .execute(params![source, location, int(at), spent])?;
            Ok(())
        })
        .await
    }

    /// Every location whose allowance was ever in use, and the last that is known of it.
    ///
    /// # Errors
    /// As the database has it.
    pub async fn uses(&self) -> Result<Vec<Use>, StoreError> {
        self.read(|rows| {
            let mut query = rows
                .db
                .prepare_cached("SELECT source, location, used_at, spent FROM allowance ORDER BY source, location")?;
            let found = query.query_map([], |row| {
                Ok(Use { source: row.get(0)?, location: row.get(1)?, at: nat(row.get(2)?), spent: row.get(3)? })
            })?;
            Ok(found.collect::<Result<_, _>>()?)
        })
        .await
    }
}
