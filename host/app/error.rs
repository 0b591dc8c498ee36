//! Why the program does not start, by what the operator does next.

use std::net::SocketAddr;
use std::path::PathBuf;

use crate::blame::Blame;
use crate::engine::{Fault, LoadError};
use crate::flow::SwapError;
use crate::store::StoreError;
use crate::vault::VaultError;

/// Variants by what the operator does next.
#[derive(Debug, thiserror::Error)]
pub enum AppError {
    /// A component's file cannot be read.
    #[error("{place}: cannot read {}: {source}", path.display())]
    Unreadable {
        /// `source.highlevel`, say.
        place: String,
        /// The file.
        path: PathBuf,
        /// What the file system said.
        source: std::io::Error,
    },
    /// A component does not load or breaks when it is asked what it is.
    #[error("{place}: {error}")]
    Component {
        /// `source.highlevel`, say.
        place: String,
        /// Why.
        error: LoadError,
    },
    /// A component asks for what it was not granted.
    #[error("{place} asks for {}:\n\n{diff}\nIf that is right, run:\n\n  convey component approve {place}\n", if *first { "rights it was never granted" } else { "other rights than it was granted" })]
    NotGranted {
        /// `source.highlevel`, say.
        place: String,
        /// Whether it was never granted anything.
        first: bool,
        /// What is new and what is gone, line by line.
        diff: String,
    },
    /// A component describes something the host cannot enforce.
    #[error("{place} describes itself wrongly: {text}")]
    Profile {
        /// `source.highlevel`, say.
        place: String,
        /// What is wrong.
        text: String,
    },
    /// A line of the configuration says what cannot be: only a start sees it.
    #[error("[{place}]: {text}")]
    Written {
        /// `sink.meta`, say.
        place: String,
        /// What is wrong with it.
        text: String,
    },
    /// A component refuses a connection's or destination's settings.
    #[error("[{place}.settings]: {text}")]
    Settings {
        /// `connection.acme`, say.
        place: String,
        /// The component's objection.
        text: String,
    },
    /// Tokens cannot be read: one line each.
    #[error("{0}")]
    Tokens(String),
    /// A mapper cannot go live.
    #[error("mapper.{name}: {error}")]
    Mapper {
        /// The mapper's name.
        name: String,
        /// Why.
        error: SwapError,
    },
    /// A secret cannot be read, or the vault cannot be opened.
    #[error(transparent)]
    Vault(#[from] VaultError),
    /// The store cannot be opened or written.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// An address cannot be listened on.
    #[error("cannot listen on {address}: {source}. Is another program there? Change `listen` in the configuration")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// What the system said.
        source: std::io::Error,
    },
    /// A file of the state directory cannot be written.
    #[error("cannot write {}: {source}", path.display())]
    State {
        /// The file.
        path: PathBuf,
        /// What the file system said.
        source: std::io::Error,
    },
}

impl AppError {
    /// Whose doing it is.
    pub fn blame(&self) -> Blame {
        match self {
            AppError::Component { error: LoadError::Engine(_), .. } | AppError::Store(_) | AppError::State { .. } => {
                Blame::Host
            }
            AppError::Component { error: LoadError::WrongWorld { .. }, .. } => Blame::Operator,
            AppError::Component { .. } | AppError::Profile { .. } => Blame::Guest,
            _ => Blame::Operator,
        }
    }

    pub(super) fn fault(place: &str, fault: Fault) -> Self {
        Self::Component { place: place.to_owned(), error: LoadError::Fault(fault) }
    }
}
