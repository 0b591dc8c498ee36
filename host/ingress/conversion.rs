//! What a reported conversion says, checked before it is taken. Pure.

use serde::Serialize;
use serde_json::{Map, Value};

use super::moment::moment;
use crate::clock::Millis;

/// Longer names are no ad platform's.
const LONGEST_TYPE: usize = 100;
/// Longer ids are no till's.
const LONGEST_ID: usize = 200;
/// A clock may be ahead by this.
const AHEAD_MS: Millis = 60_000;
/// What is older is worth nothing to an ad platform.
const OLDEST_MS: Millis = 7 * 24 * 60 * 60 * 1_000;

/// The active codes for money (ISO 4217): the very list that mappers go by, so that the door takes nothing that they leave out.
const CURRENCIES: &str = include_str!("../../guest/sdk/src/normalise/currencies.txt");

const FIELDS: [&str; 5] = ["eventType", "timestamp", "value", "currency", "externalId"];

/// One conversion as it was understood. However it was spelled, the same says the same bytes.
#[derive(Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Conversion {
    event_type: String,
    timestamp: Millis,
    #[serde(skip_serializing_if = "Option::is_none")]
    value: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    currency: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    external_id: Option<String>,
}

/// Why a report is not taken. Never repeats what it said.
#[derive(Debug, PartialEq)]
pub(super) enum Objection {
    /// It is not a JSON object.
    NotJson,
    /// A field is missing or wrong; none where it is not one of ours.
    Field(Option<&'static str>, String),
}

impl Conversion {
    /// Reads a report's body at `now`.
    pub(super) fn read(body: &[u8], now: Millis) -> Result<Self, Objection> {
        let Ok(Value::Object(said)) = serde_json::from_slice(body) else { return Err(Objection::NotJson) };
        // A mistyped name would lose an amount in silence. The name itself may be anything, so it is not repeated.
        if said.keys().any(|key| !FIELDS.contains(&key.as_str())) {
            return Err(Objection::Field(None, format!("a field is none of {}", FIELDS.join(", "))));
        }
        let event_type = text(&said, "eventType", LONGEST_TYPE)?;
        let event_type = event_type.ok_or_else(|| wrong("eventType", "must be there: the conversion's name"))?;
        let timestamp = timestamp(&said, now)?;
        let (value, currency) = (value(&said)?, currency(&said)?);
        if currency.is_some() && value.is_none() {
            return Err(wrong("value", "must be there: a currency without its amount says nothing"));
        }
        // On every platform a purchase is an amount of money. Of other conversions the location's currency will do.
        if event_type.eq_ignore_ascii_case("purchase") {
            for (field, there) in [("value", value.is_some()), ("currency", currency.is_some())] {
                if !there {
                    return Err(wrong(field, "must be there: a Purchase has a value and a currency"));
                }
            }
        }
        Ok(Self { event_type, timestamp, value, currency, external_id: text(&said, "externalId", LONGEST_ID)? })
    }
}

fn wrong(field: &'static str, fault: &str) -> Objection {
    Objection::Field(Some(field), format!("`{field}` {fault}"))
}

/// A field that is there. `null` is not.
fn given<'a>(said: &'a Map<String, Value>, field: &str) -> Option<&'a Value> {
    said.get(field).filter(|value| !value.is_null())
}

fn text(said: &Map<String, Value>, field: &'static str, longest: usize) -> Result<Option<String>, Objection> {
    let Some(value) = given(said, field) else { return Ok(None) };
    let text = value.as_str().map(str::trim).ok_or_else(|| wrong(field, "must be text"))?;
    if text.is_empty() || text.chars().count() > longest {
        return Err(wrong(field, &format!("must be 1 to {longest} characters")));
    }
    if text.chars().any(char::is_control) {
        return Err(wrong(field, "holds a control character"));
    }
    Ok(Some(text.to_owned()))
}

fn timestamp(said: &Map<String, Value>, now: Millis) -> Result<Millis, Objection> {
    let field = "timestamp";
    let written = given(said, field).ok_or_else(|| wrong(field, "must be there: when it happened"))?;
    let at = moment(written).ok_or_else(|| {
        let form = "must be a time with its zone, as in 2026-11-20T10:00:00Z, or seconds or milliseconds since 1970";
        wrong(field, form)
    })?;
    if at > now.saturating_add(AHEAD_MS) {
        return Err(wrong(field, "lies more than a minute in the future"));
    }
    if at.saturating_add(OLDEST_MS) < now {
        return Err(wrong(field, "is more than 7 days old"));
    }
    Ok(at)
}

fn value(said: &Map<String, Value>) -> Result<Option<f64>, Objection> {
    let Some(value) = given(said, "value") else { return Ok(None) };
    let amount = value.as_f64().filter(|amount| amount.is_finite() && *amount >= 0.0);
    amount.map(Some).ok_or_else(|| wrong("value", "must be a number, 0 or more, without quotes"))
}

fn currency(said: &Map<String, Value>) -> Result<Option<&'static str>, Objection> {
    let Some(value) = given(said, "currency") else { return Ok(None) };
    let code = value.as_str().map(str::trim).filter(|code| code.len() == 3);
    let known =
        code.and_then(|code| CURRENCIES.split_whitespace().find(|currency| currency.eq_ignore_ascii_case(code)));
    known.map(Some).ok_or_else(|| wrong("currency", "must be an ISO 4217 code of money in use, as in USD or EUR"))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    const NOW: Millis = 1_795_168_800_000;

    fn read(body: &Value) -> Result<Conversion, Objection> {
        Conversion::read(body.to_string().as_bytes(), NOW)
    }

    fn with(field: &str, value: Value) -> Value {
        let mut body = json!({"eventType": "Lead", "timestamp": NOW, "value": 12.5, "currency": "EUR"});
        body[field] = value;
        body
    }

    #[test]
    fn however_it_is_spelled_the_same_is_the_same() {
        let one =
            read(&json!({"eventType": "Purchase", "timestamp": NOW, "value": 10, "currency": "USD"})).expect("good");
        let written = serde_json::to_string(&one).expect("plain");
        assert_eq!(written, r#"{"eventType":"Purchase","timestamp":1795168800000,"value":10.0,"currency":"USD"}"#);
        for timestamp in [json!(NOW / 1_000), json!("2026-11-20T10:00:00Z"), json!("2026-11-20T11:00:00+01:00")] {
            let other = json!({"value": 10.0, "currency": " usd", "timestamp": timestamp, "eventType": "Purchase ", "externalId": null});
            assert_eq!(read(&other).as_ref(), Ok(&one), "{other}");
        }
    }

    #[test]
    fn the_least_is_a_type_and_a_time() {
        assert!(read(&json!({"eventType": "Visit", "timestamp": NOW})).is_ok());
        assert!(read(&json!({"eventType": "Visit", "timestamp": NOW, "value": 3})).is_ok());
        assert!(read(&with("externalId", json!("order-7"))).is_ok());
    }

    #[test]
    fn what_is_wrong_is_named_and_not_repeated() {
        for (field, value, said) in [
            ("eventType", json!(null), "must be there"),
            ("eventType", json!(" "), "1 to 100 characters"),
            ("eventType", json!("x".repeat(101)), "1 to 100 characters"),
            ("eventType", json!("a\u{7}b"), "control character"),
            ("eventType", json!(7), "must be text"),
            ("timestamp", json!(null), "must be there"),
            ("timestamp", json!("2026-11-20T10:00:00"), "with its zone"),
            ("timestamp", json!(NOW + AHEAD_MS + 1), "in the future"),
            ("timestamp", json!(NOW - OLDEST_MS - 1), "7 days old"),
            ("timestamp", json!("2026"), "7 days old"),
            ("value", json!("12.5"), "must be a number"),
            ("value", json!(-0.01), "must be a number"),
            ("value", json!(null), "currency without its amount"),
            ("currency", json!("EURO"), "ISO 4217"),
            ("currency", json!("XAU"), "ISO 4217"),
            ("currency", json!(978), "ISO 4217"),
            ("currency", json!(""), "ISO 4217"),
            ("externalId", json!(""), "1 to 200 characters"),
        ] {
            match read(&with(field, value.clone())) {
                Err(Objection::Field(Some(named), text)) if named == field && text.contains(said) => {}
                other => panic!("{field} {value}: {other:?}"),
            }
        }
        let strange = read(&with("ann@shop.io", json!(1)));
        assert!(
            matches!(&strange, Err(Objection::Field(None, text)) if text.contains("externalId") && !text.contains("ann")),
            "{strange:?}"
        );
        for (body, now) in [("[]", NOW), ("{", NOW), ("{\"value\": 1e999}", NOW), ("", NOW)] {
            assert_eq!(Conversion::read(body.as_bytes(), now), Err(Objection::NotJson), "{body}");
        }
    }

    #[test]
    fn the_edges_of_time_are_taken() {
        for at in [NOW + AHEAD_MS, NOW - OLDEST_MS] {
            assert!(read(&with("timestamp", json!(at))).is_ok(), "{at}");
        }
    }

    #[test]
    fn a_purchase_has_a_value_and_a_currency() {
        for (lacking, name) in [("value", "Purchase"), ("currency", "Purchase"), ("currency", "purchase")] {
            let mut body = with("eventType", json!(name));
            body[lacking] = json!(null);
            assert!(matches!(read(&body), Err(Objection::Field(Some(_), _))), "{body}");
        }
        assert!(read(&with("eventType", json!("Purchase"))).is_ok());
    }

    proptest! {
        #[test]
        fn no_body_breaks_it(body in "\\PC{0,60}") {
            let _ = Conversion::read(body.as_bytes(), NOW);
        }
    }
}
