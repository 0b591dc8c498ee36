//! Dates as the vendor reads and writes them.

use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;
use jiff::{Timestamp, fmt::strtime};

use crate::clock::Millis;

/// The ways in which a date of birth may be written (HighLevel, Contacts API, `dateOfBirth`).
const BIRTHDAYS: [&str; 8] =
    ["%Y/%m/%d", "%m/%d/%Y", "%Y-%m-%d", "%m-%d-%Y", "%Y.%m.%d", "%m.%d.%Y", "%Y_%m_%d", "%m_%d_%Y"];

/// A time in ISO 8601 as milliseconds since the epoch: with an offset or `Z`; without one, or without a time of day, it is UTC.
pub fn millis(text: &str) -> Option<Millis> {
    let instant = text.parse::<Timestamp>().ok().or_else(|| {
        let civil = text.parse::<DateTime>().ok()?;
        civil.to_zoned(TimeZone::UTC).ok().map(|zoned| zoned.timestamp())
    })?;
    Millis::try_from(instant.as_millisecond()).ok()
}

/// `1990-09-25`, from any of the ways a date of birth may be written; a time of day is cut off.
pub fn birthday(text: &str) -> Option<String> {
    let date = BIRTHDAYS.iter().find_map(|format| Date::strptime(format, text).ok());
    let date = date.or_else(|| {
        let (day, time) = text.split_once('T')?;
        day.parse::<Date>().ok().filter(|_| !time.is_empty())
    })?;
    (date.year() > 0).then(|| date.to_string())
}

/// `2021-07-16 11:00:00` at `offset_minutes` east of UTC: how a contact's appointments are shown, without saying where.
pub fn plain(at: Millis, offset_minutes: i32) -> String {
    let local = i64::try_from(at).unwrap_or(i64::MAX).saturating_add(i64::from(offset_minutes) * 60_000);
    let instant = Timestamp::from_millisecond(local).unwrap_or(Timestamp::UNIX_EPOCH);
    strtime::format("%Y-%m-%d %H:%M:%S", instant).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::{any, prop_assert_eq, proptest};

    use super::{birthday, millis, plain};

    #[test]
    fn every_way_to_write_a_birthday_is_read() {
        for text in [
            "1990/09/25",
            "09/25/1990",
            "1990-09-25",
            "09-25-1990",
            "1990.09.25",
            "09.25.1990",
            "1990_09_25",
            "09_25_1990",
            "1990-09-25T00:00:00.000Z",
        ] {
            assert_eq!(birthday(text).as_deref(), Some("1990-09-25"), "{text}");
        }
        for text in ["", "yesterday", "25/09/1990", "1990-13-01", "T"] {
            assert_eq!(birthday(text), None, "{text}");
        }
    }

    #[test]
    fn times_are_read_with_and_without_an_offset() {
        let at = millis("2026-11-22T08:15:30.007Z");
        assert_eq!(at, Some(1_795_335_330_007));
        assert_eq!(millis("2026-11-22T13:45:30.007+05:30"), at);
        assert_eq!(millis("2026-11-22"), millis("2026-11-22T00:00:00Z"));
        assert_eq!(millis("soon"), None);
        assert_eq!(plain(1_795_335_330_007, -360), "2026-11-22 02:15:30");
    }

    proptest! {
        #[test]
        fn whatever_is_written_a_birthday_read_is_its_own_birthday(text in any::<String>(), day in "[0-9]{1,4}[-/._][0-9]{1,2}[-/._][0-9]{1,4}") {
            for written in [text, day] {
                if let Some(read) = birthday(&written) {
                    prop_assert_eq!(birthday(&read), Some(read.clone()));
                    prop_assert_eq!(read.len(), 10);
                }
            }
        }
    }
}
