//! Facts, now → alerts. Pure: everything it depends on is handed in.

use super::super::happening::reason;
use super::super::sunset::Sunset;
use super::{Alert, Facts, Severity};
use crate::clock::Millis;
use crate::config::Alerts;
use crate::store::{GrantState, Pause, PauseScope, TokenSummary};

const MINUTE_MS: Millis = 60 * 1_000;
const DAY_MS: Millis = 24 * 60 * MINUTE_MS;

/// So long before a refresh token lapses it is spoken of: a weekend and the day after it.
const LAPSE_MS: Millis = 4 * DAY_MS;

/// Events near their deadline are spoken of once they have been so for this long: one that came late is sent within seconds.
const EXPIRING_HOLD_MS: Millis = 5 * MINUTE_MS;

/// So many refreshes that failed within a few minutes are no hiccup.
const FAILED_REFRESHES: f64 = 3.0;

/// A version that ends within this is spoken of; the log speaks of it earlier.
const SUNSET_MS: Millis = 30 * DAY_MS;

/// What an operator should know now.
pub fn judge(facts: &Facts, asked: &Alerts) -> Vec<Alert> {
    let mut alerts = Vec::new();
    alerts.extend(quiet(facts, asked));
    alerts.extend(parked(facts));
    alerts.extend(facts.pauses.iter().filter_map(paused));
    for grant in &facts.grants {
        alerts.extend(lost(grant).or_else(|| lapsing(grant, facts.now, asked)));
    }
    alerts.extend(unrefreshed(facts));
    alerts.extend(throttled(facts, asked));
    alerts.extend(expiring(facts));
    alerts.extend(filling(facts, asked));
    alerts.extend(facts.unready.first().map(|first| {
        let cause = format!("convey is not ready: {first}");
        warning("unready", cause, "convey status").held(MINUTE_MS)
    }));
    alerts.extend(facts.breaches.iter().map(|breach| {
        let cause = format!("mapper {} was taken back by itself: {}", breach.mapper, told(&breach.why));
        warning(&format!("breach:{}", breach.mapper), cause, &format!("convey mapper history --name {}", breach.mapper))
    }));
    alerts.extend(facts.sunsets.iter().filter_map(|sunset| ending(sunset, facts.now)));
    alerts
}

fn quiet(facts: &Facts, asked: &Alerts) -> Option<Alert> {
    let silent_ms = facts.now.saturating_sub(facts.heard_at);
    let most_ms = Millis::from(asked.quiet_minutes) * MINUTE_MS;
    (most_ms > 0 && silent_ms >= most_ms).then(|| {
        let cause = format!("no delivery has come for {} minutes", silent_ms / MINUTE_MS);
        warning("quiet", cause, "look at the CRM's log of webhooks, then: convey doctor")
    })
}

fn parked(facts: &Facts) -> Vec<Alert> {
    let levels = &facts.levels;
    let lines = [
        ("delivery", "deliveries", levels.read.dead),
        ("change", "changes", levels.translate.dead),
        ("event", "events", levels.ship.dead),
        ("command", "commands", levels.execute.dead),
    ];
    let parked = lines.into_iter().filter(|(.., dead)| *dead > 0);
    parked
        .map(|(kind, words, dead)| {
            let cause = format!("{dead} {words} are parked until somebody decides");
            warning(&format!("dead:{kind}"), cause, &format!("convey queue list --state dead --kind {kind}"))
        })
        .collect()
}

/// What convey itself paused. What a person paused, they know.
fn paused(pause: &Pause) -> Option<Alert> {
    if pause.by != "convey" {
        return None;
    }
    let (cause, next) = match &pause.scope {
        PauseScope::All => return None,
        PauseScope::Destination(name) if pause.heals => (
            format!("nothing is sent to {name} until its credential works: {}", told(&pause.reason)),
            format!("put a working token where [destination.{name}] names it; it goes on by itself"),
        ),
        PauseScope::Destination(name) => {
            (format!("nothing is sent to {name}: {}", told(&pause.reason)), format!("convey resume {name}"))
        }
        PauseScope::Connection(name) => (
            format!("{name} is not read: {}", told(&pause.reason)),
            format!("convey auth status, then: convey resume {name}"),
        ),
    };
    Some(critical(&format!("paused:{}", pause.scope), cause, &next))
}

/// The part of a holder's name that says whose grant it is.
fn whose(grant: &TokenSummary) -> &str {
    grant.holder.rsplit_once(':').map_or(grant.holder.as_str(), |(_, name)| name)
}

fn lost(grant: &TokenSummary) -> Option<Alert> {
    let name = whose(grant);
    let why = grant.reason.as_deref().map(told).unwrap_or_default();
    match grant.state {
        GrantState::Live => None,
        GrantState::Suspended => Some(warning(
            &format!("grant:{}", grant.holder),
            format!("the grant of {name} sleeps: {why}"),
            "look at the location in the CRM; convey tries again by itself",
        )),
        GrantState::Reconnect | GrantState::Revoked => Some(critical(
            &format!("grant:{}", grant.holder),
            format!("the grant of {name} is gone ({}): {why}", grant.state),
            &format!("convey auth login {name}"),
        )),
    }
}

/// A refresh token that nobody uses lapses. One that is used is replaced, which counts from then on.
fn lapsing(grant: &TokenSummary, now: Millis, asked: &Alerts) -> Option<Alert> {
    let ends_at = grant.obtained_at.saturating_add(Millis::from(asked.refresh_token_days) * DAY_MS);
    let left_ms = ends_at.saturating_sub(now);
    (grant.refreshable && asked.refresh_token_days > 0 && left_ms <= LAPSE_MS).then(|| {
        let name = whose(grant);
        let cause = match left_ms {
            0 => format!("the refresh token of {name} has not been used for so long that it has lapsed"),
            left => {
                format!("the refresh token of {name} lapses in {} hours unless it is used", left / (60 * MINUTE_MS))
            }
        };
        critical(&format!("refresh-token:{}", grant.holder), cause, &format!("convey auth refresh {name}"))
    })
}

fn unrefreshed(facts: &Facts) -> Option<Alert> {
    (facts.failed_refreshes >= FAILED_REFRESHES).then(|| {
        let cause = format!("{} refreshes of tokens failed in the last minutes", facts.failed_refreshes);
        critical("refresh", cause, "convey auth status")
    })
}

fn throttled(facts: &Facts, asked: &Alerts) -> Option<Alert> {
    let most = f64::from(asked.throttled_per_minute);
    (most > 0.0 && facts.throttled_per_minute >= most).then(|| {
        let cause = format!("vendors answer {:.0} requests a minute with 429", facts.throttled_per_minute);
        warning("throttled", cause, "convey audit --since 10m, then lower `rate_limit` of the connection it names")
    })
}

fn expiring(facts: &Facts) -> Vec<Alert> {
    let near = facts.levels.destinations.iter().filter(|(_, outgoing)| outgoing.expiring > 0);
    near.map(|(name, outgoing)| {
        let cause =
            format!("{} events for {name} wait that the platform takes for less than a day more", outgoing.expiring);
        let next = format!("convey queue list --rows --state waiting --destination {name}");
        critical(&format!("expiring:{name}"), cause, &next).held(EXPIRING_HOLD_MS)
    })
    .collect()
}

fn filling(facts: &Facts, asked: &Alerts) -> Option<Alert> {
    let least = asked.disk_free_mib << 20;
    (facts.free_bytes < least).then(|| {
        let (free, store) = (facts.free_bytes >> 20, facts.levels.store_bytes >> 20);
        let cause = format!("the disk of the state directory has {free} MiB left; the store holds {store} MiB");
        let less = (store / 2).max(16);
        critical("disk", cause, &format!("make room, or keep less:\n[retention]\nmax_mib = {less}"))
    })
}

fn ending(sunset: &Sunset, now: Millis) -> Option<Alert> {
    (sunset.ends_at <= now.saturating_add(SUNSET_MS)).then(|| {
        let Sunset { destination, version, used_for, days_left, over, .. } = sunset;
        let when = if *over { "has ended".to_owned() } else { format!("ends in {days_left} days") };
        let cause = format!("the platform's version {version}, used for {used_for} of {destination}, {when}");
        warning(&format!("sunset:{destination}:{used_for}"), cause, &sunset.fix)
    })
}

/// A reason as others may read it.
fn told(text: &str) -> String {
    reason(text).unwrap_or_default()
}

fn warning(alert: &str, cause: String, next: &str) -> Alert {
    Alert { alert: alert.to_owned(), severity: Severity::Warning, cause, next: next.to_owned(), hold_ms: 0 }
}

fn critical(alert: &str, cause: String, next: &str) -> Alert {
    Alert { severity: Severity::Critical, ..warning(alert, cause, next) }
}

impl Alert {
    fn held(self, hold_ms: Millis) -> Self {
        Self { hold_ms, ..self }
    }
}

#[cfg(test)]
mod tests {
    use super::super::facts::Breach;
    use super::*;
    use crate::store::Outgoing;

    const NOW: Millis = 1_000 * DAY_MS;

    fn calm() -> Facts {
        Facts { now: NOW, heard_at: NOW, free_bytes: u64::MAX, ..Facts::default() }
    }

    fn asked() -> Alerts {
        Alerts {
            quiet_minutes: 60,
            throttled_per_minute: 30,
            refresh_token_days: 365,
            disk_free_mib: 1_024,
            repeat_hours: 24,
            ..Alerts::default()
        }
    }

    fn names(facts: &Facts) -> Vec<String> {
        judge(facts, &asked()).into_iter().map(|alert| alert.alert).collect()
    }

    fn grant(state: GrantState, obtained_at: Millis) -> TokenSummary {
        TokenSummary {
            holder: "connection:acme".into(),
            state,
            reason: Some("refused for ann@shop.example".into()),
            expires_at: None,
            obtained_at,
            scopes: Vec::new(),
            kind: None,
            location: None,
            company: None,
            refreshable: true,
        }
    }

    fn pause(by: &str, heals: bool) -> Pause {
        let scope = PauseScope::Destination("ads".into());
        Pause { scope, reason: "the token was refused".into(), at: NOW, by: by.into(), heals }
    }

    #[test]
    fn when_nothing_is_the_matter_nothing_is_said() {
        assert_eq!(names(&calm()), [""; 0]);
    }

    #[test]
    fn silence_is_said_after_the_minutes_that_were_asked_for() {
        assert!(names(&Facts { heard_at: NOW - 59 * MINUTE_MS, ..calm() }).is_empty());
        let facts = Facts { heard_at: NOW - 60 * MINUTE_MS, ..calm() };
        assert_eq!(names(&facts), ["quiet"]);
        assert!(judge(&facts, &Alerts { quiet_minutes: 0, ..asked() }).is_empty(), "unless nobody wants to know");
    }

    #[test]
    fn what_is_parked_is_said_with_the_line_that_lists_it() {
        let mut facts = calm();
        facts.levels.ship.dead = 3;
        let said = judge(&facts, &asked());
        assert_eq!(
            (said[0].alert.as_str(), said[0].next.as_str()),
            ("dead:event", "convey queue list --state dead --kind event")
        );
    }

    #[test]
    fn a_pause_of_ours_is_said_and_a_persons_is_not() {
        assert!(names(&Facts { pauses: vec![pause("operator", false)], ..calm() }).is_empty());
        let said = judge(&Facts { pauses: vec![pause("convey", false)], ..calm() }, &asked());
        assert_eq!((said[0].alert.as_str(), said[0].next.as_str()), ("paused:destination:ads", "convey resume ads"));
        assert!(said[0].cause.contains("the token was refused"));
        let said = judge(&Facts { pauses: vec![pause("convey", true)], ..calm() }, &asked());
        assert!(said[0].next.contains("goes on by itself"));
    }

    #[test]
    fn a_grant_that_is_gone_is_said_with_the_login_and_nothing_private() {
        let said = judge(&Facts { grants: vec![grant(GrantState::Revoked, NOW)], ..calm() }, &asked());
        assert_eq!((said[0].severity, said[0].next.as_str()), (Severity::Critical, "convey auth login acme"));
        assert!(!said[0].cause.contains("ann@"), "{}", said[0].cause);
    }

    #[test]
    fn a_refresh_token_is_spoken_of_days_before_it_lapses() {
        let at = |left_ms| Facts { grants: vec![grant(GrantState::Live, NOW + left_ms - 365 * DAY_MS)], ..calm() };
        assert!(names(&at(5 * DAY_MS)).is_empty());
        assert_eq!(names(&at(4 * DAY_MS)), ["refresh-token:connection:acme"]);
        assert_eq!(names(&at(DAY_MS)), ["refresh-token:connection:acme"], "and on its last day");
        assert_eq!(names(&at(0)), ["refresh-token:connection:acme"]);
    }

    #[test]
    fn deadlines_disks_rates_and_breaches_have_their_marks() {
        let mut facts = calm();
        facts.levels.destinations.insert("ads".into(), Outgoing { waiting: 4, expiring: 4, dead: 0, expired: 0 });
        assert_eq!(judge(&facts, &asked())[0].hold_ms, EXPIRING_HOLD_MS);
        assert_eq!(names(&facts), ["expiring:ads"]);
        assert_eq!(names(&Facts { free_bytes: 1_023 << 20, ..calm() }), ["disk"]);
        assert_eq!(names(&Facts { throttled_per_minute: 30.0, ..calm() }), ["throttled"]);
        assert_eq!(names(&Facts { failed_refreshes: 3.0, ..calm() }), ["refresh"]);
        assert_eq!(names(&Facts { unready: vec!["full".into()], ..calm() }), ["unready"]);
        let breach = Breach { mapper: "default".into(), why: "faults == 0 does not hold".into(), at: NOW };
        assert_eq!(names(&Facts { breaches: vec![breach], ..calm() }), ["breach:default"]);
    }

    #[test]
    fn a_version_that_ends_is_spoken_of_a_month_before() {
        let sunset = |days: u64| Sunset {
            destination: "ads".into(),
            used_for: "events".into(),
            version: "v25.0".into(),
            ends_at: NOW + days * DAY_MS,
            days_left: days,
            over: days == 0,
            fix: "[destination.ads.settings]\nversion = \"v26.0\"".into(),
        };
        assert!(names(&Facts { sunsets: vec![sunset(31)], ..calm() }).is_empty());
        let said = judge(&Facts { sunsets: vec![sunset(30)], ..calm() }, &asked());
        assert_eq!(said[0].alert, "sunset:ads:events");
        assert!(said[0].next.contains("version = \"v26.0\""));
    }
}
