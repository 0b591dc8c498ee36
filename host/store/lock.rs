//! The state directory: private to its owner, and one convey at a time.

use std::fs::{self, File, OpenOptions, Permissions, TryLockError};
use std::io::{self, Read, Seek, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::Path;
use std::sync::Arc;

use super::StoreError;

const LOCK_FILE: &str = "lock";

/// Holds the directory until it is dropped. The operating system lets go of it when the program dies, however it dies.
pub(super) struct Lock {
    _file: File,
}

impl Lock {
    /// Makes the directory if need be (mode 0700) and locks it.
    pub(super) fn take(dir: &Path) -> Result<Self, StoreError> {
        let refused = |cause: io::Error| StoreError::Directory { path: dir.to_owned(), source: Arc::new(cause) };
        fs::DirBuilder::new().recursive(true).mode(0o700).create(dir).map_err(refused)?;
        let rights = fs::metadata(dir).map_err(refused)?.permissions();
        if rights.mode() & 0o077 != 0 {
            fs::set_permissions(dir, Permissions::from_mode(0o700)).map_err(refused)?;
        }
        let mut file = open_private(&dir.join(LOCK_FILE)).map_err(refused)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let mut text = String::new();
                let _ = file.read_to_string(&mut text);
                return Err(StoreError::Locked { dir: dir.to_owned(), pid: text.trim().parse().ok() });
            }
            Err(TryLockError::Error(cause)) => return Err(refused(cause)),
        }
        // Only for the other's error message: a full disk must not keep a runner from draining what it has.
        let noted =
            file.set_len(0).and_then(|()| file.rewind()).and_then(|()| writeln!(file, "{}", std::process::id()));
        if let Err(error) = noted {
            tracing::warn!(%error, "the lock file holds no process id");
        }
        Ok(Self { _file: file })
    }
}

/// Makes the file with mode 0600 if it is not there; SQLite gives its side files the same mode.
pub(super) fn private_file(path: &Path) -> Result<(), StoreError> {
    open_private(path)
        .map(drop)
        .map_err(|cause| StoreError::Directory { path: path.to_owned(), source: Arc::new(cause) })
}

fn open_private(path: &Path) -> io::Result<File> {
    OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(0o600).open(path)
}
