//! The mapper that ships with convey: a CRM's changes become conversion events, by the operator's settings.
//!
//! It imports nothing but the contract's types, so it runs wherever a component runs. It is pure: it has no clock, no
//! randomness and no memory but the settings of the last successful `configure`.

mod bindings;
mod click;
pub mod default_mapping;
pub mod event;
pub mod hash;
pub mod identity;
pub mod normalise;
pub mod settings;
pub mod translate;
pub mod trigger;
pub mod user_data;

#[cfg(test)]
mod samples;

pub use bindings::convey::pipeline::types;

use std::sync::{Arc, PoisonError, RwLock};

use bindings::exports::convey::pipeline::mapper::Guest;
use settings::Settings;
use types::{Change, Problem, Proposal, Skip};

/// The settings in force. The only state of this component, replaced as a whole.
static SETTINGS: RwLock<Option<Arc<Settings>>> = RwLock::new(None);

struct Rules;

impl Guest for Rules {
    fn configure(settings: String) -> Result<(), Vec<Problem>> {
        let checked = Settings::parse(&settings)?;
        // The phone metadata is unpacked on first use, which takes milliseconds: here, not in the first batch.
        normalise::phone::warm();
        *SETTINGS.write().unwrap_or_else(PoisonError::into_inner) = Some(Arc::new(checked));
        Ok(())
    }

    fn translate(changes: Vec<Change>) -> Vec<Result<Vec<Proposal>, Skip>> {
        let settings = in_force();
        changes.iter().map(|change| translate::translate(&settings, change)).collect()
    }
}

/// The configured settings, or those of an empty text when nobody configured.
fn in_force() -> Arc<Settings> {
    let configured = SETTINGS.read().unwrap_or_else(PoisonError::into_inner).clone();
    configured.unwrap_or_else(|| Arc::new(default_mapping::settings()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn configure_replaces_the_settings_as_a_whole_or_not_at_all() {
        assert!(in_force().event(trigger::TriggerKey::ContactCreated).is_some());
        Rules::configure("[events]\nnote-created = \"Noted\"".to_owned()).expect("valid settings");
        assert!(in_force().event(trigger::TriggerKey::ContactCreated).is_none());
        assert!(Rules::configure("nonsense = 1".to_owned()).is_err());
        assert!(in_force().event(trigger::TriggerKey::NoteCreated).is_some());
        Rules::configure(String::new()).expect("an empty text means the default mapping");
        assert_eq!(*in_force(), default_mapping::settings());
        assert!(Rules::translate(Vec::new()).is_empty());
    }
}
