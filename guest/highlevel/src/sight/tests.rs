use serde_json::json;

use super::*;
use crate::bindings::convey::pipeline::types::Change;
use crate::crm::{Crm, at, hook};

fn iso(second: u64) -> String {
    format!("2026-01-01T00:00:{second:02}.000Z")
}

fn zoe(born: u64) -> Value {
    json!({"id": "c", "locationId": "loc", "firstName": "Zoë", "city": "Austin", "tags": ["a"], "dnd": false, "dndSettings": {},
        "dateAdded": iso(born), "dateUpdated": iso(born)})
}

fn crm(born: u64, since: u64) -> Crm {
    let crm = Crm::holding(zoe(born));
    crm.subject.borrow_mut().since = at(since);
    crm
}

fn kinds(told: &Result<Vec<Change>, Silence>) -> Vec<&'static str> {
    let kind = |change: &Change| match &change.trigger {
        Trigger::ContactCreated => "created",
        Trigger::ContactUpdated(_) => "updated",
        Trigger::TagsChanged(_) => "tags",
        Trigger::ConsentChanged => "consent",
        _ => "other",
    };
    told.iter().flatten().map(kind).collect()
}

#[test]
fn an_old_contact_is_a_baseline_and_a_new_one_is_news() {
    let old = crm(1, 5);
    assert_eq!(old.polled(), Err(Silence::Baseline));
    assert_eq!(old.polled(), Err(Silence::Repeated));
    assert_eq!(old.asked.borrow().len(), 1, "what was seen is not fetched again");

    let new = crm(6, 5);
    let told = new.polled().expect("told");
    assert_eq!((told.len(), &told[0].trigger, told[0].occurred_at), (1, &Trigger::ContactCreated, at(6)));
    assert_eq!(new.one(hook("ContactCreate", 6, json!({"tags": ["a"]}))), Err(Silence::Repeated), "its late webhook");
    let heard = crm(6, 5);
    let webhook = heard
        .one(hook("ContactCreate", 6, json!({"firstName": "Zoë", "city": "Austin", "tags": ["a"]})))
        .expect("told");
    assert_eq!(webhook[0].id, told[0].id);
    assert_eq!(heard.polled(), Err(Silence::Repeated), "webhook, then poll");
}

#[test]
fn one_row_tells_every_kind_of_change() {
    let crm = crm(1, 5);
    assert_eq!(crm.polled(), Err(Silence::Baseline));
    for (field, value) in [
        ("city", json!("Boston")),
        ("tags", json!(["a", "b"])),
        ("dndSettings", json!({"SMS": {"status": "active"}})),
        ("dateUpdated", json!(iso(9))),
    ] {
        crm.set(field, value);
    }
    let told = crm.polled();
    assert_eq!(kinds(&told), ["updated", "tags", "consent"]);
    let told = told.expect("told");
    assert!(told.iter().all(|change| change.occurred_at == at(9)));
    for late in [
        hook("ContactUpdate", 9, json!({})),
        hook("ContactTagUpdate", 9, json!({"tags": ["a", "b"]})),
        hook("ContactDndUpdate", 9, json!({"dndSettings": {"SMS": {"status": "active"}}})),
    ] {
        let silence = crm.one(late.clone());
        assert!(matches!(silence, Err(Silence::Repeated | Silence::Unchanged)), "{late}: {silence:?}");
    }
}

#[test]
fn webhook_and_poll_give_one_id() {
    let change = |heard: bool| {
        let crm = crm(1, 5);
        assert_eq!(crm.polled(), Err(Silence::Baseline));
        crm.set("tags", json!(["a", "b"]));
        crm.set("city", json!("Boston"));
        crm.set("dateUpdated", json!(iso(9)));
        if !heard {
            return crm.polled().expect("told").into_iter().map(|change| change.id).collect::<Vec<_>>();
        }
        let bodies = [hook("ContactUpdate", 9, json!({})), hook("ContactTagUpdate", 9, json!({"tags": ["a", "b"]}))];
        let told = crm.read(&bodies).into_iter().flat_map(|told| told.expect("told")).map(|change| change.id).collect();
        assert_eq!(crm.polled(), Err(Silence::Repeated));
        told
    };
    assert_eq!(change(true), change(false));
}

#[test]
fn a_lost_creation_is_told_by_what_follows_it() {
    for kind in ["ContactUpdate", "ContactTagUpdate", "ContactDndUpdate"] {
        let crm = crm(6, 5);
        assert_eq!(kinds(&crm.one(hook(kind, 8, json!({"tags": ["a"]})))), ["created"], "{kind}");
        assert!(crm.one(hook("ContactCreate", 6, json!({"tags": ["a"]}))).is_err(), "{kind}");
    }
    let crm = crm(6, 5);
    assert_eq!(kinds(&crm.one(hook("ContactTagUpdate", 8, json!({"tags": ["a", "vip"]})))), ["created"]);
    let late = crm.one(hook("ContactCreate", 6, json!({"tags": ["a"]})));
    assert_eq!(kinds(&late), ["tags"], "what came after the creation");
}

#[test]
fn what_moved_on_since_the_row_is_yet_to_be_told() {
    let crm = crm(6, 5);
    let row = crm.row(crate::bindings::convey::pipeline::types::Origin::Poll, 1000);
    crm.set("city", json!("Boston"));
    crm.set("dateUpdated", json!(iso(9)));
    let first = crate::crm::told(crm.reading(vec![row], true).expect("read")).remove(0);
    assert_eq!(kinds(&first), ["created"]);
    assert_eq!(kinds(&crm.polled()), ["updated"]);
}

#[test]
fn channels_that_an_answer_leaves_out_are_not_cleared() {
    let crm = crm(1, 5);
    crm.set("dndSettings", json!({"SMS": {"status": "active"}}));
    assert_eq!(crm.polled(), Err(Silence::Baseline));
    crm.set("dndSettings", Value::Null);
    crm.set("dateUpdated", json!(iso(9)));
    assert_eq!(crm.polled(), Err(Silence::Unchanged));
}

#[test]
fn a_contact_gone_since_it_was_found_says_nothing() {
    let crm = crm(6, 5);
    let row = crm.row(crate::bindings::convey::pipeline::types::Origin::Poll, 1000);
    crm.contact.replace(None);
    let silent = crate::crm::told(crm.reading(vec![row], true).expect("read")).remove(0);
    assert_eq!(silent, Err(Silence::Irrelevant));
}
