//! `POST /contacts/search`: filters, two sorts, and two ways to turn the page (HighLevel, Search Contacts).

use std::cmp::Ordering;
use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use serde_json::{Map, Value, json};

use super::super::world::{World, lock};
use super::desk::{Answer, Desk, READ};
use super::filter::{Filter, Subject};
use super::state::Seen;
use super::{dates, listing, schema, shape};
use crate::clock::Millis;

/// The most rows of a page.
const MOST: usize = 500;
/// How far pages by number reach; further on only `searchAfter` goes.
const REACH: usize = 10_000;
/// The longest text to look for.
const LONGEST_QUERY: usize = 75;

const SORTS: [&str; 8] =
    ["firstNameLowerCase", "lastNameLowerCase", "businessName", "dateAdded", "dateUpdated", "email", "dnd", "source"];

/// 200 `{"contacts":[…],"total":…}`; each row says where to go on after it.
pub async fn search(State(world): State<Arc<World>>, headers: HeaderMap, body: Bytes) -> Answer {
    let (desk, said) = Desk::body(world, &headers, READ, &body, schema::SEARCH)?;
    let limit = desk.count(&said, "pageLimit", MOST, 1..=MOST)?;
    let page = desk.count(&said, "page", 1, 1..=usize::MAX)?;
    let wanted = Wanted::read(&said).map_err(|messages| desk.unprocessable(messages))?;
    if page.saturating_mul(limit) > REACH {
        return Err(out_of_reach(&desk));
    }
    let crm = lock(&desk.world.crm);
    let location = &crm.locations[desk.at];
    let mut seen = crm.seen(desk.at, desk.lag_ms(), desk.now);
    seen.retain(|seen| {
        wanted.filter.fits(&Subject { fields: &seen.fields, deals: seen.deals, location })
            && listing::mentions(&seen.fields, &said)
    });
    let total = seen.len();
    let mut rows: Vec<(Vec<Value>, Seen<'_>)> = seen
        .into_iter()
        .map(|seen| {
            let subject = Subject { fields: &seen.fields, deals: seen.deals, location };
            let mut place: Vec<Value> = wanted.sorts.iter().map(|sort| sort.place(&subject)).collect();
            place.push(seen.id.into());
            (place, seen)
        })
        .collect();
    rows.sort_by(|one, other| wanted.order(&one.0, &other.0));
    let from = match &wanted.after {
        Some(after) => rows.partition_point(|(place, _)| wanted.order(place, after) != Ordering::Greater),
        None => (page - 1) * limit,
    };
    let contacts: Vec<Value> =
        rows.into_iter().skip(from).take(limit).map(|(place, seen)| shape::found(&seen, location, place)).collect();
    drop(crm);
    desk.ok(json!({ "contacts": contacts, "total": total }))
}

fn out_of_reach(desk: &Desk) -> Response {
    desk.refuse(StatusCode::BAD_REQUEST, format!("page reaches {REACH} records only: use searchAfter to go on"))
}

/// A search, checked.
struct Wanted {
    filter: Filter,
    sorts: Vec<Sort>,
    after: Option<Vec<Value>>,
}

struct Sort {
    field: String,
    down: bool,
}

impl Wanted {
    fn read(said: &Map<String, Value>) -> Result<Self, Vec<String>> {
        let mut faults = Vec::new();
        let query = said.get("query").and_then(Value::as_str).unwrap_or_default();
        if query.chars().count() > LONGEST_QUERY {
            faults.push(format!("query must be shorter than or equal to {LONGEST_QUERY} characters"));
        }
        let empty = Vec::new();
        let list = |key: &str| said.get(key).and_then(Value::as_array).unwrap_or(&empty);
        let mut sorts: Vec<Sort> = list("sort")
            .iter()
            .map(|sort| Sort {
                field: sort["field"].as_str().unwrap_or_default().to_owned(),
                down: sort["direction"] == "desc",
            })
            .collect();
        if sorts.len() > 2 {
            faults.push("sort must contain no more than 2 elements".to_owned());
        }
        for (place, sort) in sorts.iter().enumerate().filter(|(_, sort)| !SORTS.contains(&sort.field.as_str())) {
            faults.push(format!("sort.{place}.field {} is not sortable", sort.field));
        }
        if sorts.is_empty() {
            sorts.push(Sort { field: "dateAdded".to_owned(), down: true });
        }
        let after = said.get("searchAfter").and_then(Value::as_array).filter(|after| !after.is_empty()).cloned();
        if after.is_some() && said.contains_key("page") {
            faults.push("page should not exist together with searchAfter".to_owned());
        }
        if after.as_ref().is_some_and(|after| after.len() != sorts.len() + 1) {
            faults.push("searchAfter must be the one of the last row of the previous page".to_owned());
        }
        match Filter::read(list("filters")) {
            Ok(filter) if faults.is_empty() => Ok(Self { filter, sorts, after }),
            Ok(_) => Err(faults),
            Err(others) => Err([faults, others].concat()),
        }
    }

    /// By the sorts, then by id: no two rows have one place.
    fn order(&self, one: &[Value], other: &[Value]) -> Ordering {
        let by_sorts = self.sorts.iter().zip(one.iter().zip(other)).map(|(sort, (one, other))| {
            let up = rank(one, other);
            if sort.down { up.reverse() } else { up }
        });
        by_sorts.fold(Ordering::Equal, Ordering::then).then_with(|| match (one.last(), other.last()) {
            (Some(one), Some(other)) => rank(other, one),
            _ => Ordering::Equal,
        })
    }
}

impl Sort {
    /// Where a contact stands by this sort: times as milliseconds, texts in lower case.
    fn place(&self, subject: &Subject<'_>) -> Value {
        let Some(value) = subject.value(&self.field) else { return Value::Null };
        match value.as_str() {
            Some(text) if self.field.starts_with("date") => {
                dates::millis(text).map_or(Value::Null, |at: Millis| at.into())
            }
            Some(text) => text.to_lowercase().into(),
            None => value.into_owned(),
        }
    }
}

/// What is missing comes last when ascending.
fn rank(one: &Value, other: &Value) -> Ordering {
    match (one, other) {
        (Value::Null, Value::Null) => Ordering::Equal,
        (Value::Null, _) => Ordering::Greater,
        (_, Value::Null) => Ordering::Less,
        (Value::String(one), Value::String(other)) => one.cmp(other),
        (Value::Bool(one), Value::Bool(other)) => one.cmp(other),
        _ => {
            let number = |value: &Value| value.as_f64().unwrap_or_default();
            number(one).total_cmp(&number(other))
        }
    }
}
