//! The CRM's allowance for each location: 100 requests in 10 s and 200,000 a day (HighLevel, OAuth 2.0, Rate Limits), as a sliding log.

use std::collections::VecDeque;

use axum::http::HeaderMap;
use serde::{Deserialize, Serialize};

use crate::clock::Millis;

const DAY_MS: Millis = 86_400_000;

/// How much one location may be asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Allowance {
    /// Requests within any span of `per_ms`.
    pub requests: u32,
    /// The span, in milliseconds.
    pub per_ms: Millis,
    /// Requests within a day, which ends at midnight UTC.
    pub daily: u32,
}

impl Default for Allowance {
    fn default() -> Self {
        Self { requests: 100, per_ms: 10_000, daily: 200_000 }
    }
}

/// What the six rate headers say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Left {
    allowance: Allowance,
    /// Requests left in this span.
    pub now: u32,
    daily: u32,
    daily_reset_ms: Millis,
    /// How long until there is room again, in milliseconds; 0 while there is.
    pub wait_ms: Millis,
}

impl Left {
    /// Before a location is known nothing is counted.
    pub fn untouched(allowance: Allowance, now: Millis) -> Self {
        let daily_reset_ms = DAY_MS - now % DAY_MS;
        Self { allowance, now: allowance.requests, daily: allowance.daily, daily_reset_ms, wait_ms: 0 }
    }

    /// Nothing left in this span.
    pub fn spent(allowance: Allowance, now: Millis) -> Self {
        Self { now: 0, wait_ms: allowance.per_ms, ..Self::untouched(allowance, now) }
    }

    /// Writes the six headers.
    pub fn write(self, headers: &mut HeaderMap) {
        headers.insert("x-ratelimit-limit-daily", self.allowance.daily.into());
        headers.insert("x-ratelimit-daily-remaining", self.daily.into());
        headers.insert("x-ratelimit-daily-reset", self.daily_reset_ms.into());
        headers.insert("x-ratelimit-interval-milliseconds", self.allowance.per_ms.into());
        headers.insert("x-ratelimit-max", self.allowance.requests.into());
        headers.insert("x-ratelimit-remaining", self.now.into());
    }
}

/// What one location has been asked.
#[derive(Default)]
pub struct Usage {
    granted: VecDeque<Millis>,
    arrived: VecDeque<Millis>,
    day: Millis,
    in_day: u32,
    tally: Tally,
}

/// What one location has been asked, in numbers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Tally {
    /// Requests that arrived.
    pub total: u64,
    /// Those of them that were one too many.
    pub refused: u64,
    /// The most that arrived within any one span, the refused ones included.
    pub most_in_window: usize,
    /// When the first arrived, milliseconds since the epoch.
    pub first_ms: Option<Millis>,
    /// When the last arrived, milliseconds since the epoch.
    pub last_ms: Option<Millis>,
}

impl Usage {
    /// Counts one request; an error when it is one too many. A refused request uses nothing up.
    pub fn take(&mut self, now: Millis, allowance: Allowance) -> Result<Left, Left> {
        self.arrive(now, allowance.per_ms);
        within(&mut self.granted, now, allowance.per_ms);
        if self.day != now / DAY_MS {
            (self.day, self.in_day) = (now / DAY_MS, 0);
        }
        let full = self.granted.len() >= allowance.requests as usize;
        let spent_day = self.in_day >= allowance.daily;
        if !full && !spent_day {
            self.granted.push_back(now);
            self.in_day += 1;
        }
        let untouched = Left::untouched(allowance, now);
        let used = u32::try_from(self.granted.len()).unwrap_or(u32::MAX);
        let mut left = Left {
            now: allowance.requests.saturating_sub(used),
            daily: allowance.daily.saturating_sub(self.in_day),
            ..untouched
        };
        if !full && !spent_day {
            return Ok(left);
        }
        self.tally.refused += 1;
        let room = self.granted.front().map_or(allowance.per_ms, |first| first + allowance.per_ms - now);
        left.wait_ms = if spent_day { left.daily_reset_ms } else { room };
        Err(left)
    }

    /// The numbers as they stand.
    pub fn tally(&self) -> Tally {
        self.tally
    }

    fn arrive(&mut self, now: Millis, per_ms: Millis) {
        within(&mut self.arrived, now, per_ms);
        self.arrived.push_back(now);
        self.tally.total += 1;
        self.tally.most_in_window = self.tally.most_in_window.max(self.arrived.len());
        self.tally.first_ms = self.tally.first_ms.or(Some(now));
        self.tally.last_ms = Some(now);
    }
}

/// Keeps what lies in the span that ends now. Time that was moved back takes what came after it along.
fn within(times: &mut VecDeque<Millis>, now: Millis, per_ms: Millis) {
    while times.back().is_some_and(|at| *at > now) {
        times.pop_back();
    }
    while times.front().is_some_and(|at| at + per_ms <= now) {
        times.pop_front();
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{Allowance, Left, Usage};

    #[test]
    fn the_101st_of_any_span_is_refused_wherever_the_span_begins() {
        let (mut usage, allowance) = (Usage::default(), Allowance::default());
        let left = |taken: Result<Left, Left>| taken.map(|left| left.now).ok();
        for count in 0..100 {
            assert_eq!(left(usage.take(9_000 + count * 10, allowance)), Some(99 - count as u32));
        }
        // A fixed window would have begun anew at 10,000.
        assert_eq!(usage.take(18_999, allowance).expect_err("full").wait_ms, 1);
        assert_eq!(left(usage.take(19_000, allowance)), Some(0));
        assert_eq!(left(usage.take(19_000, allowance)), None);
        let tally = usage.tally();
        assert_eq!((tally.total, tally.refused, tally.most_in_window), (103, 2, 102));
        assert_eq!((tally.first_ms, tally.last_ms), (Some(9_000), Some(19_000)));
    }

    #[test]
    fn a_day_ends_at_midnight() {
        let (mut usage, allowance) = (Usage::default(), Allowance { daily: 2, ..Allowance::default() });
        assert!(usage.take(1, allowance).is_ok() && usage.take(2, allowance).is_ok());
        assert_eq!(usage.take(86_399_000, allowance).expect_err("spent").wait_ms, 1_000);
        assert!(usage.take(86_400_000, allowance).is_ok());
    }

    #[test]
    fn time_that_goes_back_starts_over() {
        let (mut usage, allowance) = (Usage::default(), Allowance { requests: 1, ..Allowance::default() });
        assert!(usage.take(50_000, allowance).is_ok() && usage.take(50_001, allowance).is_err());
        assert!(usage.take(1_000, allowance).is_ok());
    }

    proptest! {
        #[test]
        fn no_span_holds_more_than_was_allowed(
            steps in prop::collection::vec(0_u64..40, 1..300), requests in 1_u32..20, per_ms in 1_u64..300,
        ) {
            let (mut usage, allowance) = (Usage::default(), Allowance { requests, per_ms, daily: u32::MAX });
            let (mut now, mut granted, mut arrived) = (1_000, Vec::new(), Vec::new());
            for step in steps {
                now += step;
                arrived.push(now);
                let before = granted.iter().filter(|at| **at + per_ms > now).count();
                let taken = usage.take(now, allowance).is_ok();
                prop_assert_eq!(taken, before < requests as usize);
                if taken {
                    granted.push(now);
                }
            }
            let most = arrived.iter().map(|from| arrived.iter().filter(|at| (*from..from + per_ms).contains(at)).count()).max();
            prop_assert_eq!(Some(usage.tally().most_in_window), most);
        }
    }
}
