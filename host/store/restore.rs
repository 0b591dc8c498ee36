//! A copy takes the store's place. What was told since the copy was made is not told again where that is known, and is marked
//! as a possible repeat where it is not; who was forgotten since stays forgotten; and nothing is sent before a person says so.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rusqlite::{Connection, OpenFlags};
use serde::Serialize;

use super::backup::about;
use super::forget::Farewell;
use super::keys::KeyRing;
use super::lock::{Lock, private_file};
use super::pause::{Pause, PauseScope};
use super::rows::Rows;
use super::{Store, StoreError, schema};
use crate::clock::Millis;
use crate::vault::{Lookup, STORE_FILE, Vault};

/// What a restore did.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Restored {
    /// Keys that were put back.
    pub keys: u64,
    /// Events of the copy that the replaced store knows to be told.
    pub told_since: u64,
    /// Events that wait and may have been told since the copy was made: they are sent under the same ids.
    pub may_repeat: u64,
    /// Commands to the CRM that may have been carried out since: they are dead until a person decides.
    pub commands_parked: u64,
    /// Contacts that were forgotten since the copy was made, and are forgotten again.
    pub forgotten_again: u64,
    /// Where the replaced store is now.
    pub replaced: Option<PathBuf>,
}

impl Store {
    /// Puts the copy in `file`, with the keys in `keys`, into the state directory. The store there is kept beside it; without
    /// `replace` there must be none. Everything is paused afterwards.
    ///
    /// # Errors
    /// [`StoreError::Locked`] while a convey runs there, [`StoreError::WrongKey`] if the copy was sealed with another vault
    /// key, [`StoreError::Newer`], and [`StoreError::Backup`] with the file and what is wrong with it. Then the store that was
    /// there is as it was.
    pub async fn restore(
        dir: PathBuf,
        vault: Arc<Vault>,
        file: PathBuf,
        keys: PathBuf,
        now: Millis,
        replace: bool,
    ) -> Result<Restored, StoreError> {
        tokio::task::spawn_blocking(move || restore(&dir, &vault, &file, &keys, now, replace))
            .await
            .map_err(|_| StoreError::Closed)?
    }
}

fn restore(
    dir: &Path,
    vault: &Arc<Vault>,
    file: &Path,
    keys: &Path,
    now: Millis,
    replace: bool,
) -> Result<Restored, StoreError> {
    let _lock = Lock::take(dir)?;
    let (place, part) = (dir.join(STORE_FILE), dir.join(format!("{STORE_FILE}.restoring")));
    if place.exists() && !replace {
        return Err(about(&place)(
            "a store is there: --replace puts the copy in its place and keeps it beside".to_owned(),
        ));
    }
    for copy in [file, keys] {
        File::open(copy).map_err(|cause| about(copy)(cause.to_string()))?;
    }
    if part.exists() {
        fs::remove_file(&part).map_err(|cause| about(&part)(cause.to_string()))?;
    }
    private_file(&part)?;
    let mut from = File::open(file).map_err(|cause| about(file)(cause.to_string()))?;
    let to = File::options().write(true).open(&part);
    let copied = to.and_then(|mut to| io::copy(&mut from, &mut to));
    copied.map_err(|cause| about(&part)(cause.to_string()))?;
    let old = place.exists().then_some(place.as_path());
    let filled = fill(&part, vault, file, keys, old, now);
    let mut restored = filled.inspect_err(|_| drop(fs::remove_file(&part)))?;
    let moved = |from: &Path, to: &Path| fs::rename(from, to).map_err(|cause| about(to)(cause.to_string()));
    if old.is_some() {
        let beside = dir.join(format!("{STORE_FILE}.replaced-{now}"));
        moved(&place, &beside)?;
        // Left only where the last convey was killed: never beside another store's file.
        for side in ["-wal", "-shm"] {
            let of = |path: &Path| PathBuf::from(format!("{}{side}", path.display()));
            if of(&place).exists() {
                moved(&of(&place), &of(&beside))?;
            }
        }
        restored.replaced = Some(beside);
    }
    moved(&part, &place)?;
    File::open(dir).and_then(|dir| dir.sync_all()).map_err(|cause| about(dir)(cause.to_string()))?;
    Ok(restored)
}

fn fill(
    part: &Path,
    vault: &Arc<Vault>,
    file: &Path,
    keys: &Path,
    old: Option<&Path>,
    now: Millis,
) -> Result<Restored, StoreError> {
    let broken = |error: rusqlite::Error| about(file)(error.to_string());
    let mut db = Connection::open_with_flags(part, OpenFlags::SQLITE_OPEN_READ_WRITE).map_err(broken)?;
    let sound: String = db.query_row("PRAGMA quick_check", [], |row| row.get(0)).map_err(broken)?;
    let ours: bool = db
        .query_row("SELECT count(*) = 1 FROM sqlite_schema WHERE name = 'vault'", [], |row| row.get(0))
        .map_err(broken)?;
    if sound != "ok" || !ours {
        return Err(about(file)(format!("it is no backup of convey's, or it is damaged ({sound})")));
    }
    schema::tune_writer(&db)?;
    schema::migrate(&mut db)?;
    schema::bind(&db, vault)?;
    let mut restored = Restored { keys: put_keys(&db, vault, keys)?, ..Restored::default() };
    if let Some(old) = old {
        db.execute("ATTACH ?1 AS old", [old.to_string_lossy()])?;
        let known = schema::version(&db, "old")? == schema::version(&db, "main")?;
        if !known {
            return Err(about(old)(
                "it was made by another version: start convey once, stop it, and restore then".to_owned(),
            ));
        }
    }
    let step = db.transaction()?;
    let forgotten = match old {
        Some(_) => carry_over(&step, &mut restored)?,
        None => {
            // Whether the CRM has them cannot be known, and no CRM removes a repeat.
            restored.commands_parked = step.execute(
                "UPDATE wanted SET state = 'dead', reason = 'restored from a backup: it may have been carried out since'
                 WHERE state IN ('waiting', 'held')",
                [],
            )? as u64;
            Vec::new()
        }
    };
    restored.may_repeat =
        step.execute("UPDATE outbox SET ambiguous = 1 WHERE state = 'waiting' AND ambiguous = 0", [])? as u64;
    let ring = KeyRing::new(vault.clone());
    let rows = Rows { db: &step, keys: &ring };
    for (subject, who, why) in forgotten {
        restored.forgotten_again += rows.forget(&subject, &Farewell { at: now, by: who, why })?.contacts;
    }
    let reason = "restored from a backup: look at what may repeat, then resume".to_owned();
    rows.pause(&Pause { scope: PauseScope::All, reason, at: now, by: "convey".to_owned(), heals: false })?;
    step.commit()?;
    if old.is_some() {
        db.execute_batch("DETACH old")?;
    }
    // Closing folds the log into the file, which is then whole by itself.
    db.close().map_err(|(_, error)| StoreError::from(error))?;
    Ok(restored)
}

/// Puts keys back that were sealed by the same vault. How many.
fn put_keys(db: &Connection, vault: &Vault, keys: &Path) -> Result<u64, StoreError> {
    let broken = |error: rusqlite::Error| about(keys)(format!("it is no key file of a backup: {error}"));
    db.execute("ATTACH ?1 AS keys", [keys.to_string_lossy()]).map_err(broken)?;
    let check: Vec<u8> = db.query_row("SELECT check_value FROM keys.vault", [], |row| row.get(0)).map_err(broken)?;
    if check != vault.check() {
        return Err(StoreError::WrongKey);
    }
    let put = db
        .execute("INSERT OR IGNORE INTO main.contact_key SELECT subject, wrapped FROM keys.contact_key", [])
        .map_err(broken)?;
    db.execute_batch("DETACH keys")?;
    Ok(put as u64)
}

/// Takes over what the replaced store knows to be told, and who was forgotten there.
fn carry_over(db: &Connection, restored: &mut Restored) -> Result<Vec<(Lookup, String, String)>, StoreError> {
    restored.told_since = db.execute(
        "UPDATE main.outbox SET state = there.state, reason = there.reason, trace = there.trace, done_at = there.done_at,
                ambiguous = max(main.outbox.ambiguous, there.ambiguous)
         FROM old.outbox AS there
         WHERE there.destination = main.outbox.destination AND there.event_id = main.outbox.event_id
           AND there.state IN ('done', 'dropped') AND main.outbox.state NOT IN ('done', 'dropped')",
        [],
    )? as u64;
    restored.told_since += db.execute(
        "UPDATE main.outbox SET state = 'done', reason = NULL, done_at = created_at
         WHERE state NOT IN ('done', 'dropped') AND EXISTS (
             SELECT 1 FROM old.event_told AS there
             WHERE there.destination = main.outbox.destination AND there.event_id = main.outbox.event_id)",
        [],
    )? as u64;
    // Commands are carried out once by their key.
    db.execute(
        "UPDATE main.wanted SET state = there.state, reason = there.reason, done_at = there.done_at
         FROM old.wanted AS there
         WHERE there.connection = main.wanted.connection AND there.key = main.wanted.key
           AND there.state IN ('done', 'dead', 'dropped') AND main.wanted.state IN ('waiting', 'held')",
        [],
    )?;
    db.execute("INSERT OR REPLACE INTO main.command SELECT * FROM old.command", [])?;
    // Of every other event that the replaced store had, the id alone is known here, and it is never told again.
    db.execute(
        "INSERT OR IGNORE INTO main.event_told (destination, event_id)
         SELECT destination, event_id FROM old.event_told
         UNION SELECT destination, event_id FROM old.outbox WHERE state IN ('done', 'dropped', 'in_flight') OR ambiguous = 1",
        [],
    )?;
    db.execute(
        "DELETE FROM main.event_told WHERE EXISTS (SELECT 1 FROM main.outbox AS here
         WHERE here.destination = event_told.destination AND here.event_id = event_told.event_id)",
        [],
    )?;
    let mut query = db.prepare("SELECT subject, who, why FROM old.forgotten WHERE done_at IS NOT NULL")?;
    let found = query.query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?;
    Ok(found.collect::<Result<_, _>>()?)
}
