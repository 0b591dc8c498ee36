//! A copy of the store while it is in use: one moment of it, page by page, beside everything else. The keys of what is
//! sealed go into a file of their own: who destroys that file, or replaces it by a later one, forgets in every copy.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rusqlite::backup::{Backup, StepResult};
use rusqlite::{Connection, OpenFlags};
use serde::Serialize;

use super::lock::private_file;
use super::{Store, StoreError, schema};
use crate::vault::STORE_FILE;

/// Pages that one step copies.
const PAGES: i32 = 256;

/// What was copied.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct BackedUp {
    /// The copy, without any key.
    pub file: PathBuf,
    /// The keys of contacts, locations and grants, sealed with the vault's.
    pub keys: PathBuf,
    /// The copy's size in bytes.
    pub bytes: u64,
    /// How many keys.
    pub key_count: u64,
}

impl Store {
    /// Copies the store as it is now to `file`, and its keys to `keys`, each whole or not at all; earlier ones of the same
    /// names are replaced. Nothing waits for it but the log, which grows until it has ended.
    ///
    /// # Errors
    /// [`StoreError::Backup`] names the file and what is wrong with it.
    pub async fn back_up(&self, file: PathBuf, keys: PathBuf) -> Result<BackedUp, StoreError> {
        self.note_down().await?;
        // No reader's turn: questions must not wait for a copy. Forgetting does, before it empties the log.
        let copying = self.0.copying.clone().lock_owned().await;
        let from = self.0.readers.path().to_owned();
        tokio::task::spawn_blocking(move || {
            let _copying = copying;
            copy(&from, &file, &keys)
        })
        .await
        .map_err(|_| StoreError::Closed)?
    }
}

/// An error about one file of a backup.
pub(super) fn about(path: &Path) -> impl Fn(String) -> StoreError {
    move |cause| StoreError::Backup { path: path.to_owned(), cause: Arc::from(cause) }
}

fn copy(from: &Path, file: &Path, keys: &Path) -> Result<BackedUp, StoreError> {
    for (path, twin) in [(file, keys), (keys, file)] {
        if path == twin || (path.parent() == from.parent() && path.file_name().is_some_and(|name| name == STORE_FILE)) {
            return Err(about(path)("it would take the place of something else: give it another name".to_owned()));
        }
    }
    let (file_part, keys_part) = (part_of(file), part_of(keys));
    for (part, path) in [(&file_part, file), (&keys_part, keys)] {
        let refused = about(path);
        if part.exists() {
            fs::remove_file(part).map_err(|cause| refused(cause.to_string()))?;
        }
        private_file(part).map_err(|error| refused(error.to_string()))?;
    }
    let copied = fill(from, &file_part, &keys_part);
    let copied = copied.and_then(|key_count| {
        // The keys first: a copy is never there without them.
        for (part, path) in [(&keys_part, keys), (&file_part, file)] {
            let moved = File::open(part).and_then(|written| written.sync_all()).and_then(|()| fs::rename(part, path));
            moved.map_err(|cause| about(path)(cause.to_string()))?;
        }
        let bytes = fs::metadata(file).map_err(|cause| about(file)(cause.to_string()))?.len();
        Ok(BackedUp { file: file.to_owned(), keys: keys.to_owned(), bytes, key_count })
    });
    if copied.is_err() {
        for part in [&file_part, &keys_part] {
            let _ = fs::remove_file(part);
        }
    }
    copied
}

fn part_of(path: &Path) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".part");
    path.with_file_name(name)
}

/// Copies the pages of one moment, then takes the keys out of the copy. How many keys.
fn fill(from: &Path, file: &Path, keys: &Path) -> Result<u64, StoreError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let source = Connection::open_with_flags(from, flags)?;
    schema::tune(&source)?;
    // A moment of its own, held from the first page to the last: what is written meanwhile does not begin the copy anew.
    let moment = source.unchecked_transaction()?;
    moment.query_row("SELECT count(*) FROM vault", [], |row| row.get::<_, i64>(0))?;
    let written = |error: rusqlite::Error| about(file)(error.to_string());
    let mut copy = Connection::open(file).map_err(written)?;
    {
        let backup = Backup::new(&source, &mut copy).map_err(written)?;
        while backup.step(PAGES).map_err(written)? != StepResult::Done {}
    }
    moment.finish()?;
    take_keys(&copy, keys).map_err(written)
}

fn take_keys(copy: &Connection, keys: &Path) -> rusqlite::Result<u64> {
    copy.execute_batch("PRAGMA journal_mode = DELETE; PRAGMA secure_delete = ON;")?;
    copy.execute("ATTACH ?1 AS keys", [keys.to_string_lossy()])?;
    copy.execute_batch(
        "BEGIN;
         CREATE TABLE keys.vault AS SELECT check_value FROM main.vault;
         CREATE TABLE keys.contact_key (subject BLOB PRIMARY KEY, wrapped BLOB NOT NULL) WITHOUT ROWID;
         INSERT INTO keys.contact_key SELECT subject, wrapped FROM main.contact_key;
         DELETE FROM main.contact_key;
         COMMIT;",
    )?;
    let count: i64 = copy.query_row("SELECT count(*) FROM keys.contact_key", [], |row| row.get(0))?;
    copy.execute_batch("DETACH keys")?;
    Ok(u64::try_from(count).unwrap_or(0))
}
