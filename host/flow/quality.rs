//! How well an ad platform may find a person by what an event says: an estimate from 0 to 10, and the field that would help most.
//!
//! The estimate is ours. Platforms publish no formula, and some score what comes from a CRM not at all. It is meant for comparing: one event with
//! another, and what mending one field would bring with what another would. `docs/preview.md` has the sources of the order below.
//!
//! Each field has a weight. Of their sum `s` the estimate is `10 · (1 − e^−s) / (1 − e^−all)`: as if each field found the person by itself with
//! the chance `1 − e^−weight`, whatever the others do. So one more field never lowers it, brings less the more there are, and all of them make 10.
//! Fields that fit thousands of people (a city and a gender, say) make 0 while they are alone.

use serde::{Deserialize, Serialize};

use crate::contract::types::{Attribution, Omission};
use crate::contract::{Contact, UserData};

/// A field of what an event says of a person.
struct Field {
    /// As the contract spells it, and as omissions do.
    name: &'static str,
    /// How much it helps.
    weight: f64,
    /// Whether a form or a website can ask for it. The others come with a click on an ad, or they do not.
    asked: bool,
}

/// The best first.
const FIELDS: [Field; 16] = [
    // The platform's own id of a submitted form: exact, and the first that it looks at.
    Field { name: "lead-id", weight: 1.2, asked: false },
    // Exact where the person uses the same address there.
    Field { name: "emails", weight: 0.6, asked: true },
    // Exact for the click itself.
    Field { name: "fbc", weight: 0.6, asked: false },
    // As an address, but people change and share numbers more often.
    Field { name: "phones", weight: 0.45, asked: true },
    // A browser, not a person.
    Field { name: "fbp", weight: 0.25, asked: true },
    // The rest tells people apart whom the platform has in mind already.
    Field { name: "dates-of-birth", weight: 0.15, asked: true },
    // Known to the platform only where the same id came from the website too.
    Field { name: "external-ids", weight: 0.12, asked: true },
    Field { name: "client-ip", weight: 0.12, asked: true },
    Field { name: "last-names", weight: 0.1, asked: true },
    Field { name: "first-names", weight: 0.08, asked: true },
    Field { name: "user-agent", weight: 0.08, asked: true },
    Field { name: "postal-codes", weight: 0.08, asked: true },
    Field { name: "cities", weight: 0.05, asked: true },
    Field { name: "countries", weight: 0.04, asked: true },
    Field { name: "states", weight: 0.03, asked: true },
    Field { name: "genders", weight: 0.03, asked: true },
];

/// What finds nobody by itself, nor any part of it.
const TOO_LITTLE: [&[&str]; 4] = [
    &["cities", "countries", "states", "postal-codes", "genders", "user-agent"],
    &["dates-of-birth", "user-agent"],
    &["first-names", "genders"],
    &["last-names", "genders"],
];

/// How well a person may be found, and what would help.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Quality {
    /// From 0 to 10.
    pub estimate: f64,
    /// What is missing and can be had, the most helpful first.
    pub missing: Vec<Missing>,
}

/// A field that is not told and could be.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Missing {
    /// The field.
    pub field: String,
    /// By how much the estimate would rise.
    pub gain: f64,
    /// What a person would do.
    pub remedy: Remedy,
    /// Why it was left out, where somebody said so.
    pub reason: Option<String>,
}

/// What a person does about a missing field.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Remedy {
    /// The CRM has it: put it right, or have the mapping say it.
    Mend,
    /// The CRM does not have it: ask for it.
    Collect,
}

/// The estimate for what is said of a person, and what would better it: what `omitted` names and what `contact` has is to be mended, the rest to be
/// collected. What only a click can bring is not asked of anybody.
pub fn quality(told: &UserData, contact: &Contact, omitted: &[Omission]) -> Quality {
    let held = held(told);
    let now = estimate(held);
    let missing = |(at, field): (usize, &Field)| {
        let omission = omitted.iter().find(|omission| omission.field.replace('_', "-") == field.name);
        let remedy = match omission.is_some() || has(contact, field.name) {
            true => Remedy::Mend,
            false if field.asked => Remedy::Collect,
            false => return None,
        };
        let gain = estimate(held | 1 << at) - now;
        let reason = omission.map(|omission| omission.reason.clone());
        Some(Missing { field: field.name.to_owned(), gain: rounded(gain), remedy, reason })
    };
    let open = FIELDS.iter().enumerate().filter(|(at, _)| held & 1 << at == 0);
    let mut missing: Vec<Missing> = open.filter_map(missing).collect();
    missing.sort_by(|left, right| right.gain.total_cmp(&left.gain));
    Quality { estimate: rounded(now), missing }
}

/// The estimate alone, not rounded.
pub(super) fn score(told: &UserData) -> f64 {
    estimate(held(told))
}

/// The fields that are told, a bit each in the order of [`FIELDS`].
fn held(told: &UserData) -> u16 {
    let is_told = |name: &str| match name {
        "lead-id" => told.lead_id.is_some(),
        "emails" => !told.emails.is_empty(),
        "fbc" => told.fbc.is_some(),
        "phones" => !told.phones.is_empty(),
        "fbp" => told.fbp.is_some(),
        "dates-of-birth" => !told.dates_of_birth.is_empty(),
        "external-ids" => !told.external_ids.is_empty(),
        "client-ip" => told.client_ip.is_some(),
        "last-names" => !told.last_names.is_empty(),
        "first-names" => !told.first_names.is_empty(),
        "user-agent" => told.user_agent.is_some(),
        "postal-codes" => !told.postal_codes.is_empty(),
        "cities" => !told.cities.is_empty(),
        "countries" => !told.countries.is_empty(),
        "states" => !told.states.is_empty(),
        "genders" => !told.genders.is_empty(),
        _ => false,
    };
    of(is_told)
}

fn of(is_held: impl Fn(&str) -> bool) -> u16 {
    let held = FIELDS.iter().enumerate().filter(|(_, field)| is_held(field.name));
    held.fold(0, |held, (at, _)| held | 1 << at)
}

fn estimate(held: u16) -> f64 {
    let within = |few: &&[&str]| held & !of(|name| few.contains(&name)) == 0;
    if TOO_LITTLE.iter().any(within) {
        return 0.0;
    }
    let sum = |held: u16| -> f64 {
        FIELDS.iter().enumerate().filter(|(at, _)| held & 1 << at != 0).map(|(_, field)| field.weight).sum()
    };
    let found = |held: u16| 1.0 - (-sum(held)).exp();
    10.0 * found(held) / found(u16::MAX)
}

/// Two digits are more than such an estimate is worth.
fn rounded(value: f64) -> f64 {
    (value * 100.0).round() / 100.0
}

/// Whether the CRM has a value for a field.
fn has(contact: &Contact, name: &str) -> bool {
    let text = |field: &Option<String>| field.as_deref().is_some_and(|text| !text.trim().is_empty());
    let any = |list: &[String]| list.iter().any(|text| !text.trim().is_empty());
    let touched = |field: fn(&Attribution) -> &Option<String>| {
        [&contact.first_touch, &contact.last_touch].into_iter().flatten().any(|touch| text(field(touch)))
    };
    match name {
        "lead-id" => touched(|touch| &touch.lead_id),
        "emails" => any(&contact.emails),
        "fbc" => touched(|touch| &touch.fbc) || touched(|touch| &touch.fbclid),
        "phones" => any(&contact.phones),
        "fbp" => touched(|touch| &touch.fbp),
        "dates-of-birth" => text(&contact.date_of_birth),
        "external-ids" => !contact.id.is_empty(),
        "client-ip" => touched(|touch| &touch.client_ip),
        "last-names" => text(&contact.last_name),
        "first-names" => text(&contact.first_name),
        "user-agent" => touched(|touch| &touch.user_agent),
        "postal-codes" => text(&contact.postal_code),
        "cities" => text(&contact.city),
        "countries" => text(&contact.country),
        "states" => text(&contact.state),
        "genders" => text(&contact.gender),
        _ => false,
    }
}

#[cfg(test)]
mod tests;
