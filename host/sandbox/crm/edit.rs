//! What a body changes of a contact: worked out first, done afterwards, so that a refused request changes nothing.

use serde_json::{Map, Value, json};

use super::super::ids;
use super::super::time::iso;
use super::auth::Version;
use super::desk::Desk;
use super::state::{Crm, Location, phone_key};
use super::{dates, shape};

/// Fields that are taken as they are given.
const PLAIN: [&str; 14] = [
    "firstName",
    "lastName",
    "address1",
    "city",
    "state",
    "postalCode",
    "country",
    "website",
    "timezone",
    "source",
    "companyName",
    "assignedTo",
    "gender",
    "inboundDndSettings",
];

/// Fields and what they become; none: the field goes.
pub type Changes = Vec<(&'static str, Option<Value>)>;

/// What kinds of things a write changed.
#[derive(Default)]
pub struct Changed {
    /// Anything but tags and consent.
    pub fields: bool,
    /// The set of tags.
    pub tags: bool,
    /// Whether and how the person may be reached.
    pub consent: bool,
}

/// What `body` makes of somebody with these `fields`.
///
/// # Errors
/// The vendor's words for a consent that nobody but the person can change.
pub fn changes(
    fields: &Map<String, Value>,
    location: &Location,
    body: &Map<String, Value>,
    version: Version,
) -> Result<Changes, String> {
    let mut changes: Changes = Vec::new();
    for key in PLAIN {
        if let Some(value) = body.get(key) {
            changes.push((key, filled(value)));
        }
    }
    if let Some(name) = body.get("name") {
        let (first, last) = match name.as_str().map(str::trim).and_then(|name| name.split_once(' ')) {
            Some((first, last)) => (Some(first.into()), Some(last.trim().into())),
            None => (filled(name), None),
        };
        // The parts, where they are given as well, are the more exact ones.
        for (key, value) in [("firstName", first), ("lastName", last)] {
            if !body.contains_key(key) {
                changes.push((key, value));
            }
        }
    }
    named(fields, &mut changes);
    if let Some(email) = body.get("email") {
        let lower = email.as_str().map(|email| Value::from(email.trim().to_lowercase()));
        changes.push(("email", filled(email)));
        changes.push(("emailLowerCase", lower.filter(|email| email != "")));
    }
    if let Some(phone) = body.get("phone") {
        let key = phone.as_str().and_then(|phone| phone_key(phone, location.country));
        changes.push(("phone", key.map(|key| format!("+{key}").into()).or_else(|| filled(phone))));
    }
    if let Some(born) = body.get("dateOfBirth") {
        changes.push(("dateOfBirth", born.as_str().and_then(dates::birthday).map(Value::from)));
    }
    if let Some(dnd) = body.get("dnd") {
        changes.push(("dnd", Some(dnd.clone())));
    }
    if let Some(Value::Object(settings)) = body.get("dndSettings") {
        changes.push(("dndSettings", Some(consent(fields.get("dndSettings"), settings, version)?)));
    }
    if let Some(tags) = body.get("tags") {
        changes.push(("tags", Some(distinct(tags).into())));
    }
    if let Some(Value::Array(given)) = body.get("customFields") {
        changes.push(("customFields", Some(answers(fields.get("customFields"), given, location))));
    }
    Ok(changes)
}

/// Does what was worked out, and says what came of it.
pub fn apply(crm: &mut Crm, desk: &Desk, id: &str, changes: Changes) -> Changed {
    let mut changed = Changed::default();
    for (key, value) in changes {
        if crm.put(id, desk.now, key, value) {
            match key {
                "tags" => changed.tags = true,
                "dnd" | "dndSettings" => changed.consent = true,
                _ => changed.fields = true,
            }
        }
    }
    if changed.fields || changed.tags || changed.consent {
        crm.put(id, desk.now, "lastUpdatedBy", Some(writer(desk)));
    }
    changed
}

/// Somebody new with these changes to nothing.
pub fn newborn(desk: &Desk, location: &Location, changes: Changes) -> Map<String, Value> {
    let now = iso(desk.now);
    let base = json!({
        "id": ids::alphanumeric(&mut desk.world.trace(), 20), "locationId": location.id, "type": "lead", "dnd": false, "tags": [],
        "customFields": [], "country": location.country.code, "dateAdded": now, "dateUpdated": now, "createdBy": writer(desk),
    });
    let mut fields = base.as_object().cloned().unwrap_or_default();
    for (key, value) in changes {
        match value {
            Some(value) => fields.insert(key.to_owned(), value),
            None => fields.remove(key),
        };
    }
    fields
}

fn writer(desk: &Desk) -> Value {
    json!({ "source": "INTEGRATION", "channel": "OAUTH", "sourceId": desk.world.app.id, "timestamp": iso(desk.now) })
}

/// An empty text is how a field is cleared, and a cleared field is not there.
fn filled(value: &Value) -> Option<Value> {
    let empty = value.is_null() || value == "" || value.as_array().is_some_and(Vec::is_empty);
    (!empty).then(|| value.clone())
}

/// The names that follow from first and last name.
fn named(fields: &Map<String, Value>, changes: &mut Changes) {
    let now = |key: &str| {
        let changed = changes.iter().rev().find(|(changed, _)| *changed == key);
        let value = changed.map_or_else(|| fields.get(key), |(_, value)| value.as_ref());
        (changed.is_some(), value.and_then(Value::as_str).unwrap_or_default().to_owned())
    };
    let ((first_changed, first), (last_changed, last)) = (now("firstName"), now("lastName"));
    if !first_changed && !last_changed {
        return;
    }
    let full = format!("{} {}", first.trim(), last.trim()).trim().to_owned();
    for (key, text) in [
        ("firstNameLowerCase", first.trim().to_lowercase()),
        ("lastNameLowerCase", last.trim().to_lowercase()),
        ("fullNameLowerCase", full.to_lowercase()),
        ("name", full),
    ] {
        changes.push((key, filled(&text.into())));
    }
}

/// Channels that are not named stay as they are; what the person made permanent stays so.
fn consent(known: Option<&Value>, given: &Map<String, Value>, version: Version) -> Result<Value, String> {
    let mut settings = known.and_then(Value::as_object).cloned().unwrap_or_default();
    for (name, setting) in given {
        let channel = if version == Version::V3 { shape::channel_dated(name) } else { name.clone() };
        if settings.get(&channel).is_some_and(|known| known["status"] == "permanent" && known != setting) {
            return Err(format!("Not authorized to update permanent dnd setting for {channel}"));
        }
        settings.insert(channel, setting.clone());
    }
    Ok(settings.into())
}

/// Each tag once, in the order given.
pub fn distinct(tags: &Value) -> Vec<Value> {
    let mut kept: Vec<Value> = Vec::new();
    for tag in tags.as_array().into_iter().flatten() {
        if !kept.contains(tag) {
            kept.push(tag.clone());
        }
    }
    kept
}

/// Custom fields that are not named stay as they are; one the location does not know is passed over without a word.
fn answers(known: Option<&Value>, given: &[Value], location: &Location) -> Value {
    let mut answers = known.and_then(Value::as_array).cloned().unwrap_or_default();
    for answer in given {
        let key = answer["key"].as_str().map(|key| key.strip_prefix("contact.").unwrap_or(key));
        let field = location.fields.iter().find(|field| answer["id"] == field.id.as_str() || key == Some(field.key));
        let Some(field) = field else { continue };
        let value = answer.get("fieldValue").or_else(|| answer.get("field_value")).and_then(filled);
        let place = answers.iter().position(|known| known["id"] == field.id.as_str());
        match (place, value) {
            (Some(place), Some(value)) => answers[place]["value"] = value,
            (Some(place), None) => {
                answers.remove(place);
            }
            (None, Some(value)) => answers.push(json!({ "id": field.id, "value": value })),
            (None, None) => {}
        }
    }
    answers.into()
}

#[cfg(test)]
mod tests {
    use serde_json::{Map, Value, json};

    use super::changes;
    use crate::sandbox::Options;
    use crate::sandbox::crm::auth::Version;
    use crate::sandbox::crm::state::Crm;

    fn made(fields: &Value, body: &Value, version: Version) -> Result<Map<String, Value>, String> {
        let crm = Crm::seeded(&Options { contacts: 0, ..Options::default() }, 1_795_305_600_000);
        let mut fields = fields.as_object().expect("an object").clone();
        let body = body.as_object().expect("an object");
        for (key, value) in changes(&fields, &crm.locations[0], body, version)? {
            match value {
                Some(value) => fields.insert(key.to_owned(), value),
                None => fields.remove(key),
            };
        }
        Ok(fields)
    }

    #[test]
    fn a_name_has_its_parts_and_the_parts_their_name() {
        let whole = made(&json!({}), &json!({ "name": "Ada King Lovelace" }), Version::Dated).expect("allowed");
        assert_eq!((&whole["firstName"], &whole["lastName"]), (&json!("Ada"), &json!("King Lovelace")));
        let fields = json!({ "firstName": "Ada", "lastName": "King", "name": "Ada King" });
        let part = made(&fields, &json!({ "lastName": "Lovelace" }), Version::Dated).expect("allowed");
        assert_eq!((&part["name"], &part["fullNameLowerCase"]), (&json!("Ada Lovelace"), &json!("ada lovelace")));
        let none = made(&fields, &json!({ "firstName": null, "lastName": "" }), Version::Dated).expect("allowed");
        assert!(none.is_empty(), "{none:?}");
    }

    #[test]
    fn addresses_are_tidied() {
        let body = json!({ "email": "Ann@Example.com", "phone": "(212) 555-0199", "dateOfBirth": "09/25/1990" });
        let made = made(&json!({}), &body, Version::Dated).expect("allowed");
        assert_eq!(
            json!([made["email"], made["emailLowerCase"], made["phone"], made["dateOfBirth"]]),
            json!(["Ann@Example.com", "ann@example.com", "+12125550199", "1990-09-25"])
        );
    }

    #[test]
    fn what_is_permanent_stays() {
        let fields = json!({ "dndSettings": { "SMS": { "status": "permanent" }, "Email": { "status": "active" } } });
        let body = json!({ "dndSettings": { "sms": { "status": "inactive" } } });
        let refused = made(&fields, &body, Version::V3).expect_err("refused");
        assert_eq!(refused, "Not authorized to update permanent dnd setting for SMS");
        let body = json!({ "dndSettings": { "email": { "status": "inactive" } } });
        let merged = made(&fields, &body, Version::V3).expect("allowed");
        assert_eq!(merged["dndSettings"]["Email"]["status"], "inactive");
        assert_eq!(merged["dndSettings"]["SMS"]["status"], "permanent");
    }

    #[test]
    fn custom_fields_go_by_id_or_key_and_the_unknown_are_passed_over() {
        let body = json!({ "customFields": [
            { "key": "contact.budget", "field_value": 500 }, { "key": "gender", "field_value": "F" }, { "id": "nobody's", "field_value": 1 },
        ]});
        let first = made(&json!({}), &body, Version::Dated).expect("allowed");
        let id = first["customFields"][0]["id"].clone();
        assert_eq!(first["customFields"].as_array().map(Vec::len), Some(2));
        let body = json!({ "customFields": [{ "id": id, "fieldValue": "" }] });
        let second = made(&first.into(), &body, Version::V3).expect("allowed");
        assert_eq!(second["customFields"].as_array().map(Vec::len), Some(1));
        assert_eq!(second["customFields"][0]["value"], "F");
    }
}
