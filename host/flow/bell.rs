//! Bells: what a step's work is announced by. Who knows whose lane has something to do says so; who does not has all of them looked at.

use std::collections::{HashSet, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;
use tokio::sync::futures::Notified;

/// One step's bell, and the lanes that it was rung for.
#[derive(Default)]
pub struct Bell {
    rung: Notify,
    called: Mutex<Called>,
}

/// The lanes that have something to do, each once, in the order they came.
#[derive(Default)]
struct Called {
    order: VecDeque<String>,
    known: HashSet<String>,
    /// Whether others may have too.
    all: bool,
}

impl Bell {
    /// A lane has something to do.
    pub fn ring(&self, lane: &str) {
        self.add(lane);
        self.rung.notify_one();
    }

    /// Some lane may have something to do.
    pub fn ring_all(&self) {
        self.called().all = true;
        self.rung.notify_one();
    }

    /// Waits for the next ring. One that comes between this call and its awaiting counts.
    pub(super) fn rung(&self) -> Notified<'_> {
        self.rung.notified()
    }

    /// Whether it was rung for all since this was asked last.
    pub(super) fn was_rung_for_all(&self) -> bool {
        std::mem::take(&mut self.called().all)
    }

    /// A lane has something to do, for who listens already.
    pub(super) fn add(&self, lane: &str) {
        let mut called = self.called();
        if !called.known.contains(lane) {
            called.known.insert(lane.to_owned());
            called.order.push_back(lane.to_owned());
        }
    }

    /// Takes those lanes out that may go on now; the others keep their places.
    pub(super) fn take_if(&self, mut may: impl FnMut(&str) -> bool) {
        let Called { order, known, .. } = &mut *self.called();
        order.retain(|lane| {
            let goes = may(lane);
            if goes {
                known.remove(lane);
            }
            !goes
        });
    }

    fn called(&self) -> MutexGuard<'_, Called> {
        self.called.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::Bell;

    /// The lanes that go on, if all may but these.
    fn gone(bell: &Bell, but: &[&str]) -> Vec<String> {
        let mut gone = Vec::new();
        bell.take_if(|lane| {
            let may = !but.contains(&lane);
            gone.extend(may.then(|| lane.to_owned()));
            may
        });
        gone
    }

    #[tokio::test]
    async fn what_was_rung_for_before_anybody_waited_is_heard_once_in_its_order() {
        let bell = Bell::default();
        for lane in ["b", "a", "b"] {
            bell.ring(lane);
        }
        bell.rung().await;
        assert_eq!((gone(&bell, &[]), bell.was_rung_for_all()), (vec!["b".to_owned(), "a".to_owned()], false));
        bell.ring_all();
        bell.rung().await;
        assert!(bell.was_rung_for_all() && gone(&bell, &[]).is_empty());
        assert!(!bell.was_rung_for_all(), "once");
    }

    #[test]
    fn a_lane_that_may_not_go_on_keeps_its_place_and_one_that_went_may_come_again() {
        let bell = Bell::default();
        ["a", "b", "c"].iter().for_each(|lane| bell.add(lane));
        assert_eq!(gone(&bell, &["b"]), ["a", "c"]);
        ["a", "b"].iter().for_each(|lane| bell.add(lane));
        assert_eq!(gone(&bell, &[]), ["b", "a"]);
    }
}
