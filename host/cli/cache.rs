//! Where commands without a state directory keep compiled code.

use std::path::Path;

use crate::engine::CodeCache;

/// A cache in the user's own cache folder; none where there is no home or it cannot be written.
pub(super) fn of_user() -> Option<CodeCache> {
    CodeCache::new(std::env::home_dir()?.join(".cache").join("convey")).ok()
}

/// A state directory's own cache, if the directory is there; else the user's.
pub(super) fn of_state(state_dir: &Path) -> Option<CodeCache> {
    if state_dir.is_dir() { CodeCache::new(state_dir.join("compiled")).ok() } else { of_user() }
}
