//! The fields of a person that are hashed.

use crate::types::{Hashed, UserData};

/// One of them.
#[derive(Clone, Copy)]
pub(super) struct Field {
    /// As the contract spells it.
    pub(super) name: &'static str,
    /// Where its hashes are kept.
    pub(super) of: fn(&mut UserData) -> &mut Vec<Hashed>,
}

pub(super) const EMAILS: Field = Field { name: "emails", of: |told| &mut told.emails };
pub(super) const PHONES: Field = Field { name: "phones", of: |told| &mut told.phones };
pub(super) const FIRST_NAMES: Field = Field { name: "first-names", of: |told| &mut told.first_names };
pub(super) const LAST_NAMES: Field = Field { name: "last-names", of: |told| &mut told.last_names };
pub(super) const GENDERS: Field = Field { name: "genders", of: |told| &mut told.genders };
pub(super) const DATES_OF_BIRTH: Field = Field { name: "dates-of-birth", of: |told| &mut told.dates_of_birth };
pub(super) const CITIES: Field = Field { name: "cities", of: |told| &mut told.cities };
pub(super) const STATES: Field = Field { name: "states", of: |told| &mut told.states };
pub(super) const POSTAL_CODES: Field = Field { name: "postal-codes", of: |told| &mut told.postal_codes };
pub(super) const COUNTRIES: Field = Field { name: "countries", of: |told| &mut told.countries };
pub(super) const EXTERNAL_IDS: Field = Field { name: "external-ids", of: |told| &mut told.external_ids };
