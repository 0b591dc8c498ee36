//! Why a request did not leave or did not come back.

use crate::vault::VaultError;

/// Variants by what the caller does next.
#[derive(Debug, thiserror::Error)]
pub enum EgressError {
    /// Not granted: nothing left. The text prints the lines that would grant it.
    #[error("{0}")]
    Denied(String),
    /// The credential cannot be read: nothing left.
    #[error(transparent)]
    Credential(#[from] VaultError),
    /// No connection was made: nothing left, trying again is safe.
    #[error("cannot connect to {authority}")]
    Unreachable {
        /// Host and port that were tried.
        authority: String,
    },
    /// The time was up after the request may have left.
    #[error("no answer within {limit_ms} ms")]
    TimedOut {
        /// The limit that applied, in milliseconds.
        limit_ms: u64,
    },
    /// The connection broke after the request may have left.
    #[error("the connection broke before the answer was whole")]
    Broken,
    /// A body is larger than the limit.
    #[error("the {part} is larger than {limit} bytes")]
    TooLarge {
        /// "request body" or "response body".
        part: &'static str,
        /// The limit, in bytes.
        limit: usize,
    },
}
