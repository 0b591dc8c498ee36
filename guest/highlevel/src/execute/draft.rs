//! A contact's draft against the contact as it is: what differs, and how the API wants it written.

use serde_json::{Map, Value, json};

use super::Errand;
use crate::bindings::convey::pipeline::types::{ContactDraft, CustomField, FieldValue};
use crate::bindings::exports::convey::pipeline::contact_source::SourceError;
use crate::call::Call;
use crate::catalogue::{self, Catalogue};
use crate::contact;
use crate::json::{any_text, list, text};
use crate::reply::Reply;
use crate::scope;
use crate::settings::ApiVersion;

/// Shorter numbers than this are too likely to be the end of another.
const PHONE_DIGITS: usize = 7;

/// What a contact shall have, custom fields by id. Tags are never among it: they would replace the whole set.
#[derive(Clone, Default, PartialEq)]
pub struct Wanted {
    /// The API's name and the value; an empty one clears the field.
    pub fields: Vec<(&'static str, String)>,
    /// Id and value.
    pub custom: Vec<(String, Value)>,
}

/// Reads a draft; the location's catalogue is asked for where a custom field cannot be found without it. Errors: the API's; `invalid` for a
/// custom field that the location does not have.
pub async fn wanted<G>(errand: &Errand<'_>, draft: &ContactDraft, send: &G) -> Result<Wanted, SourceError>
where
    G: AsyncFn(Call) -> Result<Reply, String>,
{
    let fields = [
        ("firstName", &draft.first_name),
        ("lastName", &draft.last_name),
        ("email", &draft.email),
        ("phone", &draft.phone),
        ("city", &draft.city),
        ("state", &draft.state),
        ("postalCode", &draft.postal_code),
        ("country", &draft.country),
        ("source", &draft.source),
    ];
    let fields = fields.into_iter().filter_map(|(name, value)| Some((name, value.as_deref()?.trim().to_owned())));
    Ok(Wanted { fields: fields.collect(), custom: custom(errand, &draft.custom_fields, send).await? })
}

async fn custom<G>(errand: &Errand<'_>, fields: &[CustomField], send: &G) -> Result<Vec<(String, Value)>, SourceError>
where
    G: AsyncFn(Call) -> Result<Reply, String>,
{
    if fields.is_empty() {
        return Ok(Vec::new());
    }
    let mut known = catalogue::of(errand.subject).unwrap_or_default();
    if fields.iter().any(|field| id_of(&known, &field.key).is_none()) {
        known = catalogue::fetch(&errand.subject.location, errand.version, send).await?;
    }
    let custom = fields.iter().map(|field| match id_of(&known, &field.key) {
        Some(id) => Ok((id.to_owned(), written(&field.value))),
        None if known.missing.iter().any(|missing| missing == scope::FIELDS) => Err(SourceError::Forbidden(format!(
            "the custom field {} cannot be looked up: the token lacks the scope {}",
            field.key,
            scope::FIELDS
        ))),
        None => Err(SourceError::Invalid(format!(
            "the location has no custom field {}; the catalogue lists the keys there are",
            field.key
        ))),
    });
    custom.collect()
}

/// By key, with or without the vendor's prefix, or by id.
fn id_of<'a>(known: &'a Catalogue, key: &str) -> Option<&'a str> {
    let key = key.strip_prefix("contact.").unwrap_or(key);
    let field = known.fields.iter().find(|(id, field)| field.key == key || id.as_str() == key);
    field.map(|(id, _)| id.as_str())
}

/// HighLevel, "Create Contact": text, a number, a list of texts, or an object for files. A flag has no spelling of its own.
fn written(value: &FieldValue) -> Value {
    match value {
        FieldValue::Text(text) => json!(text),
        FieldValue::Number(number) => json!(number),
        FieldValue::Flag(flag) => json!(flag.to_string()),
        FieldValue::Many(items) => json!(items),
        FieldValue::Json(text) => serde_json::from_str(text).unwrap_or_else(|_| json!(text)),
    }
}

impl Wanted {
    /// Whether nothing is wanted.
    pub fn is_empty(&self) -> bool {
        self.fields.is_empty() && self.custom.is_empty()
    }

    /// The value of a field.
    pub fn field(&self, name: &str) -> Option<&str> {
        self.fields.iter().find(|(known, _)| *known == name).map(|(_, value)| value.as_str())
    }

    /// Takes a field out.
    pub fn leave_out(&mut self, name: &str) {
        self.fields.retain(|(known, _)| *known != name);
    }

    /// What the contact does not have so. An address or number that is one of its additional ones is its already: sent, it would be
    /// made the first one, and the first one would be lost.
    pub fn difference(&self, current: &Value) -> Self {
        let person = contact::contact(current);
        let differs = |(name, wanted): &&(&'static str, String)| !match *name {
            "email" => has(&person.emails, wanted, |known| known.eq_ignore_ascii_case(wanted)),
            "phone" => has(&person.phones, wanted, |known| same_number(known, wanted)),
            "country" => text(current, name).unwrap_or_default().eq_ignore_ascii_case(wanted),
            "firstName" => same_name(current, name, "firstNameLowerCase", wanted),
            "lastName" => same_name(current, name, "lastNameLowerCase", wanted),
            _ => text(current, name).unwrap_or_default().trim() == wanted,
        };
        let held = |id: &str| {
            let field = list(current, "customFields").iter().find(|field| text(*field, "id").as_deref() == Some(id))?;
            ["value", "field_value", "fieldValue"].iter().find_map(|name| field.get(name))
        };
        let differs_custom = |(id, wanted): &&(String, Value)| !same_value(held(id), wanted);
        Self {
            fields: self.fields.iter().filter(differs).cloned().collect(),
            custom: self.custom.iter().filter(differs_custom).cloned().collect(),
        }
    }

    /// As the body of a request. The dated versions spell a custom field's value one way, v3 another.
    pub fn body(&self, version: ApiVersion) -> Map<String, Value> {
        let value_name = match version {
            ApiVersion::Dated => "field_value",
            ApiVersion::V3 => "fieldValue",
        };
        let mut body: Map<String, Value> =
            self.fields.iter().map(|(name, value)| ((*name).to_owned(), json!(value))).collect();
        if !self.custom.is_empty() {
            let custom: Vec<Value> =
                self.custom.iter().map(|(id, value)| json!({"id": id, value_name: value})).collect();
            body.insert("customFields".into(), Value::Array(custom));
        }
        body
    }

    /// The contact as it was with this written over it: by the answer's word, which may spell a value its own way, else by ours.
    pub fn over(&self, before: &Value, answer: &Value) -> Value {
        let mut after = before.clone();
        for (name, wanted) in &self.fields {
            after[*name] = answer.get(*name).cloned().unwrap_or_else(|| json!(wanted));
        }
        if self.custom.is_empty() {
            return after;
        }
        let named = |field: &Value, id: &str| text(field, "id").as_deref() == Some(id);
        let mut custom = list(before, "customFields").to_vec();
        for (id, wanted) in &self.custom {
            custom.retain(|field| !named(field, id));
            let told = list(answer, "customFields").iter().find(|field| named(field, id));
            custom.push(told.cloned().unwrap_or_else(|| json!({"id": id, "value": wanted})));
        }
        after["customFields"] = Value::Array(custom);
        after
    }
}

/// Nothing wanted is had where there is none; else one of the addresses must be the one.
fn has(all: &[String], wanted: &str, same: impl Fn(&str) -> bool) -> bool {
    if wanted.is_empty() { all.is_empty() } else { all.iter().any(|known| same(known)) }
}

/// The API keeps numbers in E.164; one without a country's prefix is the same where the rest is.
fn same_number(known: &str, wanted: &str) -> bool {
    let digits = |text: &str| text.chars().filter(char::is_ascii_digit).collect::<String>();
    let (known, national) = (digits(known), digits(wanted));
    let national = if wanted.starts_with('+') { return known == national } else { national.trim_start_matches('0') };
    national.len() >= PHONE_DIGITS && known.ends_with(national)
}

/// Answers have been seen with the name in lower case alone.
fn same_name(current: &Value, name: &str, lower: &str, wanted: &str) -> bool {
    match (text(current, name), any_text(current, &[lower])) {
        (Some(known), _) => known.trim() == wanted,
        (None, Some(known)) => known.trim().to_lowercase() == wanted.to_lowercase(),
        (None, None) => wanted.is_empty(),
    }
}

/// A number may come back as text; a list has no order; what is empty is as good as not there.
fn same_value(held: Option<&Value>, wanted: &Value) -> bool {
    match (held.unwrap_or(&Value::Null), wanted) {
        (Value::Array(held), Value::Array(wanted)) => {
            held.len() == wanted.len() && wanted.iter().all(|item| held.contains(item))
        }
        (Value::Null, wanted) => {
            plain(wanted).is_some_and(|text| text.is_empty()) || wanted.as_array().is_some_and(Vec::is_empty)
        }
        (held @ Value::Number(_), wanted) | (held, wanted @ Value::Number(_)) => {
            let number = |value: &Value| plain(value).and_then(|text| text.trim().parse::<f64>().ok());
            number(held).is_some() && number(held) == number(wanted)
        }
        (held, wanted) => held == wanted || plain(held).is_some_and(|text| Some(text) == plain(wanted)),
    }
}

fn plain(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(flag) => Some(flag.to_string()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wanted(fields: &[(&'static str, &str)], custom: &[(&str, Value)]) -> Wanted {
        Wanted {
            fields: fields.iter().map(|(name, value)| (*name, (*value).to_owned())).collect(),
            custom: custom.iter().map(|(id, value)| ((*id).to_owned(), value.clone())).collect(),
        }
    }

    #[test]
    fn what_is_so_however_it_is_spelled_is_no_difference() {
        let current = json!({
            "firstNameLowerCase": "zoë", "lastName": "O'Brien", "email": "z@example.org", "additionalEmails": [{"email": "second@example.org"}],
            "phone": "+13105550100", "country": "US", "customFields": [
                {"id": "n", "value": "12"}, {"id": "l", "value": ["a", "b"]}, {"id": "t", "value": "x"}]
        });
        let same = wanted(
            &[
                ("firstName", "Zoë"),
                ("lastName", "O'Brien"),
                ("email", "SECOND@example.org"),
                ("phone", "(310) 555-0100"),
                ("country", "us"),
                ("city", ""),
            ],
            &[("n", json!(12.0)), ("l", json!(["b", "a"])), ("t", json!("x")), ("none", json!(""))],
        );
        assert!(same.difference(&current).is_empty());
        let other = wanted(
            &[("lastName", "o'brien"), ("phone", "+443105550100"), ("email", ""), ("city", "Austin")],
            &[("n", json!(13)), ("l", json!(["a"])), ("none", json!(0))],
        );
        assert!(other.difference(&current) == other);
        let short = wanted(&[("phone", "0100")], &[]);
        assert!(short.difference(&current) == short, "the end of a number is another number");
    }

    #[test]
    fn versions_spell_custom_fields_their_own_way() {
        let wanted = wanted(&[("city", "Austin")], &[("f", json!("x"))]);
        let dated = json!({"city": "Austin", "customFields": [{"id": "f", "field_value": "x"}]});
        assert_eq!(Value::Object(wanted.body(ApiVersion::Dated)), dated);
        let v3 = json!({"city": "Austin", "customFields": [{"id": "f", "fieldValue": "x"}]});
        assert_eq!(Value::Object(wanted.body(ApiVersion::V3)), v3);
    }

    #[test]
    fn only_what_was_written_is_over_the_old() {
        let before = json!({"id": "c", "city": "X", "state": "TX", "customFields": [{"id": "f", "value": 1}, {"id": "g", "value": 2}]});
        // The answer tells of a state that somebody else wrote: that is not ours to know.
        let answer = json!({"city": "Austin ", "state": "CA", "customFields": []});
        let after = wanted(&[("city", "Austin")], &[("f", json!(3))]).over(&before, &answer);
        assert_eq!(
            after,
            json!({"id": "c", "city": "Austin ", "state": "TX", "customFields": [{"id": "g", "value": 2}, {"id": "f", "value": 3}]})
        );
    }
}
