//! Versions of a platform's API that end: said a good while before, once a day, with the line that chooses another.

use std::fmt;
use std::sync::atomic::Ordering;

use serde::Serialize;

use super::Flow;
use crate::clock::Millis;
use crate::engine::ApiVersion;

const DAY_MS: Millis = 24 * 60 * 60 * 1_000;

/// From so long before its end on a version is spoken of: two releases of a program that is updated monthly.
const AHEAD_MS: Millis = 60 * DAY_MS;

/// A version that a destination uses and that ends soon, or has ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Sunset {
    /// The destination, by name.
    pub destination: String,
    /// What the version is used for.
    pub used_for: String,
    /// The version.
    pub version: String,
    /// When it ends, in milliseconds since the Unix epoch.
    pub ends_at: Millis,
    /// Whole days until then; 0 on its last day, and once it has ended.
    pub days_left: u64,
    /// Whether it has ended.
    pub over: bool,
    /// The lines to write.
    pub fix: String,
}

impl fmt::Display for Sunset {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let day = i64::try_from(self.ends_at).ok().and_then(|at| jiff::Timestamp::from_millisecond(at).ok());
        let day = day.map(|at| at.strftime("%Y-%m-%d").to_string()).unwrap_or_default();
        let when = match (self.over, self.days_left) {
            (true, _) => format!("ended on {day}: requests may be refused from one day to the next"),
            (false, 0) => format!("ends today ({day})"),
            (false, 1) => format!("ends tomorrow ({day})"),
            (false, days) => format!("ends in {days} days ({day})"),
        };
        let Self { destination, version, used_for, fix, .. } = self;
        write!(out, "destination {destination}: the platform's version {version}, used for {used_for}, {when}\n{fix}")
    }
}

/// Which of these versions end soon or have ended, at `now`.
pub fn sunsets(destination: &str, versions: &[ApiVersion], now: Millis) -> Vec<Sunset> {
    let of = |version: &ApiVersion| {
        let ends_at = version.ends_at.filter(|ends_at| *ends_at <= now.saturating_add(AHEAD_MS))?;
        let fix = match &version.newer {
            Some(newer) => format!("[destination.{destination}.settings]\n{} = \"{newer}\"", version.key),
            None => format!("this sink knows no later one: update it, or set `{}` by hand", version.key),
        };
        Some(Sunset {
            destination: destination.to_owned(),
            used_for: version.used_for.clone(),
            version: version.name.clone(),
            ends_at,
            days_left: ends_at.saturating_sub(now) / DAY_MS,
            over: ends_at <= now,
            fix,
        })
    };
    versions.iter().filter_map(of).collect()
}

impl Flow {
    /// The versions in use that end soon or have ended, by destination.
    pub fn sunsets(&self) -> Vec<Sunset> {
        let (plan, now) = (self.plan(), self.clock.now_ms());
        let mut all: Vec<Sunset> =
            plan.destinations.values().flat_map(|known| sunsets(&known.name, &known.versions, now)).collect();
        all.sort_by(|one, other| (&one.destination, &one.used_for).cmp(&(&other.destination, &other.used_for)));
        all
    }

    /// Logs them, once a day. How many there were to log now.
    pub fn warn_of_sunsets(&self) -> usize {
        // The first day is number 1, so that 0 stands for never.
        let today = self.clock.now_ms() / DAY_MS + 1;
        if self.warned_on.swap(today, Ordering::AcqRel) == today {
            return 0;
        }
        let all = self.sunsets();
        for sunset in &all {
            let Sunset { destination, used_for, version, days_left, .. } = sunset;
            tracing::warn!(%destination, %used_for, %version, days_left, "{sunset}");
        }
        all.len()
    }
}

#[cfg(test)]
mod tests {
    use super::{AHEAD_MS, DAY_MS, sunsets};
    use crate::engine::ApiVersion;

    /// 23 February 2027.
    const END: u64 = 1_803_340_800_000;

    fn version(newer: Option<&str>) -> ApiVersion {
        ApiVersion {
            used_for: "audiences".into(),
            name: "v25.0".into(),
            ends_at: Some(END),
            key: "audience_api_version".into(),
            newer: newer.map(str::to_owned),
        }
    }

    fn said(now: u64) -> String {
        sunsets("ads", &[version(Some("v26.0"))], now).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn a_version_is_spoken_of_from_sixty_days_before_its_end() {
        assert_eq!(said(END - AHEAD_MS - 1), "");
        let fix = "\n[destination.ads.settings]\naudience_api_version = \"v26.0\"";
        let begin = "destination ads: the platform's version v25.0, used for audiences, ";
        for (now, when) in [
            (END - AHEAD_MS, "ends in 60 days (2027-02-23)"),
            (END - DAY_MS - 1, "ends tomorrow (2027-02-23)"),
            (END - 1, "ends today (2027-02-23)"),
            (END, "ended on 2027-02-23: requests may be refused from one day to the next"),
        ] {
            assert_eq!(said(now), format!("{begin}{when}{fix}"));
        }
    }

    #[test]
    fn what_has_no_end_is_not_spoken_of_and_what_has_no_successor_says_so() {
        let endless = ApiVersion { ends_at: None, ..version(None) };
        assert_eq!(sunsets("ads", &[endless], END * 2), []);
        assert!(sunsets("ads", &[version(None)], END)[0].fix.contains("update it"));
    }
}
