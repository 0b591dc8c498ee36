use serde_json::json;

use super::*;
use crate::bindings::exports::convey::pipeline::contact_source::Silence;
use crate::crm::{Crm, at, hook, of};

/// A contact born at one second, of a connection since another.
fn crm(born: u64, since: u64) -> Crm {
    let iso = format!("2026-01-01T00:00:{born:02}Z");
    let crm = Crm::holding(json!({"id": "c", "locationId": "loc", "tags": [], "dateAdded": iso, "dateUpdated": iso}));
    crm.subject.borrow_mut().since = at(since);
    for (path, name) in [
        ("/tasks", "tasks"),
        ("/notes", "notes"),
        ("/appointments", "events"),
        ("/opportunities/search", "opportunities"),
    ] {
        crm.list(path, json!({name: []}));
    }
    crm
}

fn fill(crm: &Crm) {
    crm.list("/tasks", json!({"tasks": [{"id": "t", "title": "call", "completed": true}]}));
    crm.list("/notes", json!({"notes": [{"id": "n", "body": "x", "dateAdded": "2026-01-01T00:00:20Z"}]}));
    crm.list(
        "/appointments",
        json!({"events": [{"id": "a", "title": "visit", "appointmentStatus": "new",
        "startTime": "2026-02-01 10:00:00", "endTime": "2026-02-01 11:00:00", "dateAdded": "2026-01-01T00:00:20Z"}]}),
    );
    crm.list(
        "/opportunities/search",
        json!({"opportunities": [{"id": "o", "name": "deal", "pipelineId": "p",
        "pipelineStageId": "s", "status": "open", "monetaryValue": 40, "updatedAt": "2026-01-01T00:00:20Z"}]}),
    );
}

fn webhooks() -> Vec<Value> {
    let meeting = json!({"id": "a", "contactId": "c", "title": "visit", "appointmentStatus": "new",
        "startTime": "2026-02-01T10:00:00Z", "endTime": "2026-02-01T11:00:00Z"});
    vec![
        of("TaskCreate", 20, json!({"id": "t", "title": "call"})),
        of("TaskComplete", 21, json!({"id": "t", "title": "call"})),
        of("NoteCreate", 20, json!({"id": "n", "body": "x"})),
        hook("AppointmentCreate", 20, json!({"appointment": meeting})),
        of(
            "OpportunityCreate",
            20,
            json!({"id": "o", "name": "deal", "pipelineId": "p", "pipelineStageId": "s", "status": "open", "monetaryValue": 40}),
        ),
    ]
}

fn kinds(gaps: &[(String, String)]) -> Vec<&str> {
    gaps.iter().map(|(kind, _)| kind.as_str()).collect()
}

const ALL: [&str; 5] = ["task-created", "task-completed", "note-created", "appointment-changed", "opportunity-changed"];

#[test]
fn the_first_sweep_of_an_old_contact_is_its_baseline() {
    let crm = crm(1, 5);
    fill(&crm);
    assert_eq!(crm.swept(at(30)), (Err(Silence::Baseline), Vec::new()));
    assert_eq!(crm.swept(at(40)), (Err(Silence::Repeated), Vec::new()));
    assert_eq!(crm.asked.borrow().len(), 9, "five requests, then all but the contact");
}

#[test]
fn what_no_webhook_told_is_a_gap_once_and_a_late_webhook_has_its_id() {
    let crm = crm(1, 5);
    assert!(crm.swept(at(10)).1.is_empty());
    fill(&crm);
    let (_, gaps) = crm.swept(at(30));
    assert_eq!(kinds(&gaps), ALL);
    assert!(crm.swept(at(40)).1.is_empty(), "reported once");
    let late: Vec<String> =
        crm.read(&webhooks()).into_iter().map(|told| told.expect("told, though late")[0].id.clone()).collect();
    let ids: Vec<&str> = gaps.iter().map(|(_, id)| id.as_str()).collect();
    assert_eq!(late, ids, "the change closes the gap");
    assert!(crm.swept(at(50)).1.is_empty());
}

#[test]
fn what_was_told_is_no_gap() {
    let crm = crm(1, 5);
    assert!(crm.swept(at(10)).1.is_empty());
    assert!(crm.read(&webhooks()).iter().all(Result::is_ok));
    fill(&crm);
    assert!(crm.swept(at(30)).1.is_empty());
    let waiting = crate::samples::delivery("w", at(31), &of("NoteUpdate", 31, json!({"id": "n", "body": "y"})));
    crm.list("/notes", json!({"notes": [{"id": "n", "body": "y"}]}));
    let sweep = crm.row(crate::bindings::convey::pipeline::types::Origin::Sweep, at(32));
    let reading = crm.reading(vec![sweep, waiting], true).expect("read");
    assert!(reading.gaps.is_empty(), "a webhook that waits beside the sweep is told, and no gap");
}

#[test]
fn the_zone_that_a_list_leaves_out_makes_no_gap() {
    let crm = crm(1, 5);
    assert!(crm.swept(at(10)).1.is_empty());
    fill(&crm);
    let meeting = json!({"id": "a", "contactId": "c", "title": "visit", "appointmentStatus": "new",
        "startTime": "2026-02-01T10:00:00+05:30", "endTime": "2026-02-01T11:00:00+05:30"});
    assert!(crm.one(hook("AppointmentCreate", 20, json!({"appointment": meeting}))).is_ok());
    assert!(!kinds(&crm.swept(at(30)).1).contains(&"appointment-changed"));
}

#[test]
fn a_date_without_its_zone_makes_nothing_old() {
    let crm = crm(1, 5);
    assert!(crm.swept(at(10)).1.is_empty());
    // Six hours west of UTC: it was made after the connection began, and reads as if before.
    crm.list(
        "/appointments",
        json!({"events": [{"id": "a", "title": "visit", "appointmentStatus": "new", "startTime": "2026-02-01 10:00:00",
        "endTime": "2026-02-01 11:00:00", "dateAdded": "2025-12-31 18:00:20"}]}),
    );
    assert_eq!(kinds(&crm.swept(at(30)).1), ["appointment-changed"]);
    assert!(crm.swept(at(40)).1.is_empty());
}

#[test]
fn changes_and_ends_that_were_not_told() {
    let crm = crm(1, 5);
    fill(&crm);
    assert!(crm.swept(at(10)).1.is_empty());
    assert!(crm.one(of("NoteUpdate", 11, json!({"id": "n", "body": "y"}))).is_ok());
    crm.list("/notes", json!({"notes": [{"id": "n", "body": "z"}]}));
    assert_eq!(kinds(&crm.swept(at(20)).1), ["note-updated"]);
    for path in ["/tasks", "/notes", "/appointments", "/opportunities/search"] {
        crm.list(path, json!({}));
    }
    let later = at(30) + INDEX_LAG_MS;
    assert_eq!(
        kinds(&crm.swept(later).1),
        ["task-deleted", "note-deleted", "appointment-changed", "opportunity-changed"]
    );
    assert!(crm.swept(later + 1).1.is_empty());
    let (kind, late) = ("NoteDelete", crm.one(of("NoteDelete", 25, json!({"id": "n"}))));
    assert!(late.is_ok(), "{kind}");
}

#[test]
fn a_contact_younger_than_the_connection_has_no_past() {
    let crm = crm(6, 5);
    fill(&crm);
    let (told, gaps) = crm.swept(at(30));
    assert_eq!((told.map(|told| told.len()), kinds(&gaps)), (Ok(1), ALL.to_vec()));
}

#[test]
fn a_list_that_cannot_be_had_says_nothing() {
    let crm = crm(6, 5);
    assert!(crm.read(&webhooks()).iter().all(Result::is_ok));
    for path in ["/tasks", "/notes", "/appointments", "/opportunities/search"] {
        crm.lists.borrow_mut().insert(path, (403, json!({"message": "no"})));
    }
    assert!(crm.swept(at(30)).1.is_empty(), "nothing was deleted");
    crm.lists.borrow_mut().insert("/notes", (503, json!({})));
    let sweep = crm.row(crate::bindings::convey::pipeline::types::Origin::Sweep, at(32));
    assert!(crm.reading(vec![sweep], false).is_err());
}

#[test]
fn what_was_forgotten_for_want_of_room_is_not_new() {
    let crm = crm(1, 5);
    let notes: Vec<Value> = (0..600).map(|id| json!({"id": format!("n{id:04}"), "body": "x"})).collect();
    crm.list("/notes", json!({"notes": notes}));
    assert!(crm.swept(at(10)).1.is_empty());
    assert!(crm.swept(at(20)).1.is_empty());
    let mut notes = notes;
    notes.push(json!({"id": "fresh", "body": "y", "dateAdded": "2026-01-01T00:00:25Z"}));
    crm.list("/notes", json!({"notes": notes}));
    assert_eq!(kinds(&crm.swept(at(30)).1), ["note-created"]);
    assert!(crm.memory.borrow().as_ref().is_some_and(|memory| memory.len() <= 32 * 1024));
}
