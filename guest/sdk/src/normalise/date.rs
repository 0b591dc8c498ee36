//! Dates of birth: Meta's `db`.

/// `YYYYMMDD` of a real calendar day from 1900 to `today` (milliseconds since the Unix epoch; a day of grace for time zones
/// ahead of UTC). Year first in any separator (ISO 8601, a time may follow); with slashes or dashes the month comes first, as in
/// Meta's own example `2/16/1997`, unless its number is no month; with dots the day comes first; months may have English names.
/// Two-digit years and undivided digits other than `YYYYMMDD` are dropped.
pub fn date_of_birth(raw: &str, today_ms: u64) -> Option<String> {
    let text = date_part(raw.trim());
    let (year, month, day) = if text.len() == 8 && text.bytes().all(|byte| byte.is_ascii_digit()) {
        (text[..4].parse().ok()?, text[4..6].parse().ok()?, text[6..].parse().ok()?)
    } else if text.bytes().any(|byte| byte.is_ascii_alphabetic()) {
        with_named_month(text)?
    } else {
        in_numbers(text)?
    };
    let born = day_number(year, month, day)?;
    let today = i64::try_from(today_ms / 86_400_000).ok()?;
    (year >= 1900 && born <= today.saturating_add(1)).then(|| written(year, month, day))
}

/// The eight digits. Years have four of them, and months and days no more than two.
fn written(year: i64, month: u32, day: u32) -> String {
    let number = year * 10_000 + i64::from(month * 100 + day);
    number.to_string()
}

/// `1997-02-16T00:00:00.000Z`, `1997-02-16 00:00` and `2/16/1997, 10:00` without their times.
fn date_part(text: &str) -> &str {
    match text.find(['T', ':']) {
        Some(at) if text.as_bytes()[at] == b'T' && text[..at].ends_with(|c: char| c.is_ascii_digit()) => &text[..at],
        Some(at) if text.as_bytes()[at] == b':' => {
            text[..at].rsplit_once(' ').map_or(text, |(date, _)| date.trim_end_matches([',', ' ']))
        }
        _ => text,
    }
}

fn in_numbers(text: &str) -> Option<(i64, u32, u32)> {
    let separator = text.chars().find(|c| !c.is_ascii_digit()).filter(|c| matches!(c, '/' | '-' | '.' | ' '))?;
    let mut parts = text.split(separator).map(str::trim);
    let (first, second, third) = (parts.next()?, parts.next()?, parts.next()?);
    if parts.next().is_some() {
        return None;
    }
    if first.len() == 4 {
        return Some((number(first)?.into(), number(second)?, number(third)?));
    }
    let (first, second, year) = (number(first)?, number(second)?, year(third)?);
    let day_first = if separator == '.' { second <= 12 } else { first > 12 };
    Some(if day_first { (year, second, first) } else { (year, first, second) })
}

fn with_named_month(text: &str) -> Option<(i64, u32, u32)> {
    let mut words = text.split([' ', ',', '-', '.', '/']).filter(|word| !word.is_empty());
    let (first, second, third) = (words.next()?, words.next()?, words.next()?);
    if words.next().is_some() {
        return None;
    }
    match (month(first), month(second)) {
        (Some(month), None) => Some((year(third)?, month, day(second)?)),
        (None, Some(month)) if first.len() == 4 => Some((year(first)?, month, day(third)?)),
        (None, Some(month)) => Some((year(third)?, month, day(first)?)),
        _ => None,
    }
}

fn month(word: &str) -> Option<u32> {
    const MONTHS: [&str; 12] = [
        "january",
        "february",
        "march",
        "april",
        "may",
        "june",
        "july",
        "august",
        "september",
        "october",
        "november",
        "december",
    ];
    let word = word.to_ascii_lowercase();
    let at = MONTHS
        .iter()
        .position(|month| word.len() >= 3 && (month.starts_with(&word) || (word == "sept" && *month == "september")))?;
    u32::try_from(at + 1).ok()
}

fn day(word: &str) -> Option<u32> {
    let digits = ["st", "nd", "rd", "th"].into_iter().find_map(|ending| word.strip_suffix(ending)).unwrap_or(word);
    number(digits)
}

fn year(word: &str) -> Option<i64> {
    (word.len() == 4).then(|| number(word)).flatten().map(i64::from)
}

fn number(digits: &str) -> Option<u32> {
    (matches!(digits.len(), 1..=4) && digits.bytes().all(|byte| byte.is_ascii_digit()))
        .then(|| digits.parse().ok())
        .flatten()
}

/// Days since 1970-01-01 of a day of the proleptic Gregorian calendar; nothing for days that do not exist.
fn day_number(year: i64, month: u32, day: u32) -> Option<i64> {
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let lengths = [31, if leap { 29 } else { 28 }, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
    let before = lengths.get(..usize::try_from(month.checked_sub(1)?).ok()?)?;
    let length = *lengths.get(before.len())?;
    if day == 0 || day > length {
        return None;
    }
    let past = year - 1;
    let years = past * 365 + past / 4 - past / 100 + past / 400;
    Some(years + i64::from(before.iter().sum::<u32>()) + i64::from(day) - 719_163)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const TODAY: u64 = 1_790_000_000_000; // 2026-09-21

    #[test]
    fn reads_every_unambiguous_form() {
        for raw in [
            "2/16/1997",
            "16/02/1997",
            "1997-02-16T00:00:00.000Z",
            "1997-02-16 00:00:00",
            "19970216",
            "1997/2/16",
            "Feb 16, 1997",
            "16 February 1997",
            "16.02.1997",
            "February 16th 1997",
            "1997-Feb-16",
            "2/16/1997, 10:30",
        ] {
            assert_eq!(date_of_birth(raw, TODAY).as_deref(), Some("19970216"), "{raw}");
        }
        assert_eq!(date_of_birth("03/04/1990", TODAY).as_deref(), Some("19900304"));
        assert_eq!(date_of_birth("03.04.1990", TODAY).as_deref(), Some("19900403"));
        assert_eq!(date_of_birth("August 1, 1990", TODAY).as_deref(), Some("19900801"));
    }

    #[test]
    fn drops_what_is_no_day_of_a_living_person() {
        for raw in [
            "",
            "2/16/97",
            "02161997",
            "19970231",
            "1850-01-01",
            "1997",
            "0000-00-00",
            "856051200",
            "20991231",
            "1/2/3/1990",
            "T",
            ":",
        ] {
            assert_eq!(date_of_birth(raw, TODAY), None, "{raw}");
        }
    }

    #[test]
    fn counts_days_as_the_calendar_does() {
        assert_eq!(day_number(1970, 1, 1), Some(0));
        assert_eq!(day_number(2000, 3, 1), Some(11_017));
        assert_eq!(day_number(1900, 2, 29), None);
        assert_eq!(date_of_birth("2026-09-21", TODAY).as_deref(), Some("20260921"));
        assert_eq!(date_of_birth("2026-09-23", TODAY), None);
    }

    proptest! {
        #[test]
        fn never_panics_and_is_idempotent(raw in "\\PC{0,20}|[0-9/.T: -]{0,14}") {
            if let Some(once) = date_of_birth(&raw, TODAY) {
                prop_assert_eq!(date_of_birth(&once, TODAY), Some(once));
            }
        }
    }
}
