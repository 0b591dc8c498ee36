use proptest::prelude::*;

use super::super::blank;
use super::{FIELDS, Remedy, TOO_LITTLE, estimate, of, quality};
use crate::contract::types::Omission;
use crate::contract::{Hashed, UserData};

fn hash() -> Vec<Hashed> {
    vec![Hashed { a: 1, b: 2, c: 3, d: 4, e: 5, f: 6, g: 7, h: 8 }]
}

/// Every field of [`UserData`], by the name it is judged under.
fn filled(name: &str) -> UserData {
    let mut user = blank::user_data();
    let text = Some("x".to_owned());
    match name {
        "lead-id" => user.lead_id = text,
        "emails" => user.emails = hash(),
        "fbc" => user.fbc = text,
        "phones" => user.phones = hash(),
        "fbp" => user.fbp = text,
        "dates-of-birth" => user.dates_of_birth = hash(),
        "external-ids" => user.external_ids = hash(),
        "client-ip" => user.client_ip = text,
        "last-names" => user.last_names = hash(),
        "first-names" => user.first_names = hash(),
        "user-agent" => user.user_agent = text,
        "postal-codes" => user.postal_codes = hash(),
        "cities" => user.cities = hash(),
        "countries" => user.countries = hash(),
        "states" => user.states = hash(),
        "genders" => user.genders = hash(),
        other => panic!("{other} is no field"),
    }
    user
}

#[test]
fn each_field_is_seen_by_its_name_and_missed_without() {
    for field in &FIELDS {
        let seen = super::held(&filled(field.name));
        assert_eq!(seen.count_ones(), 1, "{}", field.name);
        let missing = quality(&filled(field.name), &blank::contact(), &[]).missing;
        assert!(missing.iter().all(|missing| missing.field != field.name), "{}", field.name);
    }
}

#[test]
fn the_order_is_that_of_the_sources() {
    let alone = |name: &str| quality(&filled(name), &blank::contact(), &[]).estimate;
    assert!(alone("lead-id") > alone("emails") && alone("emails") == alone("fbc") && alone("fbc") > alone("phones"));
    for weak in
        ["cities", "countries", "states", "postal-codes", "genders", "user-agent", "dates-of-birth", "first-names"]
    {
        assert_eq!(alone(weak), 0.0, "{weak}");
    }
    assert_eq!((estimate(0), estimate(u16::MAX)), (0.0, 10.0));
    // What a CRM usually knows.
    let usual = estimate(of(|name| {
        ["emails", "phones", "first-names", "last-names", "countries", "external-ids"].contains(&name)
    }));
    assert!((7.0..8.5).contains(&usual), "{usual}");
}

#[test]
fn what_the_crm_has_is_mended_and_what_it_lacks_is_collected() {
    let mut contact = blank::contact();
    contact.phones = vec!["555 0143".into()];
    contact.city = Some("Graz".into());
    let told = filled("emails");
    let omitted = [Omission { field: "phones".into(), reason: "no country code".into() }];
    let missing = quality(&told, &contact, &omitted).missing;
    let of = |name: &str| missing.iter().find(|missing| missing.field == name);
    let phones = &missing[0];
    assert_eq!(
        (phones.field.as_str(), phones.remedy, phones.reason.as_deref()),
        ("phones", Remedy::Mend, Some("no country code"))
    );
    assert!(phones.gain > 1.0, "{phones:?}");
    let city = of("cities").unwrap();
    assert_eq!((city.remedy, &city.reason), (Remedy::Mend, &None));
    assert_eq!(of("last-names").unwrap().remedy, Remedy::Collect);
    assert!(of("lead-id").is_none() && of("fbc").is_none(), "nobody can be asked for a click");
    contact.first_touch = Some(crate::contract::types::Attribution { fbclid: Some("IwAR0".into()), ..blank::touch() });
    let missing = quality(&told, &contact, &[]).missing;
    assert_eq!((missing[0].field.as_str(), missing[0].remedy), ("fbc", Remedy::Mend));
    // Another mapper may spell it as its language does.
    let omitted = [Omission { field: "client_ip".into(), reason: "not an address".into() }];
    let missing = quality(&told, &blank::contact(), &omitted).missing;
    let of_ip = missing.iter().find(|missing| missing.field == "client-ip").unwrap();
    assert_eq!(of_ip.remedy, Remedy::Mend);
}

proptest! {
    #[test]
    fn one_more_field_never_lowers_it_and_it_stays_within_bounds(held: u16, more: u16) {
        let (before, after) = (estimate(held), estimate(held | more));
        prop_assert!((0.0..=10.0).contains(&before) && before <= after && after <= 10.0, "{before} {after}");
    }

    #[test]
    fn a_field_brings_less_the_more_there_are(held: u16, more: u16, at in 0_usize..16) {
        let too_little = |held: u16| TOO_LITTLE.iter().any(|few| held & !of(|name| few.contains(&name)) == 0);
        let (held, field) = (held & !(1 << at), 1_u16 << at);
        let more = (held | more) & !field;
        prop_assume!(!too_little(held));
        let (first, later) = (estimate(held | field) - estimate(held), estimate(more | field) - estimate(more));
        prop_assert!(later > 0.0 && later <= first + 1e-9, "{first} {later}");
    }

    #[test]
    fn the_gain_is_what_the_field_would_bring(held: u16) {
        let mut told = blank::user_data();
        for (at, field) in FIELDS.iter().enumerate().filter(|(at, _)| held & 1 << at != 0) {
            let one = filled(field.name);
            // Merged by what is there: `filled` fills exactly one field.
            macro_rules! take { ($($name:ident)*) => { $(if one.$name != blank::user_data().$name { told.$name = one.$name; })* } }
            take!(emails phones first_names last_names genders dates_of_birth cities states postal_codes countries external_ids client_ip user_agent fbc fbp lead_id);
            prop_assert!(super::held(&told) & 1 << at != 0);
        }
        let judged = quality(&told, &blank::contact(), &[]);
        for missing in &judged.missing {
            let at = FIELDS.iter().position(|field| field.name == missing.field).unwrap();
            let gain = estimate(held | 1 << at) - estimate(held);
            prop_assert!((gain - missing.gain).abs() < 0.01);
        }
        prop_assert!(judged.missing.is_sorted_by(|left, right| left.gain >= right.gain));
    }
}
