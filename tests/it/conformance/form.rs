//! The kit's JSON form: the contract's types spelled as `wit/` spells them. `tests/cases/README.md` describes it for readers in any language.

use convey::contract::types::Hashed;
use convey::contract::{Change, hex};
use serde_json::{Map, Value, json};

/// Fields that hold a case of an enum: written as its name alone.
const ENUMS: [&str; 3] = ["action_source", "code", "membership"];
/// Fields and cases whose own value may be a case without a payload: written as an object with a tag all the same.
const VARIANTS: [&str; 3] = ["trigger", "effect", "Command"];

/// A value of the contract in the kit's form.
pub fn written(value: &impl serde::Serialize) -> Value {
    kit("", serde_json::to_value(value).unwrap())
}

fn kit(within: &str, value: Value) -> Value {
    match value {
        Value::Array(items) => items.into_iter().map(|item| kit(within, item)).collect(),
        Value::String(case) if ENUMS.contains(&within) => json!(kebab(&case)),
        Value::String(case) if VARIANTS.contains(&within) => json!({"tag": kebab(&case)}),
        Value::Object(fields) => object(fields),
        plain => plain,
    }
}

fn object(fields: Map<String, Value>) -> Value {
    if let Some((case, _)) = fields.iter().next().filter(|(name, _)| name.starts_with(char::is_uppercase)) {
        let (case, tag) = (case.clone(), kebab(case));
        let payload = fields.into_iter().next().map(|(_, payload)| kit(&case, payload));
        return json!({"tag": tag, "val": payload});
    }
    if fields.contains_key("h") {
        let hashed: Hashed = serde_json::from_value(Value::Object(fields)).unwrap();
        return json!(hex(&hashed));
    }
    let told = fields.into_iter().filter(|(_, value)| !value.is_null());
    told.map(|(name, value)| (name.replace('_', "-"), kit(&name, value))).collect::<Map<_, _>>().into()
}

/// A change out of the kit's form. What a contact may leave out while a case is being written is filled in.
pub fn change(mut value: Value) -> Change {
    complete(&mut value);
    let id = value["id"].to_string();
    serde_json::from_value(plain(value)).unwrap_or_else(|error| panic!("change {id}: {error}"))
}

fn complete(value: &mut Value) {
    let Some(contact) = value.get_mut("contact").and_then(Value::as_object_mut) else { return };
    for list in ["emails", "phones", "tags", "custom-fields", "tasks", "notes", "appointments"] {
        contact.entry(list).or_insert_with(|| json!([]));
    }
    contact.entry("consent").or_insert_with(|| json!({"do-not-disturb": false, "blocked-channels": []}));
    for touch in ["first-touch", "last-touch"] {
        if let Some(touch) = contact.get_mut(touch).and_then(Value::as_object_mut) {
            touch.entry("other").or_insert_with(|| json!([]));
        }
    }
}

/// The host's own serde form: fields in snake case, cases in Pascal case around their payload.
fn plain(value: Value) -> Value {
    match value {
        Value::Array(items) => items.into_iter().map(plain).collect(),
        Value::Object(mut fields) => {
            let Some(tag) = fields.get("tag").and_then(Value::as_str).map(pascal) else {
                return fields
                    .into_iter()
                    .map(|(name, value)| (name.replace('-', "_"), plain(value)))
                    .collect::<Map<_, _>>()
                    .into();
            };
            match fields.remove("val") {
                Some(payload) => json!({tag: plain(payload)}),
                None => json!(tag),
            }
        }
        value => value,
    }
}

/// `TagsChanged` as `tags-changed`.
fn kebab(case: &str) -> String {
    let mut name = String::new();
    for letter in case.chars() {
        if letter.is_uppercase() && !name.is_empty() {
            name.push('-');
        }
        name.extend(letter.to_lowercase());
    }
    name
}

/// `tags-changed` as `TagsChanged`.
fn pascal(name: &str) -> String {
    name.split('-').map(|word| word[..1].to_uppercase() + &word[1..]).collect()
}

#[test]
fn a_value_keeps_its_meaning_in_the_form() {
    let changes = convey::flow::sample_changes();
    for sample in &changes {
        let text = written(sample);
        assert_eq!(&change(text.clone()), sample, "{text}");
    }
    let text = written(&changes[0]);
    assert_eq!(text["trigger"], json!({"tag": "contact-created"}));
    assert_eq!(text["contact"]["custom-fields"][0]["value"], json!({"tag": "number", "val": 5_000.0}));
    let words = Hashed { a: 1, b: 0, c: 0, d: 0, e: 0, f: 0, g: 0, h: 255 };
    assert_eq!(written(&vec![words]), json!([format!("00000001{}000000ff", "0".repeat(48))]));
    assert_eq!(kit("Command", json!("DeleteContact")), json!({"tag": "delete-contact"}));
    assert_eq!(kit("action_source", json!("PhysicalStore")), json!("physical-store"));
}
