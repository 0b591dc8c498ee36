//! What was written, as memory is to know it: its webhook is then our own write coming back.

use serde_json::Value;

use crate::memory::Memory;
use crate::own;
use crate::settings::ContactFrom;

/// One thing written to a contact.
pub enum Written {
    /// The contact itself, as it was read right after.
    Created(Value),
    /// Fields of it.
    Fields {
        /// The contact as it was.
        before: Value,
        /// The same with what was written, and nothing else, over it.
        after: Value,
    },
    /// Tags, those that were not so already.
    Tags {
        /// As the request named them.
        added: Vec<String>,
        /// As the contact had them.
        removed: Vec<String>,
    },
    /// A contact or task came, was completed or went, or a note went: kind, id, verb.
    Object(&'static str, String, &'static str),
    /// A note came: id, text.
    NoteCreated(String, String),
    /// A note's new text: id, text.
    NoteText(String, String),
}

impl Written {
    /// Notes it in the memory of the contact, at a time (ms).
    pub fn note(&self, memory: &mut Memory, from: ContactFrom, at: u64) {
        match self {
            Self::Created(contact) => {
                own::object(memory, "contact", "", "created", at);
                own::fields(memory, from, &Value::Null, contact, at);
            }
            Self::Fields { before, after } => own::fields(memory, from, before, after, at),
            Self::Tags { added, removed } => own::tags(memory, added, removed, at),
            Self::Object(kind, id, verb) => own::object(memory, kind, id, verb, at),
            // A repeat finds the note that memory already has: noted twice, its text would count as two.
            Self::NoteCreated(id, text) => {
                if !memory.object("note", id).told.knows("created") {
                    own::object(memory, "note", id, "created", at);
                    own::note_text(memory, id, text, at);
                }
            }
            Self::NoteText(id, text) => own::note_text(memory, id, text, at),
        }
    }
}
