//! A contact's own fields as short digests: enough to see which changed, and nothing personal to keep.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::bindings::convey::pipeline::types::{Attribution, Contact, FieldValue};
use crate::contact::contact;
use crate::digest;
use crate::settings::ContactFrom;

/// Field name (the contract's) to digest. A field that is empty is not in it.
pub type Fields = BTreeMap<String, String>;

/// Every field that `contact-updated` speaks of: where contacts are taken from webhooks, what webhooks and the API spell alike. Tags and consent have
/// triggers of their own.
pub fn fields(contact: &Contact, from: ContactFrom) -> Fields {
    digested(&contact.id, carried_values(contact).chain(other_values(contact, from)))
}

/// The fields a contact webhook carries as the API does.
pub fn carried(contact: &Contact) -> Fields {
    digested(&contact.id, carried_values(contact))
}

/// The fields when a webhook of the contact was sent, for a contact fetched that has moved on since: what such a webhook carries is its word, also
/// where it leaves out what is empty; the rest is the fetched contact's.
pub fn at_webhook(webhook: &Contact, fetched: &Contact, from: ContactFrom) -> Fields {
    let later = |fetched: &[String], said: &[String]| {
        if fetched.first() == said.first() { fetched.to_vec() } else { said.to_vec() }
    };
    let then = Contact {
        emails: later(&fetched.emails, &webhook.emails),
        phones: later(&fetched.phones, &webhook.phones),
        ..fetched.clone()
    };
    digested(&fetched.id, carried_values(webhook).chain(other_values(&then, from)))
}

fn digested(contact: &str, values: impl Iterator<Item = (String, String)>) -> Fields {
    let digest = |(name, value): (String, String)| {
        let digest = digest::hex(&[contact, &name, &value], 12);
        (name, digest)
    };
    values.map(digest).collect()
}

/// What a field holds that no contact webhook carries as the API does.
fn other_values(contact: &Contact, from: ContactFrom) -> impl Iterator<Item = (String, String)> {
    let mut values = Vec::new();
    let mut put = |name: &str, value: String| {
        if !value.is_empty() {
            values.push((name.to_owned(), value));
        }
    };
    if from == ContactFrom::Webhook {
        put("emails", contact.emails.first().cloned().unwrap_or_default());
        put("phones", contact.phones.first().cloned().unwrap_or_default());
        return values.into_iter();
    }
    // Derived where the parts are known: a new first name is one change, not two.
    if contact.first_name.is_none() && contact.last_name.is_none() {
        put("full-name", contact.full_name.clone().unwrap_or_default());
    }
    put("emails", contact.emails.join("\n"));
    put("phones", contact.phones.join("\n"));
    put("gender", contact.gender.clone().unwrap_or_default());
    put("business", contact.business.clone().unwrap_or_default());
    put("first-touch", contact.first_touch.as_ref().map(touch).unwrap_or_default());
    put("last-touch", contact.last_touch.as_ref().map(touch).unwrap_or_default());
    values.into_iter()
}

fn carried_values(contact: &Contact) -> impl Iterator<Item = (String, String)> {
    let plain = [
        ("first-name", &contact.first_name),
        ("last-name", &contact.last_name),
        ("date-of-birth", &contact.date_of_birth),
        ("street", &contact.street),
        ("city", &contact.city),
        ("state", &contact.state),
        ("postal-code", &contact.postal_code),
        ("country", &contact.country),
        ("source", &contact.source),
    ];
    let custom =
        contact.custom_fields.iter().map(|field| (format!("custom-fields.{}", field.key), written(&field.value)));
    let plain = plain.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value.clone()?)));
    plain.chain(custom)
}

/// The fields at the sight in a list's row where the contact fetched has moved on since. A row leaves out what it does not know and spells names in
/// lower case, so only what it surely says otherwise is taken from it.
pub fn at_sight(row: &Value, fetched: &Contact, from: ContactFrom) -> Fields {
    let said = contact(row);
    let mut fields = fields(fetched, from);
    let then = self::fields(&said, from);
    let knows = |keys: &[&str]| keys.iter().any(|key| row.get(key).is_some());
    let same = |a: &Option<String>, b: &Option<String>| {
        a.as_deref().unwrap_or_default().to_lowercase() == b.as_deref().unwrap_or_default().to_lowercase()
    };
    let differs = [
        ("first-name", knows(&["firstName", "firstNameLowerCase"]) && !same(&said.first_name, &fetched.first_name)),
        ("last-name", knows(&["lastName", "lastNameLowerCase"]) && !same(&said.last_name, &fetched.last_name)),
        ("emails", knows(&["email"]) && said.emails.first() != fetched.emails.first()),
        ("phones", knows(&["phone"]) && said.phones.first() != fetched.phones.first()),
        ("street", knows(&["address", "address1"]) && said.street != fetched.street),
        ("city", knows(&["city"]) && said.city != fetched.city),
        ("state", knows(&["state"]) && said.state != fetched.state),
        ("postal-code", knows(&["postalCode"]) && said.postal_code != fetched.postal_code),
        ("source", knows(&["source"]) && said.source != fetched.source),
    ];
    let custom: Vec<String> = if knows(&["customFields"]) {
        let named = fields.keys().chain(then.keys()).filter(|name| name.starts_with("custom-fields."));
        named.filter(|name| fields.get(*name) != then.get(*name)).cloned().collect()
    } else {
        Vec::new()
    };
    let plain = differs.into_iter().filter(|(_, differs)| *differs).map(|(name, _)| name.to_owned());
    for name in plain.chain(custom) {
        match then.get(&name) {
            Some(value) => fields.insert(name, value.clone()),
            None => fields.remove(&name),
        };
    }
    fields
}

/// Names of the fields that differ, in order.
pub fn changed(before: &Fields, after: &Fields) -> Vec<String> {
    let names: BTreeSet<&String> = before.keys().chain(after.keys()).collect();
    names.into_iter().filter(|name| before.get(*name) != after.get(*name)).cloned().collect()
}

/// What a version keeps of the whole.
pub fn mark(fields: &Fields) -> String {
    let parts: Vec<&str> = fields.iter().flat_map(|(name, value)| [name.as_str(), value.as_str()]).collect();
    digest::mark(&parts)
}

fn written(value: &FieldValue) -> String {
    match value {
        FieldValue::Text(text) | FieldValue::Json(text) => text.clone(),
        FieldValue::Number(number) => number.to_string(),
        FieldValue::Flag(flag) => flag.to_string(),
        FieldValue::Many(items) => items.join("\n"),
    }
}

fn touch(touch: &Attribution) -> String {
    let known = [
        &touch.fbclid,
        &touch.fbc,
        &touch.fbp,
        &touch.event_id,
        &touch.client_ip,
        &touch.user_agent,
        &touch.url,
        &touch.referrer,
        &touch.campaign,
        &touch.lead_id,
    ];
    let mut text: String = known.iter().map(|field| format!("{}\n", field.as_deref().unwrap_or_default())).collect();
    for (name, value) in &touch.other {
        text.push_str(&format!("{name}={value}\n"));
    }
    text
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use ContactFrom::{Api, Webhook};

    #[test]
    fn only_what_changed_is_named() {
        let before = fields(
            &contact(
                &json!({"id": "c", "firstName": "A", "name": "A B", "city": "X", "customFields": [{"id": "f", "value": 1}]}),
            ),
            Api,
        );
        let after = fields(
            &contact(
                &json!({"id": "c", "firstName": "C", "name": "C B", "email": "a@b.c", "customFields": [{"id": "f", "value": 2}], "tags": ["x"]}),
            ),
            Api,
        );
        assert_eq!(changed(&before, &after), ["city", "custom-fields.f", "emails", "first-name"]);
        assert_eq!(changed(&after, &after), Vec::<String>::new());
    }

    #[test]
    fn nothing_personal_is_kept() {
        let kept =
            serde_json::to_string(&fields(&contact(&json!({"id": "c", "email": "a@b.c", "firstName": "Zoë"})), Api))
                .expect("plain");
        assert!(!kept.contains("a@b.c") && !kept.contains("Zoë"), "{kept}");
        let elsewhere = fields(&contact(&json!({"id": "d", "firstName": "Zoë"})), Api);
        assert!(!kept.contains(&elsewhere["first-name"]), "the same name of two people must not look the same");
    }

    #[test]
    fn where_webhooks_are_taken_for_the_contact_only_what_they_spell_alike_counts() {
        let api = contact(
            &json!({"id": "c", "email": "a@b.c", "additionalEmails": ["d@e.f"], "businessId": "b", "gender": "female", "city": "X",
            "attributionSource": {"fbclid": "IwAR1"}}),
        );
        let webhook = contact(&json!({"id": "c", "email": "a@b.c", "companyName": "B", "city": "X"}));
        assert_eq!(fields(&api, Webhook), fields(&webhook, Webhook));
        assert_eq!(
            changed(&fields(&webhook, Api), &fields(&api, Api)),
            ["business", "emails", "first-touch", "gender"]
        );
    }

    #[test]
    fn creation_keeps_the_webhooks_word() {
        let said = contact(&json!({"id": "c", "firstName": "A", "email": "a@b.c", "city": "X"}));
        let now = contact(
            &json!({"id": "c", "firstName": "A", "email": "a@b.c", "additionalEmails": ["d@e.f"], "city": "Y", "state": "TX", "businessId": "b"}),
        );
        assert_eq!(changed(&at_webhook(&said, &now, Api), &fields(&now, Api)), ["city", "state"]);
    }

    #[test]
    fn a_row_is_believed_where_it_speaks() {
        let row = json!({"id": "c", "firstNameLowerCase": "zoë", "lastNameLowerCase": "old", "email": "a@b.c", "customFields": [{"id": "f", "value": 1}]});
        let now = contact(
            &json!({"id": "c", "firstName": "Zoë", "lastName": "New", "email": "d@e.f", "city": "Austin", "gender": "female",
            "customFields": [{"id": "f", "value": 2}, {"id": "g", "value": "x"}]}),
        );
        assert_eq!(
            changed(&at_sight(&row, &now, Api), &fields(&now, Api)),
            ["custom-fields.f", "custom-fields.g", "emails", "last-name"]
        );
        assert_eq!(at_sight(&json!({"id": "c"}), &now, Api), fields(&now, Api));
    }
}
