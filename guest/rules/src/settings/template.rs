//! Texts with expressions in braces: `"Stage: {stage}"`.

use crate::expression::{Evaluated, Expression, Facts, Finding, Language};

/// A text, some of it written and some of it worked out for each change.
#[derive(Clone, Debug, PartialEq)]
pub struct Template {
    /// Its parts, in order.
    pub parts: Vec<Part>,
}

/// One part of a template.
#[derive(Clone, Debug, PartialEq)]
pub enum Part {
    /// As it is written.
    Plain(String),
    /// Worked out.
    Expression(Expression),
}

impl Template {
    /// Takes a text apart. `{{` and `}}` stand for braces.
    ///
    /// # Errors
    /// Every mistake in its expressions, placed in the text as a whole.
    pub fn parse(text: &str) -> Result<Self, Vec<Finding>> {
        let (mut parts, mut problems, mut plain) = (Vec::new(), Vec::new(), String::new());
        let mut rest = text;
        while let Some(at) = rest.find(['{', '}']) {
            let (before, from) = rest.split_at(at);
            plain.push_str(before);
            let brace = &from[..1];
            if from[1..].starts_with(brace) {
                plain.push_str(brace);
                rest = &from[2..];
                continue;
            }
            let place = text.chars().count() - from.chars().count();
            let Some(inner) = (brace == "{").then(|| enclosed(from)).flatten() else {
                let message = if brace == "{" { "this brace is never closed" } else { "this brace was never opened" };
                let hint = Some("write {{ or }} for a brace in the text".to_owned());
                problems.push(Finding { at: place, length: 1, message: message.to_owned(), hint });
                break;
            };
            if !plain.is_empty() {
                parts.push(Part::Plain(std::mem::take(&mut plain)));
            }
            match Expression::parse(inner) {
                Ok(mut expression) => {
                    expression.remarks.iter_mut().for_each(|remark| remark.at += place + 1);
                    parts.push(Part::Expression(expression));
                }
                Err(found) => problems.extend(found.into_iter().map(|one| Finding { at: one.at + place + 1, ..one })),
            }
            rest = &from[inner.len() + 2..];
        }
        if !problems.is_empty() {
            return Err(problems);
        }
        plain.push_str(rest);
        if !plain.is_empty() || parts.is_empty() {
            parts.push(Part::Plain(plain));
        }
        Ok(Self { parts })
    }

    /// Its expressions.
    pub fn expressions(&self) -> impl Iterator<Item = &Expression> {
        self.parts.iter().filter_map(|part| match part {
            Part::Expression(expression) => Some(expression),
            Part::Plain(_) => None,
        })
    }

    /// The text it is for every change, when nothing in it is worked out.
    pub fn plain(&self) -> Option<&str> {
        match self.parts.as_slice() {
            [Part::Plain(text)] => Some(text),
            _ => None,
        }
    }

    /// The only expression there is: then the value keeps its kind.
    pub fn alone(&self) -> Option<&Expression> {
        match self.parts.as_slice() {
            [Part::Expression(expression)] => Some(expression),
            _ => None,
        }
    }

    /// The text for these facts; none when a part of it is not known.
    pub fn text(&self, language: &Language, facts: Facts<'_>) -> Option<String> {
        let mut text = String::new();
        for part in &self.parts {
            match part {
                Part::Plain(plain) => text.push_str(plain),
                Part::Expression(expression) => match expression.evaluate(language, facts) {
                    Evaluated::Text(part) => text.push_str(&part),
                    Evaluated::Number(number) => text.push_str(&number.to_string()),
                    Evaluated::Flag(flag) => text.push_str(if flag { "true" } else { "false" }),
                    Evaluated::Texts(texts) => text.push_str(&texts.join(", ")),
                    Evaluated::Unknown => return None,
                },
            }
        }
        Some(text)
    }
}

/// What stands between the brace a text begins with and the one that closes it. Braces inside quotes do not count.
fn enclosed(text: &str) -> Option<&str> {
    let mut quote = None;
    for (at, c) in text.char_indices().skip(1) {
        match (quote, c) {
            (None, '}') => return text.get(1..at),
            (None, '\'' | '"') => quote = Some(c),
            (Some(open), c) if open == c => quote = None,
            _ => {}
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use convey_sdk::samples::{change, opportunity};
    use convey_sdk::trigger::TriggerKey;
    use proptest::prelude::*;

    use super::*;

    fn text(template: &str) -> Option<String> {
        let change = change(opportunity("open", Some(2.0)));
        let template = Template::parse(template).expect("valid");
        template.text(&Language::new(), Facts { change: &change, fact: TriggerKey::OpportunityOpen })
    }

    #[test]
    fn expressions_stand_in_braces() {
        assert_eq!(
            text("Stage {stage}, {value > 1.0 ? \"}big\" : 'small'}!").as_deref(),
            Some("Stage Proposal sent, }big!")
        );
        assert_eq!(text("{{stage}}").as_deref(), Some("{stage}"));
        assert_eq!(text("").as_deref(), Some(""));
        assert_eq!(text("is {contact.gender}"), None);
    }

    #[test]
    fn mistakes_are_placed_in_the_whole_text() {
        let wrong = |text: &str| Template::parse(text).expect_err("a mistake").remove(0);
        assert_eq!((wrong("é {stag}").at, wrong("é {stag}").length), (3, 4));
        assert_eq!(wrong("a { b").message, "this brace is never closed");
        assert_eq!(wrong("a } b").message, "this brace was never opened");
    }

    proptest! {
        #[test]
        fn no_text_breaks_it(text in "\\PC{0,40}|[a-z{}'\" .]{0,40}") {
            let _ = Template::parse(&text);
        }
    }
}
