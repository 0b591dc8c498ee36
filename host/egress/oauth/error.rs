//! Why a token was not given.

use super::GrantWord;
use crate::vault::VaultError;

/// Variants by what happens next. No text repeats a token, a code or what the vendor wrote: only the profile's own words and the RFC's.
#[derive(Clone, Debug, thiserror::Error)]
pub enum OauthError {
    /// The vendor refuses the grant, in a word that its profile explains.
    #[error("{text}")]
    Refused {
        /// What the word means.
        word: GrantWord,
        /// The word, as the profile or RFC 6749 writes it.
        text: String,
    },
    /// The token that asked has run out: with a fresh one the same request may do.
    #[error("the token that asked has run out")]
    Stale,
    /// No answer, or none that settles it: the same request again, later.
    #[error("{0}")]
    Unavailable(String),
    /// Too many requests: later.
    #[error("the vendor asks to wait {after_ms} ms")]
    Throttled {
        /// How long, in milliseconds.
        after_ms: u64,
    },
    /// The vendor does not take the request itself: the operator looks at the client's id, secret and redirect address.
    #[error("{0}")]
    Invalid(String),
    /// The client's secret cannot be read: the operator puts it where the configuration says.
    #[error(transparent)]
    Credential(#[from] VaultError),
}
