//! Values as a person writes them on the command line, and times as they are read there.

use crate::clock::Millis;
pub(super) use crate::clock::{from_now, rfc3339, roughly};
use crate::config::span;

/// A moment: RFC 3339 (`2026-12-01T10:00:00Z`), in milliseconds since the Unix epoch.
pub(super) fn moment(written: &str) -> Result<Millis, String> {
    let parsed = written.parse::<jiff::Timestamp>().ok();
    let ms = parsed.and_then(|at| Millis::try_from(at.as_millisecond()).ok());
    ms.ok_or_else(|| "write it as in 2026-12-01T10:00:00Z".to_owned())
}

/// How long ago, or since when.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Since {
    /// So many milliseconds before now.
    Ago(Millis),
    /// Then.
    At(Millis),
}

impl Since {
    /// Reads `7d` (or s, m, h) and moments.
    pub(super) fn parse(written: &str) -> Result<Self, String> {
        let ago = span(written).map(Self::Ago);
        ago.map_or_else(|| moment(written).map(Self::At).map_err(|text| format!("{text}, or as a span: 7d")), Ok)
    }

    /// As a moment, seen from `now`.
    pub(super) fn from(self, now: Millis) -> Millis {
        match self {
            Self::Ago(ms) => now.saturating_sub(ms),
            Self::At(at) => at,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{Since, from_now, moment, rfc3339, roughly};

    #[test]
    fn moments_are_rfc_3339() {
        assert_eq!(moment("2026-12-01T10:00:00Z"), Ok(1_796_119_200_000));
        assert_eq!(moment("2026-12-01T11:00:00+01:00"), Ok(1_796_119_200_000));
        for wrong in ["", "tomorrow", "2026-12-01", "2026-12-01T10:00:00", "1960-01-01T00:00:00Z"] {
            assert!(moment(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn since_is_a_span_or_a_moment() {
        assert_eq!(Since::parse("7d"), Ok(Since::Ago(604_800_000)));
        assert_eq!(Since::parse("2026-12-01T10:00:00Z"), Ok(Since::At(1_796_119_200_000)));
        assert!(Since::parse("last week").is_err_and(|text| text.contains("7d")));
        assert_eq!((Since::Ago(10).from(5), Since::Ago(1).from(5), Since::At(9).from(5)), (0, 4, 9));
    }

    #[test]
    fn spans_are_said_in_the_unit_that_fits() {
        let said = [40_000, 119_000, 120_000, 7_199_000, 7_200_000, 172_800_000].map(roughly);
        assert_eq!(said, ["40 s", "119 s", "2 min", "119 min", "2 h", "2 d"]);
        assert_eq!((from_now(5_000, 1_000).as_str(), from_now(1_000, 5_000).as_str()), ("in 4 s", "4 s ago"));
    }

    proptest! {
        #[test]
        fn a_moment_is_read_as_it_was_written(at in 0u64..4_000_000_000_000) {
            let written = rfc3339(at).expect("within the calendar");
            prop_assert_eq!(moment(&written), Ok(at));
        }

        #[test]
        fn no_text_breaks_the_parsers(written in "\\PC{0,30}") {
            let _ = (Since::parse(&written), moment(&written));
        }
    }
}
