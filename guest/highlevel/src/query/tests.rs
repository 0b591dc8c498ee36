//! Each query against scripted answers.

use std::cell::RefCell;

use serde_json::{Value, json};

use super::*;
use crate::bindings::exports::convey::pipeline::contact_source::{BusinessFilter, ContactFilter};
use crate::operations::granted;
use crate::samples::{ready, subject};

/// What a query answers when every request is answered so, and the requests.
fn asked(query: Query, status: u16, body: &Value) -> (Result<Answer, SourceError>, Vec<Call>) {
    let calls = RefCell::new(Vec::new());
    let send = async |call: Call| {
        assert!(granted(&call), "{} {}", call.method.as_str(), call.path);
        calls.borrow_mut().push(call);
        Ok(Reply { status, headers: Vec::new(), body: body.to_string().into_bytes() })
    };
    let answer = ready(ask(&subject("api_version = \"v3\""), query, &send));
    (answer, calls.into_inner())
}

fn filter() -> ContactFilter {
    ContactFilter { text: None, updated_after: None, limit: 2, cursor: None, older_listing: false }
}

fn page(query: Query, body: &Value) -> (usize, Option<String>, Call) {
    match asked(query, 200, body) {
        (Ok(Answer::Contacts((rows, cursor))), mut calls) => (rows.len(), cursor, calls.remove(0)),
        (other, _) => panic!("{other:?}"),
    }
}

#[test]
fn a_contact_is_fetched_in_the_version_set() {
    let (answer, calls) = asked(Query::Contact("c1".into()), 200, &json!({"contact": {"id": "c1", "city": "Austin"}}));
    assert!(matches!(answer, Ok(Answer::Contact(contact)) if contact.city.as_deref() == Some("Austin")));
    assert!(calls[0] == Call::get("/contacts/c1".into(), ApiVersion::V3));
}

#[test]
fn what_is_not_there_is_named_with_both_ids() {
    let gone = json!({"statusCode": 400, "message": "not found"});
    for query in [Query::Task(("c1".into(), "x9".into())), Query::Note(("c1".into(), "x9".into()))] {
        let (answer, _) = asked(query, 400, &gone);
        assert!(
            matches!(&answer, Err(SourceError::NotFound(text)) if text.contains("c1") && text.contains("x9")),
            "{answer:?}"
        );
    }
    for query in [
        Query::Contact("c1".into()),
        Query::Tasks("c1".into()),
        Query::Notes("c1".into()),
        Query::Appointments("c1".into()),
    ] {
        let (answer, _) = asked(query, 400, &gone);
        assert!(matches!(&answer, Err(SourceError::NotFound(text)) if text.contains("c1")), "{answer:?}");
    }
}

#[test]
fn lists_without_anything_are_empty() {
    assert!(
        matches!(asked(Query::Tasks("c".into()), 200, &json!({"tasks": null})).0, Ok(Answer::Tasks(tasks)) if tasks.is_empty())
    );
    assert!(matches!(asked(Query::Notes("c".into()), 200, &json!({})).0, Ok(Answer::Notes(notes)) if notes.is_empty()));
    assert!(
        matches!(asked(Query::Appointments("c".into()), 200, &json!({"events": []})).0, Ok(Answer::Appointments(all)) if all.is_empty())
    );
}

#[test]
fn what_hangs_on_a_contact_is_read() {
    let body = json!({"tasks": [{"id": "t", "title": "Call", "dueDate": "2021-07-16T11:00:00Z", "completed": true, "assignedTo": "u"}]});
    let Ok(Answer::Tasks(tasks)) = asked(Query::Tasks("c".into()), 200, &body).0 else { panic!("tasks") };
    assert_eq!(
        (tasks[0].completed, tasks[0].due_at, tasks[0].assignee.as_deref()),
        (true, Some(1_626_433_200_000), Some("u"))
    );
    let body = json!({"events": [{"id": "a", "startTime": "2021-07-16 11:00:00", "appointmentStatus": "confirmed"}]});
    let Ok(Answer::Appointments(all)) = asked(Query::Appointments("c".into()), 200, &body).0 else { panic!("events") };
    assert_eq!((all[0].starts_at, all[0].status.as_deref()), (Some(1_626_433_200_000), Some("confirmed")));
    let body = json!({"note": {"id": "n", "body": "Called"}});
    let Ok(Answer::Note(note)) = asked(Query::Note(("c".into(), "n".into())), 200, &body).0 else { panic!("a note") };
    assert_eq!(note.body, "Called");
}

#[test]
fn a_search_goes_on_where_it_stopped() {
    let rows = json!({"contacts": [{"id": "a", "searchAfter": [1, "a"]}, {"id": "b", "address": "1 Main St", "searchAfter": [2, "b"]}], "total": 9});
    let search = ContactFilter { text: Some("Zoë".into()), updated_after: Some(1_600_000_000_000), ..filter() };
    let (count, cursor, call) = page(Query::Contacts(search), &rows);
    assert_eq!((count, cursor.as_deref()), (2, Some("[2,\"b\"]")));
    let body = call.body.expect("a body");
    assert_eq!((&body["pageLimit"], &body["locationId"], &body["query"]), (&json!(2), &json!("loc"), &json!("Zoë")));
    assert_eq!(body["filters"][0]["field"], "dateUpdated");
    let (_, again, call) = page(Query::Contacts(ContactFilter { cursor, ..filter() }), &rows);
    assert_eq!(call.body.expect("a body")["searchAfter"], json!([2, "b"]));
    assert_eq!(again, None, "a cursor that comes again would go round for ever");
    let (_, end, _) = page(Query::Contacts(ContactFilter { limit: 3, ..filter() }), &rows);
    assert_eq!(end, None, "a page that is not full is the last");
    let (_, _, call) = page(Query::Contacts(ContactFilter { limit: 5000, ..filter() }), &rows);
    assert_eq!(call.body.expect("a body")["pageLimit"], 100);
}

#[test]
fn the_older_listing_takes_both_cursors() {
    let older = || ContactFilter { older_listing: true, ..filter() };
    let rows = json!([{"id": "a"}, {"id": "b", "dateAdded": "2021-07-16T11:00:00.000Z"}]);
    let meta =
        json!({"contacts": rows, "meta": {"total": 9, "startAfterId": "b", "startAfter": 1_626_433_200_000_u64}});
    let count = json!({"contacts": rows, "count": 9});
    for shape in [meta, count] {
        let (_, cursor, call) = page(Query::Contacts(older()), &shape);
        assert_eq!(call.path, "/contacts/?locationId=loc&limit=2");
        let (_, again, call) = page(Query::Contacts(ContactFilter { cursor, ..older() }), &shape);
        assert_eq!(call.path, "/contacts/?locationId=loc&limit=2&startAfter=1626433200000&startAfterId=b");
        assert_eq!(again, None);
    }
}

#[test]
fn a_business_is_paged_by_skipping() {
    let filter = |cursor: Option<&str>| {
        Query::BusinessContacts(BusinessFilter { business: "b/1".into(), limit: 2, cursor: cursor.map(str::to_owned) })
    };
    let rows = json!({"contacts": [{"id": "a"}, {"id": "b"}], "count": 4});
    let (_, cursor, call) = page(filter(None), &rows);
    assert_eq!(
        (cursor.as_deref(), call.path.as_str()),
        (Some("2"), "/contacts/business/b%2F1?locationId=loc&limit=2&skip=0")
    );
    assert_eq!(page(filter(Some("2")), &rows).1, None, "all four were seen");
}

#[test]
fn what_cannot_be_asked_is_refused_without_a_request() {
    let strange = || Some("x".to_owned());
    for query in [
        Query::Contacts(ContactFilter { cursor: strange(), ..filter() }),
        Query::Contacts(ContactFilter { cursor: strange(), older_listing: true, ..filter() }),
        Query::Contacts(ContactFilter { updated_after: Some(1), older_listing: true, ..filter() }),
        Query::Contacts(ContactFilter { text: Some("x".repeat(76)), ..filter() }),
        Query::BusinessContacts(BusinessFilter { business: "b".into(), limit: 1, cursor: strange() }),
    ] {
        let (answer, calls) = asked(query, 200, &json!({}));
        assert!(matches!(answer, Err(SourceError::Invalid(_))) && calls.is_empty());
    }
}
