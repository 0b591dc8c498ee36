//! What is left of a day's allowance. Pure: time is handed in.

use crate::clock::Millis;

pub(super) const DAY_MS: Millis = 86_400_000;

/// The day's allowance of one location: the profile's until the vendor says better. A day ends at midnight UTC unless the vendor names its end.
#[derive(Debug)]
pub(super) struct Daily {
    limit: Option<u32>,
    /// `None`: nobody counts.
    left: Option<u32>,
    /// What was taken today and not given back.
    used: u32,
    ends_at: Millis,
}

impl Daily {
    pub(super) fn new(limit: Option<u32>) -> Self {
        Self { limit, left: limit, used: 0, ends_at: 0 }
    }

    /// Another limit takes effect; what was used today stays used.
    pub(super) fn become_of(&mut self, limit: Option<u32>) {
        self.left = match (self.limit, self.left, limit) {
            (Some(old), Some(left), Some(new)) => Some(new.saturating_sub(old.saturating_sub(left))),
            _ => limit,
        };
        self.limit = limit;
    }

    /// Requests that may still leave today.
    pub(super) fn left(&mut self, now: Millis) -> Option<u32> {
        if now >= self.ends_at {
            (self.left, self.used, self.ends_at) = (self.limit, 0, next_midnight(now));
        }
        self.left
    }

    /// The same as [`Self::left`], as a number of slots.
    pub(super) fn room(&mut self, now: Millis) -> u32 {
        self.left(now).unwrap_or(u32::MAX)
    }

    pub(super) fn take(&mut self, n: u32) {
        self.left = self.left.map(|left| left.saturating_sub(n));
        self.used = self.used.saturating_add(n);
    }

    pub(super) fn give_back(&mut self, n: u32) {
        let most = self.limit.unwrap_or(u32::MAX);
        self.left = self.left.map(|left| left.saturating_add(n).min(most));
        self.used = self.used.saturating_sub(n);
    }

    /// Requests that were taken today and not given back.
    pub(super) fn used(&mut self, now: Millis) -> u32 {
        self.left(now);
        self.used
    }

    /// So many were taken today before this began to count.
    pub(super) fn assume(&mut self, used: u32, now: Millis) {
        self.left(now);
        self.take(used);
    }

    /// When there is room for `n` again.
    pub(super) fn free_at(&mut self, n: u32, now: Millis) -> Millis {
        if self.room(now) >= n { now } else { self.ends_at }
    }

    /// The vendor's own count, which counts where it is lower than ours: an operator may have been granted, or want, less than the vendor gives.
    /// `held` requests of ours are under way or will be, and it may not have counted them. A reset that is no span of at most a day is not
    /// understood: the day ends at midnight then.
    pub(super) fn told(&mut self, remaining: i64, reset_ms: Option<u64>, held: u32, now: Millis) {
        // A day that is over gives nothing to compare with.
        self.left(now);
        match reset_ms.filter(|span| (1..=DAY_MS).contains(span)) {
            Some(span) => self.ends_at = now + span,
            None => self.ends_at = next_midnight(now),
        }
        let told = u32::try_from(remaining.max(0)).unwrap_or(u32::MAX).saturating_sub(held);
        self.left = Some(self.limit.map_or(told, |limit| told.min(limit.saturating_sub(self.used))));
    }
}

fn next_midnight(now: Millis) -> Millis {
    (now / DAY_MS + 1) * DAY_MS
}

#[cfg(test)]
mod tests {
    use super::{DAY_MS, Daily};

    #[test]
    fn a_day_ends_at_midnight_and_begins_whole() {
        let mut daily = Daily::new(Some(10));
        let noon = 20 * DAY_MS + DAY_MS / 2;
        assert_eq!(daily.left(noon), Some(10));
        daily.take(10);
        daily.give_back(1);
        daily.take(1);
        assert_eq!((daily.left(noon), daily.free_at(1, noon)), (Some(0), 21 * DAY_MS));
        assert_eq!(daily.left(21 * DAY_MS), Some(10));
    }

    #[test]
    fn the_vendors_count_wins() {
        let mut daily = Daily::new(None);
        let noon = DAY_MS / 2;
        assert_eq!(daily.left(noon), None);
        daily.told(50, None, 3, noon);
        assert_eq!(daily.left(noon), Some(47));
        daily.told(0, Some(3_000), 0, noon);
        assert_eq!((daily.room(noon), daily.free_at(1, noon)), (0, noon + 3_000));
        assert_eq!(daily.left(noon + 3_000), None);
        daily.told(-1, Some(1_790_000_000_000), 0, noon);
        assert_eq!(daily.free_at(1, noon), DAY_MS, "a moment in time is no span");
    }

    #[test]
    fn a_vendor_that_gives_more_than_the_limit_does_not_raise_it() {
        let mut daily = Daily::new(Some(30));
        assert_eq!(daily.left(0), Some(30));
        daily.take(5);
        daily.told(200_000, None, 0, 0);
        assert_eq!(daily.left(0), Some(25));
        daily.told(3, None, 1, 0);
        assert_eq!(daily.left(0), Some(2), "less is believed");
        daily.told(200_000, None, 0, 0);
        assert_eq!(daily.left(0), Some(25), "and so is a correction, up to the limit");
    }

    #[test]
    fn another_limit_keeps_what_was_used() {
        let mut daily = Daily::new(Some(10));
        assert_eq!(daily.left(0), Some(10));
        daily.take(4);
        daily.become_of(Some(5));
        assert_eq!(daily.left(0), Some(1));
    }
}
