//! Writes of this source itself: noted when they are made, so that the webhook that echoes one is not told as news. Only the write itself is
//! noted, never the state after it: what somebody else did at the same time stays a difference, and is told.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::contact::contact;
use crate::digest;
use crate::fields as contact_fields;
use crate::memory::Memory;
use crate::settings::ContactFrom;
use crate::tags::TagWrite;

/// Writes of tags remembered.
const WRITES: usize = 16;
/// How far the vendor's clock and the host's may stand apart, ms.
const SKEW_MS: u64 = 5_000;
/// An echo comes before its write at most by this, ms: the clocks' difference and the request's own time.
const ECHO_MS: u64 = 60_000;

/// What memory keeps of them beside the marks of single objects.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct OwnWrites {
    #[serde(rename = "t", skip_serializing_if = "Vec::is_empty")]
    tags: Vec<TagWrite>,
    /// When fields were written whose echo was not heard yet, ms; 0 for none.
    #[serde(rename = "f")]
    fields: u64,
}

impl OwnWrites {
    /// A set of tags of a moment as if every own write had been made before it.
    pub fn applied(&self, tags: Vec<String>, at: u64) -> Vec<String> {
        let later = |write: &&TagWrite| at < if write.echoed { write.at } else { write.at.saturating_add(SKEW_MS) };
        self.tags.iter().filter(later).fold(tags, |tags, write| write.applied(tags))
    }

    /// Whether a set of tags is the first to show an own write, or a copy of it.
    pub fn echoes_tags(&mut self, tags: &[String], at: u64) -> bool {
        let fresh = |write: &TagWrite| !write.echoed && at.saturating_add(ECHO_MS) >= write.at;
        let echo = self.tags.iter_mut().find(|write| {
            let due = if write.echoed { write.at == at } else { fresh(write) };
            due && write.shows_in(tags)
        });
        let Some(echo) = echo else { return false };
        (echo.at, echo.echoed) = (at, true);
        true
    }

    /// Whether an update of a moment that shows nothing new is the echo of fields written, heard for the first time.
    pub fn echoes_fields(&mut self, at: u64) -> bool {
        let echo = self.fields != 0 && at.abs_diff(self.fields) <= ECHO_MS;
        self.fields = if echo { 0 } else { self.fields };
        echo
    }
}

/// Notes tags added and removed, as the request named them: those that were not so already. `at` is the time after the answer, ms.
pub fn tags(memory: &mut Memory, added: &[String], removed: &[String], at: u64) {
    let write = TagWrite { added: added.to_vec(), removed: removed.to_vec(), at, echoed: false };
    if let Some(known) = &mut memory.tags {
        known.write(&write);
    }
    memory.own.tags.push(write);
    if memory.own.tags.len() > WRITES {
        memory.own.tags.remove(0);
    }
}

/// Notes fields written, told by the contact before and after the write, both as the API has them (`before` is null for a contact just made);
/// what is in neither is not ours. Before the first sight there is nothing to note: the sight will be after the write. `at` in ms.
pub fn fields(memory: &mut Memory, from: ContactFrom, before: &Value, after: &Value, at: u64) {
    let [before, after] = [before, after].map(|written| contact_fields::fields(&contact(written), from));
    if let Some(known) = &mut memory.fields {
        for name in contact_fields::changed(&before, &after) {
            match after.get(&name) {
                Some(value) => known.insert(name, value.clone()),
                None => known.remove(&name),
            };
        }
    }
    memory.own.fields = at;
}

/// Notes what happens once to an object: `kind` is `contact`, `task` or `note`, `verb` is `created`, `completed` or `deleted`. `at` in ms.
pub fn object(memory: &mut Memory, kind: &str, id: &str, verb: &str, at: u64) {
    let told = if kind == "contact" { &mut memory.contact } else { &mut memory.object(kind, id).told };
    // Told before by somebody else's hand, it is not ours.
    if told.once(verb).is_some() {
        told.write(verb, at);
    }
}

/// Notes the text of a note, made (beside its `created`) or rewritten. `at` in ms.
pub fn note_text(memory: &mut Memory, id: &str, body: &str, at: u64) {
    let mark = digest::mark(&[body]);
    let told = &mut memory.object("note", id).told;
    told.count(&mark);
    told.rest(&mark, at);
    told.write(&mark, at);
}

#[cfg(test)]
mod tests;
