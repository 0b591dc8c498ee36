//! From TOML to checked settings, collecting every problem on the way.

use std::ops::Range;

use convey_sdk::normalise::{country::country, currency::currency};
use convey_sdk::types::{ActionSource, Problem};
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::place::{hint, inside, problem};
use super::{LimitedDataUse, Matching, Settings, Template};
use crate::default_mapping;
use crate::expression::{Expression, Finding, Language};

/// What may stand at the top.
pub(super) const KEYS: [&str; 9] = [
    "match",
    "action_source",
    "lead_event_source",
    "currency",
    "country",
    "respect_do_not_disturb",
    "limited_data_use",
    "rule",
    "events",
];

pub(super) const ACTION_SOURCES: [(&str, ActionSource); 9] = [
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

pub(super) type Value<'t> = Spanned<DeValue<'t>>;

/// Checks a text that is not empty.
pub(super) fn settings(text: &str) -> Result<Settings, Vec<Problem>> {
    let (document, errors) = DeTable::parse_recoverable(text);
    let mut check = Check { text, problems: Vec::new(), remarks: Vec::new(), custom_fields: Vec::new() };
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
        limited_data_use: LimitedDataUse::Never,
        matching: Matching::All,
        rules: Vec::new(),
        language: Language::new(),
        remarks: Vec::new(),
        custom_fields: Vec::new(),
    };
    let (mut rules, mut events) = (None, None);
    for (key, value) in document.get_ref() {
        match key.get_ref().as_ref() {
            "match" => set(
                &mut settings.matching,
                check.word(value, "a way to match", &[("all", Matching::All), ("first", Matching::First)]),
            ),
            "action_source" => set(&mut settings.action_source, check.word(value, "an action source", &ACTION_SOURCES)),
            "lead_event_source" => set(&mut settings.lead_event_source, check.text(value).map(str::to_owned)),
            "currency" => settings.currency = check.known(value, currency, "an ISO 4217 currency code", "\"USD\""),
            "country" => settings.country = check.known(value, country, "an ISO 3166-1 country", "\"US\""),
            "respect_do_not_disturb" => set(&mut settings.respect_do_not_disturb, check.flag(value)),
            "limited_data_use" => set(&mut settings.limited_data_use, check.limited(value)),
            "rule" => rules = Some(check.rules(value)),
            "events" => events = Some(check.events(value)),
            stranger => check.stranger(key, stranger, "there is no setting", &KEYS),
        }
    }
    // A file that says what is said says exactly that. The shipped text has a table of events, so this ends.
    settings.rules = match (rules, events) {
        (None, None) => default_mapping::settings().rules,
        // Rules come first: with `match = "first"` they are the exceptions, the table is the rest.
        (rules, events) => rules.into_iter().chain(events).flatten().collect(),
    };
    check.agree(&document, &settings.rules);
    if !check.problems.is_empty() {
        check.problems.sort_by_key(|problem| (problem.line, problem.column));
        return Err(check.problems);
    }
    check.remarks.sort_by_key(|remark| (remark.line, remark.column));
    check.custom_fields.sort();
    check.custom_fields.dedup();
    (settings.remarks, settings.custom_fields) = (check.remarks, check.custom_fields);
    Ok(settings)
}

pub(super) fn set<T>(place: &mut T, value: Option<T>) {
    if let Some(value) = value {
        *place = value;
    }
}

/// One value, or each of a list.
pub(super) fn list<'v, 't>(value: &'v Value<'t>) -> Vec<&'v Value<'t>> {
    match value.get_ref().as_array() {
        Some(items) => items.iter().collect(),
        None => vec![value],
    }
}

/// A check under way.
pub(super) struct Check<'t> {
    text: &'t str,
    problems: Vec<Problem>,
    remarks: Vec<Problem>,
    custom_fields: Vec<String>,
}

impl Check<'_> {
    pub fn report(&mut self, span: Range<usize>, message: String, hint: Option<String>) {
        self.problems.push(problem(self.text, span, message, hint));
    }

    /// Notes what is allowed and worth a look.
    pub fn remark(&mut self, span: Range<usize>, message: String, hint: Option<String>) {
        self.remarks.push(problem(self.text, span, message, hint));
    }

    pub fn stranger(&mut self, key: &Spanned<std::borrow::Cow<'_, str>>, word: &str, what: &str, known: &[&str]) {
        self.report(key.span(), format!("{what} `{word}`"), Some(hint(word, known.iter().copied())));
    }

    pub fn mistyped(&mut self, value: &Value<'_>, wanted: &str) {
        let message = format!("{wanted} is wanted here, not {}", value.get_ref().type_str());
        self.report(value.span(), message, None);
    }

    pub fn flag(&mut self, value: &Value<'_>) -> Option<bool> {
        let flag = value.get_ref().as_bool();
        if flag.is_none() {
            self.mistyped(value, "true or false");
        }
        flag
    }

    pub fn text<'v>(&mut self, value: &'v Value<'_>) -> Option<&'v str> {
        let text = value.get_ref().as_str();
        match text {
            None => self.mistyped(value, "a text"),
            Some(text) if text.trim().is_empty() || text.chars().any(|c| c.is_control() && c != '\n') => {
                self.report(value.span(), "a text with at least one visible character is wanted here".to_owned(), None);
                return None;
            }
            Some(_) => {}
        }
        text
    }

    pub fn known<T>(
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

    /// One of a few words.
    pub fn word<T: Copy>(&mut self, value: &Value<'_>, what: &str, words: &[(&str, T)]) -> Option<T> {
        let text = self.text(value)?;
        let found = words.iter().find_map(|(word, meaning)| (*word == text).then_some(*meaning));
        if found.is_none() {
            let known = words.iter().map(|(word, _)| *word);
            self.report(value.span(), format!("`{text}` is not {what}"), Some(hint(text, known)));
        }
        found
    }

    /// An expression.
    pub fn expression(&mut self, value: &Value<'_>) -> Option<Expression> {
        let text = self.text(value)?;
        match Expression::parse(text) {
            Ok(expression) => {
                self.heard(value, &expression);
                Some(expression)
            }
            Err(findings) => {
                self.findings(value, findings);
                None
            }
        }
    }

    /// A text with expressions in braces.
    pub fn template(&mut self, value: &Value<'_>) -> Option<Template> {
        let text = self.text(value)?;
        match Template::parse(text.trim()) {
            Ok(template) => {
                template.expressions().for_each(|expression| self.heard(value, expression));
                Some(template)
            }
            Err(findings) => {
                self.findings(value, findings);
                None
            }
        }
    }

    fn heard(&mut self, value: &Value<'_>, expression: &Expression) {
        self.custom_fields.extend(expression.custom_fields().map(str::to_owned));
        for Finding { at, length, message, hint } in expression.remarks.clone() {
            let span = inside(self.text, value, at, length);
            self.remark(span, message, hint);
        }
    }

    fn findings(&mut self, value: &Value<'_>, findings: Vec<Finding>) {
        for Finding { at, length, message, hint } in findings {
            self.report(inside(self.text, value, at, length), message, hint);
        }
    }

    fn limited(&mut self, value: &Value<'_>) -> Option<LimitedDataUse> {
        if let Some(always) = value.get_ref().as_bool() {
            return Some(if always { LimitedDataUse::Always } else { LimitedDataUse::Never });
        }
        let Some(items) = value.get_ref().as_array() else {
            self.mistyped(value, "true, false or a list of states");
            return None;
        };
        let state = |raw: &str| convey_sdk::normalise::place::state(raw, Some("us")).filter(|code| code.len() == 2);
        let states = items.iter().map(|item| self.known(item, state, "a state of the United States", "\"CA\""));
        states.collect::<Option<Vec<_>>>().map(LimitedDataUse::In)
    }
}
