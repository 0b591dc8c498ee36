//! One sub-account: who runs it, what its contacts refer to, and who they are.

use std::collections::{BTreeSet, VecDeque};

use fastrand::Rng;

use super::super::super::ids;
use super::super::super::people::{COUNTRIES, Country};
use super::super::limits::Usage;
use super::directory::Directory;
use super::person::{LONGEST_LAG_MS, Person};
use crate::clock::Millis;

/// The stages of every location's pipeline, first to last.
const STAGES: [&str; 5] = ["New Lead", "Contacted", "Qualified", "Proposal Sent", "Closing"];

/// Name, key, type and choices of every location's custom fields; the key is below `contact.`.
const FIELDS: [(&str, &str, &str, &[&str]); 6] = [
    ("Budget", "budget", "MONETORY", &[]),
    ("Service Needed", "service_needed", "SINGLE_OPTIONS", &["Consultation", "Repair", "Full package", "Not sure yet"]),
    ("Preferred Time", "preferred_time", "TEXT", &[]),
    ("Interests", "interests", "CHECKBOX", &["Financing", "Warranty", "Maintenance", "Express"]),
    ("Gender", "gender", "SINGLE_OPTIONS", &["Female", "Male", "F", "prefer not to say"]),
    ("Facebook Lead ID", "facebook_lead_id", "TEXT", &[]),
];

/// The companies some people of a location belong to.
const BUSINESSES: [&str; 3] = ["Acme Example Ltd", "Northwind Example", "Harbour Example Group"];

/// One sub-account.
pub struct Location {
    /// 20 letters and digits.
    pub id: String,
    /// What its owner calls it.
    pub name: String,
    /// Where it does business, and where most of its people live.
    pub country: &'static Country,
    /// The town it is in, its state, its postal code.
    pub place: (&'static str, &'static str, &'static str),
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
    /// The companies some of its people belong to.
    pub businesses: Vec<Business>,
    /// People it started with.
    pub seeded: Vec<String>,
    /// People created since, oldest first.
    pub born: Vec<String>,
    /// Deals that are open, by contact and id; one whose contact is gone may still stand here.
    pub open_deals: Vec<(String, String)>,
    /// Tasks that are open, by contact and id; one that was done or deleted may still stand here.
    pub open_tasks: Vec<(String, String)>,
    /// What has been asked of it.
    pub usage: Usage,
    pub(super) by_email: Directory,
    pub(super) by_phone: Directory,
    pub(super) by_added: BTreeSet<(Millis, String)>,
    gone: VecDeque<(Millis, Person)>,
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
    /// What may be chosen; empty where anything may be entered.
    pub options: &'static [&'static str],
}

/// One company.
pub struct Business {
    /// 20 letters and digits.
    pub id: String,
    /// As people see it.
    pub name: &'static str,
}

impl Location {
    pub(super) fn seeded(rng: &mut Rng, second: &mut Rng, at: usize) -> Self {
        const TRADES: [&str; 8] =
            ["Dental", "Roofing", "Solar", "Physio", "Law Office", "Fitness Studio", "Garden Design", "Real Estate"];
        // The first one is American, as most of the vendor's are.
        let country = if at == 0 { &COUNTRIES[0] } else { &COUNTRIES[rng.usize(..COUNTRIES.len())] };
        let place = country.places[rng.usize(..country.places.len())];
        Self {
            id: ids::alphanumeric(rng, 20),
            name: format!("{} {}", place.0, ids::one(rng, &TRADES)),
            country,
            place,
            users: (0..3).map(|_| ids::alphanumeric(rng, 20)).collect(),
            calendar: ids::alphanumeric(rng, 20),
            pipeline: ids::alphanumeric(rng, 20),
            stages: STAGES.iter().map(|name| Stage { id: ids::uuid(rng), name }).collect(),
            fields: FIELDS
                .iter()
                .map(|(name, key, kind, options)| Field { id: ids::alphanumeric(rng, 20), name, key, kind, options })
                .collect(),
            businesses: BUSINESSES.iter().map(|name| Business { id: ids::alphanumeric(second, 20), name }).collect(),
            seeded: Vec::new(),
            born: Vec::new(),
            open_deals: Vec::new(),
            open_tasks: Vec::new(),
            usage: Usage::default(),
            by_email: Directory::default(),
            by_phone: Directory::default(),
            by_added: BTreeSet::new(),
            gone: VecDeque::new(),
        }
    }

    /// The name of the company with this id.
    pub fn business(&self, id: &str) -> Option<&'static str> {
        self.businesses.iter().find(|business| business.id == id).map(|business| business.name)
    }

    pub(super) fn bury(&mut self, person: Person, now: Millis) {
        while self.gone.front().is_some_and(|(at, _)| at + LONGEST_LAG_MS < now) {
            self.gone.pop_front();
        }
        self.gone.push_back((now, person));
    }

    /// Who was still there at `since`.
    pub(super) fn gone(&self, since: Option<Millis>) -> impl Iterator<Item = &Person> {
        let newest = self.gone.iter().rev();
        newest.take_while(move |(at, _)| since.is_some_and(|since| *at > since)).map(|(_, person)| person)
    }
}
