//! Why a request did not leave or did not come back.

use crate::store::{GrantState, StoreError};
use crate::vault::VaultError;

/// Variants by what the caller does next.
#[derive(Clone, Debug, thiserror::Error)]
pub enum EgressError {
    /// Not granted: nothing left. The text prints the lines that would grant it.
    #[error("{0}")]
    Denied(String),
    /// The credential cannot be read: nothing left.
    #[error(transparent)]
    Credential(#[from] VaultError),
    /// The vendor took the connection's grant back, or its location sleeps: nothing left. The connection pauses; the text prints the line to type.
    #[error("connection {connection}: {text}; to connect it anew: convey auth login {connection}")]
    Grant {
        /// The connection, by its name in the configuration.
        connection: String,
        /// What became of the grant.
        state: GrantState,
        /// What the vendor said, in words that hold nothing private.
        text: String,
    },
    /// No token could be had just now: nothing left, trying again later is safe.
    #[error("connection {connection} has no token just now: {text}")]
    Tokenless {
        /// The connection, by its name in the configuration.
        connection: String,
        /// Why, in words that hold nothing private.
        text: String,
        /// How long the vendor, or the last failure, asks to wait, in milliseconds.
        after_ms: u64,
    },
    /// The store failed where tokens are kept: nothing left.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A person paused it while the call was under way: nothing left, and nothing does until they resume it.
    #[error("paused: nothing leaves before `convey resume`")]
    Paused,
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
