//! One change in, proposals or the reason for silence out.

use crate::event;
use crate::settings::{EventRule, Settings};
use convey_sdk::Person;
use convey_sdk::identity;
use convey_sdk::trigger::{TriggerKey, facts};
use convey_sdk::types::{Change, Proposal, Skip, SkipCode};

/// What `settings` say about a change. A function of these two alone.
///
/// # Errors
/// The reason why nothing is said: no rule, no consent, nobody to be found by, or a rule that cannot be met.
pub fn translate(settings: &Settings, change: &Change) -> Result<Vec<Proposal>, Skip> {
    let facts = facts(&change.trigger);
    let told: Vec<(TriggerKey, &EventRule)> =
        facts.iter().filter_map(|key| settings.event(*key).map(|rule| (*key, rule))).collect();
    let Some((first, _)) = told.first() else { return Err(no_rule(&facts)) };
    let skip = |code, key: TriggerKey, reason: &str| Skip {
        code,
        rule: Some(key.as_str().to_owned()),
        reason: reason.to_owned(),
    };
    if settings.respect_do_not_disturb && change.contact.consent.do_not_disturb {
        return Err(skip(SkipCode::NoConsent, *first, "the contact asked not to be disturbed"));
    }
    let person = Person::of(change, settings.country);
    if let Some(reason) = identity::unusable(&person) {
        return Err(skip(SkipCode::NoIdentity, *first, &reason));
    }
    let mut proposals = Vec::with_capacity(told.len());
    let mut refused = None;
    for (key, rule) in told {
        match event::proposal(change, key, rule, &person, settings) {
            Ok(proposal) => proposals.push(proposal),
            Err(refusal) => refused = refused.or(Some(skip(refusal.code, key, &refusal.reason))),
        }
    }
    match refused {
        Some(skip) if proposals.is_empty() => Err(skip),
        _ => Ok(proposals),
    }
}

fn no_rule(facts: &[TriggerKey]) -> Skip {
    let reason = match facts {
        [] => "the change holds no known fact: no tag changed, or the opportunity's status is unknown".to_owned(),
        facts => facts.iter().map(|key| key.as_str()).collect::<Vec<_>>().join(", "),
    };
    Skip { code: SkipCode::NoRule, rule: None, reason }
}

#[cfg(test)]
mod tests;
