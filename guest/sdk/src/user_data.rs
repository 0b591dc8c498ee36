//! The contact as hashes and click data.

use std::borrow::Cow;

use crate::click::{self, Reason};
use crate::event::EVENT_ID_DIGITS;
use crate::hash::{already_hashed, first_hex, joined, sha256};
use crate::normalise::country::country;
use crate::normalise::date::date_of_birth;
use crate::normalise::email::email;
use crate::normalise::gender::gender;
use crate::normalise::name::{self, name};
use crate::normalise::phone::phone;
use crate::normalise::place::{city, postal_code, state};
use crate::types::{Change, Contact, Omission, UserData};

use draft::Draft;
use field::{
    CITIES, COUNTRIES, DATES_OF_BIRTH, EMAILS, FIRST_NAMES, GENDERS, LAST_NAMES, PHONES, POSTAL_CODES, STATES,
};
use known::Place;

mod draft;
mod field;
mod known;
mod piece;

const NO_EMAIL: Reason = "not an e-mail address";
const NO_PHONE: Reason = "not a phone number of its country";
const NO_COUNTRY: Reason = "no country code, and no country is known";

/// What the platform is told of a person, and what it is not told.
#[derive(Clone, Debug)]
pub struct Person {
    /// Hashes and click data.
    pub user_data: UserData,
    /// The fields that had a value nobody could use.
    pub omitted: Vec<Omission>,
}

impl Person {
    /// The person of a change. Fields the contact does not have are not omissions; values that cannot be trusted are. `region` (lowercase
    /// ISO 3166-1 alpha-2) is where numbers and codes are read when neither the contact nor its location has a country.
    pub fn of(change: &Change, region: Option<&'static str>) -> Self {
        drafted(change, region).person()
    }

    /// As [`Person::of`], and the id of an event told of it as [`event_id`](crate::event_id) makes it: hashed together they take less time.
    pub fn with_event_id(change: &Change, region: Option<&'static str>, name: &str, ordinal: u32) -> (Self, String) {
        let draft = drafted(change, region);
        let parts = [&change.id, name, &ordinal.to_string()];
        let (person, hash) = joined(&parts, |message| draft.person_and(message));
        (person, first_hex(hash, EVENT_ID_DIGITS))
    }
}

/// All that is told of the person of a change.
fn drafted(change: &Change, region: Option<&'static str>) -> Draft {
    let contact = &change.contact;
    let mut draft = Draft::default();
    let region = countries(change, region, &mut draft);
    let (first_name, last_name) = names(contact, &mut draft);
    let no_phone = if region.is_some() { NO_PHONE } else { NO_COUNTRY };

    draft.list(EMAILS, &contact.emails, NO_EMAIL, email);
    draft.list(PHONES, &contact.phones, no_phone, |raw| phone(raw, region).map(Cow::Owned));
    draft.one(FIRST_NAMES, first_name, "not a name", name);
    draft.one(LAST_NAMES, last_name, "not a name", name);
    draft.one(GENDERS, contact.gender.as_deref(), "neither female nor male", |raw| gender(raw).map(Cow::Borrowed));
    draft.one(DATES_OF_BIRTH, contact.date_of_birth.as_deref(), "not a date of birth", |raw| {
        date_of_birth(raw, change.seen_at).map(Cow::Owned)
    });
    draft.place(CITIES, Place::City, contact.city.as_deref(), None, "not a city", |raw| city(raw).map(Cow::Owned));
    draft.place(STATES, Place::State, contact.state.as_deref(), region, "not a state", |raw| {
        state(raw, region).map(Cow::Owned)
    });
    draft.one(POSTAL_CODES, contact.postal_code.as_deref(), "not a postal code", |raw| postal_code(raw, region));
    draft.external_id(&contact.id);

    draft.told.client_ip = draft.clear("client-ip", click::client_ip(contact));
    draft.told.user_agent = draft.own("user-agent", click::user_agent(contact), contact);
    draft.told.fbc = draft.own("fbc", click::fbc(contact), contact);
    draft.told.fbp = draft.clear("fbp", click::fbp(contact));
    draft.told.lead_id = draft.clear("lead-id", click::lead_id(contact));
    draft
}

/// Tells the country; the region numbers and codes are read in. A setting may stand in for the region, but it is nobody's country: only the
/// contact's or the location's is told.
fn countries(change: &Change, fallback: Option<&'static str>, draft: &mut Draft) -> Option<&'static str> {
    let given = change.contact.country.as_deref().filter(|raw| !raw.trim().is_empty());
    if let Some(hashed) = given.and_then(already_hashed) {
        draft.tell(COUNTRIES, hashed);
        return change.country.as_deref().and_then(country).or(fallback);
    }
    let own = given.and_then(country);
    if given.is_some() && own.is_none() {
        draft.leave_out(COUNTRIES.name, "not a country");
    }
    let known = own.or_else(|| change.country.as_deref().and_then(country));
    if let Some(hash) = known.and_then(|code| known::hash(Place::Country, code, None, || Ok(sha256(code))).ok()) {
        draft.tell(COUNTRIES, hash);
    }
    known.or(fallback)
}

/// First and last name; the full name only where the contact has neither.
fn names<'c>(contact: &'c Contact, draft: &mut Draft) -> (Option<&'c str>, Option<&'c str>) {
    let given = |field: &'c Option<String>| field.as_deref().filter(|raw| !raw.trim().is_empty());
    let (first, last) = (given(&contact.first_name), given(&contact.last_name));
    let Some(full) = given(&contact.full_name).filter(|_| first.is_none() && last.is_none()) else {
        return (first, last);
    };
    match name::split(full) {
        Some((first, last)) => (Some(first), last),
        None => {
            draft.leave_out(FIRST_NAMES.name, "the full name cannot be told apart");
            (None, None)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::samples::change;
    use crate::types::Trigger;

    fn of(contact: impl FnOnce(&mut Contact)) -> Person {
        let mut change = change(Trigger::ContactCreated);
        change.country = None;
        contact(&mut change.contact);
        Person::of(&change, None)
    }

    fn omitted(person: &Person) -> Vec<(&str, &str)> {
        person.omitted.iter().map(|omission| (omission.field.as_str(), omission.reason.as_str())).collect()
    }

    #[test]
    fn every_field_is_normalised_before_it_is_hashed() {
        let person = of(|_| {});
        let told = &person.user_data;
        assert_eq!(omitted(&person), []);
        for (hashes, wanted) in [
            (&told.emails, "ann@example.com"),
            (&told.phones, "16505551212"),
            (&told.first_names, "ann"),
            (&told.last_names, "obrien"),
            (&told.dates_of_birth, "19970216"),
            (&told.cities, "menlopark"),
            (&told.states, "ca"),
            (&told.postal_codes, "94025"),
            (&told.countries, "us"),
            (&told.external_ids, "ocQHyuzHvysMo5N5VsXc"),
        ] {
            assert_eq!(hashes, &[sha256(wanted)], "{wanted}");
        }
    }

    #[test]
    fn unusable_values_are_named_and_never_shown() {
        let person = of(|contact| {
            contact.emails = vec!["nope".into(), "nope2".into(), "ann@example.com".into(), "ANN@example.com".into()];
            contact.phones = vec!["650 555 1212".into()];
            contact.country = Some("Atlantis".into());
            contact.first_name = Some("5d41402abc4b2a76b9719d911017c592".into());
        });
        assert_eq!(person.user_data.emails, [sha256("ann@example.com")]);
        assert_eq!(
            omitted(&person),
            [
                ("countries", "not a country"),
                ("emails", "not an e-mail address"),
                ("phones", "no country code, and no country is known"),
                ("first-names", "an MD5, not a SHA-256"),
            ]
        );
    }

    #[test]
    fn an_event_id_hashed_together_is_the_same() {
        let mut change = change(Trigger::ContactCreated);
        for values in 0..9 {
            change.contact.emails = (0..values).map(|number| format!("ann{number}@example.com")).collect();
            for id in ["c1", &"x".repeat(60)] {
                change.id = id.to_owned();
                let (person, id) = Person::with_event_id(&change, None, "Lead", 3);
                assert_eq!(id, crate::event_id(&change, "Lead", 3));
                assert_eq!(person.user_data, Person::of(&change, None).user_data);
            }
        }
    }

    #[test]
    fn values_hashed_together_keep_their_order_and_are_told_once() {
        let long = format!("{}@example.com", "x".repeat(60));
        let mut raw: Vec<String> = (0..9).map(|number| format!("ann{number}@example.com")).collect();
        let mut wanted: Vec<_> = raw.iter().map(|email| sha256(email)).collect();
        raw.insert(2, crate::hash::to_hex(sha256("hashed@example.com")));
        wanted.insert(2, sha256("hashed@example.com"));
        raw.insert(6, long.clone());
        wanted.insert(6, sha256(&long));
        for count in 0..raw.len() {
            let twice = |contact: &mut Contact| {
                contact.emails = raw.iter().take(count).chain(&raw[..count.min(5)]).cloned().collect();
            };
            let told = of(twice).user_data;
            assert_eq!(told.emails, wanted[..count], "{count} addresses");
            assert_eq!(told.external_ids, [sha256("ocQHyuzHvysMo5N5VsXc")]);
        }
    }

    #[test]
    fn the_setting_gives_a_region_but_never_a_country() {
        let mut change = change(Trigger::ContactCreated);
        change.country = None;
        change.contact.country = None;
        change.contact.phones = vec!["650 555 1212".into()];
        let told = Person::of(&change, Some("us")).user_data;
        assert_eq!((told.phones, told.countries), (vec![sha256("16505551212")], vec![]));
        change.country = Some("us".into());
        assert_eq!(Person::of(&change, Some("us")).user_data.countries, [sha256("us")]);
    }

    #[test]
    fn a_full_name_is_used_only_without_the_other_two() {
        let told = of(|contact| contact.last_name = None).user_data;
        assert_eq!((told.first_names.len(), told.last_names.len()), (1, 0));
        let told = of(|contact| (contact.first_name, contact.last_name) = (None, Some(" ".into()))).user_data;
        assert_eq!((told.first_names, told.last_names), (vec![sha256("ann")], vec![sha256("obrien")]));
    }
}
