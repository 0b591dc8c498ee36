//! One conversion event, put together piece by piece.

use crate::hash::fingerprint;
use crate::identity;
use crate::normalise::currency::currency;
use crate::types::{ActionSource, Change, ConversionEvent, CustomValue, Effect, Proposal, Skip};
use crate::user_data::Person;

/// The length of an event's id.
pub(crate) const EVENT_ID_DIGITS: usize = 32;

/// An event's id: of the change, the name and an ordinal among the change's events of that name, and of nothing else. Two mappers that say
/// the same of the same change so say it under one id.
pub fn event_id(change: &Change, name: &str, ordinal: u32) -> String {
    fingerprint(&[&change.id, name, &ordinal.to_string()], EVENT_ID_DIGITS)
}

/// An event about a change, from a CRM (`system_generated`) unless it is said otherwise.
#[derive(Clone, Debug)]
pub struct Event(ConversionEvent);

impl Event {
    /// The change's first event of this name.
    pub fn new(change: &Change, name: &str) -> Self {
        Self(ConversionEvent {
            id: event_id(change, name, 0),
            name: name.to_owned(),
            occurred_at: change.occurred_at,
            action_source: ActionSource::SystemGenerated,
            source_url: None,
            user_data: crate::samples::nobody(),
            value: None,
            currency: None,
            custom_data: Vec::new(),
            limited_data_use: false,
        })
    }

    /// Where the conversion took place.
    pub fn took_place(mut self, source: ActionSource) -> Self {
        self.0.action_source = source;
        self
    }

    /// What it was worth. A currency that is not one of ISO 4217, or an amount that is none, leaves both out.
    pub fn worth(mut self, value: f64, code: &str) -> Self {
        if let Some(code) = currency(code).filter(|_| value.is_finite() && value >= 0.0) {
            (self.0.value, self.0.currency) = (Some(value), Some(code.to_owned()));
        }
        self
    }

    /// One entry of its custom data.
    pub fn with(mut self, key: &str, value: &str) -> Self {
        self.0.custom_data.push((key.to_owned(), CustomValue::Text(value.to_owned())));
        self
    }

    /// The proposal, by the rule of this name.
    ///
    /// # Errors
    /// When the platform could not find the person by what is known of it.
    pub fn told_of(mut self, person: Person, rule: &str) -> Result<Proposal, Skip> {
        if let Some(reason) = identity::unusable(&person) {
            return Err(Skip::no_identity(rule, reason));
        }
        self.0.user_data = person.user_data;
        Ok(Proposal { rule: rule.to_owned(), effect: Effect::Convert(self.0), omitted: person.omitted })
    }
}
