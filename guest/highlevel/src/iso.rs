//! Moments as the API takes them: ISO 8601 in UTC, to the millisecond.

use serde_json::json;

use crate::time;

const DAY_MS: u64 = 86_400_000;

/// The moment, written. Nothing for one after the year 9999, which has no such spelling.
pub fn iso(ms: u64) -> Option<String> {
    let date = time::date(&json!(ms)).filter(|date| date.len() == 10)?;
    let of_day = ms % DAY_MS;
    let (seconds, millis) = (of_day / 1000, of_day % 1000);
    Some(format!("{date}T{:02}:{:02}:{:02}.{millis:03}Z", seconds / 3600, seconds / 60 % 60, seconds % 60))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_moment_is_written_in_full() {
        assert_eq!(iso(1_637_930_462_193).as_deref(), Some("2021-11-26T12:41:02.193Z"));
        assert_eq!(iso(u64::MAX), None);
    }

    proptest! {
        #[test]
        fn what_is_written_reads_the_same(ms in 0_u64..253_402_300_800_000) {
            prop_assert_eq!(iso(ms).and_then(|text| time::moment(&json!(text))), Some(ms));
        }
    }
}
