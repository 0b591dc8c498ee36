//! What each request may say. As the vendor's validators do, every property that is unknown, missing or of another type is named in a message
//! of its own, and one message is enough to refuse the request with 422.

use serde_json::{Map, Value};

use super::auth::Version;
use super::dates;

/// What stands in a property.
#[derive(Clone, Copy)]
enum Kind {
    Text,
    Email,
    Birthday,
    Time,
    Country,
    Flag,
    Number,
    Texts,
    OneOf(&'static [&'static str]),
    Record(&'static [Field]),
    Records(&'static [Field]),
    Object,
    Objects,
    List,
    Anything,
}

/// One property of a body.
#[derive(Clone, Copy)]
pub struct Field {
    name: &'static str,
    kind: Kind,
    required: bool,
    nullable: bool,
    only: Option<Version>,
}

const fn may(name: &'static str, kind: Kind) -> Field {
    Field { name, kind, required: false, nullable: false, only: None }
}

const fn must(name: &'static str, kind: Kind) -> Field {
    Field { required: true, ..may(name, kind) }
}

const fn clear(name: &'static str, kind: Kind) -> Field {
    Field { nullable: true, ..may(name, kind) }
}

const fn only(version: Version, name: &'static str, kind: Kind) -> Field {
    Field { only: Some(version), ..may(name, kind) }
}

const DND: &[Field] = &[
    must("status", Kind::OneOf(&["active", "inactive", "permanent"])),
    may("message", Kind::Text),
    may("code", Kind::Text),
];

const DND_SETTINGS: &[Field] = &[
    only(Version::Dated, "Call", Kind::Record(DND)),
    only(Version::Dated, "Email", Kind::Record(DND)),
    only(Version::Dated, "SMS", Kind::Record(DND)),
    only(Version::Dated, "WhatsApp", Kind::Record(DND)),
    only(Version::Dated, "GMB", Kind::Record(DND)),
    only(Version::Dated, "FB", Kind::Record(DND)),
    only(Version::Dated, "RCS", Kind::Record(DND)),
    only(Version::V3, "call", Kind::Record(DND)),
    only(Version::V3, "email", Kind::Record(DND)),
    only(Version::V3, "sms", Kind::Record(DND)),
    only(Version::V3, "whatsApp", Kind::Record(DND)),
    only(Version::V3, "gmb", Kind::Record(DND)),
    only(Version::V3, "fb", Kind::Record(DND)),
    only(Version::V3, "rcs", Kind::Record(DND)),
];

const INBOUND_DND: &[Field] =
    &[may("all", Kind::Record(&[must("status", Kind::OneOf(&["active", "inactive"])), may("message", Kind::Text)]))];

/// In `v3` the value's name is `fieldValue`; the older one still goes.
const CUSTOM_FIELD: &[Field] = &[
    may("id", Kind::Text),
    may("key", Kind::Text),
    clear("field_value", Kind::Anything),
    Field { nullable: true, ..only(Version::V3, "fieldValue", Kind::Anything) },
];

const LOCATION: Field = must("locationId", Kind::Text);

/// What all three ways of writing a contact share.
const PERSON: &[Field] = &[
    clear("firstName", Kind::Text),
    clear("lastName", Kind::Text),
    clear("name", Kind::Text),
    clear("email", Kind::Email),
    clear("phone", Kind::Text),
    clear("address1", Kind::Text),
    clear("city", Kind::Text),
    clear("state", Kind::Text),
    may("postalCode", Kind::Text),
    may("country", Kind::Country),
    clear("website", Kind::Text),
    clear("timezone", Kind::Text),
    clear("dateOfBirth", Kind::Birthday),
    may("dnd", Kind::Flag),
    may("dndSettings", Kind::Record(DND_SETTINGS)),
    may("inboundDndSettings", Kind::Record(INBOUND_DND)),
    may("tags", Kind::Texts),
    may("customFields", Kind::Records(CUSTOM_FIELD)),
];

const SOMEBODY_NEW: &[Field] = &[
    LOCATION,
    may("source", Kind::Text),
    may("assignedTo", Kind::Text),
    may("gender", Kind::Text),
    clear("companyName", Kind::Text),
];

/// A body is made of one list, or of several that stand in more than one body.
pub type Schema = &'static [&'static [Field]];

/// `POST /contacts/`.
pub const CREATE_CONTACT: Schema = &[SOMEBODY_NEW, PERSON];
/// `POST /contacts/upsert`.
pub const UPSERT_CONTACT: Schema = &[SOMEBODY_NEW, PERSON, &[may("createNewIfDuplicateAllowed", Kind::Flag)]];
/// `PUT /contacts/:id`: neither location nor gender nor company can be changed there.
pub const UPDATE_CONTACT: Schema = &[PERSON, &[clear("source", Kind::Text), clear("assignedTo", Kind::Text)]];
/// `POST /contacts/search`.
pub const SEARCH: Schema = &[&[
    LOCATION,
    must("pageLimit", Kind::Number),
    may("page", Kind::Number),
    may("searchAfter", Kind::List),
    may("filters", Kind::Objects),
    may("sort", Kind::Records(&[must("field", Kind::Text), must("direction", Kind::OneOf(&["asc", "desc"]))])),
    may("query", Kind::Text),
]];
/// `POST /contacts/:id/tasks`.
pub const CREATE_TASK: Schema = &[&[
    must("title", Kind::Text),
    must("dueDate", Kind::Time),
    must("completed", Kind::Flag),
    may("body", Kind::Text),
    may("assignedTo", Kind::Text),
]];
/// `PUT /contacts/:id/tasks/:id`.
pub const UPDATE_TASK: Schema = &[&[
    may("title", Kind::Text),
    may("dueDate", Kind::Time),
    may("completed", Kind::Flag),
    may("body", Kind::Text),
    may("assignedTo", Kind::Text),
]];
/// `PUT /contacts/:id/tasks/:id/completed`.
pub const COMPLETE_TASK: Schema = &[&[must("completed", Kind::Flag)]];
/// `POST /locations/:id/tasks/search`.
pub const SEARCH_TASKS: Schema = &[&[
    may("contactId", Kind::Texts),
    may("completed", Kind::Flag),
    may("assignedTo", Kind::Texts),
    may("query", Kind::Text),
    may("limit", Kind::Number),
    may("skip", Kind::Number),
    may("businessId", Kind::Text),
]];
const NOTE_EXTRAS: &[Field] =
    &[may("userId", Kind::Text), may("title", Kind::Text), may("color", Kind::Text), may("pinned", Kind::Flag)];
/// `POST /contacts/:id/notes`.
pub const CREATE_NOTE: Schema = &[&[must("body", Kind::Text)], NOTE_EXTRAS];
/// `PUT /contacts/:id/notes/:id`.
pub const UPDATE_NOTE: Schema = &[&[may("body", Kind::Text)], NOTE_EXTRAS];
/// `POST` and `DELETE /contacts/:id/tags`.
pub const TAGS: Schema = &[&[must("tags", Kind::Texts)]];
/// `POST` and `DELETE /contacts/:id/followers`.
pub const FOLLOWERS: Schema = &[&[must("followers", Kind::Texts)]];
/// The query of `GET /contacts/`; the same vocabulary serves queries, whose values are all texts.
pub const LIST_QUERY: Schema = &[&[
    LOCATION,
    may("limit", Kind::Number),
    may("query", Kind::Text),
    may("startAfter", Kind::Number),
    may("startAfterId", Kind::Text),
]];
/// The query of `GET /contacts/business/:id`.
pub const BUSINESS_QUERY: Schema =
    &[&[LOCATION, may("limit", Kind::Number), may("skip", Kind::Number), may("query", Kind::Text)]];
/// The query of `GET /contacts/search/duplicate`.
pub const DUPLICATE_QUERY: Schema = &[&[LOCATION, may("number", Kind::Text), may("email", Kind::Text)]];
/// The query of `GET /opportunities/pipelines`.
pub const PIPELINES_QUERY: Schema = &[&[LOCATION]];
/// The query of `GET /locations/:id/customFields`.
pub const FIELDS_QUERY: Schema = &[&[may("model", Kind::OneOf(&["contact", "opportunity", "all"]))]];
/// The query of `GET /opportunities/search`, in snake case unlike all others.
pub const OPPORTUNITIES_QUERY: Schema = &[&[
    must("location_id", Kind::Text),
    may("contact_id", Kind::Text),
    may("pipeline_id", Kind::Text),
    may("pipeline_stage_id", Kind::Text),
    may("status", Kind::OneOf(&["open", "won", "lost", "abandoned", "all"])),
    may("limit", Kind::Number),
    may("page", Kind::Number),
]];

/// Everything that is wrong with a body, in the validator's words; empty: nothing.
pub fn faults(body: &Map<String, Value>, schema: Schema, version: Version) -> Vec<String> {
    let fields: Vec<&Field> = schema.iter().flat_map(|fields| fields.iter()).collect();
    below("", body, &fields, version)
}

fn below(path: &str, body: &Map<String, Value>, fields: &[&Field], version: Version) -> Vec<String> {
    let open = |field: &&&Field| field.only.is_none_or(|only| only == version);
    let unknown = body.keys().filter(|key| !fields.iter().filter(open).any(|field| field.name == key.as_str()));
    let mut said: Vec<String> = unknown.map(|key| format!("{path}property {key} should not exist")).collect();
    for field in fields.iter().filter(open) {
        match body.get(field.name) {
            None | Some(Value::Null) if !field.required && (field.nullable || !body.contains_key(field.name)) => {}
            None => {
                if matches!(field.kind, Kind::Text) {
                    said.push(format!("{path}{} should not be empty", field.name));
                }
                said.push(format!("{path}{} {}", field.name, field.kind.wanted()));
            }
            Some(Value::String(text)) if field.required && text.is_empty() => {
                said.push(format!("{path}{} should not be empty", field.name));
            }
            Some(value) => fit(&format!("{path}{}", field.name), value, field.kind, version, &mut said),
        }
    }
    said
}

fn fit(path: &str, value: &Value, kind: Kind, version: Version, said: &mut Vec<String>) {
    match (kind, value) {
        (Kind::Record(fields), Value::Object(members)) => {
            said.extend(below(&format!("{path}."), members, &fields.iter().collect::<Vec<_>>(), version));
        }
        (Kind::Records(fields), Value::Array(items)) => {
            for (place, item) in items.iter().enumerate() {
                fit(&format!("{path}.{place}"), item, Kind::Record(fields), version, said);
            }
        }
        _ if kind.takes(value) => {}
        (Kind::Texts, Value::Array(_)) => said.push(format!("each value in {path} must be a string")),
        _ => said.push(format!("{path} {}", kind.wanted())),
    }
}

impl Kind {
    fn takes(self, value: &Value) -> bool {
        let text = value.as_str();
        match self {
            Self::Text => text.is_some(),
            // An empty address is how some clients take one away.
            Self::Email => text.is_some_and(|text| text.is_empty() || mailbox(text)),
            Self::Birthday => text.is_some_and(|text| text.is_empty() || dates::birthday(text).is_some()),
            Self::Time => text.is_some_and(|text| dates::millis(text).is_some()),
            Self::Country => text.is_some_and(|text| text.len() == 2 && text.bytes().all(|b| b.is_ascii_uppercase())),
            Self::Flag => value.is_boolean(),
            Self::Number => value.is_number(),
            Self::Texts => value.as_array().is_some_and(|items| items.iter().all(Value::is_string)),
            Self::OneOf(choices) => text.is_some_and(|text| choices.contains(&text)),
            Self::Object => value.is_object(),
            Self::Objects => value.as_array().is_some_and(|items| items.iter().all(|item| Self::Object.takes(item))),
            Self::List => value.is_array(),
            Self::Anything => true,
            Self::Record(_) | Self::Records(_) => false,
        }
    }

    fn wanted(self) -> String {
        match self {
            Self::Text => "must be a string".to_owned(),
            Self::Email => "must be an email".to_owned(),
            Self::Birthday => "must be a valid date".to_owned(),
            Self::Time => "must be a valid ISO 8601 date string".to_owned(),
            Self::Country => "must be a valid ISO31661 Alpha2 code".to_owned(),
            Self::Flag => "must be a boolean value".to_owned(),
            Self::Number => "must be a number conforming to the specified constraints".to_owned(),
            Self::OneOf(choices) => format!("must be one of the following values: {}", choices.join(", ")),
            Self::Object | Self::Record(_) => "must be an object".to_owned(),
            Self::Texts | Self::Objects | Self::List | Self::Records(_) => "must be an array".to_owned(),
            Self::Anything => "should not be empty".to_owned(),
        }
    }
}

fn mailbox(text: &str) -> bool {
    let text = text.trim();
    let parts = text.rsplit_once('@').filter(|(name, _)| !name.is_empty() && !name.contains('@'));
    parts.is_some_and(|(_, domain)| domain.contains('.') && !domain.starts_with('.') && !domain.ends_with('.'))
        && !text.contains(char::is_whitespace)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::{CREATE_CONTACT, CREATE_TASK, SEARCH, Schema, TAGS, UPDATE_CONTACT, Version, faults};

    fn said(schema: Schema, version: Version, body: &Value) -> Vec<String> {
        faults(body.as_object().expect("an object"), schema, version)
    }

    #[test]
    fn what_is_unknown_missing_or_of_another_type_is_named() {
        for (schema, body, messages) in [
            (CREATE_CONTACT, json!({ "locationId": "a", "email": null, "tags": ["x"] }), &[][..]),
            (
                UPDATE_CONTACT,
                json!({ "locationId": "a", "additionalEmails": [] }),
                &["property additionalEmails should not exist", "property locationId should not exist"],
            ),
            (CREATE_CONTACT, json!({}), &["locationId should not be empty", "locationId must be a string"]),
            (
                UPDATE_CONTACT,
                json!({ "email": "nobody", "dnd": null }),
                &["email must be an email", "dnd must be a boolean value"],
            ),
            (
                UPDATE_CONTACT,
                json!({ "dateOfBirth": "soon", "country": "Austria" }),
                &["country must be a valid ISO31661 Alpha2 code", "dateOfBirth must be a valid date"],
            ),
            (
                UPDATE_CONTACT,
                json!({ "customFields": [{ "id": "a", "field_value": 1 }, { "colour": 1 }] }),
                &["customFields.1.property colour should not exist"],
            ),
            (
                UPDATE_CONTACT,
                json!({ "dndSettings": { "SMS": { "status": "maybe" } } }),
                &["dndSettings.SMS.status must be one of the following values: active, inactive, permanent"],
            ),
            (
                CREATE_TASK,
                json!({ "title": "", "dueDate": "soon", "completed": "no" }),
                &[
                    "title should not be empty",
                    "dueDate must be a valid ISO 8601 date string",
                    "completed must be a boolean value",
                ],
            ),
            (TAGS, json!({ "tags": "a" }), &["tags must be an array"]),
            (TAGS, json!({ "tags": [1] }), &["each value in tags must be a string"]),
            (
                SEARCH,
                json!({ "locationId": "a", "sort": [{ "field": "email" }] }),
                &[
                    "pageLimit must be a number conforming to the specified constraints",
                    "sort.0.direction must be one of the following values: asc, desc",
                ],
            ),
        ] {
            assert_eq!(said(schema, Version::Dated, &body), messages, "{body}");
        }
    }

    #[test]
    fn the_third_version_spells_some_names_otherwise() {
        let (old, new) = (json!({ "SMS": { "status": "active" } }), json!({ "sms": { "status": "active" } }));
        for (version, good, bad) in [(Version::Dated, &old, &new), (Version::V3, &new, &old)] {
            assert!(said(UPDATE_CONTACT, version, &json!({ "dndSettings": good })).is_empty());
            assert_eq!(said(UPDATE_CONTACT, version, &json!({ "dndSettings": bad })).len(), 1);
        }
        let value = json!({ "customFields": [{ "id": "a", "fieldValue": "b" }] });
        assert!(said(UPDATE_CONTACT, Version::V3, &value).is_empty());
        assert_eq!(
            said(UPDATE_CONTACT, Version::Dated, &value),
            ["customFields.0.property fieldValue should not exist"]
        );
    }
}
