//! The contact as hashes and click data.

use std::borrow::Cow;

use crate::click::{self, Reason};
use crate::hash::{already_hashed, looks_like_md5, sha256};
use crate::identity;
use crate::normalise::country::country;
use crate::normalise::date::date_of_birth;
use crate::normalise::email::email;
use crate::normalise::external_id;
use crate::normalise::gender::gender;
use crate::normalise::name::{self, name};
use crate::normalise::phone::phone;
use crate::normalise::place::{city, postal_code, state};
use crate::types::{Change, Contact, Hashed, Omission, UserData};

use known::Place;

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
        let contact = &change.contact;
        let mut left_out = LeftOut::default();
        let (countries, region) = countries(change, region, &mut left_out);
        let (first_name, last_name) = names(contact, &mut left_out);

        let emails = left_out.list("emails", &contact.emails, NO_EMAIL, email);
        let no_phone = if region.is_some() { NO_PHONE } else { NO_COUNTRY };
        let phones = left_out.list("phones", &contact.phones, no_phone, |raw| phone(raw, region).map(Cow::Owned));
        let user_data = UserData {
            emails,
            phones,
            first_names: left_out.one("first-names", first_name, "not a name", name),
            last_names: left_out.one("last-names", last_name, "not a name", name),
            genders: left_out.one("genders", contact.gender.as_deref(), "neither female nor male", |raw| {
                gender(raw).map(Cow::Borrowed)
            }),
            dates_of_birth: left_out.one(
                "dates-of-birth",
                contact.date_of_birth.as_deref(),
                "not a date of birth",
                |raw| date_of_birth(raw, change.seen_at).map(Cow::Owned),
            ),
            cities: left_out.place("cities", Place::City, contact.city.as_deref(), None, "not a city", |raw| {
                city(raw).map(Cow::Owned)
            }),
            states: left_out.place("states", Place::State, contact.state.as_deref(), region, "not a state", |raw| {
                state(raw, region).map(Cow::Owned)
            }),
            postal_codes: left_out.one("postal-codes", contact.postal_code.as_deref(), "not a postal code", |raw| {
                postal_code(raw, region)
            }),
            countries,
            external_ids: external_id(&contact.id)
                .map(|id| already_hashed(id).unwrap_or_else(|| sha256(id)))
                .into_iter()
                .collect(),
            client_ip: left_out.clear("client-ip", click::client_ip(contact)),
            user_agent: left_out.own("user-agent", click::user_agent(contact), contact),
            fbc: left_out.own("fbc", click::fbc(contact), contact),
            fbp: left_out.clear("fbp", click::fbp(contact)),
            lead_id: left_out.clear("lead-id", click::lead_id(contact)),
        };
        Self { user_data, omitted: left_out.omitted }
    }
}

/// The country's hash, and the region numbers and codes are read in. A setting may stand in for the region, but it is nobody's
/// country: only the contact's or the location's is told.
fn countries(
    change: &Change,
    fallback: Option<&'static str>,
    left_out: &mut LeftOut,
) -> (Vec<Hashed>, Option<&'static str>) {
    let given = change.contact.country.as_deref().filter(|raw| !raw.trim().is_empty());
    if let Some(hashed) = given.and_then(already_hashed) {
        return (vec![hashed], change.country.as_deref().and_then(country).or(fallback));
    }
    let own = given.and_then(country);
    if given.is_some() && own.is_none() {
        left_out.add("countries", "not a country");
    }
    let known = own.or_else(|| change.country.as_deref().and_then(country));
    let hash = known.and_then(|code| known::hash(Place::Country, code, None, || Ok(sha256(code))).ok());
    (hash.into_iter().collect(), known.or(fallback))
}

/// First and last name; the full name only where the contact has neither.
fn names<'c>(contact: &'c Contact, left_out: &mut LeftOut) -> (Option<&'c str>, Option<&'c str>) {
    let given = |field: &'c Option<String>| field.as_deref().filter(|raw| !raw.trim().is_empty());
    let (first, last) = (given(&contact.first_name), given(&contact.last_name));
    let Some(full) = given(&contact.full_name).filter(|_| first.is_none() && last.is_none()) else {
        return (first, last);
    };
    match name::split(full) {
        Some((first, last)) => (Some(first), last),
        None => {
            left_out.add("first-names", "the full name cannot be told apart");
            (None, None)
        }
    }
}

#[derive(Default)]
struct LeftOut {
    omitted: Vec<Omission>,
}

impl LeftOut {
    /// One entry a field and reason, however many values it befell.
    fn add(&mut self, field: &str, reason: Reason) {
        if !self.omitted.iter().any(|known| known.field == field && known.reason == reason) {
            self.omitted.push(Omission { field: field.to_owned(), reason: reason.to_owned() });
        }
    }

    fn list(
        &mut self,
        field: &str,
        values: &[String],
        reason: Reason,
        rule: impl for<'v> Fn(&'v str) -> Option<Cow<'v, str>>,
    ) -> Vec<Hashed> {
        let mut hashes = Vec::with_capacity(values.len());
        for raw in values.iter().map(String::as_str).filter(|raw| !raw.trim().is_empty()) {
            match hashed(raw, reason, &rule) {
                Ok(hash) if !hashes.contains(&hash) => hashes.push(hash),
                Ok(_) => {}
                Err(reason) => self.add(field, reason),
            }
        }
        hashes
    }

    fn one(
        &mut self,
        field: &str,
        value: Option<&str>,
        reason: Reason,
        rule: impl for<'v> Fn(&'v str) -> Option<Cow<'v, str>>,
    ) -> Vec<Hashed> {
        self.settled(field, value, |raw| hashed(raw, reason, rule))
    }

    /// As [`Self::one`], for what many contacts share.
    fn place(
        &mut self,
        field: &str,
        place: Place,
        value: Option<&str>,
        region: Option<&str>,
        reason: Reason,
        rule: impl for<'v> Fn(&'v str) -> Option<Cow<'v, str>>,
    ) -> Vec<Hashed> {
        self.settled(field, value, |raw| known::hash(place, raw, region, || hashed(raw, reason, rule)))
    }

    fn settled(
        &mut self,
        field: &str,
        value: Option<&str>,
        hash: impl FnOnce(&str) -> Result<Hashed, Reason>,
    ) -> Vec<Hashed> {
        let value = value.filter(|raw| !raw.trim().is_empty());
        match value.map(hash) {
            Some(Ok(hash)) => vec![hash],
            Some(Err(reason)) => {
                self.add(field, reason);
                Vec::new()
            }
            None => Vec::new(),
        }
    }

    fn clear(&mut self, field: &str, value: Option<Result<String, Reason>>) -> Option<String> {
        match value? {
            Ok(text) => Some(text),
            Err(reason) => {
                self.add(field, reason);
                None
            }
        }
    }

    /// As [`Self::clear`], for fields with room for an address or a number.
    fn own(&mut self, field: &str, value: Option<Result<String, Reason>>, contact: &Contact) -> Option<String> {
        let text = self.clear(field, value)?;
        if identity::gives_away(&text, contact) {
            self.add(field, identity::GIVES_AWAY);
            return None;
        }
        Some(text)
    }
}

fn hashed(raw: &str, reason: Reason, rule: impl for<'v> Fn(&'v str) -> Option<Cow<'v, str>>) -> Result<Hashed, Reason> {
    if let Some(hash) = already_hashed(raw) {
        return Ok(hash);
    }
    if looks_like_md5(raw) {
        return Err("an MD5, not a SHA-256");
    }
    rule(raw).map(|text| sha256(&text)).ok_or(reason)
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
