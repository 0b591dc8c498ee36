//! Moments as the vendor writes them: ISO 8601 with `Z`, an offset or no zone at all (taken as UTC), a space for the `T`, or epoch numbers.

use serde_json::Value;

use crate::json::Look;

const DAY_MS: i64 = 86_400_000;
/// Below this an epoch number counts seconds: in milliseconds it would lie in early 1973, before anything a CRM holds.
const SECONDS_BELOW: f64 = 100_000_000_000.0;

/// Now, ms since the epoch. Nothing that is told depends on it: it dates own writes and names the sweeps.
#[expect(clippy::disallowed_methods, reason = "a guest's one clock is the host's, handed in as wasi:clocks")]
pub fn now() -> u64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    since.map_or(0, |since| u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
}

/// Milliseconds since the epoch. Nothing for what is no moment, or lies before 1970.
pub fn moment(value: &impl Look) -> Option<u64> {
    let epoch = match value.as_text().map(str::trim) {
        // A date has its first dash after the year; no number has one there.
        Some(text) if text.as_bytes().get(4) == Some(&b'-') => return u64::try_from(iso(text)?).ok(),
        Some(text) => match text.parse::<f64>() {
            Ok(number) => number,
            Err(_) => return u64::try_from(iso(text)?).ok(),
        },
        None => value.as_number()?.as_f64()?,
    };
    // A year alone ("2024") is no moment.
    if !(100_000.0..1e15).contains(&epoch) {
        return None;
    }
    Some(if epoch < SECONDS_BELOW { epoch * 1000.0 } else { epoch } as u64)
}

/// Whether a moment is written without its zone.
pub fn is_zoneless(value: &Value) -> bool {
    let Some(text) = value.as_str().map(str::trim) else { return false };
    iso(text).is_some() && text.get(10..).is_none_or(|rest| !rest.contains(['Z', 'z', '+', '-']))
}

/// The moment in a field.
pub fn at(value: &impl Look, field: &str) -> Option<u64> {
    value.member(field).and_then(moment)
}

/// A date of birth: an ISO moment is cut to its date, an epoch number becomes one, any other text stays as it is for the mapper to judge.
pub fn date(value: &impl Look) -> Option<String> {
    if let Some(text) = value.as_text().map(str::trim) {
        let dated = text.get(..10).filter(|_| iso(text).is_some());
        return (!text.is_empty()).then(|| dated.unwrap_or(text).to_owned());
    }
    let (year, month, day) = civil(value.as_number()?.as_i64()?.div_euclid(DAY_MS));
    Some(format!("{year:04}-{month:02}-{day:02}"))
}

fn iso(text: &str) -> Option<i64> {
    let bytes = text.as_bytes();
    let digits = |from: usize, to: usize| -> Option<i64> {
        let part = bytes.get(from..to)?;
        part.iter().try_fold(0, |sum, byte| byte.is_ascii_digit().then(|| sum * 10 + i64::from(byte - b'0')))
    };
    let is = |index: usize, wanted: &[u8]| bytes.get(index).is_some_and(|byte| wanted.contains(byte));
    let (year, month, day) = (digits(0, 4)?, digits(5, 7)?, digits(8, 10)?);
    if !is(4, b"-") || !is(7, b"-") || !(1..=12).contains(&month) || !(1..=31).contains(&day) {
        return None;
    }
    let midnight = days(year, month, day) * DAY_MS;
    if bytes.len() == 10 {
        return Some(midnight);
    }
    let (hour, minute) = (digits(11, 13)?, digits(14, 16)?);
    if !is(10, b"Tt ") || !is(13, b":") || hour > 24 || minute > 59 {
        return None;
    }
    let mut rest = 16;
    let mut moment = midnight + hour * 3_600_000 + minute * 60_000;
    if is(16, b":") {
        moment += digits(17, 19)? * 1000;
        rest = 19;
    }
    if is(rest, b".,") {
        let end = (rest + 1..bytes.len()).find(|index| !bytes[*index].is_ascii_digit()).unwrap_or(bytes.len());
        let fraction =
            (0..3).map(|place| digits(rest + 1 + place, rest + 2 + place).filter(|_| rest + 1 + place < end));
        moment += fraction.fold(0, |sum, digit| sum * 10 + digit.unwrap_or(0));
        rest = end;
    }
    let zone = text.get(rest..)?;
    match zone.as_bytes() {
        b"" | b"Z" | b"z" => Some(moment),
        [sign @ (b'+' | b'-'), ..] => {
            let hours = digits(rest + 1, rest + 3)?;
            let colon = usize::from(is(rest + 3, b":"));
            let minutes = if zone.len() == 3 { 0 } else { digits(rest + 3 + colon, rest + 5 + colon)? };
            let complete = zone.len() == 3 || zone.len() == 5 + colon;
            let offset = (hours * 60 + minutes) * 60_000;
            complete.then_some(if *sign == b'+' { moment - offset } else { moment + offset })
        }
        _ => None,
    }
}

/// Days since 1970-01-01 (Howard Hinnant, "chrono-compatible low-level date algorithms", days_from_civil).
fn days(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let of_era = year.rem_euclid(400);
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
}

/// The reverse of [`days`] (civil_from_days).
fn civil(days: i64) -> (i64, i64, i64) {
    let shifted = days + 719_468;
    let era = shifted.div_euclid(146_097);
    let of_era = shifted.rem_euclid(146_097);
    let year = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let shifted_month = (5 * of_year + 2) / 153;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    (year + era * 400 + i64::from(month <= 2), month, of_year - (153 * shifted_month + 2) / 5 + 1)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    #[test]
    fn every_spelling_seen() {
        for (written, expected) in [
            (json!("2021-11-26T12:41:02.193Z"), Some(1_637_930_462_193)),
            (json!("2023-09-25T16:00:00+05:30"), Some(1_695_637_800_000)),
            (json!("2023-09-25T16:00:00+0530"), Some(1_695_637_800_000)),
            (json!("2021-07-16 11:00:00"), Some(1_626_433_200_000)),
            (json!("2021-07-16T11:00Z"), Some(1_626_433_200_000)),
            (json!("2021-07-16T11:00:00.5Z"), Some(1_626_433_200_500)),
            (json!("2021-07-16T11:00:00.123456Z"), Some(1_626_433_200_123)),
            (json!("2021-07-16"), Some(1_626_393_600_000)),
            (json!(1_637_930_462_193_u64), Some(1_637_930_462_193)),
            (json!("1637930462193"), Some(1_637_930_462_193)),
            (json!(1_637_930_462), Some(1_637_930_462_000)),
            (json!("2024-02-29T00:00:00Z"), Some(1_709_164_800_000)),
            (json!("1960-01-01"), None),
            (json!("2021-13-01"), None),
            (json!("2021-07-16T11:00:00 PST"), None),
            (json!("yesterday"), None),
            (json!("2024"), None),
            (json!(null), None),
        ] {
            assert_eq!(moment(&written), expected, "{written}");
        }
    }

    #[test]
    fn a_zone_is_seen() {
        for (written, zoneless) in [
            ("2021-07-16 11:00:00", true),
            ("2021-07-16T11:00:00Z", false),
            ("2021-07-16T11:00:00-05:00", false),
            ("soon", false),
        ] {
            assert_eq!(is_zoneless(&json!(written)), zoneless, "{written}");
        }
    }

    #[test]
    fn a_birth_date_is_a_date() {
        assert_eq!(date(&json!("2000-01-05T00:00:00.000Z")).as_deref(), Some("2000-01-05"));
        assert_eq!(date(&json!("1945-03-02")).as_deref(), Some("1945-03-02"));
        assert_eq!(date(&json!("03/02/1945")).as_deref(), Some("03/02/1945"));
        assert_eq!(date(&json!(-86_400_000)).as_deref(), Some("1969-12-31"));
        assert_eq!(date(&json!("")), None);
    }

    proptest! {
        #[test]
        fn days_and_civil_are_inverse(day in -200_000_i64..200_000) {
            let (year, month, date) = civil(day);
            prop_assert_eq!(days(year, month, date), day);
        }

        #[test]
        fn no_text_breaks_the_parser(text in "\\PC{0,40}") {
            let _ = moment(&json!(text.clone()));
            let _ = date(&json!(text));
        }
    }
}
