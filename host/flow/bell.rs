//! Bells: what a step's work is announced by. Who knows whose lane has something to do says so; who does not has all of them looked at.

use std::collections::{HashSet, VecDeque};
use std::sync::{Mutex, PoisonError};

use tokio::sync::Notify;
use tokio::sync::futures::Notified;

/// One step's bell.
#[derive(Default)]
pub struct Bell {
    rung: Notify,
    heard: Mutex<Heard>,
}

/// What was rung for since somebody listened last.
#[derive(Default)]
pub(super) struct Heard {
    /// The lanes that have something to do, in the order of their ringing.
    pub(super) lanes: Lanes,
    /// Whether others may have too.
    pub(super) all: bool,
}

/// Names of lanes, each once, in the order they came.
#[derive(Default)]
pub(super) struct Lanes {
    order: VecDeque<String>,
    known: HashSet<String>,
}

impl Bell {
    /// A lane has something to do.
    pub fn ring(&self, lane: &str) {
        self.heard(|heard| heard.lanes.add(lane));
        self.rung.notify_one();
    }

    /// Some lane may have something to do.
    pub fn ring_all(&self) {
        self.heard(|heard| heard.all = true);
        self.rung.notify_one();
    }

    /// Waits for the next ring. One that comes between this call and its awaiting counts.
    pub(super) fn rung(&self) -> Notified<'_> {
        self.rung.notified()
    }

    /// What was rung for.
    pub(super) fn take(&self) -> Heard {
        self.heard(std::mem::take)
    }

    fn heard<T>(&self, change: impl FnOnce(&mut Heard) -> T) -> T {
        change(&mut self.heard.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Lanes {
    pub(super) fn add(&mut self, name: &str) {
        if !self.known.contains(name) {
            self.known.insert(name.to_owned());
            self.order.push_back(name.to_owned());
        }
    }

    /// Takes those out that may go on now; the others keep their places.
    pub(super) fn take_if(&mut self, mut may: impl FnMut(&str) -> bool) {
        let known = &mut self.known;
        self.order.retain(|name| {
            let takes = may(name);
            if takes {
                known.remove(name);
            }
            !takes
        });
    }

    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.order.iter().map(String::as_str)
    }
}

#[cfg(test)]
mod tests {
    use super::{Bell, Lanes};

    #[tokio::test]
    async fn what_was_rung_for_before_anybody_waited_is_heard_once_in_its_order() {
        let bell = Bell::default();
        for lane in ["b", "a", "b"] {
            bell.ring(lane);
        }
        bell.rung().await;
        let heard = bell.take();
        assert_eq!((heard.lanes.names().collect::<Vec<_>>(), heard.all), (vec!["b", "a"], false));
        bell.ring_all();
        bell.rung().await;
        let heard = bell.take();
        assert!(heard.all && heard.lanes.names().next().is_none());
    }

    #[test]
    fn a_lane_that_may_not_go_on_keeps_its_place_and_one_that_went_may_come_again() {
        let mut lanes = Lanes::default();
        ["a", "b", "c"].iter().for_each(|lane| lanes.add(lane));
        let mut went = Vec::new();
        lanes.take_if(|lane| {
            let may = lane != "b";
            went.extend(may.then(|| lane.to_owned()));
            may
        });
        assert_eq!(went, ["a", "c"]);
        ["a", "b"].iter().for_each(|lane| lanes.add(lane));
        assert_eq!(lanes.names().collect::<Vec<_>>(), ["b", "a"]);
    }
}
