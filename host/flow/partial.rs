//! A change written in part, as a case holds it: the contract's records by their fields' names, laid over blank ones. Nothing unknown is taken.

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};

use super::blank;
use crate::config::nearest;
use crate::contract::{Change, TRIGGERS};

/// The change that `given` says; what it leaves out is blank.
///
/// # Errors
/// The key that is unknown or of another kind, with its path and what may stand there.
pub fn change(given: &Value) -> Result<Change, String> {
    let whole = laid(&blank::change(), given, "change")?;
    serde_json::from_value(whole).map_err(|error| format!("`change`: {error}"))
}

/// A record with what is given of it in place of what was there.
fn laid<T: Serialize + DeserializeOwned>(blank: &T, given: &Value, place: &str) -> Result<Value, String> {
    let wrong = |place: &str, error: serde_json::Error| format!("`{place}`: {error}");
    let mut record = serde_json::to_value(blank).map_err(|error| wrong(place, error))?;
    let Value::Object(given) = given else {
        return Err(format!("`{place}` is an object of fields, not {given}"));
    };
    for (key, value) in given {
        let place = format!("{place}.{key}");
        if record.get(key).is_none() {
            return Err(unknown(&place, key, record.as_object()));
        }
        record[key.as_str()] = part(key, value, &place)?;
        // Here and not at the end, where nobody knows any more which key it was.
        serde_json::from_value::<T>(record.clone()).map_err(|error| wrong(&place, error))?;
    }
    Ok(record)
}

fn unknown(place: &str, key: &str, known: Option<&Map<String, Value>>) -> String {
    let known: Vec<&str> = known.into_iter().flat_map(Map::keys).map(String::as_str).collect();
    match nearest(key, known.iter().copied()) {
        Some(near) => format!("`{place}` is no key: did you mean `{near}`?"),
        None => format!("`{place}` is no key: there are {}", known.join(", ")),
    }
}

/// What stands under a key: the keys of the contract's records tell what kind it is.
fn part(key: &str, value: &Value, place: &str) -> Result<Value, String> {
    if value.is_null() {
        return Ok(Value::Null);
    }
    match key {
        "trigger" => trigger(value, place),
        "contact" => laid(&blank::contact(), value, place),
        "consent" => laid(&blank::consent(), value, place),
        "first_touch" | "last_touch" => laid(&blank::touch(), value, place),
        "stage" => laid(&blank::stage(), value, place),
        "earlier" => each(value, place, |value, place| laid(&blank::stage(), value, place)),
        "tasks" => each(value, place, |value, place| laid(&blank::task(), value, place)),
        "notes" => each(value, place, |value, place| laid(&blank::note(), value, place)),
        "appointments" => each(value, place, |value, place| laid(&blank::appointment(), value, place)),
        "custom_fields" => custom_fields(value, place),
        _ => Ok(value.clone()),
    }
}

fn each(value: &Value, place: &str, one: impl Fn(&Value, &str) -> Result<Value, String>) -> Result<Value, String> {
    let Value::Array(items) = value else { return Err(format!("`{place}` is a list, not {value}")) };
    items.iter().enumerate().map(|(at, item)| one(item, &format!("{place}[{at}]"))).collect()
}

/// As the contract has them, or short: `{"budget": 5000}`.
fn custom_fields(value: &Value, place: &str) -> Result<Value, String> {
    let Value::Object(short) = value else {
        return each(value, place, |value, place| {
            let mut field = value.clone();
            if let Some(held) = field.get_mut("value") {
                *held = tagged(held, &format!("{place}.value"))?;
            }
            laid(&blank::custom_field(), &field, place)
        });
    };
    let field = |(key, value): (&String, &Value)| {
        let value = tagged(value, &format!("{place}.{key}"))?;
        laid(&blank::custom_field(), &json!({"key": key, "value": value}), place)
    };
    short.iter().map(field).collect()
}

/// A field's value with its kind: told by itself where it is plain.
fn tagged(value: &Value, place: &str) -> Result<Value, String> {
    match value {
        Value::String(_) => Ok(json!({ "Text": value })),
        Value::Number(_) => Ok(json!({ "Number": value })),
        Value::Bool(_) => Ok(json!({ "Flag": value })),
        Value::Array(_) => Ok(json!({ "Many": value })),
        Value::Object(_) => Ok(value.clone()),
        Value::Null => Err(format!("`{place}` is a text, a number, true or false, or a list of texts")),
    }
}

/// A trigger's name alone, or with what it carries: `"contact-created"`, `{"opportunity-changed": {"status": "won"}}`.
fn trigger(value: &Value, place: &str) -> Result<Value, String> {
    let (written, carried) = match value {
        Value::String(name) => (name, None),
        Value::Object(one) if one.len() == 1 => match one.iter().next() {
            Some((name, carried)) => (name, Some(carried)),
            None => return Err(format!("`{place}` names a trigger")),
        },
        _ => return Err(format!("`{place}` is a trigger's name, or an object with that one key")),
    };
    let name = kebab(written);
    if !TRIGGERS.contains(&name.as_str()) {
        let near = nearest(&name, TRIGGERS).map(|near| format!("did you mean `{near}`?"));
        let hint = near.unwrap_or_else(|| format!("there are {}", TRIGGERS.join(", ")));
        return Err(format!("`{place}`: no trigger is called `{written}`: {hint}"));
    }
    let place = format!("{place}.{name}");
    let nothing = json!({});
    let carried = carried.unwrap_or(&nothing);
    let plain = |usual: Value| if *carried == nothing { usual } else { carried.clone() };
    let carried = match name.as_str() {
        "contact-created" | "contact-deleted" | "consent-changed" => match *carried == nothing || carried.is_null() {
            true => return Ok(json!(pascal(&name))),
            false => return Err(format!("`{place}` carries nothing")),
        },
        "contact-updated" => plain(json!([])),
        "tags-changed" => laid(&blank::tags(), carried, &place)?,
        "task-created" | "task-completed" => laid(&blank::task(), carried, &place)?,
        "task-deleted" => plain(json!(blank::task().id)),
        "note-created" | "note-updated" => laid(&blank::note(), carried, &place)?,
        "note-deleted" => plain(json!(blank::note().id)),
        "appointment-changed" => laid(&blank::appointment(), carried, &place)?,
        "opportunity-changed" => laid(&blank::opportunity(), carried, &place)?,
        _ => laid(&blank::reported(), carried, &place)?,
    };
    Ok(json!({ pascal(&name): carried }))
}

/// `OpportunityChanged` as the contract spells it: `opportunity-changed`.
fn kebab(name: &str) -> String {
    let mut kebab = String::with_capacity(name.len() + 2);
    for letter in name.chars() {
        if letter.is_ascii_uppercase() && !kebab.is_empty() && !kebab.ends_with('-') {
            kebab.push('-');
        }
        kebab.push(if letter == '_' { '-' } else { letter.to_ascii_lowercase() });
    }
    kebab
}

/// The other way round: as serde spells it.
fn pascal(name: &str) -> String {
    let word = |word: &str| {
        let (first, rest) = word.split_at(word.len().min(1));
        first.to_ascii_uppercase() + rest
    };
    name.split('-').map(word).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{change, kebab, pascal};
    use crate::contract::{FieldValue, TRIGGERS, Trigger, kind};
    use crate::flow::sample_changes;

    #[test]
    fn what_is_left_out_is_blank() {
        let whole = change(&json!({})).unwrap();
        assert_eq!(
            (whole.id.as_str(), &whole.trigger, whole.occurred_at),
            ("case", &Trigger::ContactCreated, whole.seen_at)
        );
        assert!(whole.contact.emails.is_empty() && whole.contact.first_touch.is_none());

        let won = json!({
            "currency": "EUR",
            "trigger": {"opportunity-changed": {"status": "won", "value": 1250, "stage": {"pipeline": "Sales", "name": "Won"}}},
            "contact": {
                "emails": ["ann@example.com"],
                "custom_fields": {"budget": 5000, "plan": "gold", "newsletter": true, "sizes": ["s", "m"]},
                "last_touch": {"fbclid": "IwAR0", "other": [["utm_medium", "cpc"]]},
            },
        });
        let won = change(&won).unwrap();
        let Trigger::OpportunityChanged(opportunity) = &won.trigger else { panic!("{:?}", won.trigger) };
        let stage = opportunity.stage.as_ref().unwrap();
        assert_eq!(
            (stage.name.as_deref(), stage.pipeline.as_deref(), opportunity.value),
            (Some("Won"), Some("Sales"), Some(1250.0))
        );
        let held = |key: &str| won.contact.custom_fields.iter().find(|field| field.key == key).unwrap().value.clone();
        assert_eq!(held("budget"), FieldValue::Number(5000.0));
        assert_eq!(held("plan"), FieldValue::Text("gold".into()));
        assert_eq!(held("newsletter"), FieldValue::Flag(true));
        assert_eq!(held("sizes"), FieldValue::Many(vec!["s".into(), "m".into()]));
        assert_eq!(won.contact.last_touch.unwrap().other, [("utm_medium".to_owned(), "cpc".to_owned())]);
    }

    #[test]
    fn every_trigger_can_be_named_alone_and_every_whole_change_is_taken_as_it_is() {
        for name in TRIGGERS {
            let blank = change(&json!({"trigger": name})).unwrap();
            assert_eq!(kind(&blank.trigger), name);
            assert_eq!(kebab(&pascal(name)), name);
        }
        for sample in sample_changes() {
            let written = serde_json::to_value(&sample).unwrap();
            assert_eq!(change(&written).unwrap(), sample);
        }
    }

    #[test]
    fn what_is_not_known_is_named_with_its_path() {
        let mistakes = [
            (json!({"contcat": {}}), "`change.contcat` is no key: did you mean `contact`?"),
            (json!({"contact": {"mail": "a"}}), "`change.contact.mail` is no key: there are "),
            (json!({"contact": {"emails": "a@example.com"}}), "`change.contact.emails`: invalid type"),
            (
                json!({"contact": {"tasks": [{"titel": "x"}]}}),
                "`change.contact.tasks[0].titel` is no key: did you mean `title`?",
            ),
            (
                json!({"contact": {"custom_fields": [{"key": "a", "val": 1}]}}),
                "`change.contact.custom_fields[0].val` is no key",
            ),
            (json!({"contact": {"custom_fields": {"a": null}}}), "`change.contact.custom_fields.a` is a text"),
            (
                json!({"trigger": "contact-creatd"}),
                "no trigger is called `contact-creatd`: did you mean `contact-created`?",
            ),
            (json!({"trigger": {"contact-created": {"x": 1}}}), "`change.trigger.contact-created` carries nothing"),
            (
                json!({"trigger": {"OpportunityChanged": {"stage": {"nam": "x"}}}}),
                "`change.trigger.opportunity-changed.stage.nam` is no key: did you mean `name`?",
            ),
            (json!([]), "`change` is an object of fields, not []"),
        ];
        for (given, wanted) in mistakes {
            let said = change(&given).unwrap_err();
            assert!(said.contains(wanted), "{said}");
        }
    }
}
