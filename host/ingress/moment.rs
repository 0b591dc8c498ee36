//! Moments as senders write them.

use serde_json::Value;

use crate::clock::Millis;

/// Below this a number counts seconds: in milliseconds it would lie in early 1973.
const SECONDS_BELOW: f64 = 100_000_000_000.0;

/// ISO 8601 text with its zone, or a number of seconds or milliseconds since 1970, also as text. Nothing for what is no moment or lies before 1970.
pub(super) fn moment(value: &Value) -> Option<Millis> {
    match value {
        Value::String(text) => match text.trim().parse::<f64>() {
            Ok(number) => since_epoch(number),
            Err(_) => text.trim().parse::<jiff::Timestamp>().ok()?.as_millisecond().try_into().ok(),
        },
        value => since_epoch(value.as_f64()?),
    }
}

fn since_epoch(number: f64) -> Option<Millis> {
    let ms = if number < SECONDS_BELOW { number * 1_000.0 } else { number };
    // Whole milliseconds of any year that matters are exact in 53 bits.
    (ms.is_finite() && ms >= 0.0).then(|| ms.round() as Millis)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    #[test]
    fn every_spelling_is_the_same_moment() {
        for written in [
            json!("2021-11-26T12:41:02Z"),
            json!("2021-11-26T12:41:02.000+00:00"),
            json!(" 2021-11-26T18:11:02+05:30 "),
            json!("2021-11-26 12:41:02Z"),
            json!(1_637_930_462),
            json!(1_637_930_462.0),
            json!(1_637_930_462_000_u64),
            json!("1637930462"),
            json!("1637930462000"),
        ] {
            assert_eq!(moment(&written), Some(1_637_930_462_000), "{written}");
        }
        assert_eq!(moment(&json!("2021-11-26T12:41:02.193Z")), Some(1_637_930_462_193));
        assert_eq!(moment(&json!(1_637_930_462.193)), Some(1_637_930_462_193));
    }

    #[test]
    fn what_is_no_moment_is_none() {
        for written in [
            json!("yesterday"),
            json!("2021-11-26"),
            json!("2021-11-26T12:41:02"),
            json!("1960-01-01T00:00:00Z"),
            json!(-5),
            json!("NaN"),
            json!("inf"),
            json!(""),
            json!(true),
            json!(null),
            json!([1]),
        ] {
            assert_eq!(moment(&written), None, "{written}");
        }
    }

    proptest! {
        #[test]
        fn seconds_and_milliseconds_agree(seconds in 100_000_000_u64..99_999_999_999) {
            prop_assert_eq!(moment(&json!(seconds)), Some(seconds * 1_000));
            prop_assert_eq!(moment(&json!(seconds * 1_000)), Some(seconds * 1_000));
        }
    }
}
