//! From TOML to checked settings, collecting every problem on the way.

use std::ops::Range;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::place::{hint, problem};
use super::{EventName, EventRule, Settings};
use crate::default_mapping;
use convey_sdk::normalise::{country::country, currency::currency};
use convey_sdk::trigger::TriggerKey;
use convey_sdk::types::{ActionSource, Problem};

const KEYS: [&str; 7] = [
    "action_source",
    "lead_event_source",
    "currency",
    "country",
    "respect_do_not_disturb",
    "limited_data_use",
    "events",
];

const ACTION_SOURCES: [(&str, ActionSource); 9] = [
    ("email", ActionSource::Email),
    ("website", ActionSource::Website),
    ("app", ActionSource::App),
    ("phone_call", ActionSource::PhoneCall),
    ("chat", ActionSource::Chat),
    ("physical_store", ActionSource::PhysicalStore),
    ("system_generated", ActionSource::SystemGenerated),
    ("business_messaging", ActionSource::BusinessMessaging),
    ("other", ActionSource::Other),
];

type Value<'t> = Spanned<DeValue<'t>>;

/// Checks a text that is not empty.
pub(super) fn settings(text: &str) -> Result<Settings, Vec<Problem>> {
    let (document, errors) = DeTable::parse_recoverable(text);
    let mut check = Check { text, problems: Vec::new() };
    // What was recovered from a broken text is not what was written, and a line that is broken once complains on.
    for error in errors {
        check.report(error.span().unwrap_or(0..0), error.message().trim().to_owned(), None);
    }
    if !check.problems.is_empty() {
        check.problems.dedup_by_key(|problem| problem.line);
        return Err(check.problems);
    }
    let mut settings = Settings {
        action_source: ActionSource::SystemGenerated,
        lead_event_source: "CRM".to_owned(),
        currency: None,
        country: None,
        respect_do_not_disturb: true,
        limited_data_use: false,
        events: std::array::from_fn(|_| None),
    };
    let mut has_events = false;
    for (key, value) in document.get_ref() {
        match key.get_ref().as_ref() {
            "action_source" => set(&mut settings.action_source, check.action_source(value)),
            "lead_event_source" => set(&mut settings.lead_event_source, check.text(value).map(str::to_owned)),
            "currency" => settings.currency = check.known(value, currency, "an ISO 4217 currency code", "\"USD\""),
            "country" => settings.country = check.known(value, country, "an ISO 3166-1 country", "\"US\""),
            "respect_do_not_disturb" => set(&mut settings.respect_do_not_disturb, check.flag(value)),
            "limited_data_use" => set(&mut settings.limited_data_use, check.flag(value)),
            "events" => {
                has_events = true;
                check.events(value, &mut settings);
            }
            stranger => {
                let message = format!("there is no setting `{stranger}`");
                check.report(key.span(), message, Some(hint(stranger, KEYS.into_iter())));
            }
        }
    }
    if !check.problems.is_empty() {
        check.problems.sort_by_key(|problem| (problem.line, problem.column));
        return Err(check.problems);
    }
    // The shipped text has the table, so this ends.
    if !has_events {
        settings.events = default_mapping::settings().events;
    }
    Ok(settings)
}

fn set<T>(place: &mut T, value: Option<T>) {
    if let Some(value) = value {
        *place = value;
    }
}

struct Check<'t> {
    text: &'t str,
    problems: Vec<Problem>,
}

impl Check<'_> {
    fn report(&mut self, span: Range<usize>, message: String, hint: Option<String>) {
        self.problems.push(problem(self.text, span, message, hint));
    }

    fn mistyped(&mut self, value: &Value<'_>, wanted: &str) {
        let message = format!("{wanted} is wanted here, not {}", value.get_ref().type_str());
        self.report(value.span(), message, None);
    }

    fn flag(&mut self, value: &Value<'_>) -> Option<bool> {
        let flag = value.get_ref().as_bool();
        if flag.is_none() {
            self.mistyped(value, "true or false");
        }
        flag
    }

    fn text<'v>(&mut self, value: &'v Value<'_>) -> Option<&'v str> {
        let text = value.get_ref().as_str();
        match text {
            None => self.mistyped(value, "a text"),
            Some(text) if text.trim().is_empty() || text.chars().any(char::is_control) => {
                self.report(value.span(), "a text with at least one visible character is wanted here".to_owned(), None);
                return None;
            }
            Some(_) => {}
        }
        text
    }

    fn known<T>(
        &mut self,
        value: &Value<'_>,
        read: impl Fn(&str) -> Option<T>,
        what: &str,
        example: &str,
    ) -> Option<T> {
        let text = self.text(value)?;
        let known = read(text);
        if known.is_none() {
            self.report(value.span(), format!("`{text}` is not {what}"), Some(format!("write {example}, say")));
        }
        known
    }

    fn action_source(&mut self, value: &Value<'_>) -> Option<ActionSource> {
        let text = self.text(value)?;
        let found = ACTION_SOURCES.into_iter().find_map(|(word, source)| (word == text).then_some(source));
        if found.is_none() {
            let known = ACTION_SOURCES.into_iter().map(|(word, _)| word);
            self.report(value.span(), format!("`{text}` is not an action source"), Some(hint(text, known)));
        }
        found
    }

    fn events(&mut self, value: &Value<'_>, settings: &mut Settings) {
        let Some(table) = value.get_ref().as_table() else {
            self.mistyped(value, "a table");
            return;
        };
        for (key, value) in table {
            let word = key.get_ref().as_ref();
            let Some(trigger) = TriggerKey::named(word) else {
                let known = TriggerKey::ALL.into_iter().map(TriggerKey::as_str);
                self.report(key.span(), format!("there is no trigger `{word}`"), Some(hint(word, known)));
                continue;
            };
            let rule = self.rule(trigger, value);
            if let Some(slot) = settings.events.get_mut(trigger as usize) {
                *slot = rule;
            }
        }
    }

    fn rule(&mut self, trigger: TriggerKey, value: &Value<'_>) -> Option<EventRule> {
        let Some(table) = value.get_ref().as_table() else {
            if value.get_ref().as_str().is_none() {
                self.mistyped(value, "an event's name or a table with one");
                return None;
            }
            return self.event_name(trigger, value).map(|name| EventRule { name, action_source: None });
        };
        let (mut name, mut action_source, mut named) = (None, None, false);
        for (key, value) in table {
            match key.get_ref().as_ref() {
                "name" => {
                    named = true;
                    name = self.event_name(trigger, value);
                }
                "action_source" => action_source = self.action_source(value),
                stranger => {
                    let message = format!("an event has no setting `{stranger}`");
                    self.report(key.span(), message, Some(hint(stranger, ["name", "action_source"].into_iter())));
                }
            }
        }
        if !named {
            self.report(value.span(), "the event has no name".to_owned(), Some("add name = \"…\"".to_owned()));
        }
        name.map(|name| EventRule { name, action_source })
    }

    fn event_name(&mut self, trigger: TriggerKey, value: &Value<'_>) -> Option<EventName> {
        use TriggerKey::{ConversionReported, OpportunityAbandoned, OpportunityLost, OpportunityOpen, OpportunityWon};
        let text = self.text(value)?;
        let has_stage = matches!(trigger, OpportunityOpen | OpportunityWon | OpportunityLost | OpportunityAbandoned);
        match text {
            "{stage}" if has_stage => Some(EventName::Stage),
            "{reported}" if trigger == ConversionReported => Some(EventName::Reported),
            _ if text.contains(['{', '}']) => {
                let hint = "\"{stage}\" stands alone, in opportunity events; \"{reported}\" stands alone, in conversion-reported";
                self.report(
                    value.span(),
                    format!("`{text}` means nothing for {}", trigger.as_str()),
                    Some(hint.to_owned()),
                );
                None
            }
            _ => Some(EventName::Fixed(text.trim().to_owned())),
        }
    }
}
