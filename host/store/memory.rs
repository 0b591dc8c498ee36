//! What a source remembers of a contact, replaced by compare-and-set, and a connection's catalogue.

use rusqlite::{OptionalExtension, params};

use super::rows::{Rows, int, nat};
use super::{Store, StoreError};
use crate::clock::Millis;
use crate::vault::{Lookup, VaultError};

/// A contact's memory as it was read.
#[derive(Clone, PartialEq, Eq)]
pub struct Remembered {
    /// Which version this is; a settlement names it to replace it.
    pub version: u64,
    /// The source's own bytes.
    pub bytes: Vec<u8>,
}

impl Store {
    /// What is remembered of each contact, in the order asked. Memory whose key was destroyed reads as none.
    ///
    /// # Errors
    /// As the database has it.
    pub async fn memories(&self, connection: &str, contacts: &[String]) -> Result<Vec<Option<Remembered>>, StoreError> {
        let (connection, contacts) = (connection.to_owned(), contacts.to_owned());
        self.read(move |rows| contacts.iter().map(|contact| rows.memory(&connection, contact)).collect()).await
    }

    /// The connection's catalogue as it was settled last.
    ///
    /// # Errors
    /// As the database has it.
    pub async fn catalogue(&self, connection: &str) -> Result<Option<Vec<u8>>, StoreError> {
        let connection = connection.to_owned();
        self.read(move |rows| rows.catalogue(&connection)).await
    }

    /// When the connection's catalogue was settled last; `None` if there is none.
    ///
    /// # Errors
    /// As the database has it.
    pub async fn catalogue_at(&self, connection: &str) -> Result<Option<Millis>, StoreError> {
        let connection = connection.to_owned();
        self.read(move |rows| {
            let mut query = rows.db.prepare_cached("SELECT changed_at FROM catalogue WHERE connection = ?1")?;
            Ok(query.query_row([&connection], |row| row.get(0)).optional()?.map(nat))
        })
        .await
    }

    /// Drops the connection's catalogue, so that the next read fetches it anew. Whether there was one.
    ///
    /// # Errors
    /// As the disk has it.
    pub async fn forget_catalogue(&self, connection: &str) -> Result<bool, StoreError> {
        let connection = connection.to_owned();
        self.write("forget_catalogue", 0, move |rows| {
            Ok(rows.db.prepare_cached("DELETE FROM catalogue WHERE connection = ?1")?.execute([&connection])? > 0)
        })
        .await
    }
}

impl Rows<'_> {
    /// The connection's catalogue, where it has one.
    pub(super) fn catalogue(&self, connection: &str) -> Result<Option<Vec<u8>>, StoreError> {
        let sealed: Option<Vec<u8>> = self
            .db
            .prepare_cached("SELECT sealed FROM catalogue WHERE connection = ?1")?
            .query_row([connection], |row| row.get(0))
            .optional()?;
        let subject = self.connection(connection);
        sealed.map(|sealed| self.open("catalogue", &[connection], &subject, &sealed)).transpose()
    }

    fn memory(&self, connection: &str, contact: &str) -> Result<Option<Remembered>, StoreError> {
        let subject = self.contact(connection, contact);
        let found: Option<(i64, Vec<u8>)> = self
            .db
            .prepare_cached("SELECT version, sealed FROM memory WHERE subject = ?1")?
            .query_row([subject], |row| Ok((row.get(0)?, row.get(1)?)))
            .optional()?;
        let Some((version, sealed)) = found else { return Ok(None) };
        match self.open("memory", &[connection], &subject, &sealed) {
            Ok(bytes) => Ok(Some(Remembered { version: nat(version), bytes })),
            Err(StoreError::Vault(VaultError::Unopened { .. })) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Whether memory still stands at `expected`; if so, `memory` replaces it.
    pub(super) fn remember(
        &self,
        connection: &str,
        subject: &Lookup,
        expected: Option<u64>,
        memory: Option<&[u8]>,
        now: Millis,
    ) -> Result<bool, StoreError> {
        let version: Option<i64> = self
            .db
            .prepare_cached("SELECT version FROM memory WHERE subject = ?1")?
            .query_row([subject], |row| row.get(0))
            .optional()?;
        if version.map(nat) != expected {
            return Ok(false);
        }
        if let Some(bytes) = memory {
            let sealed = self.seal("memory", &[connection], subject, bytes)?;
            self.db
                .prepare_cached(
                    "INSERT INTO memory (subject, connection, version, changed_at, sealed) VALUES (?1, ?2, 1, ?3, ?4)
                     ON CONFLICT (subject) DO UPDATE
                     SET version = version + 1, changed_at = excluded.changed_at, sealed = excluded.sealed",
                )?
                .execute(params![subject, connection, int(now), sealed])?;
        }
        Ok(true)
    }

    pub(super) fn keep_catalogue(&self, connection: &str, bytes: &[u8], now: Millis) -> Result<(), StoreError> {
        let subject = self.connection(connection);
        let sealed = self.seal("catalogue", &[connection], &subject, bytes)?;
        self.db
            .prepare_cached("INSERT OR REPLACE INTO catalogue (connection, changed_at, sealed) VALUES (?1, ?2, ?3)")?
            .execute(params![connection, int(now), sealed])?;
        Ok(())
    }

    /// What stands for a connection, whose key seals what is of no contact.
    pub(super) fn connection(&self, connection: &str) -> Lookup {
        self.keys.vault().lookup("connection", &[connection])
    }
}
