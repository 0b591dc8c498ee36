use super::{MARGIN_MS, outcome};
use crate::bindings::convey::pipeline::types::{ActionSource, ConversionEvent, CustomValue, UserData};
use crate::bindings::exports::convey::pipeline::conversions_sink::{Outcome, Profile};
use crate::describe::profile;
use crate::samples::{NOW_MS, event, hash, nobody};

const DAY_MS: u64 = 86_400_000;

fn said(event: &ConversionEvent) -> Option<Outcome> {
    outcome(event, &profile(), NOW_MS)
}

/// The code an event would have been refused with, from the words of its rejection.
fn code(event: &ConversionEvent) -> Option<String> {
    match said(event) {
        None => None,
        Some(Outcome::Rejected(text)) => {
            assert!(text.starts_with("not sent: "), "{text}");
            Some(text[text.len() - 8..text.len() - 1].to_owned())
        }
        other => panic!("{other:?}"),
    }
}

fn of(user_data: UserData) -> ConversionEvent {
    ConversionEvent { user_data, ..event(1) }
}

#[test]
fn a_good_event_is_sent() {
    assert_eq!(said(&event(1)), None);
}

#[test]
fn what_identifies_nobody_alone_or_in_part_is_not_sent() {
    let one = || vec![hash(1)];
    let agent = || Some("Mozilla".to_owned());
    let places = UserData {
        cities: one(),
        countries: one(),
        states: one(),
        postal_codes: one(),
        genders: one(),
        user_agent: agent(),
        ..nobody()
    };
    let refused = [
        nobody(),
        places.clone(),
        UserData { genders: vec![], ..places.clone() },
        UserData { countries: one(), ..nobody() },
        UserData { dates_of_birth: one(), user_agent: agent(), ..nobody() },
        UserData { dates_of_birth: one(), ..nobody() },
        UserData { first_names: one(), genders: one(), ..nobody() },
        UserData { last_names: one(), ..nobody() },
        UserData { user_agent: agent(), fbc: Some(String::new()), ..nobody() },
    ];
    for user in refused {
        assert_eq!(code(&of(user.clone())).as_deref(), Some("2804050"), "{user:?}");
    }
    let sent = [
        UserData { emails: one(), ..nobody() },
        UserData { client_ip: Some("192.0.2.1".into()), ..nobody() },
        UserData { first_names: one(), last_names: one(), ..nobody() },
        UserData { first_names: one(), ..places.clone() },
        UserData { dates_of_birth: one(), genders: one(), ..nobody() },
        UserData { fbp: Some("fb.1.1.1".into()), ..nobody() },
        UserData { lead_id: Some("525645896321548".into()), ..nobody() },
    ];
    for user in sent {
        assert_eq!(said(&of(user.clone())), None, "{user:?}");
    }
}

#[test]
fn a_purchase_needs_value_and_currency_and_a_currency_is_one() {
    let purchase = |value, currency: Option<&str>| ConversionEvent {
        name: "Purchase".into(),
        value,
        currency: currency.map(str::to_owned),
        ..event(1)
    };
    assert_eq!(code(&purchase(None, Some("EUR"))).as_deref(), Some("2804009"));
    assert_eq!(code(&purchase(Some(f64::NAN), Some("EUR"))).as_deref(), Some("2804009"));
    assert_eq!(code(&purchase(Some(1.0), None)).as_deref(), Some("2804010"));
    assert_eq!(said(&purchase(Some(0.0), Some("eur"))), None);
    for wrong in ["EURO", "", "US", "XYZ", "€"] {
        assert_eq!(code(&purchase(Some(1.0), Some(wrong))).as_deref(), Some("2804016"), "{wrong}");
        assert_eq!(
            code(&ConversionEvent { currency: Some(wrong.into()), ..event(1) }).as_deref(),
            Some("2804016"),
            "any event's currency is a currency"
        );
    }
    // The mapping's own words count as much as the typed ones; an amount without its currency is the platform's to judge.
    let own = vec![
        ("value".to_owned(), CustomValue::Number(3.0)),
        ("currency".to_owned(), CustomValue::Text("USD".to_owned())),
    ];
    assert_eq!(said(&ConversionEvent { custom_data: own, ..purchase(None, None) }), None);
    assert_eq!(said(&ConversionEvent { value: Some(5.0), ..event(1) }), None);
}

#[test]
fn lead_ids_names_and_messaging() {
    for wrong in ["l:1234", "0", "-5", "0123", "12 ", "99999999999999999999999"] {
        let lead = of(UserData { lead_id: Some(wrong.into()), ..event(1).user_data });
        assert_eq!(code(&lead).as_deref(), Some("2804036"), "{wrong}");
    }
    assert_eq!(code(&ConversionEvent { name: " ".into(), ..event(1) }).as_deref(), Some("2804019"));
    let messaging = ConversionEvent { action_source: ActionSource::BusinessMessaging, ..event(1) };
    assert_eq!(code(&messaging).as_deref(), Some("2804063"));
}

#[test]
fn the_platform_s_window_with_a_margin() {
    let at = |age: u64| ConversionEvent { occurred_at: NOW_MS - age, ..event(1) };
    assert_eq!(said(&at(7 * DAY_MS - MARGIN_MS)), None);
    for age in [7 * DAY_MS - MARGIN_MS + 1, 8 * DAY_MS, NOW_MS] {
        let Some(Outcome::Expired(text)) = said(&at(age)) else { panic!("{age} is too old") };
        assert_eq!(text, "not sent: the event is older than the 7 days Meta takes");
    }
    let profile = Profile { max_age_by_source: vec![(ActionSource::PhysicalStore, 62 * DAY_MS)], ..profile() };
    let store = |age: u64| ConversionEvent { action_source: ActionSource::PhysicalStore, ..at(age) };
    assert_eq!(outcome(&store(61 * DAY_MS), &profile, NOW_MS), None);
    assert!(matches!(outcome(&store(62 * DAY_MS), &profile, NOW_MS), Some(Outcome::Expired(_))));
    assert!(matches!(outcome(&at(61 * DAY_MS), &profile, NOW_MS), Some(Outcome::Expired(_))));
}

#[test]
fn what_lies_ahead_waits_until_its_time() {
    let ahead = |ms: u64| ConversionEvent { occurred_at: NOW_MS + ms, ..event(1) };
    assert_eq!(said(&ahead(60_000)), None);
    assert_eq!(said(&ahead(90_000)), Some(Outcome::Throttled(Some(30_000))));
    assert_eq!(said(&ConversionEvent { occurred_at: u64::MAX, ..event(1) }), Some(Outcome::Throttled(Some(u32::MAX))));
}
