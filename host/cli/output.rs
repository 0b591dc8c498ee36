//! How a command ends and how its result is printed.

use std::io::{ErrorKind, IsTerminal, Write};
use std::process::ExitCode;

use http::StatusCode;
use serde::Serialize;
use serde_json::json;

use super::client::Refused;
use super::{Context, Format};
use crate::app::AppError;
use crate::blame::Blame;
use crate::config::Problems;
use crate::engine::SourceError;
use crate::flow::{CrmError, LoginError};

/// A command that failed, with its exit code.
pub enum Exit {
    /// It failed: 1.
    Failed(anyhow::Error),
    /// What was asked makes no sense: 2.
    Asked(String),
    /// What was asked for is not there: 3.
    Missing(String),
    /// The configuration is wrong: 78, as in sysexits(3).
    Configuration(Problems),
    /// The program cannot start: 78 when the operator can put it right, else 1.
    App(AppError),
    /// It has said what there is to say: 1.
    Said,
    /// It has said what is wrong with a configuration or a mapping: 78.
    Wrong,
    /// Nobody reads its output any more: 0.
    Unread,
}

impl Exit {
    /// Prints it to stderr; its exit code.
    pub(super) fn show(self, format: Format) -> ExitCode {
        let (code, text, blame) = match self {
            Exit::Said => return ExitCode::FAILURE,
            Exit::Wrong => return ExitCode::from(78),
            Exit::Unread => return ExitCode::SUCCESS,
            Exit::Failed(error) => (1, format!("{error:#}"), None),
            Exit::Asked(text) => (2, text, None),
            Exit::Missing(text) => (3, text, None),
            Exit::Configuration(problems) => match format {
                Format::Text => {
                    eprintln!("{}", problems.render(colour(&std::io::stderr())));
                    return ExitCode::from(78);
                }
                Format::Json => (78, problems.to_string(), Some(Blame::Operator)),
            },
            Exit::App(error) => {
                (if error.blame() == Blame::Operator { 78 } else { 1 }, error.to_string(), Some(error.blame()))
            }
        };
        match format {
            Format::Text => eprintln!("error{}: {text}", blame.map(|blame| format!("[{blame}]")).unwrap_or_default()),
            Format::Json => {
                eprintln!("{}", json!({"error": text, "blame": blame.map(|blame| blame.to_string()), "exit": code}))
            }
        }
        ExitCode::from(code)
    }

    /// What went wrong, in words; empty where it was said already.
    pub(super) fn text(&self) -> String {
        match self {
            Exit::Failed(error) => format!("{error:#}"),
            Exit::Asked(text) | Exit::Missing(text) => text.clone(),
            Exit::Configuration(problems) => problems.to_string(),
            Exit::App(error) => error.to_string(),
            Exit::Said | Exit::Wrong | Exit::Unread => String::new(),
        }
    }
}

impl From<anyhow::Error> for Exit {
    /// What a running convey did not find is missing; everything else failed.
    fn from(error: anyhow::Error) -> Self {
        match error.downcast_ref::<Refused>() {
            Some(refused) if refused.status == StatusCode::NOT_FOUND => Exit::Missing(refused.text.clone()),
            _ => Exit::Failed(error),
        }
    }
}

impl From<CrmError> for Exit {
    fn from(error: CrmError) -> Self {
        match error {
            CrmError::NoConnection(_) | CrmError::Source(SourceError::NotFound(_)) => Exit::Missing(error.to_string()),
            error => Exit::Failed(error.into()),
        }
    }
}

impl From<LoginError> for Exit {
    fn from(error: LoginError) -> Self {
        match error {
            LoginError::NoApp(text) => Exit::Missing(text),
            error => Exit::Failed(error.into()),
        }
    }
}

impl From<Problems> for Exit {
    fn from(problems: Problems) -> Self {
        Exit::Configuration(problems)
    }
}

impl From<AppError> for Exit {
    fn from(error: AppError) -> Self {
        Exit::App(error)
    }
}

impl Context {
    /// Prints a result: `text` for people, `value` for programs.
    pub(super) fn print(&self, value: &impl Serialize, text: impl FnOnce() -> String) -> Result<(), Exit> {
        let line = match self.format {
            Format::Text => text().trim_end().to_owned(),
            Format::Json => serde_json::to_string(value).map_err(anyhow::Error::from)?,
        };
        let mut out = std::io::stdout().lock();
        writeln!(out, "{line}").and_then(|()| out.flush()).map_err(unread)
    }

    /// Advice for people; programs and `--quiet` are spared it.
    pub(super) fn advise(&self, text: &str) {
        if !self.quiet && self.format == Format::Text {
            eprintln!("{text}");
        }
    }

    /// Whether a moving picture makes sense.
    pub(super) fn shows_progress(&self) -> bool {
        !self.quiet && self.format == Format::Text && std::io::stderr().is_terminal()
    }
}

/// A reader that has gone (`convey status | head -1`) is no failure; anything else is.
pub(super) fn unread(error: std::io::Error) -> Exit {
    match error.kind() {
        ErrorKind::BrokenPipe => Exit::Unread,
        _ => Exit::Failed(anyhow::Error::from(error).context("cannot write to stdout")),
    }
}

/// Colour only on a terminal, and not where `NO_COLOR` is set (no-color.org).
#[expect(clippy::disallowed_methods, reason = "NO_COLOR is about printing, which happens on this floor only")]
pub(super) fn colour(stream: &impl IsTerminal) -> bool {
    stream.is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
}

/// Columns, left-aligned, two blanks apart.
pub(super) fn table(rows: &[Vec<String>]) -> String {
    let columns = rows.iter().map(Vec::len).max().unwrap_or_default();
    let width = |column: usize| {
        rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max().unwrap_or_default()
    };
    let widths: Vec<usize> = (0..columns).map(width).collect();
    let line = |row: &Vec<String>| {
        let cells = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}"));
        cells.collect::<Vec<_>>().join("  ").trim_end().to_owned()
    };
    rows.iter().map(line).collect::<Vec<_>>().join("\n")
}

/// Names and values, one pair a line; an empty value leaves its line out.
pub(super) fn card(rows: &[(&str, String)]) -> String {
    let there = rows.iter().filter(|(_, value)| !value.is_empty());
    table(&there.map(|(name, value)| vec![(*name).to_owned(), value.clone()]).collect::<Vec<_>>())
}

/// A table's first row.
pub(super) fn heads<const N: usize>(names: [&str; N]) -> Vec<String> {
    names.map(str::to_owned).to_vec()
}

#[cfg(test)]
mod tests {
    use http::StatusCode;

    use super::super::client::Refused;
    use super::{Exit, card, table};
    use crate::engine::SourceError;
    use crate::flow::CrmError;

    #[test]
    fn what_is_not_there_is_told_apart_wherever_it_is_missed() {
        let refused = |status| anyhow::Error::from(Refused { status, text: "contact C1: none".to_owned() });
        assert!(
            matches!(Exit::from(refused(StatusCode::NOT_FOUND)), Exit::Missing(text) if text == "contact C1: none")
        );
        assert!(matches!(Exit::from(refused(StatusCode::BAD_GATEWAY)), Exit::Failed(_)));
        let missing = CrmError::Source(SourceError::NotFound("contact C1: none".to_owned()));
        assert!(matches!(Exit::from(missing), Exit::Missing(text) if text == "contact C1: none"));
        let invalid = CrmError::Source(SourceError::Invalid("no".to_owned()));
        assert!(matches!(Exit::from(invalid), Exit::Failed(_)));
    }

    #[test]
    fn a_card_leaves_out_what_is_absent() {
        let rows = [("id", "1".to_owned()), ("e-mail", String::new()), ("name", "Ada".to_owned())];
        assert_eq!(card(&rows), "id    1\nname  Ada");
    }

    #[test]
    fn columns_line_up() {
        let rows = [vec!["a".to_owned(), "bcd".to_owned()], vec!["ää".to_owned(), "e".to_owned(), "f".to_owned()]];
        assert_eq!(table(&rows), "a   bcd\nää  e    f");
    }
}
