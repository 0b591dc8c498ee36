//! Invented people, as untidy as a CRM's real ones: accents, phones in every format, fields left empty. No address of theirs can exist.

mod attribution;
mod country;
mod phone;

use fastrand::Rng;
use serde_json::{Map, Value, json};

use super::crm::state::{Field, Location};
use super::ids::{alphanumeric, digits, happens, one};
use super::time::iso;
use crate::clock::Millis;

pub use attribution::touch;
pub use country::{COUNTRIES, Country};
pub use phone::phone;

/// Domains reserved for examples (RFC 2606): mail to them reaches nobody.
const DOMAINS: [&str; 6] =
    ["example.com", "example.org", "example.net", "mail.example.com", "posteingang.example", "correo.example"];

const TAGS: [&str; 12] = [
    "new lead",
    "customer",
    "newsletter",
    "vip",
    "fb lead form",
    "webinar spring",
    "no show",
    "hot",
    "callback wanted",
    "free trial",
    "past client",
    "referral",
];

const SOURCES: [&str; 6] =
    ["facebook", "Quote request form", "Landing page 2", "google my business", "chat widget", "public api"];

/// A tag that is in use.
pub fn tag(rng: &mut Rng) -> &'static str {
    one::<&str>(rng, &TAGS)
}

/// A person of this location who was added at `added`, as `GET /contacts/:id` shows them.
pub fn person(rng: &mut Rng, location: &Location, added: Millis) -> Map<String, Value> {
    let country = if happens(rng, 0.85) { location.country } else { &COUNTRIES[rng.usize(..COUNTRIES.len())] };
    let (first, last) = (*one(rng, country.first), *one(rng, country.last));
    let mut fields = Map::new();
    let mut put = |key: &str, value: Value| {
        fields.insert(key.to_owned(), value);
    };
    put("id", alphanumeric(rng, 20).into());
    put("locationId", location.id.clone().into());
    put("type", "lead".into());
    put("dateAdded", iso(added).into());
    put("dateUpdated", iso(added).into());
    put("dnd", happens(rng, 0.04).into());
    put("source", (*one(rng, &SOURCES)).into());
    put("timezone", country.timezone.into());
    let written_first = if happens(rng, 0.1) { format!(" {first} ") } else { first.to_owned() };
    let written_last = if happens(rng, 0.12) { last.to_uppercase() } else { last.to_owned() };
    put("firstName", written_first.as_str().into());
    put("firstNameLowerCase", first.to_lowercase().into());
    if !happens(rng, 0.06) {
        put("lastName", written_last.as_str().into());
        put("lastNameLowerCase", last.to_lowercase().into());
        put("fullNameLowerCase", format!("{first} {last}").to_lowercase().into());
        put("name", format!("{} {written_last}", written_first.trim()).into());
    }
    // Somebody without both would be nobody: one of them is always there.
    let without_mail = happens(rng, 0.07);
    if !without_mail {
        let mail = email(rng, first, last);
        put("emailLowerCase", mail.trim().to_lowercase().into());
        put("email", mail.into());
    }
    if without_mail || !happens(rng, 0.1) {
        put("phone", phone(rng, country).into());
    }
    if !happens(rng, 0.12) {
        let (city, state, postal_code) = *one(rng, country.places);
        put("city", city.into());
        put("state", state.into());
        put("postalCode", postal_code.into());
        put("country", country.code.into());
    }
    if happens(rng, 0.5) {
        put("address1", format!("{} {}", rng.u32(1..400), one(rng, country.streets)).into());
    }
    if happens(rng, 0.3) {
        let (year, month, day) = (rng.u32(1948..2006), rng.u32(1..=12), rng.u32(1..=28));
        put("dateOfBirth", format!("{year}-{month:02}-{day:02}").into());
    }
    if happens(rng, 0.15) {
        put("companyName", format!("{last} & Co").into());
    }
    if happens(rng, 0.6) {
        put("assignedTo", one(rng, &location.users).as_str().into());
    }
    let many = *one(rng, &[0, 1, 1, 2, 3]);
    let tags: Vec<&str> = rng.choose_multiple(TAGS, many);
    put("tags", tags.into());
    let filled: Vec<&Field> = location.fields.iter().filter(|_| happens(rng, 0.35)).collect();
    put(
        "customFields",
        filled.into_iter().map(|field| json!({ "id": field.id, "value": answer(rng, field) })).collect(),
    );
    if !happens(rng, 0.08) {
        put("attributionSource", touch(rng, added));
        if happens(rng, 0.7) {
            put("lastAttributionSource", touch(rng, added));
        }
    }
    fields
}

/// What somebody would enter into this custom field.
pub fn answer(rng: &mut Rng, field: &Field) -> Value {
    match field.key {
        "budget" => (rng.u32(1..200) * 50).into(),
        "service_needed" | "gender" => (*one(rng, field.options)).into(),
        "preferred_time" => (*one(rng, &["mornings", "after 17:00", "Saturday", "any"])).into(),
        "interests" => rng.choose_multiple(field.options.iter().copied(), 2).into(),
        _ => digits(rng, 16).into(),
    }
}

/// An address somebody of this name would have, sometimes as untidily typed as people do.
pub fn email(rng: &mut Rng, first: &str, last: &str) -> String {
    let joint = *one(rng, &[".", "", "_", "."]);
    let number = if happens(rng, 0.6) { rng.u32(1..2_000).to_string() } else { String::new() };
    let address = format!("{}{joint}{}{number}@{}", ascii(first), ascii(last), one(rng, &DOMAINS));
    match rng.u32(..20) {
        0 => address.to_uppercase(),
        1 => format!(" {address}"),
        2 => format!("{}{}", address[..1].to_uppercase(), &address[1..]),
        _ => address,
    }
}

/// The letters of a name as an e-mail address spells them.
fn ascii(name: &str) -> String {
    let mut spelt = String::with_capacity(name.len());
    for letter in name.to_lowercase().chars() {
        match letter {
            'a'..='z' => spelt.push(letter),
            'á' | 'à' | 'ã' | 'â' | 'å' => spelt.push('a'),
            'é' | 'è' | 'ë' | 'ê' => spelt.push('e'),
            'í' | 'ï' | 'î' | 'ı' => spelt.push('i'),
            'ó' | 'õ' | 'ô' | 'ø' => spelt.push('o'),
            'ú' | 'û' => spelt.push('u'),
            'ç' => spelt.push('c'),
            'ñ' => spelt.push('n'),
            'ä' => spelt.push_str("ae"),
            'ö' => spelt.push_str("oe"),
            'ü' => spelt.push_str("ue"),
            'ß' => spelt.push_str("ss"),
            _ => {}
        }
    }
    spelt
}

#[cfg(test)]
mod tests {
    use super::super::Options;
    use super::super::crm::state::Crm;
    use super::COUNTRIES;

    fn options(locations: usize, seed: u64) -> Options {
        Options { locations, contacts: 300, seed, ..Options::default() }
    }

    fn shown(crm: &Crm, at: usize) -> Vec<String> {
        let fields = |id: &String| serde_json::to_string(&crm.person(id).expect("a person").fields).expect("JSON");
        crm.locations[at].seeded.iter().map(fields).collect()
    }

    #[test]
    fn the_same_seed_makes_the_same_people_however_many_locations_there_are() {
        let now = 1_795_305_600_000;
        let (one, three) = (Crm::seeded(&options(1, 5), now), Crm::seeded(&options(3, 5), now));
        assert_eq!(shown(&one, 0), shown(&three, 0));
        assert_ne!(shown(&one, 0), shown(&Crm::seeded(&options(1, 6), now), 0));
        assert_ne!(shown(&three, 0), shown(&three, 1));
    }

    #[test]
    fn people_are_untidy_but_reachable() {
        let crm = Crm::seeded(&options(1, 5), 1_795_305_600_000);
        let people: Vec<_> = crm.locations[0].seeded.iter().filter_map(|id| crm.person(id)).collect();
        let having = |key: &str| people.iter().filter(|person| person.fields.contains_key(key)).count();
        assert!(people.iter().all(|person| person.fields.contains_key("email") || person.fields.contains_key("phone")));
        for key in ["email", "phone", "city", "lastName", "attributionSource"] {
            assert!((200..300).contains(&having(key)), "{key}: {}", having(key));
        }
        assert!(people.iter().any(|person| !person.fields["firstName"].as_str().unwrap_or_default().is_ascii()));
        assert!(people.iter().all(|person| person.fields.values().all(|value| !value.is_null())));
    }

    #[test]
    fn every_name_can_be_spelt_in_an_address() {
        for country in &COUNTRIES {
            for name in country.first.iter().chain(country.last) {
                assert!(super::ascii(name).len() >= 2, "{name}");
                let lost = name.chars().filter(|letter| letter.is_alphabetic()).count();
                assert!(super::ascii(name).len() >= lost, "{name} loses a letter");
            }
        }
    }
}
