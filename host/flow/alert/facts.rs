//! What alerts are judged by: everything of one moment, in values.

use std::collections::VecDeque;
use std::sync::PoisonError;

use super::super::Flow;
use super::super::figures::EXPIRING_MS;
use super::super::sunset::Sunset;
use crate::clock::Millis;
use crate::store::{Levels, Pause, StoreError, TokenSummary};

/// Rates are over this long.
const WINDOW_MS: Millis = 5 * 60 * 1_000;

/// A mapper that did not keep what it was promoted on is spoken of for this long.
const BREACH_MS: Millis = 24 * 60 * 60 * 1_000;

/// A mapper that did not keep what it was promoted on, or broke beside the live one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Breach {
    /// The mapper's name.
    pub mapper: String,
    /// What did not hold.
    pub why: String,
    /// When.
    pub at: Millis,
}

/// What alerts are judged by.
#[derive(Clone, Debug, Default)]
pub struct Facts {
    /// Milliseconds since the Unix epoch.
    pub now: Millis,
    /// When a delivery came last, or the program began.
    pub heard_at: Millis,
    /// What waits and what is parked.
    pub levels: Levels,
    /// What is paused.
    pub pauses: Vec<Pause>,
    /// Every grant.
    pub grants: Vec<TokenSummary>,
    /// Refreshes that failed in the last minutes.
    pub failed_refreshes: f64,
    /// Answers of 429 a minute, over the last minutes.
    pub throttled_per_minute: f64,
    /// Room on the disk of the state directory, in bytes.
    pub free_bytes: u64,
    /// Why the program is not ready.
    pub unready: Vec<String>,
    /// Mappers that did not keep what they were promoted on.
    pub breaches: Vec<Breach>,
    /// Versions that end soon or have ended.
    pub sunsets: Vec<Sunset>,
}

/// Counters of late: how much they grew within the window.
#[derive(Default)]
pub(super) struct Rates(VecDeque<(Millis, u64, u64)>);

impl Rates {
    /// Notes two counters and says how much each has grown within the window.
    fn note(&mut self, now: Millis, one: u64, other: u64) -> (u64, u64) {
        self.0.push_back((now, one, other));
        // The newest that is older than the window stays: what grew since is what is asked for.
        while self.0.get(1).is_some_and(|(at, ..)| at + WINDOW_MS <= now) {
            self.0.pop_front();
        }
        self.0.front().map_or((0, 0), |(_, first, second)| (one.saturating_sub(*first), other.saturating_sub(*second)))
    }
}

impl Flow {
    pub(super) async fn facts(&self) -> Result<Facts, StoreError> {
        let now = self.clock.now_ms();
        let readiness = self.readiness();
        let (throttled, failed) = (self.metrics.throttled_so_far(), self.metrics.failed_refreshes_so_far());
        let grown = self.watch.rates.lock().unwrap_or_else(PoisonError::into_inner).note(now, throttled, failed);
        Ok(Facts {
            now,
            heard_at: self.intake.heard_at(),
            levels: self.store.levels(now + EXPIRING_MS).await?,
            pauses: self.pauses.all().to_vec(),
            grants: self.store.tokens().await?,
            throttled_per_minute: grown.0 as f64 / (WINDOW_MS as f64 / 60_000.0),
            failed_refreshes: grown.1 as f64,
            free_bytes: readiness.free_bytes,
            unready: readiness.unready(),
            breaches: self.breaches(now),
            sunsets: self.sunsets(),
        })
    }

    fn breaches(&self, now: Millis) -> Vec<Breach> {
        let mut breaches = self.watch.breaches.lock().unwrap_or_else(PoisonError::into_inner);
        breaches.retain(|breach| breach.at + BREACH_MS > now);
        breaches.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::{Rates, WINDOW_MS};

    #[test]
    fn a_rate_is_what_grew_within_the_window() {
        let mut rates = Rates::default();
        assert_eq!(rates.note(0, 100, 0), (0, 0), "what was before is not of late");
        assert_eq!(rates.note(60_000, 130, 1), (30, 1));
        assert_eq!(rates.note(WINDOW_MS, 130, 1), (30, 1));
        assert_eq!(rates.note(WINDOW_MS + 60_000, 130, 1), (0, 0));
    }
}
