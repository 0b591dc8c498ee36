//! The tables, and how an older store becomes a newer one.

use rusqlite::config::DbConfig;
use rusqlite::{Connection, OptionalExtension, TransactionBehavior};

use super::StoreError;
use crate::vault::Vault;

/// One file a version, in order; a file that was released is never edited.
const VERSIONS: [&str; 11] = [
    include_str!("schema/0001.sql"),
    include_str!("schema/0002.sql"),
    include_str!("schema/0003.sql"),
    include_str!("schema/0004.sql"),
    include_str!("schema/0005.sql"),
    include_str!("schema/0006.sql"),
    include_str!("schema/0007.sql"),
    include_str!("schema/0008.sql"),
    include_str!("schema/0009.sql"),
    include_str!("schema/0010.sql"),
    include_str!("schema/0011.sql"),
];

/// What every connection of the store needs. Without the planner's promise of stability SQLite compiles many a statement anew each time it is given
/// values, in case they call for another plan (sqlite.org/queryplanner-ng.html, section 3).
pub(super) fn tune(db: &Connection) -> Result<(), StoreError> {
    db.busy_timeout(std::time::Duration::from_secs(5))?;
    db.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    db.set_prepared_statement_cache_capacity(128);
    Ok(())
}

/// What the one writing connection needs: durable at COMMIT, and deleted rows overwritten. A delivery writes to a dozen pages, most of them an index's, and each
/// goes to the log whole, so they are no larger than SQLite's usual 4 KiB. What one group of steps writes has to fit into the cache: what does not is
/// written to the log twice, and the log's checksums from there on.
pub(super) fn tune_writer(db: &Connection) -> Result<(), StoreError> {
    tune(db)?;
    db.execute_batch(
        "PRAGMA page_size = 4096; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA secure_delete = ON;
         PRAGMA cache_size = -6144; PRAGMA wal_autocheckpoint = 8000; PRAGMA journal_size_limit = 67108864; PRAGMA temp_store = MEMORY;",
    )?;
    Ok(())
}

/// Brings the store to this program's version, each version whole or not at all.
pub(super) fn migrate(db: &mut Connection) -> Result<(), StoreError> {
    let known = VERSIONS.len() as i64;
    let found: i64 = db.query_row("PRAGMA user_version", [], |row| row.get(0))?;
    if found > known {
        return Err(StoreError::Newer { found, known });
    }
    for (version, tables) in (1i64..).zip(VERSIONS) {
        if version > found {
            let step = db.transaction_with_behavior(TransactionBehavior::Immediate)?;
            step.execute_batch(tables)?;
            step.pragma_update(None, "user_version", version)?;
            step.commit()?;
        }
    }
    Ok(())
}

/// The version of a store's tables, by the name that it is attached under.
pub(super) fn version(db: &Connection, name: &str) -> Result<i64, StoreError> {
    Ok(db.query_row(&format!("PRAGMA {name}.user_version"), [], |row| row.get(0))?)
}

/// Binds a new store to the vault's key, and refuses an old one that is bound to another.
pub(super) fn bind(db: &Connection, vault: &Vault) -> Result<(), StoreError> {
    let kept: Option<Vec<u8>> = db.query_row("SELECT check_value FROM vault", [], |row| row.get(0)).optional()?;
    match kept {
        None => {
            db.execute("INSERT INTO vault (only_row, check_value) VALUES (1, ?1)", [vault.check().as_slice()])?;
            Ok(())
        }
        Some(kept) if kept == vault.check().as_slice() => Ok(()),
        Some(_) => Err(StoreError::WrongKey),
    }
}
