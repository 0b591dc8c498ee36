//! Joining and leaving an audience.

use convey_sdk::types::{AudienceChange, Effect, Membership, Proposal};
use convey_sdk::{Person, identity};

use crate::expression::Facts;
use crate::settings::{AudienceRule, Rule, Settings};
use crate::translate::Refusal;

/// Only who joins is told anything new of.
pub fn needs_consent(asked: &AudienceRule) -> bool {
    asked.membership == Membership::Join
}

/// The membership a rule asks for, nobody's yet.
///
/// # Errors
/// When the audience's name cannot be worked out.
pub fn proposal(
    facts: Facts<'_>,
    rule: &Rule,
    asked: &AudienceRule,
    person: &Person,
    settings: &Settings,
) -> Result<Proposal, Refusal> {
    let audience = asked
        .audience
        .text(&settings.language, facts)
        .map(|name| name.trim().to_owned())
        .filter(|name| !name.is_empty());
    let audience =
        audience.ok_or_else(|| Refusal::invalid("the audience's name is not known: a field in it has no value"))?;
    if identity::gives_away(&audience, &facts.change.contact) {
        return Err(Refusal::invalid(format!("the audience's name {}", identity::GIVES_AWAY)));
    }
    let change = AudienceChange { audience, membership: asked.membership, user_data: Person::nobody().user_data };
    Ok(Proposal { rule: rule.name.clone(), effect: Effect::Audience(change), omitted: person.omitted.clone() })
}
