//! Polls: contacts that changed, and all contacts one by one. The cursor holds all that a poll knows of the ones before it.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::bindings::exports::convey::pipeline::contact_source::{Page, Row, SourceError, Subject, Sweep};
use crate::call::Call;
use crate::digest;
use crate::json::{list, text};
use crate::reply::Reply;
use crate::scope::CONTACTS_READ;
use crate::settings;
use crate::time;

const VERSION: u32 = 1;
/// HighLevel, "Search Contacts": up to 500 a page; rows become deliveries, and a hundred of those fit one transaction well.
const PAGE: usize = 100;
/// The search index lags behind the CRM by seconds: the next poll looks again at what changed within this time before the newest it saw, ms.
const OVERLAP_MS: u64 = 2 * 60 * 1000;

/// Where the next page, or the next poll, begins.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Cursor {
    v: u32,
    /// Contacts that changed at or after this, ms; for a sweep when it began.
    since: u64,
    /// The place of the last row seen, as the API gave it; none at the start of a poll.
    #[serde(skip_serializing_if = "Option::is_none")]
    after: Option<Value>,
    /// The newest change seen, ms.
    newest: u64,
}

/// One page. Errors: the API's, classified; `invalid` for settings or a cursor that make no sense.
pub async fn poll<G>(
    subject: &Subject,
    sweep: Sweep,
    cursor: Option<&str>,
    now: u64,
    send: &G,
) -> Result<Page, SourceError>
where
    G: AsyncFn(Call) -> Result<Reply, String>,
{
    let settings = settings::parse(&subject.settings).map_err(SourceError::Invalid)?;
    let cursor = begun(subject, sweep, cursor, now)?;
    let mut body = json!({"locationId": subject.location, "pageLimit": PAGE});
    match sweep {
        Sweep::Updates => {
            body["filters"] = json!([{"field": "dateUpdated", "operator": "range", "value": {"gte": cursor.since}}]);
            body["sort"] = json!([{"field": "dateUpdated", "direction": "asc"}]);
        }
        Sweep::Everything => body["sort"] = json!([{"field": "dateAdded", "direction": "asc"}]),
    }
    if let Some(after) = &cursor.after {
        body["searchAfter"] = after.clone();
    }
    let answer = Call::post("/contacts/search".into(), settings.api_version, body).json(CONTACTS_READ, send).await?;
    Ok(page(sweep, cursor, list(&answer, "contacts")))
}

fn begun(subject: &Subject, sweep: Sweep, cursor: Option<&str>, now: u64) -> Result<Cursor, SourceError> {
    let Some(text) = cursor else {
        let since = if sweep == Sweep::Updates { subject.since } else { now };
        return Ok(Cursor { v: VERSION, since, ..Cursor::default() });
    };
    let cursor: Option<Cursor> = serde_json::from_str(text).ok();
    cursor.filter(|cursor| cursor.v == VERSION).ok_or_else(|| {
        SourceError::Invalid("the cursor is not one that a poll of this source gave; begin without one".into())
    })
}

fn page(sweep: Sweep, mut cursor: Cursor, rows: &[Value]) -> Page {
    let after = rows.last().and_then(|row| row.get("searchAfter")).filter(|after| after.is_array()).cloned();
    // A page that is not full is the last one; a place that comes again would go round for ever.
    let more = rows.len() >= PAGE && after.is_some() && after != cursor.after;
    let newest = rows.iter().filter_map(|row| time::at(row, "dateUpdated")).max().unwrap_or(0);
    cursor.newest = cursor.newest.max(newest);
    let named = rows.iter().filter_map(|row| self::row(sweep, cursor.since, row)).collect();
    let next = match (more, sweep) {
        (true, _) => Some(Cursor { after, ..cursor }),
        (false, Sweep::Updates) => {
            // Never behind where this poll began: what is older than that was seen by the poll before.
            let since = cursor.since.max(cursor.newest.saturating_sub(OVERLAP_MS));
            Some(Cursor { v: VERSION, since, after: None, newest: 0 })
        }
        (false, Sweep::Everything) => None,
    };
    // Plain numbers and what was parsed from JSON always serialise.
    Page { rows: named, cursor: next.and_then(|next| serde_json::to_string(&next).ok()), more }
}

/// A row of the search as a delivery, named by the contact and its state (or the sweep), so that the same state seen again is the same delivery.
fn row(sweep: Sweep, begun: u64, row: &Value) -> Option<Row> {
    let id = text(row, "id")?;
    let state = match (sweep, time::at(row, "dateUpdated")) {
        (Sweep::Everything, _) => begun.to_string(),
        (Sweep::Updates, Some(at)) => at.to_string(),
        (Sweep::Updates, None) => digest::mark(&[&row.to_string()]),
    };
    Some(Row { id: format!("{id}.{state}"), body: json!({"contact": row}).to_string().into_bytes() })
}

#[cfg(test)]
mod tests;
