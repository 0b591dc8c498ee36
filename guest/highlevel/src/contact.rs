//! A contact as the API returns it, or as a contact webhook repeats it, as the contract's contact.

use crate::attribution::touches;
use crate::bindings::convey::pipeline::types::{Contact, CustomField, FieldValue};
use crate::consent::consent;
use crate::json::{Look, any_text, is_blank, list, text};
use crate::time;

/// Reads every field the contract has. Nothing is required: live answers leave empty fields out.
pub fn contact(value: &impl Look) -> Contact {
    let (first_touch, last_touch) = touches(value);
    Contact {
        id: text(value, "id").unwrap_or_default(),
        location: text(value, "locationId").unwrap_or_default(),
        business: text(value, "businessId"),
        first_name: any_text(value, &["firstName", "firstNameLowerCase"]),
        last_name: any_text(value, &["lastName", "lastNameLowerCase"]),
        full_name: any_text(value, &["name", "contactName", "fullNameLowerCase"]),
        emails: several(value, &["email", "emailLowerCase"], "additionalEmails", &["email"]),
        phones: several(value, &["phone"], "additionalPhones", &["phone", "phoneNumber"]),
        gender: text(value, "gender"),
        date_of_birth: value.member("dateOfBirth").and_then(time::date),
        street: any_text(value, &["address1", "address"]),
        city: text(value, "city"),
        state: text(value, "state"),
        postal_code: text(value, "postalCode"),
        country: text(value, "country"),
        tags: tags(value),
        custom_fields: custom_fields(value),
        source: text(value, "source"),
        consent: consent(value),
        first_touch,
        last_touch,
        created_at: time::at(value, "dateAdded"),
        updated_at: time::at(value, "dateUpdated"),
        tasks: Vec::new(),
        notes: Vec::new(),
        appointments: Vec::new(),
    }
}

/// The tags in order, each once.
pub fn tags(value: &impl Look) -> Vec<String> {
    let mut tags: Vec<String> = Vec::new();
    for tag in list(value, "tags").iter().filter_map(Look::as_text) {
        if !is_blank(tag) && !tags.iter().any(|known| known == tag) {
            tags.push(tag.to_owned());
        }
    }
    tags
}

/// The first address and the additional ones, which come as text or as objects.
fn several(value: &impl Look, first: &[&str], more: &str, inside: &[&str]) -> Vec<String> {
    let additional = list(value, more).iter().filter_map(|item| match item.as_text() {
        Some(text) if !is_blank(text) => Some(text.to_owned()),
        _ => any_text(item, inside),
    });
    let mut all: Vec<String> = Vec::new();
    for address in any_text(value, first).into_iter().chain(additional) {
        if !all.contains(&address) {
            all.push(address);
        }
    }
    all
}

/// By id: neither contacts nor webhooks carry a field's key or name.
fn custom_fields(value: &impl Look) -> Vec<CustomField> {
    let fields = list(value, "customFields").iter().filter_map(|field| {
        let held = ["value", "field_value", "fieldValue"].iter().find_map(|name| field.member(name))?;
        Some(CustomField { key: any_text(field, &["id", "key"])?, name: None, value: field_value(held)? })
    });
    fields.collect()
}

fn field_value(value: &impl Look) -> Option<FieldValue> {
    if let Some(text) = value.as_text() {
        return Some(FieldValue::Text(text.to_owned()));
    }
    if let Some(number) = value.as_number() {
        return number.as_f64().map(FieldValue::Number);
    }
    if let Some(flag) = value.as_flag() {
        return Some(FieldValue::Flag(flag));
    }
    let texts = value.elements().map(|items| items.iter().map(|item| item.as_text().map(str::to_owned)).collect());
    match texts {
        Some(Some(many)) => Some(FieldValue::Many(many)),
        Some(None) => Some(FieldValue::Json(value.written())),
        None => value.members().map(|_| FieldValue::Json(value.written())),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn every_field_finds_its_place() {
        let contact = contact(&json!({
            "id": "c1", "locationId": "l1", "businessId": "b1", "firstName": "Zoë", "lastName": "O'Brien", "contactName": "zoë o'brien",
            "email": "zoe@example.org", "additionalEmails": [{"email": "z@example.org"}, "zoe@example.org"], "phone": "+13105550100",
            "additionalPhones": ["+13105550101", {"phone": "+13105550102"}], "gender": "female", "dateOfBirth": "2000-01-05T00:00:00.000Z",
            "address1": "1 Main St", "city": "Austin", "state": "TX", "postalCode": 73301, "country": "US", "tags": ["a", "b", "a", ""],
            "source": "form 1", "dnd": false, "dateAdded": "2021-07-02T05:18:26.704Z", "dateUpdated": 1_637_930_462_193_u64,
            "attributionSource": {"fbclid": "x"}, "customFields": [
                {"id": "f1", "value": "Yes"}, {"id": "f2", "value": 7}, {"id": "f3", "value": ["a", "b"]}, {"id": "f4", "value": {"u": 1}},
                {"id": "f5", "value": null}, {"id": "f6", "fieldValue": true}, {"value": "no id"}]
        }));
        assert_eq!(
            (contact.id.as_str(), contact.location.as_str(), contact.business.as_deref()),
            ("c1", "l1", Some("b1"))
        );
        assert_eq!(contact.full_name.as_deref(), Some("zoë o'brien"));
        assert_eq!(contact.emails, ["zoe@example.org", "z@example.org"]);
        assert_eq!(contact.phones, ["+13105550100", "+13105550101", "+13105550102"]);
        assert_eq!(
            (contact.date_of_birth.as_deref(), contact.postal_code.as_deref()),
            (Some("2000-01-05"), Some("73301"))
        );
        assert_eq!(contact.tags, ["a", "b"]);
        assert_eq!((contact.created_at, contact.updated_at), (Some(1_625_203_106_704), Some(1_637_930_462_193)));
        assert!(contact.first_touch.is_some() && contact.last_touch.is_none());
        let keys: Vec<&str> = contact.custom_fields.iter().map(|field| field.key.as_str()).collect();
        assert_eq!(keys, ["f1", "f2", "f3", "f4", "f6"]);
        assert_eq!(contact.custom_fields[1].value, FieldValue::Number(7.0));
        assert_eq!(contact.custom_fields[2].value, FieldValue::Many(vec!["a".into(), "b".into()]));
        assert_eq!(contact.custom_fields[3].value, FieldValue::Json(r#"{"u":1}"#.into()));
    }

    #[test]
    fn an_empty_contact_is_a_contact() {
        let contact = contact(&json!({"id": "c1", "email": null, "phone": "", "tags": null}));
        assert!(contact.emails.is_empty() && contact.phones.is_empty() && contact.tags.is_empty());
    }
}
