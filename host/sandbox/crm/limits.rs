//! The CRM's allowance: 100 requests in 10 s and 200,000 a day for each location (HighLevel, OAuth 2.0, Rate Limits).

use axum::http::HeaderMap;

use crate::clock::Millis;

const BURST: u32 = 100;
const WINDOW_MS: Millis = 10_000;
const DAILY: u32 = 200_000;
const DAY_MS: Millis = 86_400_000;

/// What one location has used, in fixed windows.
#[derive(Default)]
pub struct Usage {
    window: Millis,
    in_window: u32,
    day: Millis,
    in_day: u32,
}

/// What the six rate headers say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Allowance {
    /// Requests left in this window.
    pub left: u32,
    daily_left: u32,
    daily_reset_ms: Millis,
}

impl Allowance {
    /// Before a location is known nothing is counted.
    pub fn untouched(now: Millis) -> Self {
        Self { left: BURST, daily_left: DAILY, daily_reset_ms: DAY_MS - now % DAY_MS }
    }

    /// Nothing left in this window.
    pub fn spent(now: Millis) -> Self {
        Self { left: 0, ..Self::untouched(now) }
    }

    /// Writes the six headers.
    pub fn write(self, headers: &mut HeaderMap) {
        headers.insert("x-ratelimit-limit-daily", DAILY.into());
        headers.insert("x-ratelimit-daily-remaining", self.daily_left.into());
        headers.insert("x-ratelimit-daily-reset", self.daily_reset_ms.into());
        headers.insert("x-ratelimit-interval-milliseconds", WINDOW_MS.into());
        headers.insert("x-ratelimit-max", BURST.into());
        headers.insert("x-ratelimit-remaining", self.left.into());
    }
}

impl Usage {
    /// Counts one request. None: it is one too many. Without `enforced` the burst is not counted down either, so that a client which
    /// paces itself by the headers is not slowed.
    pub fn take(&mut self, now: Millis, enforced: bool) -> Option<Allowance> {
        if self.window != now / WINDOW_MS {
            (self.window, self.in_window) = (now / WINDOW_MS, 0);
        }
        if self.day != now / DAY_MS {
            (self.day, self.in_day) = (now / DAY_MS, 0);
        }
        self.in_day = self.in_day.saturating_add(1);
        let daily_left = DAILY.saturating_sub(self.in_day);
        let untouched = Allowance::untouched(now);
        if !enforced {
            return Some(Allowance { left: BURST - 1, daily_left: daily_left.max(1), ..untouched });
        }
        if self.in_window == BURST || self.in_day > DAILY {
            return None;
        }
        self.in_window += 1;
        Some(Allowance { left: BURST - self.in_window, daily_left, ..untouched })
    }
}

#[cfg(test)]
mod tests {
    use super::Usage;

    #[test]
    fn the_101st_request_of_a_window_is_refused_and_the_next_window_is_fresh() {
        let mut usage = Usage::default();
        for left in (0..100).rev() {
            assert_eq!(usage.take(5_000, true).map(|allowance| allowance.left), Some(left));
        }
        assert_eq!(usage.take(9_999, true), None);
        assert_eq!(usage.take(10_000, true).map(|allowance| allowance.left), Some(99));
    }

    #[test]
    fn not_enforced_never_counts_down() {
        let mut usage = Usage::default();
        assert!((0..500).all(|_| usage.take(0, false).is_some_and(|allowance| allowance.left == 99)));
    }
}
