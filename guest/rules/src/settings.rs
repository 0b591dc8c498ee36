//! The operator's settings: TOML, checked as a whole, every mistake with its place.

mod check;
mod place;

use crate::default_mapping;
use convey_sdk::trigger::TriggerKey;
use convey_sdk::types::{ActionSource, Problem};

/// The name an event gets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EventName {
    /// The same for every change.
    Fixed(String),
    /// `"{stage}"`: the name of the opportunity's stage.
    Stage,
    /// `"{reported}"`: the type of the reported conversion.
    Reported,
}

/// What is said when a trigger fires.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EventRule {
    /// The event's name.
    pub name: EventName,
    /// Where the conversion took place, if this rule differs from the settings as a whole.
    pub action_source: Option<ActionSource>,
}

/// Checked settings.
#[derive(Clone, Debug, PartialEq)]
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
    /// Whether events ask for limited data use.
    pub limited_data_use: bool,
    events: [Option<EventRule>; TriggerKey::ALL.len()],
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

    /// What is said when `key` fires, if anything.
    pub fn event(&self, key: TriggerKey) -> Option<&EventRule> {
        self.events.get(key as usize)?.as_ref()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problems(text: &str) -> Vec<(u32, u32, u32, String, Option<String>)> {
        let problems = Settings::parse(text).expect_err("a problem");
        problems.into_iter().map(|p| (p.line, p.column, p.length, p.message, p.hint)).collect()
    }

    #[test]
    fn all_problems_are_found_with_their_places() {
        let found = problems(
            "action_sorce = \"website\"\ncurrency = \"EURO\"\n\n[events]\nopportunity-wonn = \"Purchase\"\ncontact-created = 7\n\
             note-created = { name = \"\", action_source = \"webs\" }\n",
        );
        let places: Vec<_> = found.iter().map(|(line, column, length, ..)| (*line, *column, *length)).collect();
        assert_eq!(places, [(1, 1, 12), (2, 12, 6), (5, 1, 16), (6, 19, 1), (7, 25, 2), (7, 45, 6)]);
        assert_eq!(found[0].3, "there is no setting `action_sorce`");
        assert_eq!(found[0].4.as_deref(), Some("did you mean `action_source`?"));
        assert_eq!(found[2].4.as_deref(), Some("did you mean `opportunity-won`?"));
        assert_eq!(found[5].4.as_deref(), Some("did you mean `website`?"));
    }

    #[test]
    fn broken_toml_is_a_problem_with_a_place() {
        let found = problems("currency = \"USD\"\ncountry = = \"US\"\n");
        assert_eq!(found, [(2, 11, 1, "extra `=`, expected nothing".to_owned(), None)]);
    }

    #[test]
    fn an_events_table_says_exactly_what_is_said() {
        let settings =
            Settings::parse("[events]\ntag-added = { name = \"Tagged\", action_source = \"website\" }").expect("valid");
        assert!(settings.event(TriggerKey::ContactCreated).is_none());
        let rule = settings.event(TriggerKey::TagAdded).expect("a rule");
        assert_eq!((&rule.name, rule.action_source), (&EventName::Fixed("Tagged".into()), Some(ActionSource::Website)));
        let settings = Settings::parse("currency = \"eur\"").expect("valid");
        assert_eq!(settings.currency, Some("EUR"));
        assert!(settings.event(TriggerKey::ContactCreated).is_some(), "without the table the default's events stay");
    }

    #[test]
    fn placeholders_are_known_by_their_trigger() {
        let settings =
            Settings::parse("[events]\nopportunity-open = \"{stage}\"\nconversion-reported = \"{reported}\"")
                .expect("valid");
        assert_eq!(settings.event(TriggerKey::OpportunityOpen).map(|rule| &rule.name), Some(&EventName::Stage));
        assert_eq!(problems("[events]\ncontact-created = \"{stage}\"").len(), 1);
        assert_eq!(problems("[events]\nopportunity-open = \"{stages}\"").len(), 1);
    }
}
