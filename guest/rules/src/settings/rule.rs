//! `[[rule]]` and `[events]`: what is said when.

use convey_sdk::trigger::TriggerKey;
use convey_sdk::types::ActionSource;
use toml::Spanned;
use toml::de::DeTable;

use super::check::{ACTION_SOURCES, Check, Value, list, set};
use super::place::hint;
use super::{EventRule, Rule};
use crate::expression::{Expression, Kind};

/// What may stand in a rule.
pub(super) const RULE_KEYS: [&str; 6] = ["name", "on", "when", "event", "audience", "command"];

impl Check<'_> {
    /// `[[rule]]`, all of them.
    pub(super) fn rules(&mut self, value: &Value<'_>) -> Vec<Rule> {
        let Some(items) = value.get_ref().as_array() else {
            self.report(
                value.span(),
                "rules are a list".to_owned(),
                Some("write [[rule]], with two brackets".to_owned()),
            );
            return Vec::new();
        };
        let mut rules: Vec<Rule> = Vec::with_capacity(items.len());
        for item in items {
            let Some(table) = item.get_ref().as_table() else {
                self.mistyped(item, "a table");
                continue;
            };
            if let Some(rule) = self.rule(item, table) {
                if rules.iter().any(|earlier| earlier.name == rule.name) {
                    let named = table.get("name").map_or(item.span(), Spanned::span);
                    self.report(named, format!("there are two rules called `{}`", rule.name), None);
                }
                rules.push(rule);
            }
        }
        rules
    }

    fn rule(&mut self, whole: &Value<'_>, table: &DeTable<'_>) -> Option<Rule> {
        let mut rule =
            Rule { name: String::new(), on: Vec::new(), when: None, event: None, audience: None, command: None };
        for (key, value) in table {
            match key.get_ref().as_ref() {
                "name" => set(&mut rule.name, self.text(value).map(|name| name.trim().to_owned())),
                "on" => rule.on = self.on(value),
                "when" => rule.when = self.condition(value),
                "event" => rule.event = self.event(value),
                "audience" => rule.audience = self.audience(value),
                "command" => rule.command = self.command(value),
                stranger => self.stranger(key, stranger, "a rule has no setting", &RULE_KEYS),
            }
        }
        if table.get("name").is_none() {
            let message = "the rule has no name: it is how its events explain themselves";
            self.report(whole.span(), message.to_owned(), Some("add name = \"…\"".to_owned()));
            return None;
        }
        if !["event", "audience", "command"].iter().any(|key| table.get(*key).is_some()) {
            let message = format!("rule `{}` asks for nothing", rule.name);
            self.report(
                whole.span(),
                message,
                Some("add event = \"…\", audience = { join = \"…\" } or command = { add_tags = [\"…\"] }".to_owned()),
            );
        }
        Some(rule)
    }

    fn on(&mut self, value: &Value<'_>) -> Vec<TriggerKey> {
        let mut facts = Vec::new();
        for item in list(value) {
            let Some(word) = self.text(item) else { continue };
            match TriggerKey::named(word) {
                Some(fact) => facts.push(fact),
                None => {
                    let known = TriggerKey::ALL.into_iter().map(TriggerKey::as_str);
                    self.report(item.span(), format!("there is no trigger `{word}`"), Some(hint(word, known)));
                }
            }
        }
        facts
    }

    fn condition(&mut self, value: &Value<'_>) -> Option<Expression> {
        let expression = self.expression(value)?;
        if !matches!(expression.kind, Kind::Flag | Kind::Any) {
            let message = format!("a condition is true or false; this gives {}", expression.kind.words());
            self.report(value.span(), message, Some("compare it with something, or ask has(…)".to_owned()));
        }
        Some(expression)
    }

    /// `[events]`: a rule a line, called by its trigger.
    pub(super) fn events(&mut self, value: &Value<'_>) -> Vec<Rule> {
        let Some(table) = value.get_ref().as_table() else {
            self.mistyped(value, "a table");
            return Vec::new();
        };
        let mut rules = Vec::new();
        for (key, value) in table {
            let word = key.get_ref().as_ref();
            let Some(fact) = TriggerKey::named(word) else {
                let known = TriggerKey::ALL.into_iter().map(TriggerKey::as_str);
                self.report(key.span(), format!("there is no trigger `{word}`"), Some(hint(word, known)));
                continue;
            };
            let event = self.event(value);
            rules.push(Rule {
                name: word.to_owned(),
                on: vec![fact],
                when: None,
                event,
                audience: None,
                command: None,
            });
        }
        // In the order the triggers are explained in, so that the order of lines means nothing.
        rules.sort_by_key(|rule| rule.on.first().map(|fact| *fact as usize));
        rules
    }

    pub(super) fn action_source(&mut self, value: &Value<'_>) -> Option<ActionSource> {
        self.word(value, "an action source", &ACTION_SOURCES)
    }

    /// What only the whole file shows: fields a rule's triggers never have, and the one event that mirrors the browser's.
    pub(super) fn agree(&mut self, document: &Spanned<DeTable<'_>>, rules: &[Rule]) {
        let items = |key: &str| document.get_ref().get(key);
        for rule in rules {
            let place = items("rule").and_then(|list| {
                list.get_ref().as_array()?.iter().find(|item| {
                    let named = item.get_ref().as_table().and_then(|table| table.get("name"));
                    named.and_then(|name| name.get_ref().as_str()).is_some_and(|name| name.trim() == rule.name)
                })
            });
            let place = place.or_else(|| items("events")?.get_ref().as_table()?.get(rule.name.as_str()));
            let Some(place) = place else { continue };
            let event = rule.event.as_ref();
            let expressions = rule.when.iter().chain(event.into_iter().flat_map(EventRule::expressions));
            for name in expressions.flat_map(Expression::reads) {
                let Some(facts) = name.facts() else { continue };
                if !rule.on.is_empty() && !rule.on.iter().any(|fact| facts.contains(fact)) {
                    let with = facts.iter().map(|fact| fact.as_str()).collect::<Vec<_>>().join(", ");
                    let message = format!("`{}` is never there in rule `{}`", name.path, rule.name);
                    self.report(place.span(), message, Some(format!("it comes with {with}")));
                }
            }
            if event.is_some_and(|event| event.pixel) && rule.on != [TriggerKey::ContactCreated] {
                let message = format!(
                    "rule `{}` cannot mirror the browser's event: that one comes with a new contact",
                    rule.name
                );
                self.report(
                    place.span(),
                    message,
                    Some("pixel = true goes with on = \"contact-created\" alone".to_owned()),
                );
            }
        }
        let mirrors = rules.iter().filter(|rule| rule.event.as_ref().is_some_and(|event| event.pixel));
        if let [_, second, ..] = mirrors.collect::<Vec<_>>().as_slice() {
            let message =
                format!("rule `{}` is the second with pixel = true: one event mirrors the browser's", second.name);
            self.report(items("rule").map_or(0..0, Spanned::span), message, None);
        }
    }
}
