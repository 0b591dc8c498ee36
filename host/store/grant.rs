//! What an operator allowed a component, word for word.

use rusqlite::{OptionalExtension, params};
use serde::Serialize;

use super::rows::{int, nat};
use super::{Store, StoreError};
use crate::clock::Millis;

/// A granted profile.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Granted {
    /// The profile as it was shown and allowed.
    pub profile: String,
    /// The digest of the component that described it.
    pub digest: String,
    /// When.
    pub at: Millis,
    /// Who.
    pub by: String,
}

impl Store {
    /// What the component of this name is granted.
    ///
    /// # Errors
    /// As the database has it.
    pub async fn granted(&self, component: &str) -> Result<Option<Granted>, StoreError> {
        let component = component.to_owned();
        self.read(move |rows| {
            let mut query =
                rows.db.prepare_cached("SELECT profile, digest, at, who FROM granted WHERE component = ?1")?;
            let found = query.query_row([component], |row| {
                Ok(Granted { profile: row.get(0)?, digest: row.get(1)?, at: nat(row.get(2)?), by: row.get(3)? })
            });
            Ok(found.optional()?)
        })
        .await
    }

    /// Grants a component a profile, in place of the one before.
    ///
    /// # Errors
    /// As the disk has it.
    pub async fn grant(&self, component: &str, granted: Granted) -> Result<(), StoreError> {
        let component = component.to_owned();
        self.write("grant", granted.profile.len(), move |rows| {
            rows.db
                .prepare_cached(
                    "INSERT OR REPLACE INTO granted (component, profile, digest, at, who) VALUES (?1, ?2, ?3, ?4, ?5)",
                )?
                .execute(params![component, granted.profile, granted.digest, int(granted.at), granted.by])?;
            Ok(())
        })
        .await
    }
}
