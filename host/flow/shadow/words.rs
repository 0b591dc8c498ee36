//! What is asked of a shadow, what is said of one, and why one does not begin.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::tally::Tally;
use crate::clock::Millis;
use crate::flow::SwapError;
use crate::flow::prepare::Candidate;
use crate::store::StoreError;

/// Which changes a shadow is given, and when it is believed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Scope {
    /// Of these connections only; empty: of all that the mapper's name translates for.
    #[serde(default)]
    pub connections: Vec<String>,
    /// So many changes of a thousand, always the same ones.
    pub sample_per_mille: u32,
    /// When it is promoted by itself.
    pub promote_when: Option<String>,
    /// For how long the one before is watched over after a promotion, in milliseconds.
    pub watch_ms: Millis,
    /// For how many connections it is live first, then, …; empty: for all at once.
    #[serde(default)]
    pub stages: Vec<u32>,
}

/// A shadow that is asked for.
pub struct Asked {
    /// The component with its settings.
    pub candidate: Candidate,
    /// What it is given.
    pub scope: Scope,
    /// Who asks.
    pub who: String,
    /// Why, in their words.
    pub note: Option<String>,
}

/// What is to be seen of a shadow.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ShadowReport {
    /// Its number.
    pub id: i64,
    /// The mapper's name.
    pub mapper: String,
    /// `candidate`, or `former` after a promotion.
    pub role: String,
    /// Its digest.
    pub digest: String,
    /// The digest of its settings.
    pub settings_hash: String,
    /// `running`, `paused`, `stopped`, `promoted`, `passed` or `rolled-back`.
    pub state: String,
    /// Why it does not run.
    pub reason: Option<String>,
    /// What it is given.
    pub scope: Scope,
    /// The connections it is live for already.
    pub staged: Vec<String>,
    /// When it began.
    pub started_at: Millis,
    /// When it ended.
    pub ended_at: Option<Millis>,
    /// What was seen.
    pub tally: Tally,
    /// Means of the estimates, old and new.
    pub quality: (Option<f64>, Option<f64>),
    /// CPU time a change, old and new, in microseconds.
    pub us_per_change: (f64, f64),
}

/// Why a shadow does not begin, or is not promoted.
#[derive(Debug, thiserror::Error)]
pub enum ShadowError {
    /// As for a swap.
    #[error(transparent)]
    Swap(#[from] SwapError),
    /// One runs already.
    #[error("a shadow of `{0}` runs already: `convey shadow report` shows it, `convey shadow stop` ends it")]
    Runs(String),
    /// None runs.
    #[error("no shadow of `{0}` runs: start one with `convey shadow start`")]
    None(String),
    /// What was asked makes no sense.
    #[error("{0}")]
    Asked(String),
    /// It is paused, and was to go live for some connections.
    #[error(
        "the shadow of `{0}` is paused, so nobody would see what it breaks on in a stage: `convey shadow report` says why, `convey shadow stop` makes room for another"
    )]
    Paused(String),
    /// The one that runs is the one before, not a candidate.
    #[error(
        "`{0}` was promoted already; what runs is the one before, to watch over it. `convey mapper rollback` goes back"
    )]
    Promoted(String),
}

impl From<StoreError> for ShadowError {
    fn from(error: StoreError) -> Self {
        Self::Swap(error.into())
    }
}

impl From<serde_json::Error> for ShadowError {
    fn from(error: serde_json::Error) -> Self {
        Self::Swap(error.into())
    }
}

/// Reads what is kept. `place` is what it is and whose, for the error.
pub(super) fn kept<T: DeserializeOwned>(place: impl FnOnce() -> String, text: &str) -> Result<T, SwapError> {
    serde_json::from_str(text).map_err(|error| SwapError::Kept { place: place(), error })
}
