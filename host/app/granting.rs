//! The operator grants once. What was granted is kept; a component that describes itself otherwise, in any byte, waits for a person.

use serde::Serialize;
use serde_json::Value;

use super::AppError;
use crate::clock::Clock;
use crate::contract::Digest;
use crate::engine::Loaded;
use crate::store::{Granted, Store};

/// Who grants what ships inside the binary: whoever installed it.
const INSTALLED: &str = "installed with convey";

/// What a component asks for, as it is shown, compared and kept: its world, its imports and its profile, a line for each thing.
pub fn asked<P: Serialize>(loaded: &Loaded, profile: &P) -> Result<String, serde_json::Error> {
    let mut lines = vec![format!("world: {}", loaded.world)];
    lines.extend(loaded.imports.iter().map(|import| format!("import: {import}")));
    if let Value::Object(profile) = serde_json::to_value(profile)? {
        for (key, value) in profile {
            match value {
                Value::Array(items) => lines.extend(items.iter().map(|item| format!("{key}: {item}"))),
                value => lines.push(format!("{key}: {value}")),
            }
        }
    }
    Ok(lines.join("\n"))
}

/// Whether `place` may start with what it asks for. What is built in is granted the first time; a file's component never is. No store: nothing
/// was ever granted.
pub(super) async fn check(
    store: Option<&Store>,
    clock: &Clock,
    place: &str,
    asked: &str,
    is_builtin: bool,
) -> Result<(), AppError> {
    let digest = Digest::of(asked.as_bytes()).to_string();
    let Some(store) = store else { return if is_builtin { Ok(()) } else { Err(not_granted(place, true, "", asked)) } };
    match store.granted(place).await? {
        Some(granted) if granted.digest == digest => Ok(()),
        Some(granted) => Err(not_granted(place, false, &granted.profile, asked)),
        None if is_builtin => Ok(grant(store, clock, place, asked, INSTALLED).await?),
        None => Err(not_granted(place, true, "", asked)),
    }
}

/// Writes the grant down.
pub(super) async fn grant(store: &Store, clock: &Clock, place: &str, asked: &str, by: &str) -> Result<(), AppError> {
    let digest = Digest::of(asked.as_bytes()).to_string();
    let granted = Granted { profile: asked.to_owned(), digest, at: clock.now_ms(), by: by.to_owned() };
    Ok(store.grant(place, granted).await?)
}

fn not_granted(place: &str, first: bool, before: &str, after: &str) -> AppError {
    AppError::NotGranted { place: place.to_owned(), first, diff: diff(before, after) }
}

/// Lines that went and lines that came, in order.
pub(super) fn diff(before: &str, after: &str) -> String {
    let gone =
        before.lines().filter(|line| !after.lines().any(|other| other == *line)).map(|line| format!("- {line}\n"));
    let come =
        after.lines().filter(|line| !before.lines().any(|other| other == *line)).map(|line| format!("+ {line}\n"));
    gone.chain(come).collect()
}

#[cfg(test)]
mod tests {
    use super::diff;

    #[test]
    fn a_diff_shows_what_went_and_what_came() {
        assert_eq!(diff("a\nb\nc", "a\nc\nd"), "- b\n+ d\n");
        assert_eq!(diff("", "a"), "+ a\n");
        assert_eq!(diff("a", "a"), "");
    }
}
