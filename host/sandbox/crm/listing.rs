//! Contacts in lists: all of a location (deprecated by the vendor, and still answering), and those of one business.

use std::sync::Arc;

use axum::extract::{Path, Query, State};
use axum::http::HeaderMap;
use serde_json::{Map, Value, json};

use super::super::world::{World, lock};
use super::desk::{Answer, Asked, Desk, READ};
use super::state::Seen;
use super::{schema, shape};
use crate::clock::Millis;

/// `GET /contacts/`: the newest first, 20 a page unless `limit` says otherwise. The next page needs `startAfter` and `startAfterId`; with one of
/// them alone the first page comes again, and again.
pub async fn list(State(world): State<Arc<World>>, Query(asked): Query<Asked>, headers: HeaderMap) -> Answer {
    let (desk, said) = Desk::query(world, &headers, READ, asked, "locationId", schema::LIST_QUERY)?;
    let limit = desk.count(&said, "limit", 20, 1..=100)?;
    let after = said
        .get("startAfter")
        .and_then(Value::as_f64)
        .zip(said.get("startAfterId").and_then(Value::as_str))
        .map(|(added, id)| (added as Millis, id));
    let crm = lock(&desk.world.crm);
    let mut seen = crm.seen(desk.at, desk.lag_ms(), desk.now);
    seen.retain(|seen| mentions(&seen.fields, &said));
    // One that is gone still says where to go on: the cursor is a place in the order, not a contact.
    let from = after.map_or(0, |after| seen.partition_point(|seen| (seen.added, seen.id) >= after));
    let page = &seen[from..seen.len().min(from + limit)];
    let rows: Vec<Value> = page.iter().map(shape::row).collect();
    let meta = meta(&desk, page.last(), from, limit, seen.len(), said.get("query"));
    drop(crm);
    desk.ok(json!({ "contacts": rows, "meta": meta }))
}

/// `GET /contacts/business/:id`: 25 unless `limit` says otherwise, after `skip`.
pub async fn of_business(
    State(world): State<Arc<World>>,
    Path(business): Path<String>,
    Query(asked): Query<Asked>,
    headers: HeaderMap,
) -> Answer {
    let (desk, said) = Desk::query(world, &headers, READ, asked, "locationId", schema::BUSINESS_QUERY)?;
    let (limit, skip) = (desk.count(&said, "limit", 25, 1..=100)?, desk.count(&said, "skip", 0, 0..=usize::MAX)?);
    let crm = lock(&desk.world.crm);
    let mut seen = crm.seen(desk.at, desk.lag_ms(), desk.now);
    let theirs = Value::from(business);
    seen.retain(|seen| seen.fields.get("businessId") == Some(&theirs) && mentions(&seen.fields, &said));
    let rows: Vec<Value> = seen.iter().skip(skip).take(limit).map(shape::row).collect();
    let count = seen.len();
    drop(crm);
    desk.ok(json!({ "contacts": rows, "count": count }))
}

/// Whether a contact has what `query` looks for in its name or an address.
pub fn mentions(fields: &Map<String, Value>, said: &Map<String, Value>) -> bool {
    let Some(query) = said.get("query").and_then(Value::as_str).map(str::to_lowercase) else { return true };
    ["fullNameLowerCase", "firstNameLowerCase", "emailLowerCase", "phone", "companyName"]
        .iter()
        .filter_map(|key| fields.get(*key).and_then(Value::as_str))
        .any(|text| text.to_lowercase().contains(query.trim()))
}

fn meta(desk: &Desk, last: Option<&Seen<'_>>, from: usize, limit: usize, total: usize, query: Option<&Value>) -> Value {
    let page = from / limit + 1;
    let previous = if page > 1 { Value::from(page - 1) } else { Value::Null };
    let mut meta = json!({ "total": total, "currentPage": page, "prevPage": previous });
    let Some(last) = last else { return meta };
    meta["startAfterId"] = last.id.into();
    meta["startAfter"] = last.added.into();
    if from + limit < total {
        let (base, location) = (&desk.world.summary.crm, &desk.world.summary.locations[desk.at]);
        let mut url = format!(
            "{base}/contacts/?locationId={location}&startAfter={}&startAfterId={}&limit={limit}",
            last.added, last.id
        );
        if let Some(query) = query.and_then(Value::as_str) {
            url.extend(["&query=".to_owned(), escaped(query)]);
        }
        meta["nextPage"] = (page + 1).into();
        meta["nextPageUrl"] = url.into();
    }
    meta
}

/// Everything but letters and digits as `%XX` (RFC 3986).
fn escaped(text: &str) -> String {
    text.bytes().fold(String::new(), |mut url, byte| {
        if byte.is_ascii_alphanumeric() {
            url.push(byte.into());
        } else {
            url.push_str(&format!("%{byte:02X}"));
        }
        url
    })
}
