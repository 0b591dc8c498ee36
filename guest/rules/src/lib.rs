//! The mapper that ships with convey: a CRM's changes become conversion events, by the operator's settings.
//!
//! It imports nothing but the contract's types, so it runs wherever a component runs. It is pure: it has no clock, no
//! randomness and no memory but the settings of the last successful `configure`.

pub mod audience;
pub mod command;
pub mod default_mapping;
pub mod event;
pub mod expression;
pub mod settings;
#[cfg(test)]
mod templates;
pub mod translate;

use convey_sdk::types::{Change, Problem, Proposal, Skip};
use convey_sdk::{Mapper, Understanding};

use settings::Settings;

convey_sdk::export!(Settings);

impl Mapper for Settings {
    fn configure(settings: &str) -> Result<Self, Vec<Problem>> {
        Settings::parse(settings)
    }

    fn understanding(&self) -> Understanding {
        Understanding { custom_fields: self.custom_fields.clone(), remarks: self.remarks.clone() }
    }

    fn translate(&self, change: &Change) -> Result<Vec<Proposal>, Skip> {
        translate::translate(self, change)
    }
}
