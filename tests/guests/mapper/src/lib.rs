//! A mapper that misbehaves on request, to show that the host survives it.
//!
//! The settings are one word, the behaviour; see [`behaviour::Behaviour`]. Only a change whose contact has the tag `misbehave` sets it off,
//! or every change if the word `always` follows. All others become one harmless event each.

pub mod behaviour;
pub mod bindings;
pub mod misdeed;
pub mod well;

use std::sync::OnceLock;

use behaviour::Settings;
use bindings::convey::pipeline::types::{Change, Problem, Proposal, Skip};
use bindings::exports::convey::pipeline::mapper::{Guest, Understanding};

/// The component.
pub struct Misbehaving;

static SETTINGS: OnceLock<Settings> = OnceLock::new();

impl Guest for Misbehaving {
    fn configure(settings: String) -> Result<Understanding, Vec<Problem>> {
        if let Some(keys) = behaviour::reads(&settings) {
            let remarks = keys.iter().map(|key| behaviour::remark(key)).collect();
            return Ok(Understanding { custom_fields: keys, remarks });
        }
        let settings = Settings::parse(&settings).map_err(|problem| vec![problem])?;
        SETTINGS.get_or_init(|| settings);
        Ok(Understanding { custom_fields: Vec::new(), remarks: Vec::new() })
    }

    fn translate(changes: Vec<Change>) -> Vec<Result<Vec<Proposal>, Skip>> {
        let settings = SETTINGS.get().copied().unwrap_or_default();
        let short = changes.iter().any(|change| settings.is_short(change));
        let mut results: Vec<_> = changes.iter().map(|change| Ok(misdeed::translate(settings, change))).collect();
        if short {
            results.pop();
        }
        results
    }
}
