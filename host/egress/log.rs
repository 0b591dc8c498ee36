//! The sliding log: which slots of an allowance are taken, and when each is free again. Pure: time is handed in.

use std::collections::BTreeMap;

use crate::clock::Millis;

/// Slots that are free again are remembered this much longer than the interval: no request is under way for as long, and what an answer says of
/// the allowance is held against everything that was taken since its request left.
const REMEMBERED_MS: Millis = 120_000;

/// One allowance of `requests` in any `per_ms`.
///
/// A request's slot is taken before it leaves and free again one interval after its answer. The vendor saw the request at some moment between the two, so
/// whatever the network does, no interval of the vendor's clock sees more requests than there are slots.
#[derive(Debug)]
pub(super) struct Log {
    requests: u32,
    per_ms: Millis,
    /// Set aside or under way.
    held: u32,
    /// When slots are free again, and how many.
    cooling: BTreeMap<Millis, u32>,
    shut_until: Millis,
}

impl Log {
    pub(super) fn new(requests: u32, per_ms: Millis) -> Self {
        Self { requests, per_ms, held: 0, cooling: BTreeMap::new(), shut_until: 0 }
    }

    pub(super) fn requests(&self) -> u32 {
        self.requests
    }

    pub(super) fn per_ms(&self) -> Millis {
        self.per_ms
    }

    pub(super) fn held(&self) -> u32 {
        self.held
    }

    /// Another allowance takes the place of this one. Slots that wait for a shorter interval wait for the longer one.
    pub(super) fn become_of(&mut self, requests: u32, per_ms: Millis) {
        if let Some(longer) = per_ms.checked_sub(self.per_ms).filter(|longer| *longer > 0) {
            self.cooling = std::mem::take(&mut self.cooling).into_iter().map(|(at, n)| (at + longer, n)).collect();
        }
        (self.requests, self.per_ms) = (requests, per_ms);
    }

    /// Slots that are free now.
    pub(super) fn room(&self, now: Millis) -> u32 {
        if now < self.shut_until { 0 } else { self.requests.saturating_sub(self.taken_since(now)) }
    }

    /// Takes `n` slots, or none.
    pub(super) fn take(&mut self, n: u32, now: Millis) -> bool {
        let fits = self.room(now) >= n;
        self.held += if fits { n } else { 0 };
        fits
    }

    /// Slots whose requests never left.
    pub(super) fn give_back(&mut self, n: u32) {
        self.held = self.held.saturating_sub(n);
    }

    /// A request is over, whatever came of it.
    pub(super) fn over(&mut self, now: Millis) {
        self.held = self.held.saturating_sub(1);
        self.cool(1, now);
    }

    /// What the vendor counted in the interval that ended with a request which left at `sent_at`: what is not ours is somebody else's, and takes slots
    /// for one interval.
    pub(super) fn counted(&mut self, used: u32, sent_at: Millis, now: Millis) {
        let others = used.saturating_sub(self.taken_since(sent_at));
        if others > 0 {
            self.cool(others, now);
        }
    }

    /// No room before `until`.
    pub(super) fn shut(&mut self, until: Millis) {
        self.shut_until = self.shut_until.max(until);
    }

    /// Slots that are set aside, under way or not free again yet.
    pub(super) fn taken(&self, now: Millis) -> u32 {
        self.taken_since(now)
    }

    /// `n` slots are taken until `until`: by whom is not known any more.
    pub(super) fn assume(&mut self, n: u32, until: Millis) {
        *self.cooling.entry(until).or_default() += n;
    }

    /// The earliest time at which `n` slots may be free, counting those under way as if they ended now. [`Millis::MAX`] if there never are as many.
    pub(super) fn free_at(&self, n: u32, now: Millis) -> Millis {
        if n > self.requests {
            return Millis::MAX;
        }
        let mut missing = self.taken_since(now).saturating_add(n).saturating_sub(self.requests);
        let mut frees: Vec<(Millis, u32)> = self.cooling.range(now + 1..).map(|(at, n)| (*at, *n)).collect();
        frees.push((self.free_again(now), self.held));
        frees.sort_unstable();
        let mut at = now;
        for (time, count) in frees {
            if missing == 0 {
                break;
            }
            (at, missing) = (time, missing.saturating_sub(count));
        }
        at.max(self.shut_until)
    }

    /// Slots that were taken at any moment from `then` on.
    fn taken_since(&self, then: Millis) -> u32 {
        self.cooling.range(then + 1..).fold(self.held, |sum, (_, n)| sum.saturating_add(*n))
    }

    fn cool(&mut self, n: u32, now: Millis) {
        *self.cooling.entry(self.free_again(now)).or_default() += n;
        let old = now.saturating_sub(REMEMBERED_MS);
        if self.cooling.first_key_value().is_some_and(|(at, _)| *at < old) {
            self.cooling = self.cooling.split_off(&old);
        }
    }

    /// One more millisecond than the interval: the clock cuts off what is smaller.
    fn free_again(&self, now: Millis) -> Millis {
        now + self.per_ms + 1
    }
}

#[cfg(test)]
mod tests {
    use std::cmp::Reverse;
    use std::collections::BinaryHeap;

    use proptest::prelude::*;

    use super::Log;
    use crate::clock::Millis;

    /// Sends whenever there is room, each request with the next latency; gives the times at which the vendor saw them.
    fn run(requests: u32, per_ms: Millis, until: Millis, mut latency: impl FnMut() -> (Millis, Millis)) -> Vec<Millis> {
        let mut log = Log::new(requests, per_ms);
        let mut answers = BinaryHeap::new();
        let mut seen = Vec::new();
        let mut now = 1_000;
        while now < until {
            while answers.peek().is_some_and(|Reverse(at)| *at <= now) {
                answers.pop();
                log.over(now);
            }
            while log.take(1, now) {
                let (there, back) = latency();
                seen.push(now + there);
                answers.push(Reverse(now + there + back));
            }
            let next = answers.peek().map_or(Millis::MAX, |Reverse(at)| *at);
            now = next.min(log.free_at(1, now)).max(now + 1);
        }
        seen.sort_unstable();
        seen
    }

    fn most_in_any(seen: &[Millis], per_ms: Millis) -> usize {
        (0..seen.len())
            .map(|first| seen[first..].iter().take_while(|at| **at <= seen[first] + per_ms).count())
            .max()
            .unwrap_or(0)
    }

    proptest! {
        #[test]
        fn the_vendor_never_sees_more_than_it_allows(
            requests in 1u32..40,
            per_ms in 1u64..2_000,
            latencies in prop::collection::vec((0u64..3_000, 0u64..3_000), 1..50),
        ) {
            let mut turn = 0;
            let seen = run(requests, per_ms, 20_000, || { turn += 1; latencies[turn % latencies.len()] });
            prop_assert!(most_in_any(&seen, per_ms) <= requests as usize);
        }

        #[test]
        fn a_quick_network_uses_nearly_all_of_it(latencies in prop::collection::vec((0u64..100, 0u64..100), 1..50)) {
            let mut turn = 0;
            let seen = run(100, 10_000, 101_000, || { turn += 1; latencies[turn % latencies.len()] });
            prop_assert!(seen.len() > 900, "{} of 1000", seen.len());
        }
    }

    #[test]
    fn a_slot_is_free_one_interval_after_its_answer_and_at_once_if_nothing_left() {
        let mut log = Log::new(2, 100);
        assert!(log.take(2, 0) && !log.take(1, 0));
        log.give_back(1);
        assert_eq!((log.room(0), log.free_at(2, 0)), (1, 101));
        log.over(50);
        assert_eq!((log.room(150), log.room(151), log.free_at(2, 60)), (1, 2, 151));
        assert_eq!(log.free_at(3, 60), Millis::MAX);
    }

    #[test]
    fn somebody_elses_requests_take_slots_once_and_for_one_interval() {
        let mut log = Log::new(10, 100);
        assert!(log.take(2, 0));
        log.over(10);
        log.counted(7, 0, 10);
        assert_eq!(log.room(10), 3, "our two and five of others");
        log.over(11);
        log.counted(7, 0, 11);
        assert_eq!(log.room(11), 3, "the same seven");
        assert_eq!(log.room(112), 10);
    }

    #[test]
    fn slots_that_came_free_under_way_are_not_somebody_elses() {
        let mut log = Log::new(10, 100);
        assert!(log.take(5, 0));
        (0..5).for_each(|_| log.over(0));
        assert!(log.take(1, 95));
        log.over(140);
        log.counted(6, 95, 140);
        assert_eq!(log.room(140), 9, "the vendor still saw the five of before");
    }

    #[test]
    fn a_longer_interval_holds_for_what_waits_already() {
        let mut log = Log::new(1, 100);
        assert!(log.take(1, 0));
        log.over(0);
        log.become_of(1, 300);
        assert_eq!(log.free_at(1, 0), 301);
        log.shut(900);
        assert_eq!((log.free_at(1, 400), log.room(899), log.room(900)), (900, 0, 1));
    }
}
