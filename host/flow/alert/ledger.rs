//! Which alerts are open: each is said once, again after a good while, and once when it is over. Pure.

use std::collections::BTreeMap;

use super::{Alert, Message, State};
use crate::clock::Millis;

/// What is open.
#[derive(Default)]
pub(super) struct Ledger(BTreeMap<String, Entry>);

struct Entry {
    alert: Alert,
    since: Millis,
    said_at: Option<Millis>,
}

impl Ledger {
    /// Takes over what holds now; what is to be said of it.
    pub(super) fn look(&mut self, alerts: Vec<Alert>, now: Millis, repeat_ms: Millis) -> Vec<Message> {
        let mut messages = Vec::new();
        let holds: Vec<String> = alerts.iter().map(|alert| alert.alert.clone()).collect();
        for alert in alerts {
            let entry = self.0.entry(alert.alert.clone()).or_insert_with(|| Entry {
                alert: alert.clone(),
                since: now,
                said_at: None,
            });
            entry.alert = alert;
            let due = match entry.said_at {
                None => now >= entry.since.saturating_add(entry.alert.hold_ms),
                Some(said_at) => now >= said_at.saturating_add(repeat_ms),
            };
            if due {
                entry.said_at = Some(now);
                messages.push(entry.message(State::Firing, now));
            }
        }
        let over: Vec<String> = self.0.keys().filter(|name| !holds.contains(name)).cloned().collect();
        for name in over {
            // What was never said need not be taken back.
            if let Some(entry) = self.0.remove(&name).filter(|entry| entry.said_at.is_some()) {
                messages.push(entry.message(State::Resolved, now));
            }
        }
        messages
    }

    /// What was said and still holds.
    pub(super) fn open(&self) -> Vec<Message> {
        let said = self.0.values().filter_map(|entry| Some(entry.message(State::Firing, entry.said_at?)));
        said.collect()
    }
}

impl Entry {
    fn message(&self, state: State, at: Millis) -> Message {
        Message { state, alert: self.alert.clone(), since: self.since, at }
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Alert, Severity, State};
    use super::Ledger;

    const REPEAT_MS: u64 = 1_000;

    fn alert(name: &str, cause: &str, hold_ms: u64) -> Alert {
        Alert {
            alert: name.into(),
            severity: Severity::Warning,
            cause: cause.into(),
            next: "convey status".into(),
            hold_ms,
        }
    }

    fn said(ledger: &mut Ledger, alerts: &[Alert], now: u64) -> Vec<(State, String)> {
        let messages = ledger.look(alerts.to_vec(), now, REPEAT_MS);
        messages.into_iter().map(|message| (message.state, message.alert.cause)).collect()
    }

    #[test]
    fn an_alert_is_said_once_and_once_more_when_it_is_over() {
        let mut ledger = Ledger::default();
        assert_eq!(said(&mut ledger, &[alert("dead", "3 are", 0)], 10), [(State::Firing, "3 are".into())]);
        assert!(said(&mut ledger, &[alert("dead", "4 are", 0)], 20).is_empty(), "more of the same is the same");
        assert_eq!(ledger.open()[0].alert.cause, "4 are");
        assert_eq!(ledger.open()[0].since, 10);
        assert_eq!(said(&mut ledger, &[], 30), [(State::Resolved, "4 are".into())]);
        assert!(said(&mut ledger, &[], 40).is_empty() && ledger.open().is_empty());
        assert_eq!(said(&mut ledger, &[alert("dead", "1 is", 0)], 50).len(), 1, "a new one is said anew");
    }

    #[test]
    fn what_still_holds_is_said_again_after_a_while() {
        let mut ledger = Ledger::default();
        let quiet = [alert("quiet", "still", 0)];
        let times = (0..=2_500).step_by(100).filter(|now| !said(&mut ledger, &quiet, *now).is_empty());
        assert_eq!(times.collect::<Vec<_>>(), [0, 1_000, 2_000]);
    }

    #[test]
    fn what_must_hold_for_a_while_is_not_said_before_and_not_taken_back() {
        let mut ledger = Ledger::default();
        let near = [alert("expiring", "4 wait", 300)];
        assert!(said(&mut ledger, &near, 0).is_empty() && ledger.open().is_empty());
        assert!(said(&mut ledger, &[], 200).is_empty(), "nobody had heard of it");
        assert!(said(&mut ledger, &near, 210).is_empty());
        assert_eq!(said(&mut ledger, &near, 510).len(), 1);
    }
}
