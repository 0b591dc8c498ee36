//! Destinations in trouble. One that takes nothing just now rests as a whole: its events wait together instead of each for itself, so that it is asked once in a
//! while and not by every event, and once it takes them again they leave in the order of their deadlines.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use super::retry::rest;
use crate::clock::Millis;
use crate::engine::Outcome;

/// How often each destination in trouble has failed in a row.
#[derive(Default)]
pub(super) struct Troubles(Mutex<HashMap<String, u32>>);

/// What a request's outcomes say of its destination.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Finding {
    /// It judges events.
    Well,
    /// Nothing that would go now can be expected to arrive. The platform's own wish, in milliseconds.
    Trouble(Option<u64>),
    /// Its credential or its right is refused: that is a pause, and no rest.
    Refused,
}

impl Troubles {
    /// Takes note of an attempt's outcomes. How long the destination rests, in milliseconds, if it is in trouble. `jitter` in `0.0..1.0`.
    pub(super) fn after(&self, name: &str, outcomes: &[Outcome], jitter: f64) -> Option<Millis> {
        let mut failures = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match finding(outcomes) {
            Finding::Well => {
                failures.remove(name);
                None
            }
            Finding::Refused => None,
            Finding::Trouble(wished_ms) => {
                let times = failures.entry(name.to_owned()).or_default();
                *times = times.saturating_add(1);
                Some(rest(*times, jitter, wished_ms))
            }
        }
    }

    /// Whether the last request failed: then one alone asks whether it is over.
    pub(super) fn is_in(&self, name: &str) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).contains_key(name)
    }
}

/// Whether an outcome holds for everything that would be sent now.
pub(super) fn is_general(outcome: &Outcome) -> bool {
    matches!(outcome, Outcome::Throttled(_) | Outcome::Unavailable(_) | Outcome::Unknown(_))
}

fn finding(outcomes: &[Outcome]) -> Finding {
    let judged =
        outcomes.iter().any(|said| matches!(said, Outcome::Accepted(_) | Outcome::Rejected(_) | Outcome::Expired(_)));
    if !judged && outcomes.iter().any(is_general) {
        let wishes = outcomes.iter().filter_map(|said| match said {
            Outcome::Throttled(wished_ms) => wished_ms.map(u64::from),
            _ => None,
        });
        return Finding::Trouble(wishes.max());
    }
    if judged { Finding::Well } else { Finding::Refused }
}

#[cfg(test)]
mod tests {
    use super::{Outcome, Troubles};

    #[test]
    fn trouble_grows_until_something_is_judged() {
        let (troubles, text) = (Troubles::default(), || "why".to_owned());
        let down = [Outcome::Unavailable(text()), Outcome::Unavailable(text())];
        let rests: Vec<_> = (0..3).map(|_| troubles.after("ads", &down, 1.0)).collect();
        assert_eq!(rests, [Some(1_000), Some(2_000), Some(4_000)]);
        assert!(troubles.is_in("ads") && !troubles.is_in("other"));
        assert_eq!(troubles.after("ads", &[Outcome::Unauthorized(text())], 1.0), None);
        assert!(troubles.is_in("ads"), "a refused token says nothing of it");
        assert_eq!(troubles.after("ads", &[Outcome::Unavailable(text()), Outcome::Rejected(text())], 1.0), None);
        assert!(!troubles.is_in("ads"));
    }

    #[test]
    fn a_throttled_destination_rests_as_long_as_it_says_unless_it_took_something() {
        let troubles = Troubles::default();
        let said = [Outcome::Throttled(Some(300_000)), Outcome::Throttled(None), Outcome::Accepted(None)];
        assert_eq!(troubles.after("ads", &said[..2], 0.0), Some(300_000));
        assert_eq!(troubles.after("ads", &said, 0.0), None);
    }
}
