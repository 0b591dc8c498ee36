use serde_json::json;

use super::*;
use crate::bindings::convey::pipeline::types::{TagDelta, Trigger};
use crate::bindings::exports::convey::pipeline::contact_source::Silence;
use crate::crm::{Crm, at, hook, of};

fn list(tags: &str) -> Vec<String> {
    tags.split_whitespace().map(str::to_owned).collect()
}

/// A contact that is known, with tag `a`.
fn known() -> Crm {
    let crm = Crm::holding(json!({"id": "c", "firstName": "Zoë", "city": "Austin", "tags": ["a"]}));
    assert!(crm.one(hook("ContactCreate", 1, json!({"firstName": "Zoë", "city": "Austin", "tags": ["a"]}))).is_ok());
    crm
}

fn write(crm: &Crm, write: impl FnOnce(&mut Memory)) {
    let mut memory = Memory::load(crm.memory.borrow().as_deref());
    write(&mut memory);
    crm.memory.replace(Some(memory.save()));
}

fn tags_told(crm: &Crm, second: u64, set: &[&str]) -> Result<Vec<TagDelta>, Silence> {
    crm.set("tags", json!(set));
    let told = crm.one(hook("ContactTagUpdate", second, json!({"tags": set})))?;
    Ok(told
        .into_iter()
        .map(|change| match change.trigger {
            Trigger::TagsChanged(delta) => delta,
            other => panic!("not tags: {other:?}"),
        })
        .collect())
}

fn delta(added: &str, removed: &str) -> TagDelta {
    TagDelta { added: list(added), removed: list(removed) }
}

#[test]
fn the_echo_of_a_tag_is_ours_and_what_follows_is_not() {
    let crm = known();
    write(&crm, |memory| tags(memory, &list("Won"), &[], at(10)));
    assert_eq!(tags_told(&crm, 10, &["a", "won"]), Err(Silence::OwnWrite));
    assert_eq!(tags_told(&crm, 10, &["a", "won"]), Err(Silence::OwnWrite), "its copy");
    assert_eq!(tags_told(&crm, 20, &["a"]), Ok(vec![delta("", "won")]), "somebody took it away");
    assert_eq!(tags_told(&crm, 30, &["a", "won"]), Ok(vec![delta("won", "")]), "and somebody gave it again");
}

#[test]
fn what_others_did_at_the_same_time_is_told() {
    // b came before our write, and its webhook comes after ours, or before ours, or never.
    for order in [&[10, 5][..], &[5, 10], &[10]] {
        let crm = known();
        write(&crm, |memory| tags(memory, &list("won"), &[], at(10)));
        let mut told = Vec::new();
        for second in order {
            let set: &[&str] = if *second == 5 { &["a", "b"] } else { &["a", "b", "won"] };
            told.extend(tags_told(&crm, *second, set).unwrap_or_default());
        }
        assert_eq!(told, [delta("b", "")], "{order:?}");
    }
}

#[test]
fn a_removal_is_ours_too() {
    let crm = known();
    write(&crm, |memory| tags(memory, &[], &list("a"), at(10)));
    assert_eq!(tags_told(&crm, 12, &[]), Err(Silence::OwnWrite));
    assert_eq!(tags_told(&crm, 14, &["a"]), Ok(vec![delta("a", "")]));
}

#[test]
fn fields_written_are_known_and_others_are_not() {
    let crm = known();
    let before = crm.contact.borrow().clone().unwrap_or_default();
    crm.set("city", json!("Boston"));
    let after = crm.contact.borrow().clone().unwrap_or_default();
    write(&crm, |memory| fields(memory, ContactFrom::Api, &before, &after, at(10)));
    assert_eq!(crm.one(hook("ContactUpdate", 10, json!({}))), Err(Silence::OwnWrite));
    assert_eq!(crm.one(hook("ContactUpdate", 11, json!({}))), Err(Silence::Unchanged));
    crm.set("firstName", json!("Zoe"));
    let told = crm.one(hook("ContactUpdate", 12, json!({}))).expect("told");
    assert_eq!(told[0].trigger, Trigger::ContactUpdated(vec!["first-name".into()]));

    let crm = known();
    crm.set("firstName", json!("Zoe"));
    let before = crm.contact.borrow().clone().unwrap_or_default();
    crm.set("city", json!("Boston"));
    let after = crm.contact.borrow().clone().unwrap_or_default();
    write(&crm, |memory| fields(memory, ContactFrom::Api, &before, &after, at(10)));
    let told = crm.one(hook("ContactUpdate", 10, json!({}))).expect("somebody else renamed her");
    assert_eq!(told[0].trigger, Trigger::ContactUpdated(vec!["first-name".into()]));
}

#[test]
fn tasks_and_notes_of_ours_are_ours() {
    let crm = known();
    write(&crm, |memory| {
        object(memory, "task", "t", "created", at(10));
        object(memory, "note", "n", "created", at(10));
        note_text(memory, "n", "one", at(10));
        object(memory, "task", "d", "deleted", at(10));
    });
    let note = |kind: &str, second, body: &str| crm.one(of(kind, second, json!({"id": "n", "body": body})));
    for kind in ["TaskCreate", "TaskCreate"] {
        assert_eq!(crm.one(of(kind, 10, json!({"id": "t"}))), Err(Silence::OwnWrite));
    }
    assert_eq!(crm.one(of("TaskDelete", 10, json!({"id": "d"}))), Err(Silence::OwnWrite));
    assert!(crm.one(of("TaskComplete", 11, json!({"id": "t"}))).is_ok(), "somebody did it");
    assert_eq!(note("NoteCreate", 10, "one"), Err(Silence::OwnWrite));
    assert!(note("NoteUpdate", 12, "two").is_ok(), "somebody rewrote it");
    write(&crm, |memory| note_text(memory, "n", "three", at(14)));
    assert_eq!(note("NoteUpdate", 14, "three"), Err(Silence::OwnWrite));
    assert!(note("NoteUpdate", 15, "two").is_ok(), "somebody took it back");
    write(&crm, |memory| object(memory, "task", "t", "completed", at(16)));
    assert_eq!(crm.one(of("TaskComplete", 11, json!({"id": "t"}))), Err(Silence::Repeated), "theirs stays theirs");
}

#[test]
fn a_contact_of_ours_is_not_news() {
    let crm = Crm::holding(
        json!({"id": "c", "city": "Austin", "tags": [], "dateAdded": "2026-01-01T00:00:10Z", "dateUpdated": "2026-01-01T00:00:10Z"}),
    );
    write(&crm, |memory| object(memory, "contact", "", "created", at(10)));
    assert_eq!(crm.one(hook("ContactCreate", 10, json!({"city": "Austin"}))), Err(Silence::OwnWrite));
    assert!(crm.polled().is_err());
}

#[test]
fn writes_remembered_are_bounded() {
    let mut memory = Memory::default();
    for write in 0..100 {
        tags(&mut memory, &[write.to_string()], &[], write);
    }
    assert_eq!(memory.own.tags.len(), WRITES);
}
