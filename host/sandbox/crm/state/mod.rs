//! What the CRM knows: locations with their people, and what belongs to each of them. Everything is kept in order, so that one seed
//! tells one story, and everything asked for by id or address has an index.

mod directory;
mod location;
mod person;
mod record;
mod seeding;

use std::collections::HashMap;

use fastrand::Rng;
use serde_json::{Map, Value};

use super::super::people;
use super::super::time::iso;
use super::super::{Options, ids};
use crate::clock::Millis;

pub use directory::phone_key;
pub use location::{Field, Location};
pub use person::{Person, Seen};
pub use record::{Appointment, Deal, Note, Task};

pub use seeding::{appointment, note, task};

use directory::email_key;

/// The first streams of the seed belong to the sandbox itself, the ones from here on to one location each.
const FIRST_STREAM: u64 = 1_000;
/// What came later has streams of its own: the people of a seed stay as they were.
const SECOND_STREAM: u64 = 100_000;

/// The CRM.
#[derive(Default)]
pub struct Crm {
    /// In the order of the summary.
    pub locations: Vec<Location>,
    positions: HashMap<String, usize>,
    people: HashMap<String, Person>,
}

impl Crm {
    /// As the seed makes it. A location is the same however many others there are.
    pub fn seeded(options: &Options, now: Millis) -> Self {
        let mut crm = Self::default();
        for at in 0..options.locations {
            let mut rng = ids::seeded(options.seed, FIRST_STREAM + at as u64);
            let mut second = ids::seeded(options.seed, SECOND_STREAM + at as u64);
            let location = Location::seeded(&mut rng, &mut second, at);
            crm.positions.insert(location.id.clone(), at);
            crm.locations.push(location);
            for _ in 0..options.contacts {
                let added = now.saturating_sub(rng.u64(3_600_000..90 * 86_400_000));
                let fields = people::person(&mut rng, &crm.locations[at], added);
                let id = crm.admit(at, fields, added, false);
                seeding::furnish(&mut crm, &id, &mut second, now);
            }
        }
        crm
    }

    /// A new person of the location, invented now.
    pub fn welcome(&mut self, location: usize, rng: &mut Rng, now: Millis) -> String {
        let fields = people::person(rng, &self.locations[location], now);
        self.admit(location, fields, now, true)
    }

    /// Takes somebody in with these fields, of which `id` is one. `born`: came after the world began.
    pub fn admit(&mut self, at: usize, fields: Map<String, Value>, added: Millis, born: bool) -> String {
        let text = |key: &str| fields.get(key).and_then(Value::as_str);
        let id = text("id").unwrap_or_default().to_owned();
        let location = &mut self.locations[at];
        location.by_email.add(text("email").and_then(email_key), &id);
        location.by_phone.add(text("phone").and_then(|phone| phone_key(phone, location.country)), &id);
        location.by_added.insert((added, id.clone()));
        let list = if born { &mut location.born } else { &mut location.seeded };
        list.push(id.clone());
        let place = list.len() - 1;
        self.people.insert(id.clone(), Person::new(at, fields, added, born, place));
        id
    }

    /// The person with this id.
    pub fn person(&self, id: &str) -> Option<&Person> {
        self.people.get(id)
    }

    /// The person with this id, to be given tasks, notes, appointments and deals; fields are changed by `put`.
    pub fn person_mut(&mut self, id: &str) -> Option<&mut Person> {
        self.people.get_mut(id)
    }

    /// Sets one field, or takes it away. False: it was so before, or there is no such person.
    pub fn put(&mut self, id: &str, now: Millis, key: &str, value: Option<Value>) -> bool {
        let Some(person) = self.people.get_mut(id) else { return false };
        if person.fields.get(key) == value.as_ref() {
            return false;
        }
        let location = &mut self.locations[person.location];
        let (country, new) = (location.country, value.as_ref().and_then(Value::as_str));
        if key == "email" {
            location.by_email.drop(person.text(key).and_then(email_key), id);
            location.by_email.add(new.and_then(email_key), id);
        }
        if key == "phone" {
            location.by_phone.drop(person.text(key).and_then(|phone| phone_key(phone, country)), id);
            location.by_phone.add(new.and_then(|phone| phone_key(phone, country)), id);
        }
        person.change(now, key, value);
        person.change(now, "dateUpdated", Some(iso(now).into()));
        true
    }

    /// Takes a person out with everything that was theirs; lists and searches that lag behind go on showing them for a while.
    pub fn remove(&mut self, id: &str, now: Millis) {
        let Some(person) = self.people.remove(id) else { return };
        let location = &mut self.locations[person.location];
        location.by_email.drop(person.text("email").and_then(email_key), id);
        location.by_phone.drop(person.text("phone").and_then(|phone| phone_key(phone, location.country)), id);
        location.by_added.remove(&(person.added, id.to_owned()));
        let list = if person.born { &mut location.born } else { &mut location.seeded };
        list.swap_remove(person.place);
        if let Some(moved) = list.get(person.place).and_then(|moved| self.people.get_mut(moved)) {
            moved.place = person.place;
        }
        location.bury(person, now);
    }

    /// Who else has this address: by e-mail first, then by phone, with the field's name.
    pub fn matching(
        &self,
        at: usize,
        email: Option<&str>,
        phone: Option<&str>,
        except: &str,
    ) -> Option<(&str, &'static str)> {
        let location = &self.locations[at];
        let by_email = email.and_then(email_key).and_then(|key| location.by_email.first(&key, except));
        let by_phone = || phone.and_then(|phone| phone_key(phone, location.country));
        by_email
            .map(|id| (id, "email"))
            .or_else(|| by_phone().and_then(|key| location.by_phone.first(&key, except)).map(|id| (id, "phone")))
    }

    /// A location's people as lists and searches show them: as they were `lag` ago, the newest first.
    pub fn seen(&self, at: usize, lag: Millis, now: Millis) -> Vec<Seen<'_>> {
        let location = &self.locations[at];
        let since = (lag > 0).then(|| now.saturating_sub(lag));
        let here = location.by_added.iter().rev().filter_map(|(_, id)| self.people.get(id));
        let mut seen: Vec<Seen<'_>> = here.filter_map(|person| person.seen(since)).collect();
        let before = seen.len();
        seen.extend(location.gone(since).filter_map(|person| person.seen(since)));
        if seen.len() > before {
            seen.sort_by(|one, other| (other.added, other.id).cmp(&(one.added, one.id)));
        }
        seen
    }

    /// Everybody of a location as they are now, oldest first.
    pub fn people_of(&self, at: usize) -> impl Iterator<Item = &Person> {
        self.locations[at].by_added.iter().filter_map(|(_, id)| self.people.get(id))
    }

    /// The location's position.
    pub fn position(&self, id: &str) -> Option<usize> {
        self.positions.get(id).copied()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::Crm;
    use crate::sandbox::Options;

    const NOW: u64 = 1_795_305_600_000;

    fn crm(contacts: usize) -> Crm {
        Crm::seeded(&Options { locations: 1, contacts, ..Options::default() }, NOW)
    }

    fn shown(crm: &Crm, lag: u64, now: u64, id: &str) -> Option<serde_json::Value> {
        let seen = crm.seen(0, lag, now);
        seen.iter().find(|seen| seen.id == id).map(|seen| seen.fields.get("city").cloned().unwrap_or_default())
    }

    #[test]
    fn lists_show_what_was_so_a_while_ago() {
        let mut crm = crm(3);
        let id = crm.locations[0].seeded[1].clone();
        crm.put(&id, NOW, "city", Some("Graz".into()));
        crm.put(&id, NOW + 1_000, "city", Some("Linz".into()));
        assert_eq!(shown(&crm, 0, NOW + 1_000, &id), Some(json!("Linz")));
        assert_eq!(shown(&crm, 500, NOW + 1_000, &id), Some(json!("Graz")));
        assert_eq!(shown(&crm, 500, NOW + 1_500, &id), Some(json!("Linz")));
        assert_ne!(shown(&crm, 5_000, NOW + 1_500, &id), Some(json!("Graz")));
        crm.remove(&id, NOW + 2_000);
        assert_eq!(shown(&crm, 0, NOW + 2_000, &id), None);
        assert_eq!(shown(&crm, 500, NOW + 2_400, &id), Some(json!("Linz")));
        assert_eq!(shown(&crm, 500, NOW + 2_500, &id), None);
    }

    #[test]
    fn somebody_new_appears_late() {
        let mut crm = crm(3);
        let id = crm.welcome(0, &mut crate::sandbox::ids::seeded(1, 1), NOW);
        assert!(shown(&crm, 2_000, NOW + 1_999, &id).is_none());
        assert!(shown(&crm, 2_000, NOW + 2_000, &id).is_some());
        assert_eq!(crm.seen(0, 0, NOW).first().map(|seen| seen.id), Some(id.as_str()));
    }

    #[test]
    fn addresses_lead_to_people_through_every_change() {
        let mut crm = crm(20);
        let ids = crm.locations[0].seeded.clone();
        assert!(crm.put(&ids[0], NOW, "email", Some(" Ann@Example.com".into())));
        assert!(crm.put(&ids[1], NOW, "phone", Some("(212) 555-0199".into())));
        assert_eq!(crm.matching(0, Some("ann@example.COM"), None, ""), Some((ids[0].as_str(), "email")));
        assert_eq!(crm.matching(0, Some("ann@example.com"), Some("+12125550199"), &ids[0]), Some((&*ids[1], "phone")));
        assert!(!crm.put(&ids[1], NOW, "phone", Some("(212) 555-0199".into())));
        crm.put(&ids[0], NOW, "email", None);
        assert_eq!(crm.matching(0, Some("ann@example.com"), None, ""), None);
        for id in &ids[..19] {
            crm.remove(id, NOW);
        }
        assert_eq!(crm.matching(0, None, Some("+12125550199"), ""), None);
        assert_eq!(crm.locations[0].seeded, ids[19..]);
    }
}
