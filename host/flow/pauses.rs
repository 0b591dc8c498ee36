//! What is paused, and what stops a destination's requests at once: a pause is heeded by a call that is under way, before its next request.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::egress::Stop;
use crate::store::{Pause, PauseScope};

/// The pauses in force, with each destination's stop as they have it.
#[derive(Default)]
pub(super) struct Pauses(Mutex<Known>);

#[derive(Default)]
struct Known {
    pauses: Arc<Vec<Pause>>,
    stops: HashMap<String, Arc<Stop>>,
}

impl Pauses {
    /// Everything that is paused.
    pub(super) fn all(&self) -> Arc<Vec<Pause>> {
        self.known().pauses.clone()
    }

    /// A destination's own stop: it is on while a pause says so.
    pub(super) fn stop(&self, destination: &str) -> Arc<Stop> {
        let mut known = self.known();
        if let Some(stop) = known.stops.get(destination) {
            return stop.clone();
        }
        let stop = Arc::new(Stop::default());
        stop.set(is_stopped(&known.pauses, destination));
        known.stops.insert(destination.to_owned(), stop.clone());
        stop
    }

    /// Takes over what the store says is paused.
    pub(super) fn follow(&self, pauses: Vec<Pause>) {
        let mut known = self.known();
        for (name, stop) in &known.stops {
            stop.set(is_stopped(&pauses, name));
        }
        known.pauses = Arc::new(pauses);
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn is_stopped(pauses: &[Pause], destination: &str) -> bool {
    pauses.iter().any(|pause| match &pause.scope {
        PauseScope::All => true,
        PauseScope::Destination(name) => name == destination,
        PauseScope::Connection(_) => false,
    })
}

#[cfg(test)]
mod tests {
    use super::{Pause, PauseScope, Pauses};

    #[test]
    fn a_stop_follows_the_pauses_of_its_destination() {
        let pause = |scope| Pause { scope, reason: "a test".into(), at: 1, by: "ops".into(), heals: false };
        let pauses = Pauses::default();
        let before = pauses.stop("ads");
        assert!(!before.is_on() && pauses.all().is_empty());
        pauses.follow(vec![pause(PauseScope::All)]);
        assert!(before.is_on() && pauses.stop("other").is_on());
        let both = [PauseScope::Destination("other".into()), PauseScope::Connection("ads".into())];
        pauses.follow(both.map(pause).to_vec());
        assert!(!before.is_on() && pauses.stop("other").is_on());
        assert_eq!(pauses.all().len(), 2);
    }
}
