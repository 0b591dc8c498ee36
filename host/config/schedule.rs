//! When something is done again: every so often, or by a crontab's five fields in UTC.

use std::fmt;

use cronexpr::{Crontab, FallbackTimezoneOption, MakeTimestamp, ParseOptions};

use crate::clock::Millis;

/// A schedule as it was written, and what it means.
#[derive(Clone, Debug)]
pub struct Schedule {
    written: String,
    kind: Kind,
}

#[derive(Clone, Debug)]
enum Kind {
    Every(Millis),
    Cron(Box<Crontab>),
}

/// The shortest interval: a poll asks the vendor, and webhooks are quicker than any poll.
const LEAST_MS: Millis = 1_000;

impl Schedule {
    /// Reads `5m`, `2h`, or five fields as crontab(5) has them (`30 3 * * *`, in UTC unless a sixth field names a time zone).
    /// The error says what is wrong with it.
    pub fn parse(written: &str) -> Result<Self, String> {
        let kind = match span(written) {
            Some(ms) if ms < LEAST_MS => return Err("is shorter than a second".to_owned()),
            Some(ms) => Kind::Every(ms),
            None if written.split_whitespace().count() < 5 => {
                return Err("is neither a span like \"5m\" nor the five fields of a crontab".to_owned());
            }
            None => {
                let mut options = ParseOptions::default();
                options.fallback_timezone_option = FallbackTimezoneOption::UTC;
                let crontab = cronexpr::parse_crontab_with(written, options);
                Kind::Cron(Box::new(crontab.map_err(|error| format!("is no crontab: {}", last_line(&error)))?))
            }
        };
        Ok(Self { written: written.to_owned(), kind })
    }

    /// When it is due after it was last begun at `last`. A schedule that was missed is due once, however often it was missed.
    pub fn due_after(&self, last: Millis) -> Millis {
        match &self.kind {
            Kind::Every(ms) => last.saturating_add(*ms),
            Kind::Cron(crontab) => {
                let from = i64::try_from(last).ok().and_then(|ms| jiff::Timestamp::from_millisecond(ms).ok());
                let next = from.and_then(|from| crontab.find_next(MakeTimestamp(from)).ok());
                // A date that never comes (30 February) is never due.
                next.and_then(|next| u64::try_from(next.timestamp().as_millisecond()).ok()).unwrap_or(Millis::MAX)
            }
        }
    }
}

impl PartialEq for Schedule {
    fn eq(&self, other: &Self) -> bool {
        self.written == other.written
    }
}

impl fmt::Display for Schedule {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.written)
    }
}

/// A span of time in milliseconds: a whole number and one of `s`, `m`, `h`, `d`. `None` if it is not written so.
pub fn span(written: &str) -> Option<Millis> {
    let unit = written.chars().last()?;
    let ms: Millis = match unit {
        's' => 1_000,
        'm' => 60_000,
        'h' => 3_600_000,
        'd' => 86_400_000,
        _ => return None,
    };
    let digits = &written[..written.len() - 1];
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    digits.parse::<Millis>().ok()?.checked_mul(ms)
}

/// The parser draws a caret under the text; what it says stands in its last line.
fn last_line(error: &cronexpr::Error) -> String {
    let text = error.to_string();
    text.lines().last().unwrap_or_default().trim().trim_start_matches('^').trim().to_owned()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{Schedule, span};

    const MIDNIGHT: u64 = 1_795_305_600_000;

    #[test]
    fn spans_are_a_number_and_a_unit() {
        let cases = [("90s", 90_000), ("5m", 300_000), ("2h", 7_200_000), ("7d", 604_800_000)];
        for (written, ms) in cases {
            assert_eq!(span(written), Some(ms), "{written}");
        }
        for written in ["", "m", "5", "-5m", "1.5h", "5 m", "m5", "99999999999999999999d", "5w"] {
            assert_eq!(span(written), None, "{written}");
        }
    }

    #[test]
    fn an_interval_counts_from_the_last_time() {
        assert_eq!(Schedule::parse("5m").expect("a span").due_after(1_000), 301_000);
        assert!(Schedule::parse("0s").is_err());
    }

    #[test]
    fn a_crontab_is_utc_and_a_missed_one_is_due_once() {
        let nightly = Schedule::parse("30 3 * * *").expect("a crontab");
        assert_eq!(nightly.due_after(MIDNIGHT), MIDNIGHT + 210 * 60_000);
        // Three nights were missed: the next is the one after the last time it ran, and then the one after that run.
        assert_eq!(nightly.due_after(MIDNIGHT - 3 * 86_400_000), MIDNIGHT - 3 * 86_400_000 + 210 * 60_000);
        let abroad = Schedule::parse("0 12 * * * Asia/Tokyo").expect("a crontab");
        assert_eq!(abroad.due_after(MIDNIGHT), MIDNIGHT + 3 * 3_600_000);
    }

    #[test]
    fn mistakes_are_said() {
        for written in ["every day", "61 * * * *", "* * * *", "5x", "0 0 * * * Nowhere/City"] {
            let error = Schedule::parse(written).expect_err(written);
            assert!(error.starts_with("is "), "{written}: {error}");
        }
    }

    proptest! {
        #[test]
        fn no_text_breaks_the_parser(written in "\\PC{0,30}") {
            let _ = Schedule::parse(&written);
        }

        #[test]
        fn what_is_due_comes_later(last in 0u64..4_000_000_000_000) {
            let due = Schedule::parse("*/5 * * * *").expect("a crontab").due_after(last);
            prop_assert!(due > last && due - last <= 300_000);
        }
    }
}
