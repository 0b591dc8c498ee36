//! What the CRM knows: locations with their people, deals and tasks. Everything is kept in order, so that one seed tells one story.

use std::collections::HashMap;

use fastrand::Rng;
use serde_json::{Map, Value};

use super::super::people::{self, COUNTRIES, Country};
use super::super::{Options, ids};
use super::limits::Usage;
use crate::clock::Millis;

/// The first streams of the seed belong to the sandbox itself, the ones from here on to one location each.
const FIRST_STREAM: u64 = 1_000;

/// The stages of every location's pipeline, first to last.
const STAGES: [&str; 5] = ["New Lead", "Contacted", "Qualified", "Proposal Sent", "Closing"];

/// Name, key and type of every location's custom fields; the key is below `contact.`.
const FIELDS: [(&str, &str, &str); 6] = [
    ("Budget", "budget", "MONETORY"),
    ("Service Needed", "service_needed", "SINGLE_OPTIONS"),
    ("Preferred Time", "preferred_time", "TEXT"),
    ("Interests", "interests", "CHECKBOX"),
    ("Gender", "gender", "SINGLE_OPTIONS"),
    ("Facebook Lead ID", "facebook_lead_id", "TEXT"),
];

/// The CRM.
#[derive(Default)]
pub struct Crm {
    /// In the order of the summary.
    pub locations: Vec<Location>,
    people: HashMap<String, Person>,
}

/// One contact: which location it belongs to (by position), and the fields `GET` shows.
pub struct Person {
    /// Position among the locations.
    pub location: usize,
    /// As the API shows it.
    pub fields: Map<String, Value>,
}

/// One sub-account.
pub struct Location {
    /// 20 letters and digits.
    pub id: String,
    /// What its owner calls it.
    pub name: String,
    /// Where it does business, and where most of its people live.
    pub country: &'static Country,
    /// Its staff's ids.
    pub users: Vec<String>,
    /// Its calendar's id.
    pub calendar: String,
    /// Its pipeline's id.
    pub pipeline: String,
    /// Its pipeline's stages, first to last.
    pub stages: Vec<Stage>,
    /// Its custom fields.
    pub fields: Vec<Field>,
    /// People it started with.
    pub seeded: Vec<String>,
    /// People created since, oldest first.
    pub born: Vec<String>,
    /// Deals that are still open.
    pub deals: Vec<Deal>,
    /// Tasks that are still open.
    pub tasks: Vec<Task>,
    /// What has been asked of it.
    pub usage: Usage,
}

/// One stage of a pipeline.
pub struct Stage {
    /// A UUID.
    pub id: String,
    /// As people see it.
    pub name: &'static str,
}

/// One custom field.
pub struct Field {
    /// 20 letters and digits: all that a contact carries of it.
    pub id: String,
    /// As people see it.
    pub name: &'static str,
    /// Its stable key, below `contact.`.
    pub key: &'static str,
    /// The vendor's type of it (`MONETORY` is spelt so there).
    pub kind: &'static str,
}

/// One opportunity.
#[derive(Clone)]
pub struct Deal {
    /// 20 letters and digits.
    pub id: String,
    /// Whose it is.
    pub contact: String,
    /// As people see it.
    pub name: String,
    /// In units of the location's currency; the API names no currency.
    pub value: u32,
    /// Position among the stages.
    pub stage: usize,
    /// `open` or `won`.
    pub status: &'static str,
    /// Who works on it.
    pub assignee: String,
    /// When it was created, milliseconds since the epoch.
    pub added: Millis,
}

/// One task.
#[derive(Clone)]
pub struct Task {
    /// 20 letters and digits.
    pub id: String,
    /// Whose it is.
    pub contact: String,
    /// One line.
    pub title: &'static str,
    /// Who is to do it.
    pub assignee: String,
    /// When it was created, milliseconds since the epoch.
    pub added: Millis,
    /// When it is due, milliseconds since the epoch.
    pub due: Millis,
}

impl Crm {
    /// As the seed makes it. A location is the same however many others there are.
    pub fn seeded(options: &Options, now: Millis) -> Self {
        let mut crm = Self::default();
        for at in 0..options.locations {
            let mut rng = ids::seeded(options.seed, FIRST_STREAM + at as u64);
            crm.locations.push(Location::seeded(&mut rng, at));
            for _ in 0..options.contacts {
                let added = now.saturating_sub(rng.u64(3_600_000..90 * 86_400_000));
                let id = crm.welcome(at, &mut rng, added);
                crm.locations[at].seeded.push(id);
            }
        }
        crm
    }

    /// A new person of the location, not yet in any of its lists.
    pub fn welcome(&mut self, location: usize, rng: &mut Rng, added: Millis) -> String {
        let fields = people::person(rng, &self.locations[location], added);
        let id = fields.get("id").and_then(Value::as_str).unwrap_or_default().to_owned();
        self.people.insert(id.clone(), Person { location, fields });
        id
    }

    /// The person with this id.
    pub fn person(&self, id: &str) -> Option<&Person> {
        self.people.get(id)
    }

    /// The person with this id, to be changed.
    pub fn person_mut(&mut self, id: &str) -> Option<&mut Person> {
        self.people.get_mut(id)
    }

    /// The location's position.
    pub fn position(&self, id: &str) -> Option<usize> {
        self.locations.iter().position(|location| location.id == id)
    }
}

impl Location {
    fn seeded(rng: &mut Rng, at: usize) -> Self {
        const TRADES: [&str; 8] =
            ["Dental", "Roofing", "Solar", "Physio", "Law Office", "Fitness Studio", "Garden Design", "Real Estate"];
        // The first one is American, as most of the vendor's are.
        let country = if at == 0 { &COUNTRIES[0] } else { &COUNTRIES[rng.usize(..COUNTRIES.len())] };
        let town = country.places[rng.usize(..country.places.len())].0;
        Self {
            id: ids::alphanumeric(rng, 20),
            name: format!("{town} {}", ids::one(rng, &TRADES)),
            country,
            users: (0..3).map(|_| ids::alphanumeric(rng, 20)).collect(),
            calendar: ids::alphanumeric(rng, 20),
            pipeline: ids::alphanumeric(rng, 20),
            stages: STAGES.iter().map(|name| Stage { id: ids::uuid(rng), name }).collect(),
            fields: FIELDS
                .iter()
                .map(|(name, key, kind)| Field { id: ids::alphanumeric(rng, 20), name, key, kind })
                .collect(),
            seeded: Vec::new(),
            born: Vec::new(),
            deals: Vec::new(),
            tasks: Vec::new(),
            usage: Usage::default(),
        }
    }
}
