//! What is wrong with a configuration, told with its line, a caret and the line to write instead.

use std::fmt;
use std::ops::Range;

use annotate_snippets::{AnnotationKind, Level, Renderer, Snippet};

use super::veil;
use crate::blame::Blame;

/// Where in the file a problem is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// Line, from 1.
    pub line: usize,
    /// Column in letters, from 1.
    pub column: usize,
    /// Offsets in the file, in bytes.
    pub span: Range<usize>,
}

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// What is wrong.
    pub message: String,
    /// Where; none when it is nowhere in the file, a missing table for instance.
    pub place: Option<Place>,
    /// What to write instead.
    pub hint: Option<String>,
}

/// Everything that is wrong with one configuration. Never empty; prints each problem with its line and a caret.
#[derive(Clone, thiserror::Error, PartialEq, Eq)]
pub struct Problems {
    /// What the problems call the file.
    pub name: String,
    /// The problems, in the order of the lines.
    pub list: Vec<Problem>,
    /// The file's text with every secret covered.
    shown: String,
}

/// A problem before its line is known: message, offsets, hint.
pub(super) struct Finding {
    pub message: String,
    pub span: Option<Range<usize>>,
    pub hint: Option<String>,
}

impl Problems {
    pub(super) fn new(text: &str, name: &str, mut findings: Vec<Finding>, secrets: &[Range<usize>]) -> Self {
        findings.sort_by_key(|finding| finding.span.as_ref().map_or(usize::MAX, |span| span.start));
        let placed = |finding: Finding| Problem {
            message: finding.message,
            place: finding.span.map(|span| place(text, span)),
            hint: finding.hint,
        };
        Self {
            name: name.to_owned(),
            list: findings.into_iter().map(placed).collect(),
            shown: veil::cover(text, secrets),
        }
    }

    /// The text is not TOML: the parser's own words, with whatever may be a secret covered.
    pub(super) fn of_syntax(text: &str, name: &str, errors: &[toml::de::Error]) -> Self {
        let finding = |error: &toml::de::Error| Finding {
            message: format!("this is not TOML: {}", error.message()),
            span: error.span(),
            hint: None,
        };
        Self::new(text, name, errors.iter().map(finding).collect(), &veil::suspects(text))
    }

    /// The file cannot be read as text at all.
    pub(super) fn without_text(name: &str, message: String, hint: String) -> Self {
        let only = Problem { message, place: None, hint: Some(hint) };
        Self { name: name.to_owned(), list: vec![only], shown: String::new() }
    }

    /// All problems for a terminal, with colours if wanted.
    pub fn render(&self, color: bool) -> String {
        let renderer = if color { Renderer::styled() } else { Renderer::plain() };
        let rendered: Vec<String> = self.list.iter().map(|problem| self.render_one(&renderer, problem)).collect();
        rendered.join("\n\n")
    }

    fn render_one(&self, renderer: &Renderer, problem: &Problem) -> String {
        let title = Level::ERROR.primary_title(problem.message.as_str()).id(Blame::Operator.to_string());
        let mut elements: Vec<annotate_snippets::Element<'_>> = Vec::new();
        if let Some(place) = &problem.place {
            let caret = AnnotationKind::Primary.span(place.span.clone());
            elements.push(Snippet::source(self.shown.as_str()).path(self.name.as_str()).annotation(caret).into());
        }
        if let Some(hint) = &problem.hint {
            elements.push(Level::HELP.message(hint.as_str()).into());
        }
        renderer.render(&[title.elements(elements)])
    }
}

impl fmt::Display for Problems {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.render(false))
    }
}

impl fmt::Debug for Problems {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Problems").field("name", &self.name).field("list", &self.list).finish_non_exhaustive()
    }
}

/// Line and column of a span. The span ends with its first line: a caret under one line says enough.
fn place(text: &str, span: Range<usize>) -> Place {
    let start = text.floor_char_boundary(span.start.min(text.len()));
    let before = &text[..start];
    let line_start = before.rfind('\n').map_or(0, |at| at + 1);
    let line_end = text[start..].find('\n').map_or(text.len(), |length| start + length);
    let end = text.floor_char_boundary(span.end.clamp(start, line_end));
    Place {
        line: before.matches('\n').count() + 1,
        column: text[line_start..start].chars().count() + 1,
        span: start..end,
    }
}

/// The line a place is on, for a message that points at a second spot.
pub(super) fn line_of(text: &str, at: usize) -> usize {
    place(text, at..at).line
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{Finding, Problems, place};

    #[test]
    fn a_problem_shows_file_line_caret_and_help() {
        let text = "[ingress]\nlisen = 1\n";
        let finding = Finding {
            message: "`lisen` is unknown".into(),
            span: Some(10..15),
            hint: Some("write it so:\nlisten = \"127.0.0.1:8480\"".into()),
        };
        let shown = Problems::new(text, "convey.toml", vec![finding], &[]).to_string();
        let lines: Vec<&str> = shown.lines().map(str::trim_end).collect();
        assert_eq!(
            lines,
            [
                "error[operator]: `lisen` is unknown",
                " --> convey.toml:2:1",
                "  |",
                "2 | lisen = 1",
                "  | ^^^^^",
                "  |",
                "  = help: write it so:",
                "          listen = \"127.0.0.1:8480\"",
            ]
        );
    }

    proptest! {
        #[test]
        fn every_span_has_a_place_and_renders(text in "(\\PC|\n){0,40}", start in 0usize..60, length in 0usize..60) {
            let spot = place(&text, start..start + length);
            prop_assert!(text.get(spot.span.clone()).is_some_and(|part| !part.contains('\n')));
            let finding = Finding { message: "wrong".into(), span: Some(start..start + length), hint: None };
            prop_assert!(Problems::new(&text, "f", vec![finding], &[]).to_string().contains("wrong"));
        }
    }
}
