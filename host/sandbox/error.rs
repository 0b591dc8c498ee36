//! Why the sandbox would not do what it was asked.

use std::net::SocketAddr;

/// Variants by what the caller does next.
#[derive(Debug, thiserror::Error)]
pub enum SandboxError {
    /// Asked wrongly: change the request and ask again. The text says what to change.
    #[error("{0}")]
    Asked(String),
    /// An address cannot be listened on: choose another one.
    #[error("cannot listen on {address}")]
    Listen {
        /// The address that was tried.
        address: SocketAddr,
        /// The system's word on it.
        source: std::io::Error,
    },
}
