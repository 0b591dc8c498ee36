//! One change in, proposals or the reason for silence out.

use std::borrow::Cow;

use convey_sdk::trigger::{TriggerKey, facts};
use convey_sdk::types::{Change, Effect, Proposal, Skip, SkipCode, UserData};
use convey_sdk::{Person, identity};

use crate::expression::Facts;
use crate::settings::{EventRule, Matching, Rule, Settings};
use crate::{audience, command, event};

/// Why a rule that is about a change still asks for nothing.
#[derive(Clone, Debug, PartialEq)]
pub struct Refusal {
    /// What kind of reason.
    pub code: SkipCode,
    /// The reason in words.
    pub reason: Cow<'static, str>,
}

impl Refusal {
    /// The change lacks what the effect needs.
    pub fn invalid(reason: impl Into<Cow<'static, str>>) -> Self {
        Self { code: SkipCode::Invalid, reason: reason.into() }
    }

    /// There is nothing to do.
    pub fn filtered(reason: impl Into<Cow<'static, str>>) -> Self {
        Self { code: SkipCode::Filtered, reason: reason.into() }
    }
}

/// What `settings` say about a change. A function of these two alone.
///
/// # Errors
/// The reason why nothing is said: no rule, no condition that holds, no consent, nobody to be found by, or a rule that cannot be met.
pub fn translate(settings: &Settings, change: &Change) -> Result<Vec<Proposal>, Skip> {
    let facts = facts(&change.trigger);
    let mut telling = Telling { settings, change, person: None, proposals: Vec::new(), refused: None };
    let mut is_about = false;
    for fact in &facts {
        for rule in settings.rules.iter().filter(|rule| rule.is_about(*fact)) {
            is_about = true;
            if telling.apply(rule, Facts { change, fact: *fact }) && settings.matching == Matching::First {
                break;
            }
        }
    }
    match telling.refused {
        _ if !is_about => Err(no_rule(&facts)),
        Some((rule, Refusal { code, reason })) if telling.proposals.is_empty() => {
            Err(Skip { code, rule: Some(rule.to_owned()), reason: reason.into_owned() })
        }
        _ => Ok(telling.told()),
    }
}

fn no_rule(facts: &[TriggerKey]) -> Skip {
    Skip::no_rule(match facts {
        [] => "the change holds no known fact: no tag changed, or the opportunity's status is unknown".to_owned(),
        facts => facts.iter().map(|fact| fact.as_str()).collect::<Vec<_>>().join(", "),
    })
}

/// What is being said of one change.
struct Telling<'a> {
    settings: &'a Settings,
    change: &'a Change,
    /// Hashed once, and only when somebody is told of.
    person: Option<Person>,
    /// Nobody's yet: who they are about is filled in at the end.
    proposals: Vec<Proposal>,
    /// The gravest refusal so far, and its rule: what a person would want to mend first.
    refused: Option<(&'a str, Refusal)>,
}

impl<'a> Telling<'a> {
    /// Applies a rule to one fact; whether its condition held.
    fn apply(&mut self, rule: &'a Rule, facts: Facts<'_>) -> bool {
        if let Some(condition) = &rule.when {
            match condition.holds(&self.settings.language, facts) {
                Some(true) => {}
                Some(false) => {
                    self.refuse(rule, Refusal::filtered("its condition does not hold"));
                    return false;
                }
                None => {
                    self.refuse(
                        rule,
                        Refusal::filtered(
                            "its condition cannot be told: a field it reads has no value, or one of another kind",
                        ),
                    );
                    return false;
                }
            }
        }
        if let Some(asked) = &rule.event {
            let settings = self.settings;
            let told = self
                .person_for(facts, asked)
                .map(|(person, id)| event::proposal(facts, rule, asked, person, id, settings));
            self.settle(rule, told);
        }
        if let Some(asked) = &rule.audience {
            let settings = self.settings;
            let told = match audience::needs_consent(asked) {
                true => self.person(),
                // Whoever wants no more to do with it may always leave.
                false => self.identified(),
            };
            let told = told.map(|person| audience::proposal(facts, rule, asked, person, settings));
            self.settle(rule, told);
        }
        if let Some(asked) = &rule.command {
            let told = command::proposal(facts, rule, asked, self.settings);
            self.settle(rule, Ok(told));
        }
        true
    }

    fn settle(&mut self, rule: &'a Rule, told: Result<Result<Proposal, Refusal>, Refusal>) {
        match told.and_then(|told| told) {
            Ok(proposal) if self.is_told(&proposal) => {
                self.refuse(rule, Refusal::filtered("an earlier rule says the same of this change"));
            }
            Ok(proposal) => self.proposals.push(proposal),
            Err(refusal) => self.refuse(rule, refusal),
        }
    }

    /// The same event of the same fact is told once, by the rule that comes first.
    fn is_told(&self, proposal: &Proposal) -> bool {
        let Effect::Convert(event) = &proposal.effect else { return false };
        self.proposals.iter().any(|told| matches!(&told.effect, Effect::Convert(told) if told.id == event.id))
    }

    fn refuse(&mut self, rule: &'a Rule, refusal: Refusal) {
        let gravity = |refusal: &Refusal| match refusal.code {
            SkipCode::NoRule => 0,
            SkipCode::Filtered => 1,
            SkipCode::NoConsent => 2,
            SkipCode::NoIdentity => 3,
            SkipCode::Invalid => 4,
        };
        if self.refused.as_ref().is_none_or(|(_, known)| gravity(known) < gravity(&refusal)) {
            self.refused = Some((&rule.name, refusal));
        }
    }

    /// The person an event is told of, as [`Self::person`], and the event's id where it was hashed with it.
    fn person_for(&mut self, facts: Facts<'_>, asked: &'a EventRule) -> Result<(&Person, Option<String>), Refusal> {
        self.may_be_told()?;
        let Some(name) = asked.name.plain().filter(|_| self.person.is_none() && !asked.pixel) else {
            return Ok((self.identified()?, None));
        };
        let ordinal = u32::from(facts.fact.ordinal());
        let (person, id) = Person::with_event_id(self.change, self.settings.country, name, ordinal);
        self.person = Some(person);
        Ok((self.identified()?, Some(id)))
    }

    /// The person, if the ad platform may be told of it.
    fn person(&mut self) -> Result<&Person, Refusal> {
        self.may_be_told()?;
        self.identified()
    }

    fn may_be_told(&self) -> Result<(), Refusal> {
        if self.settings.respect_do_not_disturb && self.change.contact.consent.do_not_disturb {
            let reason = "the contact asked not to be disturbed".into();
            return Err(Refusal { code: SkipCode::NoConsent, reason });
        }
        Ok(())
    }

    fn identified(&mut self) -> Result<&Person, Refusal> {
        let person = self.person.get_or_insert_with(|| Person::of(self.change, self.settings.country));
        match identity::unusable(person) {
            Some(reason) => Err(Refusal { code: SkipCode::NoIdentity, reason: reason.into() }),
            None => Ok(person),
        }
    }

    /// The proposals, each with whom it is about. Nearly always there is one, which takes the person as it is.
    fn told(self) -> Vec<Proposal> {
        let mut proposals = self.proposals;
        let Some(Person { user_data, .. }) = self.person else { return proposals };
        let mut unfilled = proposals.iter_mut().filter(|proposal| !matches!(proposal.effect, Effect::Command(_)));
        if let Some(first) = unfilled.next() {
            for proposal in unfilled {
                fill(&mut proposal.effect, user_data.clone());
            }
            fill(&mut first.effect, user_data);
        }
        proposals
    }
}

/// Says whom an effect is about. Audiences are matched by who a person is: what only a browser knows stays here.
fn fill(effect: &mut Effect, person: UserData) {
    match effect {
        Effect::Convert(event) => event.user_data = person,
        Effect::Audience(change) => {
            let (client_ip, user_agent, fbc, fbp, lead_id) = (None, None, None, None, None);
            change.user_data = UserData { client_ip, user_agent, fbc, fbp, lead_id, ..person };
        }
        Effect::Command(_) => {}
    }
}

#[cfg(test)]
mod tests;
