//! What a step sees of the store: one connection inside a transaction, and the keys of its sealed rows.

use rusqlite::Connection;

use super::StoreError;
use super::keys::KeyRing;
use crate::clock::Millis;
use crate::vault::{Lookup, SubjectKey, VaultError, seal};

/// Why a parked row is dead.
const UNOPENED: &str = "its sealed bytes do not open";

/// The rows as one transaction sees them.
pub(super) struct Rows<'a> {
    /// The connection; a transaction is open on it.
    pub(super) db: &'a Connection,
    /// The keys that this connection remembers.
    pub(super) keys: &'a KeyRing,
}

/// Runs a statement that takes and gives nothing. It is compiled once, for all the steps and questions that begin and end with it.
pub(super) fn run(db: &Connection, sql: &'static str) -> Result<(), StoreError> {
    db.prepare_cached(sql)?.execute([])?;
    Ok(())
}

impl Rows<'_> {
    /// What stands for a contact of a connection.
    pub(super) fn contact(&self, connection: &str, contact: &str) -> Lookup {
        self.keys.vault().lookup("contact", &[connection, contact])
    }

    /// What stands for a location of a source, whose key seals deliveries until their contact is known.
    pub(super) fn location(&self, source: &str, location: &str) -> Lookup {
        self.keys.vault().lookup("location", &[source, location])
    }

    /// Seals `plain` for the row of `table` that `id` names, under the subject's key.
    pub(super) fn seal(
        &self,
        table: &'static str,
        id: &[&str],
        subject: &Lookup,
        plain: &[u8],
    ) -> Result<Vec<u8>, StoreError> {
        self.seal_with(&self.keys.find_or_make(self.db, subject)?, table, id, plain)
    }

    /// The same under a key that is at hand.
    pub(super) fn seal_with(
        &self,
        key: &SubjectKey,
        table: &'static str,
        id: &[&str],
        plain: &[u8],
    ) -> Result<Vec<u8>, StoreError> {
        Ok(seal::seal(key, &context(table, id), plain)?)
    }

    /// Opens what [`Rows::seal_with`] sealed for the same row.
    pub(super) fn open_with(
        &self,
        key: &SubjectKey,
        table: &'static str,
        id: &[&str],
        sealed: &[u8],
    ) -> Result<Vec<u8>, StoreError> {
        Ok(seal::open(key, &context(table, id), sealed, table)?)
    }

    /// Opens what [`Rows::seal`] sealed for the same row. A destroyed key reads like a wrong one.
    pub(super) fn open(
        &self,
        table: &'static str,
        id: &[&str],
        subject: &Lookup,
        sealed: &[u8],
    ) -> Result<Vec<u8>, StoreError> {
        let open = || -> Result<Vec<u8>, StoreError> {
            let key = self.keys.find(self.db, subject)?.ok_or(VaultError::Unopened { place: table })?;
            self.open_with(&key, table, id, sealed)
        };
        match open() {
            // The key at hand may be one that was destroyed since, with another made in its place.
            Err(StoreError::Vault(VaultError::Unopened { .. })) if self.keys.drop_one(subject) => open(),
            opened => opened,
        }
    }

    /// Makes rows dead whose sealed bytes do not open, so that one damaged row does not hold its lane for ever.
    pub(super) fn park(&self, table: &'static str, rows: &[i64]) -> Result<(), StoreError> {
        let mut update =
            self.db.prepare_cached(&format!("UPDATE {table} SET state = 'dead', reason = ?1 WHERE row = ?2"))?;
        for row in rows {
            tracing::error!(table, row, "a sealed row does not open and is dead");
            update.execute(rusqlite::params![UNOPENED, row])?;
        }
        Ok(())
    }
}

/// Sorts what a claim opened into rows that opened and rows to park; any other failure ends the claim.
pub(super) fn sort_opened<T>(
    rows: impl IntoIterator<Item = (i64, Result<T, StoreError>)>,
) -> Result<(Vec<T>, Vec<i64>), StoreError> {
    let (mut opened, mut closed) = (Vec::new(), Vec::new());
    for (row, result) in rows {
        match result {
            Ok(plain) => opened.push(plain),
            Err(StoreError::Vault(VaultError::Unopened { .. })) => closed.push(row),
            Err(error) => return Err(error),
        }
    }
    Ok((opened, closed))
}

/// What sealed bytes are bound to: lengths keep the parts from running into one another.
fn context(table: &str, id: &[&str]) -> Vec<u8> {
    let mut bytes = table.as_bytes().to_vec();
    for part in id {
        bytes.extend_from_slice(&(part.len() as u64).to_le_bytes());
        bytes.extend_from_slice(part.as_bytes());
    }
    bytes
}

/// A time or count as SQLite keeps it; beyond its range (292 million years) the greatest stands.
pub(super) fn int(value: Millis) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

/// A time or count as SQLite kept it.
pub(super) fn nat(value: i64) -> Millis {
    u64::try_from(value).unwrap_or(0)
}
