//! Why the store could not do a step, by what the caller does next.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use rusqlite::ErrorCode;

use crate::vault::VaultError;

/// Why a step was not done. Nothing of a failed step is in the store.
#[derive(Debug, Clone, thiserror::Error)]
pub enum StoreError {
    /// Another convey works in this directory: stop that one, or give this one a directory of its own.
    #[error("{} is in use by another convey{}: stop it, or set another state directory", dir.display(), named(pid))]
    Locked {
        /// The state directory.
        dir: PathBuf,
        /// The other's process id, as it wrote it down.
        pid: Option<u32>,
    },
    /// No room, or no right, to write: ask again later (a door answers 429). The store goes on once there is room.
    #[error("the state directory's disk takes no more: {cause}")]
    Full {
        /// What SQLite said.
        cause: String,
    },
    /// The store was sealed with another key: bring that key back.
    #[error("this store was sealed with another vault key: give the key it was made with")]
    WrongKey,
    /// A newer convey made this store: run that one.
    #[error("the store has version {found}, this convey knows up to {known}: run a newer convey")]
    Newer {
        /// The version in the file.
        found: i64,
        /// The newest that this program knows.
        known: i64,
    },
    /// The state directory cannot be used: look at its rights.
    #[error("cannot use {}: {source}", path.display())]
    Directory {
        /// The path that was refused.
        path: PathBuf,
        /// What the file system said.
        source: Arc<io::Error>,
    },
    /// A backup cannot be made or put back: look at the file.
    #[error("{}: {cause}", path.display())]
    Backup {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        cause: Arc<str>,
    },
    /// A row could not be sealed or opened.
    #[error(transparent)]
    Vault(#[from] VaultError),
    /// The database refused for a reason that waiting does not mend: a damaged file, or a fault in convey.
    #[error("the store failed: {0}")]
    Broken(Arc<rusqlite::Error>),
    /// The store has stopped.
    #[error("the store has stopped")]
    Closed,
}

fn named(pid: &Option<u32>) -> String {
    pid.map(|pid| format!(" (process {pid})")).unwrap_or_default()
}

impl StoreError {
    /// Whether asking again later can help because the disk may have room then.
    pub fn is_full(&self) -> bool {
        matches!(self, Self::Full { .. })
    }
}

impl From<rusqlite::Error> for StoreError {
    fn from(error: rusqlite::Error) -> Self {
        // Whatever of the file system's errors reaches us is about writing: reads of a sound file do not fail.
        match error.sqlite_error_code() {
            Some(ErrorCode::DiskFull | ErrorCode::SystemIoFailure | ErrorCode::ReadOnly) => {
                Self::Full { cause: error.to_string() }
            }
            _ => Self::Broken(Arc::new(error)),
        }
    }
}
