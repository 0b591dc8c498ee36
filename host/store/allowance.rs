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
    /// How many requests were counted by then on the day of `at` (UTC).
    pub today: u32,
}

impl Store {
    /// Notes what is known of a location's allowance: before it is used, that it is in use from now on, nobody knows how much of it; when nothing is
    /// under way any more, how much was spent. What is older than what is known changes nothing.
    ///
    /// # Errors
    /// As the disk has it.
    pub async fn mark_use(&self, marked: Use) -> Result<(), StoreError> {
        self.write("mark_use", 0, move |rows| {
            let Use { source, location, at, spent, today } = &marked;
            rows.db
                .prepare_cached(
                    "INSERT INTO allowance (source, location, used_at, spent, today) VALUES (?1, ?2, ?3, ?4, ?5)
                     ON CONFLICT (source, location) DO UPDATE
                     SET used_at = excluded.used_at, spent = excluded.spent, today = excluded.today
                     WHERE excluded.used_at >= used_at",
                )?
                .execute(params![source, location, int(*at), spent, today])?;
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
            let mut query = rows.db.prepare_cached(
                "SELECT source, location, used_at, spent, today FROM allowance ORDER BY source, location",
            )?;
            let found = query.query_map([], |row| {
                let (source, location, at) = (row.get(0)?, row.get(1)?, nat(row.get(2)?));
                Ok(Use { source, location, at, spent: row.get(3)?, today: row.get(4)? })
            })?;
            Ok(found.collect::<Result<_, _>>()?)
        })
        .await
    }
}
