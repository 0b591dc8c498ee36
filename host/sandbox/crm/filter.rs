//! The filters of a search: leaves of field, operator and value, and groups of them (HighLevel, Search Contacts).

use std::borrow::Cow;

use serde_json::{Map, Value};

use super::dates;
use super::state::{Deal, Location};
use crate::clock::Millis;

/// The longest value to compare with.
const LONGEST: usize = 75;
/// How deep groups may stand in groups.
const DEEPEST: usize = 8;

/// What may be asked of a field.
#[derive(Clone, Copy, PartialEq)]
enum Class {
    /// Equal to, containing, being there.
    Text,
    /// Equal to, being there.
    Exact,
    /// Within, being there.
    Time,
}

/// What a filter looks at.
pub struct Subject<'a> {
    /// The contact's fields.
    pub fields: &'a Map<String, Value>,
    /// Its deals.
    pub deals: &'a [Deal],
    /// Its location: where the names of things stand.
    pub location: &'a Location,
}

/// A condition on a contact.
#[derive(Debug)]
pub enum Filter {
    /// All of them.
    All(Vec<Filter>),
    /// One of them at least.
    Any(Vec<Filter>),
    /// Not this.
    Not(Box<Filter>),
    /// A field's.
    Leaf(String, Test),
}

/// What is asked of one field.
#[derive(Debug)]
pub enum Test {
    /// Equal to one of these; a list: one of its items is.
    Equal(Vec<Value>),
    /// Has this text in it, in lower case.
    Contains(String),
    /// Is there, and not empty.
    Exists,
    /// A time after the first and before the second, in milliseconds, both included.
    Within(Millis, Millis),
}

impl Filter {
    /// Reads filters that must all be met.
    ///
    /// # Errors
    /// One message for each that cannot be read.
    pub fn read(filters: &[Value]) -> Result<Self, Vec<String>> {
        let mut faults = Vec::new();
        let all = filters
            .iter()
            .enumerate()
            .map(|(at, filter)| one(filter, &format!("filters.{at}"), 1, &mut faults))
            .collect();
        if faults.is_empty() { Ok(Self::All(all)) } else { Err(faults) }
    }

    /// Whether a contact meets it.
    pub fn fits(&self, subject: &Subject<'_>) -> bool {
        match self {
            Self::All(filters) => filters.iter().all(|filter| filter.fits(subject)),
            Self::Any(filters) => filters.iter().any(|filter| filter.fits(subject)),
            Self::Not(filter) => !filter.fits(subject),
            Self::Leaf(field, test) => match field.strip_prefix("opportunities.") {
                Some(part) => subject.deals.iter().any(|deal| test.fits(&subject.of_deal(deal, part))),
                None => subject.value(field).is_some_and(|value| test.fits(&value)),
            },
        }
    }
}

impl Test {
    fn fits(&self, value: &Value) -> bool {
        match (self, value) {
            (Self::Exists, Value::Array(items)) => !items.is_empty(),
            (Self::Exists, value) => !value.is_null() && value != "",
            (test, Value::Array(items)) => items.iter().any(|item| test.fits(item)),
            (Self::Equal(wanted), value) => wanted.iter().any(|wanted| same(wanted, value)),
            (Self::Contains(part), Value::String(text)) => text.to_lowercase().contains(part),
            (Self::Within(from, to), Value::String(text)) => {
                dates::millis(text).is_some_and(|at| (*from..=*to).contains(&at))
            }
            _ => false,
        }
    }
}

impl<'a> Subject<'a> {
    /// A field by the name a filter or a sort has for it.
    pub fn value(&self, field: &str) -> Option<Cow<'a, Value>> {
        let own = |key: &str| self.fields.get(key).map(Cow::Borrowed);
        if let Some(id) = field.strip_prefix("customFields.") {
            let answers = self.fields.get("customFields").and_then(Value::as_array)?;
            return answers.iter().find(|answer| answer["id"] == id)?.get("value").map(Cow::Borrowed);
        }
        match field {
            "contactName" => own("fullNameLowerCase").or_else(|| own("firstNameLowerCase")),
            "email" => own("emailLowerCase").or_else(|| own("email")),
            "businessName" => {
                let id = self.fields.get("businessId").and_then(Value::as_str)?;
                self.location.business(id).map(|name| Cow::Owned(name.into()))
            }
            _ => own(field),
        }
    }

    fn of_deal(&self, deal: &Deal, part: &str) -> Value {
        match part {
            "pipelineId" => self.location.pipeline.as_str().into(),
            "pipelineStageId" => self.location.stages[deal.stage].id.as_str().into(),
            _ => deal.status.into(),
        }
    }
}

fn class(field: &str) -> Option<Class> {
    match field {
        "contactName" | "firstNameLowerCase" | "lastNameLowerCase" | "companyName" | "tags" | "city" | "state"
        | "website" | "businessName" | "source" | "phone" => Some(Class::Text),
        "id"
        | "email"
        | "type"
        | "dnd"
        | "assignedTo"
        | "followers"
        | "country"
        | "postalCode"
        | "timezone"
        | "opportunities.pipelineId"
        | "opportunities.pipelineStageId"
        | "opportunities.status" => Some(Class::Exact),
        "dateAdded" | "dateUpdated" | "dateOfBirth" => Some(Class::Time),
        _ if field.strip_prefix("customFields.").is_some_and(|id| !id.is_empty()) => Some(Class::Text),
        _ => None,
    }
}

fn one(filter: &Value, path: &str, depth: usize, faults: &mut Vec<String>) -> Filter {
    let none = Filter::All(Vec::new());
    if let Some(group) = filter.get("group") {
        let Some(inner) = filter["filters"].as_array().filter(|_| depth < DEEPEST) else {
            faults.push(format!("{path}.filters must be an array"));
            return none;
        };
        let each = inner
            .iter()
            .enumerate()
            .map(|(at, filter)| one(filter, &format!("{path}.filters.{at}"), depth + 1, faults));
        let inner = each.collect();
        return match group.as_str() {
            Some("AND") => Filter::All(inner),
            Some("OR") => Filter::Any(inner),
            _ => {
                faults.push(format!("{path}.group must be one of the following values: AND, OR"));
                none
            }
        };
    }
    let field = filter["field"].as_str().unwrap_or_default();
    let Some(class) = class(field) else {
        faults.push(format!("{path}.field {field} is not filterable"));
        return none;
    };
    match leaf(class, filter) {
        Ok((test, false)) => Filter::Leaf(field.to_owned(), test),
        Ok((test, true)) => Filter::Not(Box::new(Filter::Leaf(field.to_owned(), test))),
        Err(message) => {
            faults.push(format!("{path}.{message}"));
            none
        }
    }
}

/// The test, and whether it must fail.
fn leaf(class: Class, filter: &Value) -> Result<(Test, bool), String> {
    let operator = filter["operator"].as_str().unwrap_or_default();
    let value = filter.get("value");
    let (positive, negated) = match operator.strip_prefix("not_") {
        Some(positive) => (positive, true),
        None => (operator, false),
    };
    let test = match (positive, class) {
        ("exists", _) if value.is_none_or(Value::is_null) => Test::Exists,
        ("exists", _) => return Err(format!("value should not exist with {operator}")),
        ("eq", Class::Text | Class::Exact) => Test::Equal(match value {
            Some(Value::Array(values)) => values.iter().map(short).collect::<Result<_, _>>()?,
            Some(value) if !value.is_null() => vec![short(value)?],
            _ => return Err("value should not be empty".to_owned()),
        }),
        ("contains", Class::Text) => {
            let text = value.and_then(Value::as_str).ok_or("value must be a string")?;
            short(&text.into())?;
            Test::Contains(text.to_lowercase())
        }
        ("range", Class::Time) if !negated => range(value)?,
        _ => return Err(format!("operator {operator} is not valid for this field")),
    };
    Ok((test, negated))
}

fn range(value: Option<&Value>) -> Result<Test, String> {
    let bounds = value.and_then(Value::as_object).filter(|bounds| !bounds.is_empty());
    let bounds = bounds.ok_or("value must be an object of gt, gte, lt or lte")?;
    let (mut from, mut to) = (Millis::MIN, Millis::MAX);
    for (name, bound) in bounds {
        let at = bound.as_u64().or_else(|| bound.as_str().and_then(dates::millis)).ok_or("value must hold dates")?;
        match name.as_str() {
            "gt" => from = from.max(at.saturating_add(1)),
            "gte" => from = from.max(at),
            "lt" => to = to.min(at.saturating_sub(1)),
            "lte" => to = to.min(at),
            _ => return Err(format!("value.{name} should not exist")),
        }
    }
    Ok(Test::Within(from, to))
}

fn short(value: &Value) -> Result<Value, String> {
    match value.as_str() {
        Some(text) if text.chars().count() > LONGEST => {
            Err(format!("value must be shorter than or equal to {LONGEST} characters"))
        }
        _ => Ok(value.clone()),
    }
}

fn same(wanted: &Value, value: &Value) -> bool {
    match (wanted, value) {
        (Value::String(wanted), Value::String(text)) => wanted.trim().to_lowercase() == text.trim().to_lowercase(),
        (Value::Number(_), Value::Number(_)) => wanted.as_f64() == value.as_f64(),
        _ => wanted == value,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::{Filter, Subject};
    use crate::sandbox::Options;
    use crate::sandbox::crm::state::Crm;

    fn fits(filters: &Value) -> Result<bool, Vec<String>> {
        let crm = Crm::seeded(&Options { contacts: 0, ..Options::default() }, 1_795_305_600_000);
        let fields = json!({
            "firstNameLowerCase": "ada", "fullNameLowerCase": "ada lovelace", "email": "ADA@example.com", "emailLowerCase": "ada@example.com",
            "tags": ["vip", "hot"], "dnd": false, "dateUpdated": "2026-11-22T08:00:00.000Z", "customFields": [{ "id": "f1", "value": 500 }],
        });
        let filter = Filter::read(filters.as_array().expect("a list"))?;
        let fields = fields.as_object().expect("an object");
        Ok(filter.fits(&Subject { fields, deals: &[], location: &crm.locations[0] }))
    }

    #[test]
    fn operators_mean_what_they_say() {
        for (filter, wanted) in [
            (json!({ "field": "email", "operator": "eq", "value": "ada@EXAMPLE.com" }), true),
            (json!({ "field": "tags", "operator": "eq", "value": ["cold", "hot"] }), true),
            (json!({ "field": "tags", "operator": "not_eq", "value": "vip" }), false),
            (json!({ "field": "tags", "operator": "contains", "value": "vi" }), true),
            (json!({ "field": "contactName", "operator": "not_contains", "value": "LOVE" }), false),
            (json!({ "field": "phone", "operator": "not_exists" }), true),
            (json!({ "field": "dnd", "operator": "eq", "value": false }), true),
            (json!({ "field": "customFields.f1", "operator": "eq", "value": 500 }), true),
            (json!({ "field": "customFields.f2", "operator": "exists" }), false),
            (json!({ "field": "opportunities.status", "operator": "eq", "value": "open" }), false),
            (json!({ "field": "dateUpdated", "operator": "range", "value": { "gte": "2026-11-22T08:00:00Z" } }), true),
            (json!({ "field": "dateUpdated", "operator": "range", "value": { "gt": "2026-11-22T08:00:00Z" } }), false),
            (json!({ "field": "dateUpdated", "operator": "range", "value": { "lt": 1_795_334_400_001_u64 } }), true),
        ] {
            assert_eq!(fits(&json!([filter])), Ok(wanted), "{filter}");
        }
    }

    #[test]
    fn groups_nest() {
        let (yes, no) =
            (json!({ "field": "email", "operator": "exists" }), json!({ "field": "phone", "operator": "exists" }));
        assert_eq!(fits(&json!([yes, no])), Ok(false));
        assert_eq!(
            fits(&json!([{ "group": "OR", "filters": [no, { "group": "AND", "filters": [yes, yes] }] }])),
            Ok(true)
        );
        assert_eq!(fits(&json!([{ "group": "AND", "filters": [yes, no] }])), Ok(false));
        assert_eq!(fits(&json!([])), Ok(true));
    }

    #[test]
    fn what_cannot_be_asked_is_named() {
        let long = "x".repeat(76);
        for (filter, message) in [
            (
                json!({ "field": "email", "operator": "contains", "value": "a" }),
                "filters.0.operator contains is not valid for this field",
            ),
            (
                json!({ "field": "shoeSize", "operator": "eq", "value": 1 }),
                "filters.0.field shoeSize is not filterable",
            ),
            (
                json!({ "field": "city", "operator": "eq", "value": long }),
                "filters.0.value must be shorter than or equal to 75 characters",
            ),
            (json!({ "field": "city", "operator": "eq" }), "filters.0.value should not be empty"),
            (
                json!({ "field": "city", "operator": "exists", "value": 1 }),
                "filters.0.value should not exist with exists",
            ),
            (json!({ "group": "XOR", "filters": [] }), "filters.0.group must be one of the following values: AND, OR"),
            (json!({ "group": "OR", "filters": [{ "field": "x" }] }), "filters.0.filters.0.field x is not filterable"),
            (
                json!({ "field": "dateAdded", "operator": "range", "value": { "after": 1 } }),
                "filters.0.value.after should not exist",
            ),
        ] {
            assert_eq!(fits(&json!([filter])), Err(vec![message.to_owned()]));
        }
    }
}
