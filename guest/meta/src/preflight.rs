//! What can be known of an event before it is sent. One bad event sinks its whole request at Meta, so whatever would certainly be refused
//! gets its outcome here and costs none. What is only likely to be refused is sent: the platform has the last word.
//! Sources: Conversions API, "Server Event Parameters", "Customer Information Parameters", "Custom Data Parameters", "Troubleshooting".

use crate::bindings::convey::pipeline::types::{ActionSource, ConversionEvent, CustomValue, UserData};
use crate::bindings::exports::convey::pipeline::conversions_sink::{Outcome, Profile};

/// An event leaves with this much time to spare, in milliseconds: halving a refused batch takes a while, and clocks differ.
pub const MARGIN_MS: u64 = 5 * 60_000;

/// Active currencies (ISO 4217:2015, list one), one a line.
const CURRENCIES: &str = include_str!("../../sdk/src/normalise/currencies.txt");

/// The outcome of an event that need not be sent at `now_ms`; none for one that is to be sent.
pub fn outcome(event: &ConversionEvent, profile: &Profile, now_ms: u64) -> Option<Outcome> {
    let problem = [name, identity, lead, messaging, purchase, currency].into_iter().find_map(|check| check(event));
    problem.map(|text| Outcome::Rejected(format!("not sent: {text}"))).or_else(|| age(event, profile, now_ms))
}

fn age(event: &ConversionEvent, profile: &Profile, now_ms: u64) -> Option<Outcome> {
    let of_source = profile.max_age_by_source.iter().find(|(source, _)| *source == event.action_source);
    let oldest = of_source.map_or(profile.max_age_ms, |(_, age)| *age);
    if now_ms.saturating_sub(event.occurred_at) > oldest.saturating_sub(MARGIN_MS) {
        let days = oldest / 86_400_000;
        return Some(Outcome::Expired(format!("not sent: the event is older than the {days} days Meta takes")));
    }
    // The time comes by itself: nothing is wrong with the event.
    let early = event.occurred_at.checked_sub(now_ms.saturating_add(profile.max_ahead_ms)).filter(|ms| *ms > 0)?;
    Some(Outcome::Throttled(Some(u32::try_from(early).unwrap_or(u32::MAX))))
}

fn name(event: &ConversionEvent) -> Option<&'static str> {
    event.name.trim().is_empty().then_some("the event has no name (2804019)")
}

/// Sets of keys that identify nobody, alone or in part ("Customer Information Parameters", invalid combinations).
const TOO_LITTLE: [&[&str]; 4] = [
    &["ct", "country", "st", "zp", "ge", "client_user_agent"],
    &["db", "client_user_agent"],
    &["fn", "ge"],
    &["ln", "ge"],
];

fn identity(event: &ConversionEvent) -> Option<&'static str> {
    let keys = keys(&event.user_data);
    // No key at all is a part of every set.
    let too_little = TOO_LITTLE.iter().any(|set| keys.iter().all(|key| set.contains(key)));
    too_little.then_some(match keys.is_empty() {
        true => "nothing is known of the person (2804050)",
        false => {
            "what is known of the person identifies nobody: an e-mail, a phone, a click or an id is needed (2804050)"
        }
    })
}

/// The keys of `user_data` that hold something.
fn keys(user: &UserData) -> Vec<&'static str> {
    let text = |text: &Option<String>| text.as_ref().is_some_and(|text| !text.is_empty());
    let there = [
        ("em", !user.emails.is_empty()),
        ("ph", !user.phones.is_empty()),
        ("fn", !user.first_names.is_empty()),
        ("ln", !user.last_names.is_empty()),
        ("ge", !user.genders.is_empty()),
        ("db", !user.dates_of_birth.is_empty()),
        ("ct", !user.cities.is_empty()),
        ("st", !user.states.is_empty()),
        ("zp", !user.postal_codes.is_empty()),
        ("country", !user.countries.is_empty()),
        ("external_id", !user.external_ids.is_empty()),
        ("client_ip_address", text(&user.client_ip)),
        ("client_user_agent", text(&user.user_agent)),
        ("fbc", text(&user.fbc)),
        ("fbp", text(&user.fbp)),
        ("lead_id", text(&user.lead_id)),
    ];
    there.into_iter().filter_map(|(key, there)| there.then_some(key)).collect()
}

/// The documents ask for an integer of 15 to 17 digits and have changed their mind about how many: only what is no such number is refused.
fn lead(event: &ConversionEvent) -> Option<&'static str> {
    let lead = event.user_data.lead_id.as_ref()?;
    let number = lead.parse::<u64>().ok().filter(|number| *number > 0 && number.to_string() == *lead);
    number.is_none().then_some("the lead id is not the number of a lead (2804036)")
}

fn messaging(event: &ConversionEvent) -> Option<&'static str> {
    (event.action_source == ActionSource::BusinessMessaging)
        .then_some("an event of business messaging needs its channel, which this component does not send (2804063)")
}

fn purchase(event: &ConversionEvent) -> Option<&'static str> {
    if event.name != "Purchase" {
        return None;
    }
    let typed_value = event.value.is_some_and(f64::is_finite);
    if !typed_value && own(event, "value").is_none() {
        return Some("a Purchase needs a value (2804009)");
    }
    (event.currency.is_none() && own(event, "currency").is_none()).then_some("a Purchase needs a currency (2804010)")
}

fn currency(event: &ConversionEvent) -> Option<&'static str> {
    let code = match (&event.currency, own(event, "currency")) {
        (Some(code), _) | (None, Some(CustomValue::Text(code))) => code,
        _ => return None,
    };
    let known = CURRENCIES.split_whitespace().any(|known| known.eq_ignore_ascii_case(code));
    (!known).then_some("the currency is not a code of ISO 4217 (2804016)")
}

/// The mapping's own entry of custom data under `key`, the way it is sent: what is no number is not there.
fn own<'a>(event: &'a ConversionEvent, key: &str) -> Option<&'a CustomValue> {
    let wild = |value: &CustomValue| matches!(value, CustomValue::Number(number) if !number.is_finite());
    event.custom_data.iter().find(|(given, value)| given == key && !wild(value)).map(|(_, value)| value)
}

#[cfg(test)]
mod tests;
