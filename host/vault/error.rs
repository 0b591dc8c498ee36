//! What can be wrong with a secret or a sealed row, by what the reader of the error does next.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;

/// Why a secret could not be had or a sealed row could not be opened. Never holds a secret's value.
#[derive(Debug, Clone, thiserror::Error)]
pub enum VaultError {
    /// The named place holds no secret; the operator supplies it.
    #[error("{place} holds no secret: {fix}")]
    Absent {
        /// The environment variable or file, as the configuration names it.
        place: String,
        /// The line to type.
        fix: String,
    },
    /// The named place holds something, but not a usable secret; the operator corrects it.
    #[error("{place} {fault}: {fix}")]
    Unusable {
        /// The environment variable or file, as the configuration names it.
        place: String,
        /// What is wrong with it.
        fault: &'static str,
        /// The line to type, or what to change.
        fix: String,
    },
    /// The file system refused; the operator looks at the path's rights.
    #[error("cannot use {}: {source}", path.display())]
    Denied {
        /// The path that was refused.
        path: PathBuf,
        /// What the file system said.
        source: Arc<io::Error>,
    },
    /// Sealed bytes do not open: made with another key, meant for another row, or damaged.
    #[error("sealed {place} does not open: it was sealed with another key, belongs to another row, or is damaged")]
    Unopened {
        /// The kind of row.
        place: &'static str,
    },
    /// The operating system gave no random bytes; nothing can be sealed.
    #[error("the operating system gave no random bytes")]
    Random,
}
