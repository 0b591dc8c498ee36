//! What one location allows, as its source describes it, and what an answer's headers say of it.

use http::header::{HeaderName, RETRY_AFTER};
use http::{HeaderMap, StatusCode};

use super::daily::DAY_MS;
use crate::clock::Millis;

/// Names of the response headers that tell the allowance, where the vendor has them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RateHeaders {
    /// Requests in one interval.
    pub limit: Option<HeaderName>,
    /// The interval's length, in milliseconds.
    pub interval_ms: Option<HeaderName>,
    /// Requests left in this interval.
    pub remaining: Option<HeaderName>,
    /// Requests left today.
    pub daily_remaining: Option<HeaderName>,
    /// Until the day's allowance is whole again, in milliseconds.
    pub daily_reset_ms: Option<HeaderName>,
}

/// What one location allows: `requests` in any `per_ms`, and `daily` in a day.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RateLimit {
    /// Requests in any interval.
    pub requests: u32,
    /// The interval, in milliseconds.
    pub per_ms: u32,
    /// Requests in a day; `None` if nobody counts them.
    pub daily: Option<u32>,
    /// Where answers tell of it.
    pub headers: RateHeaders,
}

/// What one answer says.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Told {
    pub requests: Option<u32>,
    pub per_ms: Option<Millis>,
    pub remaining: Option<u32>,
    pub daily_remaining: Option<i64>,
    pub daily_reset_ms: Option<u64>,
    /// The vendor refused for want of room (429, RFC 6585); how long it asks to wait, in milliseconds, if it says.
    pub throttled: Option<Option<Millis>>,
}

impl Told {
    pub(super) fn read(names: &RateHeaders, status: StatusCode, headers: &HeaderMap, now: Millis) -> Self {
        let number = |name: &Option<HeaderName>| -> Option<i64> {
            headers.get(name.as_ref()?)?.to_str().ok()?.trim().parse().ok()
        };
        // Nothing sensible is as small as none at all: a vendor that says so is not believed, or nothing would ever leave again.
        let positive = |name| number(name).filter(|number| *number > 0);
        let throttled = status == StatusCode::TOO_MANY_REQUESTS;
        Self {
            requests: positive(&names.limit).and_then(|number| u32::try_from(number).ok()),
            per_ms: positive(&names.interval_ms).map(i64::unsigned_abs).filter(|per_ms| *per_ms <= DAY_MS),
            remaining: number(&names.remaining).map(|number| u32::try_from(number.max(0)).unwrap_or(u32::MAX)),
            daily_remaining: number(&names.daily_remaining),
            daily_reset_ms: positive(&names.daily_reset_ms).map(i64::unsigned_abs),
            throttled: throttled.then(|| retry_after_ms(headers, now)),
        }
    }
}

/// `Retry-After` as seconds or as a date (RFC 9110, section 10.2.3), in milliseconds from now, at most a day.
pub(super) fn retry_after_ms(headers: &HeaderMap, now: Millis) -> Option<Millis> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    let span = match text.parse::<u64>() {
        Ok(seconds) => seconds.saturating_mul(1_000),
        Err(_) => {
            let date = jiff::fmt::rfc2822::parse(text).ok()?.timestamp().as_millisecond();
            u64::try_from(date).ok()?.saturating_sub(now)
        }
    };
    Some(span.min(DAY_MS))
}

#[cfg(test)]
mod tests {
    use http::{HeaderMap, StatusCode};
    use proptest::prelude::*;

    use super::{RateHeaders, Told, retry_after_ms};

    fn names() -> RateHeaders {
        let name = |text: &'static str| Some(http::HeaderName::from_static(text));
        RateHeaders {
            limit: name("x-max"),
            interval_ms: name("x-interval"),
            remaining: name("x-remaining"),
            daily_remaining: name("x-daily"),
            daily_reset_ms: None,
        }
    }

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        pairs.iter().map(|(name, value)| (http::HeaderName::from_static(name), value.parse().unwrap())).collect()
    }

    #[test]
    fn what_is_there_is_read_and_nonsense_is_not_believed() {
        let told = headers(&[("x-max", "100"), ("x-interval", " 10000"), ("x-remaining", "-3"), ("x-daily", "-1")]);
        let told = Told::read(&names(), StatusCode::OK, &told, 0);
        assert_eq!((told.requests, told.per_ms, told.remaining), (Some(100), Some(10_000), Some(0)));
        assert_eq!((told.daily_remaining, told.throttled), (Some(-1), None));
        let told = headers(&[("x-max", "0"), ("x-interval", "0"), ("x-remaining", "many")]);
        assert_eq!(Told::read(&names(), StatusCode::OK, &told, 0), Told::default());
        let told = Told::read(&names(), StatusCode::TOO_MANY_REQUESTS, &HeaderMap::new(), 0);
        assert_eq!(told.throttled, Some(None));
    }

    #[test]
    fn retry_after_is_seconds_or_a_date() {
        let after = |text: &str| retry_after_ms(&headers(&[("retry-after", text)]), 784_111_777_000 - 5_000);
        assert_eq!(after("7"), Some(7_000));
        assert_eq!(after("Sun, 06 Nov 1994 08:49:37 GMT"), Some(5_000));
        assert_eq!(after("Sun, 06 Nov 1994 08:49:07 GMT"), Some(0));
        assert_eq!((after("99999999999"), after("soon")), (Some(86_400_000), None));
    }

    proptest! {
        #[test]
        fn any_text_is_read_without_a_panic(text in "[ -~]{0,30}") {
            let told = headers(&[("retry-after", &text), ("x-max", &text), ("x-daily", &text)]);
            let told = Told::read(&names(), StatusCode::TOO_MANY_REQUESTS, &told, 0);
            prop_assert!(told.requests != Some(0));
        }
    }
}
