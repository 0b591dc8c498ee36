use std::cell::RefCell;

use super::*;
use crate::samples::{ready, subject};

/// A search over rows (id, dateUpdated) in the order asked for; the place of a row is its index.
fn search(rows: &RefCell<Vec<(String, u64)>>, sweep: Sweep, cursor: Option<&str>, asked: &RefCell<Vec<Value>>) -> Page {
    let send = async |call: crate::call::Call| {
        assert_eq!(call.path, "/contacts/search");
        let body = call.body.unwrap_or_default();
        let least = body["filters"][0]["value"]["gte"].as_u64().unwrap_or(0);
        let mut found: Vec<(String, u64)> = rows.borrow().iter().filter(|(_, at)| *at >= least).cloned().collect();
        found.sort_by_key(|(id, at)| (if sweep == Sweep::Updates { *at } else { 0 }, id.clone()));
        let after: Option<(u64, String)> = serde_json::from_value(body["searchAfter"].clone()).ok();
        let place = |(id, at): &(String, u64)| (if sweep == Sweep::Updates { *at } else { 0 }, id.clone());
        let left = found.iter().filter(|row| after.as_ref().is_none_or(|after| place(row) > *after)).take(100);
        let contacts: Vec<Value> =
            left.map(|row| json!({"id": row.0, "dateUpdated": row.1, "searchAfter": place(row)})).collect();
        asked.borrow_mut().push(body);
        Ok(Reply { status: 200, headers: Vec::new(), body: json!({"contacts": contacts}).to_string().into_bytes() })
    };
    let subject = Subject { since: 1_700_000_000_000, ..subject("") };
    ready(poll(&subject, sweep, cursor, 1_700_000_500_000, &send)).expect("a page")
}

fn all(rows: &RefCell<Vec<(String, u64)>>, sweep: Sweep, cursor: &mut Option<String>) -> Vec<String> {
    let mut ids = Vec::new();
    loop {
        let page = search(rows, sweep, cursor.as_deref(), &RefCell::default());
        ids.extend(page.rows.into_iter().map(|row| row.id));
        *cursor = page.cursor;
        if !page.more {
            return ids;
        }
    }
}

fn rows(count: u64, from: u64) -> RefCell<Vec<(String, u64)>> {
    RefCell::new((0..count).map(|row| (format!("c{row:04}"), from + row * 1000)).collect())
}

const BEGIN: u64 = 1_700_000_000_000;

#[test]
fn the_first_poll_begins_with_the_connection_and_the_next_a_little_before_the_newest() {
    let rows = rows(250, BEGIN);
    rows.borrow_mut().push(("old".into(), BEGIN - 1));
    let mut cursor = None;
    assert_eq!(all(&rows, Sweep::Updates, &mut cursor).len(), 250);
    let newest = BEGIN + 249_000;
    // One indexed late, one changed again.
    rows.borrow_mut().push(("late".into(), newest - OVERLAP_MS));
    rows.borrow_mut()[0].1 = newest + 5;
    let next = all(&rows, Sweep::Updates, &mut cursor);
    assert_eq!(next.len(), 123, "the overlap, the late one and the changed one");
    assert!(next.contains(&format!("late.{}", newest - OVERLAP_MS)) && next.contains(&format!("c0000.{}", newest + 5)));
    assert!(next.contains(&format!("c0249.{newest}")), "the same state has the same name");
    let idle = all(&rows, Sweep::Updates, &mut cursor);
    assert_eq!(all(&rows, Sweep::Updates, &mut cursor), idle, "an idle location's cursor stands still");
}

#[test]
fn the_request_is_the_search_asked_for() {
    let asked = RefCell::default();
    let page = search(&rows(3, BEGIN), Sweep::Updates, None, &asked);
    assert!(!page.more && page.cursor.is_some());
    assert_eq!(
        asked.borrow()[0],
        json!({"locationId": "loc", "pageLimit": 100, "sort": [{"field": "dateUpdated", "direction": "asc"}],
            "filters": [{"field": "dateUpdated", "operator": "range", "value": {"gte": BEGIN}}]})
    );
    let body: Value = serde_json::from_slice(&page.rows[0].body).expect("JSON");
    assert_eq!(body["contact"]["id"], "c0000");
}

#[test]
fn a_sweep_sees_everyone_once_and_ends() {
    let rows = rows(230, 1000);
    let mut cursor = None;
    let ids = all(&rows, Sweep::Everything, &mut cursor);
    assert_eq!((ids.len(), &cursor), (230, &None));
    assert_eq!(ids[0], "c0000.1700000500000", "named by the sweep");
    let asked = RefCell::default();
    search(&rows, Sweep::Everything, None, &asked);
    assert_eq!(asked.borrow()[0].get("filters"), None);
}

#[test]
fn a_place_that_comes_again_or_an_empty_page_ends_it() {
    let full: Vec<Value> = (0..PAGE).map(|id| json!({"id": id.to_string(), "searchAfter": [1, "x"]})).collect();
    let begun = Cursor { v: VERSION, since: 5, ..Cursor::default() };
    let first = page(Sweep::Everything, begun.clone(), &full);
    assert!(first.more);
    let again: Cursor = serde_json::from_str(first.cursor.as_deref().unwrap_or_default()).expect("a cursor");
    assert!(!page(Sweep::Everything, again.clone(), &full).more);
    let end = page(Sweep::Updates, again, &[]);
    assert!(!end.more && end.cursor.is_some_and(|cursor| !cursor.contains("after")));
    let placeless: Vec<Value> = (0..PAGE).map(|id| json!({"id": id.to_string()})).collect();
    assert!(!page(Sweep::Everything, begun, &placeless).more);
}

#[test]
fn a_strange_cursor_is_refused_and_not_repeated() {
    let send = async |_: crate::call::Call| Err("not asked".to_owned());
    for cursor in ["", "zoe@example.org", "{\"v\":2}", "{\"v\":1,\"other\":1}"] {
        let error = ready(poll(&subject(""), Sweep::Updates, Some(cursor), 1, &send)).err();
        assert!(matches!(error, Some(SourceError::Invalid(text)) if !text.contains("zoe")), "{cursor}");
    }
    assert!(matches!(ready(poll(&subject(""), Sweep::Updates, None, 1, &send)), Err(SourceError::Unavailable(_))));
}
