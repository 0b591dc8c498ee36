//! Many contacts, page by page: the search, the deprecated listing, the contacts of a business.

use serde_json::{Value, json};

use super::{Place, missing};
use crate::bindings::exports::convey::pipeline::contact_source::{BusinessFilter, ContactFilter, SourceError};
use crate::call::Call;
use crate::json::{list as elements, number, text};
use crate::path;
use crate::reply::Reply;
use crate::scope::CONTACTS_READ;
use crate::time;

/// The search takes up to 500 and the listings up to 100; a hundred contacts are enough for one answer.
const PAGE: u32 = 100;
/// HighLevel, "Search Contacts": the longest text it looks for.
const QUERY_CHARS: usize = 75;

/// Rows of a page, and where the next one begins; none at the end.
pub type Rows = (Vec<Value>, Option<String>);

/// One page of contacts, by the search or, where asked, by the older listing.
pub async fn list<G>(place: &Place<'_>, filter: &ContactFilter, send: &G) -> Result<Rows, SourceError>
where
    G: AsyncFn(Call) -> Result<Reply, String>,
{
    if filter.text.as_ref().is_some_and(|text| text.chars().count() > QUERY_CHARS) {
        return Err(SourceError::Invalid(format!(
            "the API looks for at most {QUERY_CHARS} characters; shorten the text"
        )));
    }
    if filter.older_listing { older(place, filter, send).await } else { search(place, filter, send).await }
}

async fn search<G>(place: &Place<'_>, filter: &ContactFilter, send: &G) -> Result<Rows, SourceError>
where
    G: AsyncFn(Call) -> Result<Reply, String>,
{
    let limit = page(filter.limit);
    let mut body = json!({"locationId": place.location, "pageLimit": limit});
    if let Some(text) = &filter.text {
        body["query"] = json!(text);
    }
    // A cursor is a place in an order, so there always is one.
    body["sort"] = match filter.updated_after {
        Some(at) => {
            body["filters"] = json!([{"field": "dateUpdated", "operator": "range", "value": {"gt": at}}]);
            json!([{"field": "dateUpdated", "direction": "asc"}])
        }
        None => json!([{"field": "dateAdded", "direction": "desc"}]),
    };
    if let Some(cursor) = &filter.cursor {
        let after: Option<Value> = serde_json::from_str(cursor).ok().filter(Value::is_array);
        body["searchAfter"] = after.ok_or_else(strange_cursor)?;
    }
    let answer = Call::post("/contacts/search".into(), place.version, body).json(CONTACTS_READ, send).await?;
    let rows = elements(&answer, "contacts").to_vec();
    let after = rows.last().and_then(|row| row.get("searchAfter")).filter(|after| after.is_array());
    let next = after.map(Value::to_string);
    let next = following(next, filter.cursor.as_deref(), rows.len(), limit);
    Ok((rows, next))
}

/// HighLevel, "Get Contacts" (deprecated): with one of its two cursors alone it answers with the first page for ever.
async fn older<G>(place: &Place<'_>, filter: &ContactFilter, send: &G) -> Result<Rows, SourceError>
where
    G: AsyncFn(Call) -> Result<Reply, String>,
{
    if filter.updated_after.is_some() {
        return Err(SourceError::Invalid(
            "the older listing cannot look for changes since a time; ask for them without it".into(),
        ));
    }
    let limit = page(filter.limit);
    let limit_text = limit.to_string();
    let mut pairs = vec![("locationId", place.location), ("limit", limit_text.as_str())];
    if let Some(text) = &filter.text {
        pairs.push(("query", text));
    }
    let cursor = match &filter.cursor {
        Some(cursor) => {
            let (after, id): (u64, String) = serde_json::from_str(cursor).map_err(|_| strange_cursor())?;
            Some((after.to_string(), id))
        }
        None => None,
    };
    if let Some((after, id)) = &cursor {
        pairs.extend([("startAfter", after.as_str()), ("startAfterId", id.as_str())]);
    }
    let answer = Call::get(path::with_query("/contacts/", &pairs), place.version).json(CONTACTS_READ, send).await?;
    let rows = elements(&answer, "contacts").to_vec();
    // Answered with a count alone, the last row says what the meta would.
    let meta = answer.get("meta").unwrap_or(&Value::Null);
    let last = rows.last().unwrap_or(&Value::Null);
    let after = time::at(meta, "startAfter").or_else(|| time::at(last, "dateAdded"));
    let id = text(meta, "startAfterId").or_else(|| text(last, "id"));
    let next = after.zip(id).map(|next| json!(next).to_string());
    let next = following(next, filter.cursor.as_deref(), rows.len(), limit);
    Ok((rows, next))
}

/// One page of a business's contacts. The cursor is how many to leave out.
pub async fn of_business<G>(place: &Place<'_>, filter: &BusinessFilter, send: &G) -> Result<Rows, SourceError>
where
    G: AsyncFn(Call) -> Result<Reply, String>,
{
    let limit = page(filter.limit);
    let skip: u64 = filter.cursor.as_deref().map_or(Ok(0), str::parse).map_err(|_| strange_cursor())?;
    let (limit_text, skip_text) = (limit.to_string(), skip.to_string());
    let pairs = [("locationId", place.location), ("limit", limit_text.as_str()), ("skip", skip_text.as_str())];
    let below = format!("/contacts/business/{}", path::segment(&filter.business));
    let answer = Call::get(path::with_query(&below, &pairs), place.version).json(CONTACTS_READ, send).await;
    let answer = answer.map_err(|error| missing(error, &format!("business {}", filter.business)))?;
    let rows = elements(&answer, "contacts").to_vec();
    let seen = skip.saturating_add(rows.len() as u64);
    let all_seen = number(&answer, "count").is_some_and(|count| seen as f64 >= count);
    let next = following(Some(seen.to_string()).filter(|_| !all_seen), filter.cursor.as_deref(), rows.len(), limit);
    Ok((rows, next))
}

fn page(limit: u32) -> u32 {
    limit.clamp(1, PAGE)
}

/// A page that is not full is the last; a cursor that comes again would go round for ever.
fn following(next: Option<String>, given: Option<&str>, rows: usize, limit: u32) -> Option<String> {
    next.filter(|next| rows >= limit as usize && Some(next.as_str()) != given)
}

fn strange_cursor() -> SourceError {
    SourceError::Invalid("the cursor is not one that an answer of this source gave; begin without one".into())
}
