//! Outcome, attempt, now → verdict. Pure: everything it depends on is handed in.

use super::crm::{CrmError, Executed};
use super::retry::backoff;
use crate::clock::Millis;
use crate::engine::{Outcome, SourceError};
use crate::store::{Carried, StoreError, Told, Verdict};

/// What a judgement depends on besides the outcome.
#[derive(Clone, Copy, Debug)]
pub struct Circumstances {
    /// Milliseconds since the epoch.
    pub now: Millis,
    /// How often this item has been tried, this time included.
    pub tries: u32,
    /// A number in `0.0..1.0`, drawn by the caller.
    pub jitter: f64,
    /// After this the item is worth nothing to the platform (or, for a delivery, to anyone).
    pub deadline: Millis,
    /// How long whoever is asked rests anyway, in milliseconds: then the item waits as long and no longer.
    pub rest: Option<Millis>,
}

impl Circumstances {
    /// The next try, or `None` when it would come too late.
    fn next(self, wished_ms: Option<u64>) -> Option<Millis> {
        let at = self.now + self.wait(wished_ms);
        (at < self.deadline).then_some(at)
    }

    fn wait(self, wished_ms: Option<u64>) -> Millis {
        self.rest.unwrap_or_else(|| backoff(self.tries, self.jitter, wished_ms))
    }

    /// The next try of what only the pause of its destination holds up.
    fn at_once(self) -> Self {
        Self { rest: Some(0), ..self }
    }
}

/// Why a destination must rest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Halt {
    /// The platform's word.
    pub reason: String,
    /// Whether it goes on by itself once its credential works; otherwise a person must act.
    pub heals: bool,
}

/// What happens to one event, and whether its destination must rest.
pub fn judge_event(outcome: &Outcome, resend: bool, given: Circumstances) -> (Verdict, Option<Halt>) {
    let at = |next: Option<Millis>, reason: &str| match next {
        Some(at) => Verdict::Retry { at, reason: reason.to_owned() },
        None => Verdict::Dead { reason: format!("no time is left to try again: {reason}"), expired: true },
    };
    let retry = |wished_ms, reason: &str| at(given.next(wished_ms), reason);
    // The destination is paused until it is granted again; then the nearest deadline goes first, not who was refused first.
    let halted =
        |reason: &str, heals| (at(given.at_once().next(None), reason), Some(Halt { reason: reason.to_owned(), heals }));
    match outcome {
        Outcome::Accepted(trace) => (Verdict::Done { trace: trace.clone() }, None),
        Outcome::Rejected(reason) => (Verdict::Dead { reason: reason.clone(), expired: false }, None),
        Outcome::Expired(reason) => (Verdict::Dead { reason: reason.clone(), expired: true }, None),
        Outcome::Throttled(wished) => (retry(wished.map(u64::from), "throttled"), None),
        Outcome::Unavailable(reason) => (retry(None, reason), None),
        Outcome::Unauthorized(reason) => halted(reason, true),
        Outcome::Blocked(reason) => halted(reason, false),
        Outcome::Unknown(_) if !resend => (Verdict::Ambiguous { resend_at: None }, None),
        Outcome::Unknown(_) => (Verdict::Ambiguous { resend_at: Some(given.now + given.wait(None)) }, None),
    }
}

/// The same of a member of an audience. Joining or leaving again changes nothing, so what is unknown goes again. An audience that is gone or
/// refused holds up nobody else: its members wait and are tried again, and events go on.
pub fn judge_member(outcome: &Outcome, given: Circumstances) -> (Verdict, Option<Halt>) {
    /// What a person must put right is tried again this much later, in milliseconds.
    const PERSON_MS: Millis = 10 * 60_000;
    match outcome {
        Outcome::Blocked(reason) => (Verdict::Retry { at: given.now + PERSON_MS, reason: reason.clone() }, None),
        other => judge_event(other, true, given),
    }
}

/// What happens to the deliveries of a contact that could not be read.
pub fn judge_delivery(error: &SourceError, given: Circumstances) -> Told {
    let retry = |wished_ms, reason: String| match given.next(wished_ms) {
        Some(at) => Told::Retry { at, reason },
        None => Told::Dead { reason: format!("no time is left to try again: {reason}") },
    };
    // What a person must put right is asked for less often than what passes by itself.
    const PERSON_MS: u64 = 60_000;
    match error {
        SourceError::Unauthorized(text) => retry(Some(PERSON_MS), format!("the CRM refuses the token: {text}")),
        SourceError::Forbidden(text) => retry(Some(PERSON_MS), format!("the token may not: {text}")),
        SourceError::Throttled(wished) => {
            retry(Some(wished.unwrap_or(1_000).into()), "throttled by the CRM".to_owned())
        }
        SourceError::Unavailable(text) => retry(None, format!("the CRM does not answer: {text}")),
        SourceError::NotFound(text) => Told::Dead { reason: format!("not found: {text}") },
        SourceError::Invalid(text) => Told::Dead { reason: text.clone() },
    }
}

/// What happens to a command that was tried. A store that fails is no verdict.
pub fn judge_command(done: Result<Executed, CrmError>, given: Circumstances) -> Result<Carried, StoreError> {
    /// A component that breaks on a command breaks on it again.
    const FAULTS: u32 = 3;
    let retry = |at: Option<Millis>, reason: String| match at {
        Some(at) => Carried::Retry { at, reason },
        None => Carried::Dead { reason: format!("no time is left to try again: {reason}") },
    };
    Ok(match done {
        Ok(_) => Carried::Done,
        Err(CrmError::Store(error)) => return Err(error),
        Err(CrmError::Source(error)) => match judge_delivery(&error, given) {
            Told::Retry { at, reason } => Carried::Retry { at, reason },
            Told::Dead { reason } => Carried::Dead { reason },
            Told::Changes(_) | Told::Silent(_) => Carried::Dead { reason: CrmError::Source(error).to_string() },
        },
        Err(CrmError::Spent { wait_s }) => {
            retry(given.next(Some(wait_s * 1_000)), "the location's allowance is spent".to_owned())
        }
        Err(error @ CrmError::Grant(_)) => retry(given.next(Some(60_000)), error.to_string()),
        Err(error @ CrmError::Fault(_)) if given.tries < FAULTS => retry(given.next(None), error.to_string()),
        Err(error) => Carried::Dead { reason: error.to_string() },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const GIVEN: Circumstances =
        Circumstances { now: 1_000_000, tries: 2, jitter: 0.5, deadline: 2_000_000, rest: None };

    #[test]
    fn every_outcome_has_its_verdict() {
        let dead = |reason: &str, expired| Verdict::Dead { reason: reason.to_owned(), expired };
        let retry = |at, reason: &str| Verdict::Retry { at, reason: reason.to_owned() };
        let text = || "why".to_owned();
        let halt = |heals| Some(Halt { reason: text(), heals });
        for (outcome, verdict, pause) in [
            (Outcome::Accepted(Some("t".into())), Verdict::Done { trace: Some("t".into()) }, None),
            (Outcome::Rejected(text()), dead("why", false), None),
            (Outcome::Expired(text()), dead("why", true), None),
            (Outcome::Throttled(Some(30_000)), retry(1_031_000, "throttled"), None),
            (Outcome::Unavailable(text()), retry(1_001_000, "why"), None),
            (Outcome::Unauthorized(text()), retry(1_000_000, "why"), halt(true)),
            (Outcome::Blocked(text()), retry(1_000_000, "why"), halt(false)),
            (Outcome::Unknown(text()), Verdict::Ambiguous { resend_at: Some(1_001_000) }, None),
        ] {
            assert_eq!(judge_event(&outcome, true, GIVEN), (verdict, pause), "{outcome:?}");
        }
        assert_eq!(judge_event(&Outcome::Unknown(text()), false, GIVEN).0, Verdict::Ambiguous { resend_at: None });
    }

    #[test]
    fn an_event_waits_as_long_as_its_destination_rests() {
        let rests = Circumstances { rest: Some(7_000), tries: 90, ..GIVEN };
        let (verdict, _) = judge_event(&Outcome::Unavailable("down".into()), true, rests);
        assert_eq!(verdict, Verdict::Retry { at: 1_007_000, reason: "down".into() });
        let (verdict, _) = judge_event(&Outcome::Unknown("lost".into()), true, rests);
        assert_eq!(verdict, Verdict::Ambiguous { resend_at: Some(1_007_000) });
    }

    #[test]
    fn an_audience_that_is_refused_pauses_nobody() {
        let (verdict, pause) = judge_member(&Outcome::Blocked("gone".into()), GIVEN);
        assert_eq!((verdict, pause), (Verdict::Retry { at: 1_600_000, reason: "gone".into() }, None));
        assert!(judge_member(&Outcome::Unauthorized("no".into()), GIVEN).1.is_some());
        let (verdict, _) = judge_member(&Outcome::Unknown("lost".into()), GIVEN);
        assert_eq!(verdict, Verdict::Ambiguous { resend_at: Some(1_001_000) });
    }

    #[test]
    fn a_retry_that_would_come_too_late_is_none() {
        let late = Circumstances { deadline: GIVEN.now + 10, ..GIVEN };
        let (verdict, _) = judge_event(&Outcome::Unavailable("down".into()), true, late);
        assert!(matches!(verdict, Verdict::Dead { expired: true, .. }), "{verdict:?}");
    }

    #[test]
    fn a_delivery_waits_for_a_person_or_for_the_crm() {
        let waits = |error| match judge_delivery(&error, GIVEN) {
            Told::Retry { at, .. } => Some(at - GIVEN.now),
            _ => None,
        };
        assert!(waits(SourceError::Unauthorized("x".into())).is_some_and(|wait| wait >= 60_000));
        assert_eq!(waits(SourceError::Unavailable("x".into())), Some(1_000));
        assert_eq!(waits(SourceError::Invalid("x".into())), None);
        assert_eq!(waits(SourceError::NotFound("x".into())), None);
    }
}
