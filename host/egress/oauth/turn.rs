//! What a holder does next, decided from what stands in the store; and what it remembers from one refresh to the next. Pure.

use crate::clock::Millis;
use crate::egress::EgressError;
use crate::store::{GrantState, HeldToken, NewToken};

/// A token is refreshed when less than this, or than a tenth of its life, is left.
const MARGIN_MS: Millis = 5 * 60_000;
/// Failures in a row wait twice as long each, from the first to the second.
const SOON_MS: (Millis, Millis) = (1_000, 60_000);
/// The same where the vendor gave a clear no that may change by itself.
const LATER_MS: (Millis, Millis) = (60_000, 3_600_000);
/// A token that was good for as long was no victim of a vendor that refuses everything.
const GOOD_MS: Millis = 10 * 60_000;

/// What to do for a token.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// The one that stands is good.
    Use,
    /// Trade its refresh token.
    Refresh,
    /// Have the company's token traded for one.
    Exchange,
    /// Nothing can be done without a person.
    Gone(GrantState, String),
}

/// Decides on the token that stands. `stale` is the version that the vendor just refused; `company` says whether a company's token can stand in.
pub(super) fn step(held: Option<&HeldToken>, stale: Option<u64>, company: bool, now: Millis) -> Step {
    let Some(held) = held else {
        let never = || Step::Gone(GrantState::Reconnect, "it was never connected".to_owned());
        return if company { Step::Exchange } else { never() };
    };
    let gone = || {
        let reason = held.reason.clone().unwrap_or_else(|| "the vendor took its grant back".to_owned());
        Step::Gone(held.state, reason)
    };
    let refused = stale == Some(held.version);
    match held.state {
        GrantState::Revoked => gone(),
        GrantState::Reconnect if company => Step::Exchange,
        GrantState::Reconnect => gone(),
        GrantState::Live if !refused && now < refresh_at(held) => Step::Use,
        GrantState::Live | GrantState::Suspended if held.refresh.is_some() => Step::Refresh,
        GrantState::Live | GrantState::Suspended if company => Step::Exchange,
        GrantState::Live if !refused && is_alive(held, now) => Step::Use,
        GrantState::Suspended => gone(),
        GrantState::Live => {
            Step::Gone(GrantState::Reconnect, "its token is no longer good and cannot be refreshed".to_owned())
        }
    }
}

/// From when on the token is refreshed. One that says nothing of its end is refreshed when the vendor refuses it.
pub(super) fn refresh_at(held: &HeldToken) -> Millis {
    held.expires_at.map_or(Millis::MAX, |end| end - (end.saturating_sub(held.obtained_at) / 10).min(MARGIN_MS).min(end))
}

/// Whether the vendor should still take the token.
pub(super) fn is_alive(held: &HeldToken, now: Millis) -> bool {
    held.state == GrantState::Live && held.expires_at.is_none_or(|end| now < end)
}

/// What is remembered under the lock that makes a refresh one at a time.
#[derive(Default)]
pub(super) struct Turn {
    /// A token that the vendor gave and the store did not take: the next turn begins with it. Nothing else may be used before it is durable.
    pub undurable: Option<(NewToken, Option<u64>)>,
    rest: Option<Rest>,
    tries: u32,
    cures: u32,
}

/// A failure that everybody shares until it is time to try again.
struct Rest {
    until: Millis,
    error: EgressError,
    stands: Option<(u64, GrantState)>,
}

impl Turn {
    /// The last failure, while it is too early to try again and nothing else stands in the store.
    pub(super) fn resting(&self, held: Option<&HeldToken>, now: Millis) -> Option<EgressError> {
        let rest = self.rest.as_ref().filter(|rest| now < rest.until && rest.stands == held.map(stands))?;
        Some(rest.error.clone())
    }

    /// Notes a failure, writes the time to wait into it and gives the time to try again. The vendor's own wish counts if it is longer.
    pub(super) fn rests(&mut self, error: &mut EgressError, held: Option<(u64, GrantState)>, now: Millis) -> Millis {
        let (first, most) = if matches!(error, EgressError::Grant { .. }) { LATER_MS } else { SOON_MS };
        let mut span = first.saturating_mul(1 << self.tries.min(16)).min(most);
        self.tries += 1;
        if let EgressError::Tokenless { after_ms, .. } = error {
            span = span.max(*after_ms);
            *after_ms = span;
        }
        self.rest = Some(Rest { until: now + span, error: error.clone(), stands: held });
        now + span
    }

    /// A token came: failures are forgotten.
    pub(super) fn succeeds(&mut self) {
        (self.rest, self.tries) = (None, 0);
    }

    /// Whether a refused token is worth renewing now: `Err` with the milliseconds to wait, if the vendor refuses what it gave just now.
    pub(super) fn cure(&mut self, held: &HeldToken, now: Millis) -> Result<(), Millis> {
        let age = now.saturating_sub(held.obtained_at);
        let spacing = self.cures.checked_sub(1).map_or(0, |more| (SOON_MS.0 << more.min(16)).min(GOOD_MS));
        if age < spacing {
            return Err(spacing - age);
        }
        self.cures = if age >= GOOD_MS { 1 } else { self.cures + 1 };
        Ok(())
    }
}

/// What a failure is remembered against: a new login, or a location that woke up, is tried at once.
pub(super) fn stands(held: &HeldToken) -> (u64, GrantState) {
    (held.version, held.state)
}

#[cfg(test)]
mod tests {
    use super::{Step, Turn, is_alive, refresh_at, stands, step};
    use crate::clock::Millis;
    use crate::egress::EgressError;
    use crate::store::{GrantState, HeldToken};
    use crate::vault::Secret;

    fn held(state: GrantState, refresh: bool, expires_at: Option<Millis>) -> HeldToken {
        HeldToken {
            version: 3,
            state,
            reason: None,
            access: Secret::new("access".into()),
            refresh: refresh.then(|| Secret::new("refresh".into())),
            expires_at,
            obtained_at: 0,
            scopes: Vec::new(),
            kind: None,
            location: None,
            company: None,
        }
    }

    #[test]
    fn a_token_is_refreshed_before_its_end() {
        let day = 86_400_000;
        assert_eq!(refresh_at(&held(GrantState::Live, true, Some(day))), day - 300_000);
        assert_eq!(refresh_at(&held(GrantState::Live, true, Some(10_000))), 9_000);
        assert_eq!(refresh_at(&held(GrantState::Live, true, None)), Millis::MAX);
        let live = held(GrantState::Live, true, Some(10_000));
        assert_eq!(step(Some(&live), None, false, 8_999), Step::Use);
        assert_eq!(step(Some(&live), None, false, 9_000), Step::Refresh);
        assert_eq!(step(Some(&live), Some(3), false, 0), Step::Refresh);
        assert_eq!(step(Some(&live), Some(2), false, 0), Step::Use, "an older one was refused");
        assert!(is_alive(&live, 9_999) && !is_alive(&live, 10_000));
    }

    #[test]
    fn what_cannot_be_refreshed_is_exchanged_or_used_to_its_end() {
        let bare = held(GrantState::Live, false, Some(10_000));
        assert_eq!(step(Some(&bare), None, true, 9_500), Step::Exchange);
        assert_eq!(step(Some(&bare), None, false, 9_500), Step::Use);
        assert!(matches!(step(Some(&bare), None, false, 10_000), Step::Gone(GrantState::Reconnect, _)));
        assert!(matches!(step(Some(&bare), Some(3), false, 0), Step::Gone(GrantState::Reconnect, _)));
        assert_eq!(step(None, None, true, 0), Step::Exchange);
        assert!(matches!(step(None, None, false, 0), Step::Gone(GrantState::Reconnect, _)));
    }

    #[test]
    fn a_sleeping_grant_is_tried_again_and_a_lost_one_is_not() {
        assert_eq!(step(Some(&held(GrantState::Suspended, true, None)), None, false, 0), Step::Refresh);
        assert_eq!(step(Some(&held(GrantState::Reconnect, true, None)), None, true, 0), Step::Exchange);
        for company in [true, false] {
            let revoked = held(GrantState::Revoked, true, None);
            assert!(matches!(step(Some(&revoked), None, company, 0), Step::Gone(GrantState::Revoked, _)));
        }
    }

    #[test]
    fn a_failure_is_shared_until_it_is_time_or_something_else_stands() {
        let mut turn = Turn::default();
        let live = held(GrantState::Live, true, None);
        let error = || EgressError::Tokenless { connection: "shop".into(), text: "down".into(), after_ms: 0 };
        let at = |turn: &mut Turn| turn.rests(&mut error(), Some(stands(&live)), 0);
        assert_eq!((at(&mut turn), at(&mut turn), at(&mut turn)), (1_000, 2_000, 4_000));
        assert!(turn.resting(Some(&live), 3_999).is_some());
        assert!(turn.resting(Some(&live), 4_000).is_none() && turn.resting(None, 0).is_none());
        assert!(turn.resting(Some(&held(GrantState::Suspended, true, None)), 0).is_none());
        turn.succeeds();
        let mut asked = EgressError::Tokenless { connection: "shop".into(), text: "429".into(), after_ms: 9_000 };
        assert_eq!(turn.rests(&mut asked, None, 0), 9_000);
    }

    #[test]
    fn a_vendor_that_refuses_every_token_is_asked_ever_more_seldom() {
        let mut turn = Turn::default();
        let mut young = held(GrantState::Live, true, None);
        young.obtained_at = 1_000;
        assert_eq!(turn.cure(&young, 1_000), Ok(()));
        assert_eq!(turn.cure(&young, 1_000), Err(1_000));
        assert_eq!(turn.cure(&young, 2_000), Ok(()));
        assert_eq!(turn.cure(&young, 2_000), Err(1_000));
        assert_eq!(turn.cure(&young, 700_000), Ok(()));
        assert_eq!(turn.cure(&young, 1_900), Err(100));
    }
}
