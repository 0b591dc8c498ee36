//! Gaps: what a sweep finds in the CRM that no delivery told. They are named, not told: the webhook may come yet, and then its change closes the gap.

use serde_json::Value;

use crate::answer::Scene;
use crate::belonging::{appointment_mark, appointment_shape, note_mark, opportunity_mark};
use crate::beside::Beside;
use crate::bindings::exports::convey::pipeline::contact_source::Gap;
use crate::fact;
use crate::json::any_text;
use crate::memory::{Memory, Object};
use crate::time;
use crate::webhook;

/// How long the search of opportunities may not know of one that a webhook told, ms.
const INDEX_LAG_MS: u64 = 10 * 60 * 1000;
/// The most opportunities that one page of the search holds.
pub const OPPORTUNITIES: usize = 100;

/// A fact that an object in the CRM shows and that was neither told nor seen.
struct Claim {
    version: String,
    kind: &'static str,
    /// When it happened, where the object says so, ms.
    at: Option<u64>,
}

/// A list of one kind of object.
struct Listed<'a> {
    kind: &'static str,
    /// The contract's name for the end of one.
    gone: &'static str,
    list: &'a [Value],
    /// Whether everything there is stands in the list.
    complete: bool,
    claims: fn(&mut Object, &Value) -> Vec<Claim>,
}

/// The gaps of one contact, each reported once. `born` is when the contact came to be and `at` when the sweep came by, ms.
pub fn gaps(scene: &Scene<'_>, memory: &mut Memory, contact: &str, born: Option<u64>, at: u64) -> Vec<Gap> {
    // All that hangs on a contact is younger than the contact.
    let young = born.is_some_and(|born| born >= scene.since);
    let mut found = Vec::new();
    for listed in lists(scene.beside) {
        let first = !memory.swept.kinds.iter().any(|kind| kind == listed.kind);
        let mut there = Vec::new();
        for value in listed.list {
            let Some(id) = any_text(value, &["id", "_id"]) else { continue };
            let remembered = memory.remembers(listed.kind, &id);
            let (forgot, last) = (memory.swept.forgot && !remembered, memory.swept.at);
            let object = memory.object(listed.kind, &id);
            for claim in (listed.claims)(object, value) {
                let new = object.told.see(&claim.version);
                let counts = match claim.at {
                    Some(when) => when >= scene.since && (!forgot || when > last),
                    None => !forgot,
                };
                if new && counts && (young || !first) {
                    found.push((listed.kind, id.clone(), claim.version, claim.kind));
                }
            }
            there.push(id);
        }
        let missing = memory.ids(listed.kind).into_iter().filter(|id| listed.complete && !there.contains(id));
        for id in missing.collect::<Vec<_>>() {
            let told = &mut memory.object(listed.kind, &id).told;
            let fresh = listed.kind == "opportunity" && told.at.saturating_add(INDEX_LAG_MS) > at;
            if !told.is_gone() && !fresh && told.see("deleted") {
                found.push((listed.kind, id, "deleted".to_owned(), listed.gone));
            }
        }
        if first {
            memory.swept.kinds.push(listed.kind.to_owned());
        }
    }
    memory.swept.at = memory.swept.at.max(at);
    let gap = |(kind, object, version, name): (&str, String, String, &str)| Gap {
        id: fact::id(scene.connection, contact, kind, &object, &version),
        kind: name.to_owned(),
    };
    found.into_iter().map(gap).collect()
}

fn lists(beside: &Beside) -> Vec<Listed<'_>> {
    let mut lists: Vec<Listed<'_>> = Vec::new();
    if let Some(list) = &beside.tasks {
        lists.push(Listed { kind: "task", gone: "task-deleted", list, complete: true, claims: task });
    }
    if let Some(list) = &beside.notes {
        lists.push(Listed { kind: "note", gone: "note-deleted", list, complete: true, claims: note });
    }
    if let Some(list) = &beside.appointments {
        lists.push(Listed {
            kind: "appointment",
            gone: "appointment-changed",
            list,
            complete: true,
            claims: appointment,
        });
    }
    if let Some(list) = &beside.opportunities {
        let complete = list.len() < OPPORTUNITIES;
        lists.push(Listed { kind: "opportunity", gone: "opportunity-changed", list, complete, claims: opportunity });
    }
    lists
}

/// A fact that can be only once, unless it was told or seen.
fn verb(object: &Object, verb: &str, kind: &'static str, at: Option<u64>) -> Option<Claim> {
    let open = !object.told.knows(verb) && !object.told.has_seen(verb);
    open.then(|| Claim { version: verb.to_owned(), kind, at })
}

/// A state, unless it is the one told last or was seen.
fn state(object: &Object, mark: &str, kind: &'static str, at: Option<u64>) -> Option<Claim> {
    let version = object.told.next(mark);
    let open = object.told.latest != mark && !object.told.has_seen(&version);
    open.then_some(Claim { version, kind, at })
}

fn task(object: &mut Object, value: &Value) -> Vec<Claim> {
    let completed = webhook::task(value, false).completed;
    let created = verb(object, "created", "task-created", time::at(value, "dateAdded"));
    let completed = completed.then(|| verb(object, "completed", "task-completed", time::at(value, "dateUpdated")));
    created.into_iter().chain(completed.flatten()).collect()
}

fn note(object: &mut Object, value: &Value) -> Vec<Claim> {
    let mark = note_mark(&webhook::note(value));
    if let Some(created) = verb(object, "created", "note-created", time::at(value, "dateAdded")) {
        // Its text belongs to its creation.
        let text = object.told.next(&mark);
        object.told.see(&text);
        return vec![created];
    }
    // Written by this source, its text was never heard of.
    if object.told.latest.is_empty() && object.told.is_own("created") {
        return Vec::new();
    }
    state(object, &mark, "note-updated", time::at(value, "dateUpdated")).into_iter().collect()
}

fn appointment(object: &mut Object, value: &Value) -> Vec<Claim> {
    let appointment = webhook::appointment(value, false);
    let zoneless = value.get("startTime").is_some_and(time::is_zoneless);
    if zoneless && !object.shape.is_empty() && object.shape == appointment_shape(&appointment) {
        return Vec::new();
    }
    // A date without its zone, as the list has them, does not say on which side of another moment it lies.
    let dated = |name| value.get(name).filter(|date| !time::is_zoneless(date)).and_then(time::moment);
    let at = dated("dateUpdated").or_else(|| dated("dateAdded"));
    state(object, &appointment_mark(&appointment), "appointment-changed", at).into_iter().collect()
}

fn opportunity(object: &mut Object, value: &Value) -> Vec<Claim> {
    let mark = opportunity_mark(&webhook::opportunity(value, false));
    let dates = ["updatedAt", "dateUpdated", "createdAt", "dateAdded"];
    let at = dates.into_iter().find_map(|name| time::at(value, name));
    state(object, &mark, "opportunity-changed", at).into_iter().collect()
}

#[cfg(test)]
mod tests;
