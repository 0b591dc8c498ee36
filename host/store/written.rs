//! What guests wrote: kept with what the call was about, a few calls each, and dark once anybody that it was about is forgotten.

use std::collections::BTreeSet;

use rusqlite::{OptionalExtension, params};
use serde::Serialize;

use super::rows::{Rows, int, nat};
use super::{Store, StoreError};
use crate::clock::Millis;
use crate::vault::{Lookup, SubjectKey, VaultError};

/// The most calls whose lines one delivery, event or command keeps: the latest.
const CALLS: i64 = 8;

/// What a guest wrote in one call.
#[derive(Clone)]
pub struct Written {
    /// Name and short digest of the component.
    pub guest: String,
    /// The function that was called.
    pub call: &'static str,
    /// The lines; sealed.
    pub text: String,
    /// What the call was about.
    pub about: Vec<About>,
}

/// A thing that a call was about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum About {
    /// A delivery.
    Delivery {
        /// Its id.
        id: String,
        /// Its contact, where that is known by now.
        contact: Option<String>,
    },
    /// The event in this row.
    Event(i64),
    /// The command in this row.
    Command(i64),
}

/// What a guest wrote, as its story tells it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct WhyWritten {
    /// When.
    pub at: Millis,
    /// Name and short digest of the component.
    pub guest: String,
    /// The function that was called.
    pub call: String,
    /// How many things the call was about: its lines may be about another.
    pub about: u64,
    /// The lines. None once somebody the call was about was forgotten.
    pub text: Option<String>,
}

/// A row that a call was about.
struct Item {
    table: &'static str,
    row: i64,
    subject: Lookup,
    /// Whether its contact was forgotten.
    is_blank: bool,
}

impl Store {
    /// Keeps what guests wrote. Lines that are about a contact who was forgotten meanwhile are not kept.
    ///
    /// # Errors
    /// As the disk has it; then nothing was kept.
    pub async fn keep_written(&self, now: Millis, all: Vec<Written>) -> Result<(), StoreError> {
        let weight = all.iter().map(|written| written.text.len()).sum();
        self.write("keep_written", weight, move |rows| {
            all.iter().try_for_each(|written| rows.keep_written(now, written))
        })
        .await
    }
}

impl Rows<'_> {
    fn keep_written(&self, now: Millis, written: &Written) -> Result<(), StoreError> {
        let mut found = Vec::with_capacity(written.about.len());
        for about in &written.about {
            found.extend(self.item(about)?);
        }
        if found.is_empty() || found.iter().any(|item| item.is_blank) {
            return Ok(());
        }
        let subjects: BTreeSet<Lookup> = found.iter().map(|item| item.subject).collect();
        let keys: Vec<SubjectKey> =
            subjects.iter().map(|subject| self.keys.find_or_make(self.db, subject)).collect::<Result<_, _>>()?;
        self.db
            .prepare_cached("INSERT INTO written (at, guest, call, sealed) VALUES (?1, ?2, ?3, x'')")?
            .execute(params![int(now), written.guest, written.call])?;
        let row = self.db.last_insert_rowid();
        let sealed =
            self.seal_with(&SubjectKey::joint(&keys), "written", &[&row.to_string()], written.text.as_bytes())?;
        self.db.prepare_cached("UPDATE written SET sealed = ?2 WHERE row = ?1")?.execute(params![row, sealed])?;
        for item in found {
            self.db
                .prepare_cached(
                    "INSERT OR IGNORE INTO written_of (about, item, written, subject) VALUES (?1, ?2, ?3, ?4)",
                )?
                .execute(params![item.table, item.row, row, item.subject])?;
            self.forgo_written(item.table, item.row)?;
        }
        Ok(())
    }

    /// The row that a call was about.
    fn item(&self, about: &About) -> Result<Option<Item>, StoreError> {
        match about {
            About::Delivery { id, contact } => {
                let mut query = self
                    .db
                    .prepare_cached("SELECT row, subject, length(sealed) = 0, connection FROM inbox WHERE id = ?1")?;
                let found = query.query_row([id], |row| {
                    let connection: Option<String> = row.get(3)?;
                    let named = contact.as_ref().zip(connection);
                    let named = named.map(|(contact, connection)| self.contact(&connection, contact));
                    let subject = named.map_or_else(|| row.get(1), Ok)?;
                    Ok(Item { table: "inbox", row: row.get(0)?, subject, is_blank: row.get(2)? })
                });
                Ok(found.optional()?)
            }
            About::Event(row) => {
                self.owned("SELECT subject, length(sealed) = 0 FROM outbox WHERE row = ?1", "outbox", *row)
            }
            About::Command(row) => {
                self.owned("SELECT subject, length(sealed) = 0 FROM wanted WHERE row = ?1", "wanted", *row)
            }
        }
    }

    fn owned(&self, sql: &'static str, table: &'static str, row: i64) -> Result<Option<Item>, StoreError> {
        let mut query = self.db.prepare_cached(sql)?;
        let found =
            query.query_row([row], |from| Ok(Item { table, row, subject: from.get(0)?, is_blank: from.get(1)? }));
        Ok(found.optional()?)
    }

    /// Only the latest calls are kept of one thing; a call that nothing keeps any more is gone.
    fn forgo_written(&self, table: &'static str, item: i64) -> Result<(), StoreError> {
        let older: Vec<i64> = self
            .db
            .prepare_cached(
                "SELECT written FROM written_of WHERE about = ?1 AND item = ?2 ORDER BY written DESC LIMIT -1 OFFSET ?3",
            )?
            .query_map(params![table, item, CALLS], |row| row.get(0))?
            .collect::<Result<_, _>>()?;
        for written in older {
            self.db
                .prepare_cached("DELETE FROM written_of WHERE about = ?1 AND item = ?2 AND written = ?3")?
                .execute(params![table, item, written])?;
            self.db
                .prepare_cached(
                    "DELETE FROM written WHERE row = ?1 AND NOT EXISTS (SELECT 1 FROM written_of WHERE written = ?1)",
                )?
                .execute([written])?;
        }
        Ok(())
    }

    /// What guests wrote in calls about this row, in order.
    pub(super) fn written(&self, table: &'static str, item: i64) -> Result<Vec<WhyWritten>, StoreError> {
        let mut query = self.db.prepare_cached(
            "SELECT row, at, guest, call, sealed, (SELECT count(*) FROM written_of AS all_of WHERE all_of.written = row)
             FROM written_of JOIN written ON written.row = written_of.written WHERE about = ?1 AND item = ?2 ORDER BY row",
        )?;
        let found = query.query_map(params![table, item], |row| {
            let written = WhyWritten {
                at: nat(row.get(1)?),
                guest: row.get(2)?,
                call: row.get(3)?,
                about: nat(row.get(5)?),
                text: None,
            };
            Ok((row.get::<_, i64>(0)?, row.get::<_, Vec<u8>>(4)?, written))
        })?;
        let found: Vec<_> = found.collect::<Result<_, _>>()?;
        let mut all = Vec::with_capacity(found.len());
        for (row, sealed, written) in found {
            let text = if sealed.is_empty() { None } else { self.open_written(row, &sealed)? };
            all.push(WhyWritten { text, ..written });
        }
        Ok(all)
    }

    /// The lines of a call; none if one of the keys is gone.
    fn open_written(&self, row: i64, sealed: &[u8]) -> Result<Option<String>, StoreError> {
        let mut query =
            self.db.prepare_cached("SELECT DISTINCT subject FROM written_of WHERE written = ?1 ORDER BY subject")?;
        let subjects: Vec<Lookup> = query.query_map([row], |from| from.get(0))?.collect::<Result<_, _>>()?;
        let open = || -> Result<Option<Vec<u8>>, StoreError> {
            let mut keys = Vec::with_capacity(subjects.len());
            for subject in &subjects {
                let Some(key) = self.keys.find(self.db, subject)? else { return Ok(None) };
                keys.push(key);
            }
            match self.open_with(&SubjectKey::joint(&keys), "written", &[&row.to_string()], sealed) {
                Ok(plain) => Ok(Some(plain)),
                Err(StoreError::Vault(VaultError::Unopened { .. })) => Ok(None),
                Err(error) => Err(error),
            }
        };
        let mut opened = open()?;
        if opened.is_none() {
            // A key at hand may be one that was destroyed since, with another made in its place.
            let mut is_stale = false;
            for subject in &subjects {
                is_stale |= self.keys.drop_one(subject);
            }
            opened = if is_stale { open()? } else { None };
        }
        Ok(opened.map(|plain| String::from_utf8_lossy(&plain).into_owned()))
    }
}
