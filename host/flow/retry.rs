//! When to try again: exponential, with full jitter, capped. A pure function.

use crate::clock::Millis;

/// The first wait's upper bound.
const FIRST_MS: u64 = 1_000;
/// No wait is longer.
const CAP_MS: u64 = 10 * 60 * 1_000;
/// A rest grows no more after so many failures: it is 64 s at most.
const REST_TIMES: u32 = 7;
/// No wait is shorter: what is jittered to nothing would hammer.
const LEAST_MS: u64 = 200;

/// How long to wait after `tries` failed tries (1 for the first), for `jitter` in `0.0..1.0`. The remote's own wish is a lower bound.
///
/// Exponential backoff with full jitter, as in the AWS Architecture Blog, "Exponential Backoff And Jitter".
pub fn backoff(tries: u32, jitter: f64, wished_ms: Option<u64>) -> Millis {
    let doublings = tries.saturating_sub(1).min(20);
    let ceiling = FIRST_MS.saturating_mul(1 << doublings).min(CAP_MS);
    let drawn = (ceiling as f64 * jitter.clamp(0.0, 1.0)) as u64;
    let wished = wished_ms.unwrap_or(0).min(24 * 60 * 60 * 1_000);
    // The wish is spread too, so that everybody who was told the same second does not come back in it.
    drawn.max(LEAST_MS).max(if wished == 0 { 0 } else { wished + drawn.min(FIRST_MS) })
}

/// How long a destination rests that has failed `times` times in a row: one that is down is asked once in a while, and soon enough that nobody waits long for one
/// that is back. The remote's own wish is a lower bound here too.
pub(super) fn rest(times: u32, jitter: f64, wished_ms: Option<u64>) -> Millis {
    backoff(times.min(REST_TIMES), jitter, wished_ms)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn it_doubles_and_is_capped() {
        assert_eq!(backoff(1, 1.0, None), 1_000);
        assert_eq!(backoff(4, 1.0, None), 8_000);
        assert_eq!(backoff(40, 1.0, None), CAP_MS);
        assert_eq!(backoff(1, 0.0, Some(5_000)), 5_000);
        assert_eq!((rest(2, 1.0, None), rest(90, 1.0, None)), (2_000, 64_000));
        assert_eq!(rest(90, 0.0, Some(600_000)), 600_000);
    }

    proptest! {
        #[test]
        fn it_stays_within_its_bounds(tries in 0u32..200, jitter in -1.0f64..2.0, wish in proptest::option::of(0u64..u64::MAX)) {
            let wait = backoff(tries, jitter, wish);
            prop_assert!(wait >= LEAST_MS);
            prop_assert!(wait <= 24 * 60 * 60 * 1_000 + FIRST_MS);
            if let Some(wish) = wish.filter(|wish| *wish < 60_000) {
                prop_assert!(wait >= wish);
            }
        }
    }
}
