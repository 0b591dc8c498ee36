//! A few read-only connections, so that questions never wait for the writer.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use rusqlite::{Connection, OpenFlags};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::StoreError;
use super::keys::KeyRing;
use super::rows::{Rows, run};
use super::schema;
use crate::vault::Vault;

/// Questions answered at once.
const READERS: usize = 4;

/// The idle connections; each is opened when first needed.
pub(super) struct Readers {
    path: PathBuf,
    vault: Arc<Vault>,
    idle: Mutex<Vec<Reader>>,
    turns: Arc<Semaphore>,
}

struct Reader {
    db: Connection,
    keys: KeyRing,
}

impl Readers {
    pub(super) fn new(path: PathBuf, vault: Arc<Vault>) -> Self {
        Self { path, vault, idle: Mutex::default(), turns: Arc::new(Semaphore::new(READERS)) }
    }

    /// Waits for one's turn, without holding a thread.
    pub(super) async fn turn(&self) -> Result<OwnedSemaphorePermit, StoreError> {
        self.turns.clone().acquire_owned().await.map_err(|_| StoreError::Closed)
    }

    /// The store's file.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Every turn: while it is held, nobody reads.
    pub(super) async fn all_turns(&self) -> Result<OwnedSemaphorePermit, StoreError> {
        self.turns.clone().acquire_many_owned(READERS as u32).await.map_err(|_| StoreError::Closed)
    }

    /// Asks on this thread, inside one read transaction.
    pub(super) fn ask<T>(&self, ask: impl FnOnce(&Rows<'_>) -> Result<T, StoreError>) -> Result<T, StoreError> {
        let idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let reader = idle.map_or_else(|| self.open(), Ok)?;
        run(&reader.db, "BEGIN")?;
        let answer = ask(&Rows { db: &reader.db, keys: &reader.keys });
        run(&reader.db, "ROLLBACK")?;
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).push(reader);
        answer
    }

    /// Closes the idle connections.
    pub(super) fn close(&mut self) {
        self.idle.get_mut().unwrap_or_else(PoisonError::into_inner).clear();
    }

    fn open(&self) -> Result<Reader, StoreError> {
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let db = Connection::open_with_flags(&self.path, flags)?;
        schema::tune(&db)?;
        Ok(Reader { db, keys: KeyRing::new(self.vault.clone()) })
    }
}
