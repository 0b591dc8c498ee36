//! What was asked: `convey.toml`, from the text a person wrote to values that are checked. Every problem is found before any is
//! told, each with its line, a caret and the line to write instead. The text is never interpolated, and a secret that stands
//! in it is never shown.
//!
//! A file passes three stages: `section` reads typed values and reports keys nobody asked for, `tables` makes the
//! [`Config`] of them, `agree` holds its parts against each other and against the file system.

mod agree;
mod alerts;
mod checked;
mod name;
mod nearest;
mod overlay;
mod problem;
mod reload;
mod schedule;
mod secret;
mod section;
mod tables;
mod terms;
mod upstream;
mod veil;

use std::fs;
use std::path::Path;

pub use alerts::{Alerts, Target};
pub use checked::{
    Access, Admin, Ambiguous, Auth, ComponentRef, Config, Connection, Conversions, Destination, Ingress, Limits,
    Mapper, Metrics, OauthApp, RateLimit, Retention, Sink, Source, Terms, WriteBack,
};
pub use nearest::nearest;
pub use overlay::{Overlay, Unlaid};
pub use problem::{Place, Problem, Problems};
pub use reload::{Reload, reloadable};
pub use schedule::{Schedule, span};
pub use upstream::is_loopback;

/// Reads and checks the configuration in the file at `path`.
///
/// # Errors
/// Everything that is wrong with it, in the order of its lines.
pub fn load(path: &Path) -> Result<Config, Problems> {
    let name = path.display().to_string();
    let bytes = fs::read(path).map_err(|cause| {
        let hint = match cause.kind() {
            std::io::ErrorKind::NotFound => "`convey init` asks what it needs and writes one".to_owned(),
            _ => format!("let convey read it: chmod u+r {name}"),
        };
        Problems::without_text(&name, format!("cannot read {name}: {cause}"), hint)
    })?;
    let text = String::from_utf8(bytes).map_err(|wrong| {
        let line = wrong.as_bytes()[..wrong.utf8_error().valid_up_to()].split(|byte| *byte == b'\n').count();
        Problems::without_text(
            &name,
            format!("line {line} of {name} is not UTF-8 text"),
            "TOML is UTF-8: save the file in that encoding".to_owned(),
        )
    })?;
    let folder = path.parent().unwrap_or(Path::new(""));
    let mut config = parse(&text, &name, folder)?;
    config.path = path.to_owned();
    Ok(config)
}

/// Checks the configuration in `text`. `name` is what problems call the file; relative paths in it start at `folder`.
///
/// # Errors
/// Everything that is wrong with it, in the order of its lines.
pub fn parse(text: &str, name: &str, folder: &Path) -> Result<Config, Problems> {
    let (document, broken) = toml::de::DeTable::parse_recoverable(text);
    if !broken.is_empty() {
        return Err(Problems::of_syntax(text, name, &broken));
    }
    let mut found = section::Findings::new(folder);
    let config = tables::read(document.get_ref(), Path::new(name), &mut found);
    agree::check(&config, &mut found, text);
    let (problems, secrets) = found.into_parts();
    if problems.is_empty() { Ok(config) } else { Err(Problems::new(text, name, problems, &secrets)) }
}

#[cfg(test)]
mod tests;
