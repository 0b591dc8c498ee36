//! The operator's settings: TOML, checked as a whole, every mistake with its place.

mod check;
mod effect;
mod place;
mod rule;
mod template;

use convey_sdk::trigger::TriggerKey;
use convey_sdk::types::{ActionSource, Problem};

pub use effect::{AudienceRule, CommandRule, Datum, EventRule, TaskRule, Worth};
pub(crate) use place::hint;
pub use template::{Part, Template};

use crate::default_mapping;
use crate::expression::{Expression, Language};

/// Which of the rules that apply to a change speak.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Matching {
    /// Every one.
    All,
    /// The first in the file.
    First,
}

/// Whose events ask the platform to limit what it uses them for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LimitedDataUse {
    /// Nobody's.
    Never,
    /// Everybody's.
    Always,
    /// People's of these states of the United States (lowercase codes), and of people there whose state is not known.
    In(Vec<String>),
}

/// What is said when its facts happen and its condition holds.
#[derive(Clone, Debug, PartialEq)]
pub struct Rule {
    /// Its name, which every event it asks for carries.
    pub name: String,
    /// The facts it is about; empty: all.
    pub on: Vec<TriggerKey>,
    /// Its condition; none: always.
    pub when: Option<Expression>,
    /// The event it asks for.
    pub event: Option<EventRule>,
    /// The audience it lets people join or leave.
    pub audience: Option<AudienceRule>,
    /// What it writes to the CRM.
    pub command: Option<CommandRule>,
}

impl Rule {
    /// Whether it is about this fact.
    pub fn is_about(&self, fact: TriggerKey) -> bool {
        self.on.is_empty() || self.on.contains(&fact)
    }
}

/// Checked settings.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Where conversions took place unless a rule says otherwise.
    pub action_source: ActionSource,
    /// The CRM's name in events that are system-generated.
    pub lead_event_source: String,
    /// Upper-case ISO 4217, for amounts that come without one.
    pub currency: Option<&'static str>,
    /// Lowercase ISO 3166-1 alpha-2, for contacts and locations that have no country.
    pub country: Option<&'static str>,
    /// Whether a contact who asked not to be disturbed is left out.
    pub respect_do_not_disturb: bool,
    /// Whose events ask for limited data use.
    pub limited_data_use: LimitedDataUse,
    /// Which of the rules that apply speak.
    pub matching: Matching,
    /// The rules, in the order of the file.
    pub rules: Vec<Rule>,
    /// What conditions are evaluated with.
    pub language: Language,
    /// What is allowed and worth a look.
    pub remarks: Vec<Problem>,
    /// The custom fields rules read, by key, sorted.
    pub custom_fields: Vec<String>,
}

impl Settings {
    /// Checks a settings text; an empty one is the default mapping, and keys left out are the default's.
    ///
    /// # Errors
    /// Every problem of the text, in the order they stand in it.
    pub fn parse(text: &str) -> Result<Self, Vec<Problem>> {
        let text = if text.trim().is_empty() { default_mapping::TEXT } else { text };
        check::settings(text)
    }
}

#[cfg(test)]
mod tests;
