//! Contacts in the four shapes the endpoints show them in.

use serde_json::{Map, Value, json};

use super::auth::Version;
use super::state::{Location, Seen};

/// What a row of a list shows of a contact (HighLevel, Contacts API, `GET /contacts/`).
const LIST_KEYS: [&str; 26] = [
    "id",
    "locationId",
    "firstName",
    "lastName",
    "companyName",
    "email",
    "phone",
    "dnd",
    "dndSettings",
    "type",
    "source",
    "assignedTo",
    "address1",
    "city",
    "state",
    "postalCode",
    "country",
    "timezone",
    "website",
    "dateAdded",
    "dateUpdated",
    "dateOfBirth",
    "tags",
    "customFields",
    "businessId",
    "followers",
];

/// What a row of a search shows under the contact's own names: less than a list's, and the names in lower case only.
const SEARCH_KEYS: [&str; 23] = [
    "id",
    "firstNameLowerCase",
    "lastNameLowerCase",
    "email",
    "phone",
    "companyName",
    "businessId",
    "tags",
    "type",
    "source",
    "assignedTo",
    "followers",
    "dnd",
    "dndSettings",
    "dateAdded",
    "dateUpdated",
    "dateOfBirth",
    "customFields",
    "city",
    "state",
    "postalCode",
    "country",
    "website",
];

/// The whole contact, as a fetch by id shows it.
pub fn contact(fields: &Map<String, Value>, version: Version) -> Value {
    let mut shown = fields.clone();
    if let (Version::V3, Some(Value::Object(settings))) = (version, shown.get_mut("dndSettings")) {
        *settings = std::mem::take(settings).into_iter().map(|(name, state)| (channel_v3(&name), state)).collect();
    }
    shown.into()
}

/// The contact a create answers with: dated versions tell more of it than a fetch does.
pub fn created(fields: &Map<String, Value>, version: Version) -> Value {
    let mut shown = contact(fields, version);
    if version == Version::V3 {
        return shown;
    }
    for (key, value) in [
        ("deleted", json!(false)),
        ("bounceEmail", json!(false)),
        ("unsubscribeEmail", json!(false)),
        ("offers", json!([])),
        ("products", json!([])),
    ] {
        shown[key] = value;
    }
    shown["lastSessionActivityAt"] = shown["dateAdded"].clone();
    if let Some(born) = fields.get("dateOfBirth").and_then(Value::as_str) {
        let part = |range: std::ops::Range<usize>| born.get(range).and_then(|part| part.parse::<u8>().ok());
        shown["birthMonth"] = part(5..7).into();
        shown["birthDay"] = part(8..10).into();
        shown["dateOfBirth"] = format!("{born}T00:00:00.000Z").into();
    }
    shown
}

/// A row of a list.
pub fn row(seen: &Seen<'_>) -> Value {
    let mut shown = some(&seen.fields, &LIST_KEYS);
    shown.insert("contactName".to_owned(), name(&seen.fields).into());
    let first = seen.fields.get("attributionSource").map(|touch| attribution(touch, "isFirst"));
    let last = seen.fields.get("lastAttributionSource").map(|touch| attribution(touch, "isLast"));
    shown.insert("attributions".to_owned(), first.into_iter().chain(last).collect());
    shown.into()
}

/// A row of a search, with where to go on after it.
pub fn found(seen: &Seen<'_>, location: &Location, search_after: Vec<Value>) -> Value {
    let mut shown = some(&seen.fields, &SEARCH_KEYS);
    for (key, value) in [
        ("phoneLabel", Value::Null),
        ("additionalEmails", json!([])),
        ("additionalPhones", json!([])),
        ("address", seen.fields.get("address1").cloned().unwrap_or_default()),
        ("validEmail", Value::Null),
        ("searchAfter", search_after.into()),
    ] {
        shown.insert(key.to_owned(), value);
    }
    let business = seen.fields.get("businessId").and_then(Value::as_str).and_then(|id| location.business(id));
    shown.insert("businessName".to_owned(), business.into());
    shown.into()
}

/// The name people know a contact by.
pub fn name(fields: &Map<String, Value>) -> Option<&str> {
    let text = |key: &str| fields.get(key).and_then(Value::as_str);
    text("name").or_else(|| text("firstName")).or_else(|| text("lastName"))
}

fn some(fields: &Map<String, Value>, keys: &[&str]) -> Map<String, Value> {
    keys.iter().filter_map(|key| Some(((*key).to_owned(), fields.get(*key)?.clone()))).collect()
}

fn attribution(touch: &Value, which: &str) -> Value {
    let mut touch = touch.clone();
    touch[which] = true.into();
    touch
}

/// `SMS` is `sms` in `v3`, `WhatsApp` is `whatsApp`.
pub fn channel_v3(name: &str) -> String {
    if name.chars().all(char::is_uppercase) {
        return name.to_lowercase();
    }
    let mut letters = name.chars();
    letters.next().map(|first| first.to_ascii_lowercase()).into_iter().chain(letters).collect()
}

/// The name dated versions have for a channel of `v3`.
pub fn channel_dated(name: &str) -> String {
    match name {
        "sms" | "gmb" | "fb" | "rcs" => name.to_uppercase(),
        _ => {
            let mut letters = name.chars();
            letters.next().map(|first| first.to_ascii_uppercase()).into_iter().chain(letters).collect()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{channel_dated, channel_v3};

    #[test]
    fn channels_have_one_name_in_each_version() {
        for (dated, v3) in [("SMS", "sms"), ("WhatsApp", "whatsApp"), ("Email", "email"), ("GMB", "gmb"), ("FB", "fb")]
        {
            assert_eq!((channel_v3(dated).as_str(), channel_dated(v3).as_str()), (v3, dated));
        }
    }
}
