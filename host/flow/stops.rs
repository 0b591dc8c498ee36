//! What stops a destination's requests at once: a pause is heeded by a call that is under way, before its next request.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use crate::egress::Stop;
use crate::store::{Pause, PauseScope};

/// Each destination's stop, as the pauses have it.
#[derive(Default)]
pub(super) struct Stops(Mutex<Known>);

#[derive(Default)]
struct Known {
    pauses: Vec<Pause>,
    stops: HashMap<String, Arc<Stop>>,
}

impl Stops {
    /// A destination's own.
    pub(super) fn of(&self, destination: &str) -> Arc<Stop> {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(stop) = known.stops.get(destination) {
            return stop.clone();
        }
        let stop = Arc::new(Stop::default());
        stop.set(is_stopped(&known.pauses, destination));
        known.stops.insert(destination.to_owned(), stop.clone());
        stop
    }

    /// Takes over what is paused.
    pub(super) fn follow(&self, pauses: &[Pause]) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.pauses = pauses.to_vec();
        for (name, stop) in &known.stops {
            stop.set(is_stopped(pauses, name));
        }
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
    use super::{Pause, PauseScope, Stops};

    #[test]
    fn a_stop_follows_the_pauses_of_its_destination() {
        let pause = |scope| Pause { scope, reason: "a test".into(), at: 1, by: "ops".into(), heals: false };
        let stops = Stops::default();
        let before = stops.of("ads");
        assert!(!before.is_on());
        stops.follow(&[pause(PauseScope::All)]);
        assert!(before.is_on() && stops.of("other").is_on());
        stops.follow(&[pause(PauseScope::Destination("other".into())), pause(PauseScope::Connection("ads".into()))]);
        assert!(!before.is_on() && stops.of("other").is_on());
    }
}
