//! One contact: its fields as `GET` shows them, what belongs to it, and what its fields were a while ago.

use std::borrow::Cow;
use std::collections::VecDeque;

use serde_json::{Map, Value};

use super::record::{Appointment, Deal, Note, Task};
use crate::clock::Millis;

/// How long it is remembered what a field was, in milliseconds: lists lag behind by this much at most.
pub const LONGEST_LAG_MS: Millis = 600_000;

/// One contact.
pub struct Person {
    /// Position among the locations.
    pub location: usize,
    /// As the API shows it.
    pub fields: Map<String, Value>,
    /// When it was added, milliseconds since the epoch.
    pub added: Millis,
    /// In the order they were made.
    pub tasks: Vec<Task>,
    /// In the order they were written.
    pub notes: Vec<Note>,
    /// In the order they were made.
    pub appointments: Vec<Appointment>,
    /// In the order they were opened.
    pub deals: Vec<Deal>,
    pub(super) born: bool,
    pub(super) place: usize,
    past: VecDeque<Past>,
}

/// One field before a change. Only the difference is kept: a person that is changed often stays small.
struct Past {
    at: Millis,
    key: String,
    was: Option<Value>,
}

/// A contact as a list or a search shows it.
pub struct Seen<'a> {
    /// The contact's id.
    pub id: &'a str,
    /// When it was added, milliseconds since the epoch.
    pub added: Millis,
    /// Its fields, as they are or as they were.
    pub fields: Cow<'a, Map<String, Value>>,
    /// Its deals as they are now.
    pub deals: &'a [Deal],
}

impl Person {
    pub(super) fn new(location: usize, fields: Map<String, Value>, added: Millis, born: bool, place: usize) -> Self {
        Self {
            location,
            fields,
            added,
            tasks: Vec::new(),
            notes: Vec::new(),
            appointments: Vec::new(),
            deals: Vec::new(),
            born,
            place,
            past: VecDeque::new(),
        }
    }

    /// A field's text.
    pub fn text(&self, key: &str) -> Option<&str> {
        self.fields.get(key).and_then(Value::as_str)
    }

    /// The contact's id.
    pub fn id(&self) -> &str {
        self.text("id").unwrap_or_default()
    }

    /// A field's list of texts: tags, followers.
    pub fn texts(&self, key: &str) -> Vec<String> {
        let items = self.fields.get(key).and_then(Value::as_array).into_iter().flatten();
        items.filter_map(Value::as_str).map(str::to_owned).collect()
    }

    pub(super) fn change(&mut self, now: Millis, key: &str, value: Option<Value>) {
        while self.past.front().is_some_and(|past| past.at + LONGEST_LAG_MS < now) {
            self.past.pop_front();
        }
        let was = match value {
            Some(value) => self.fields.insert(key.to_owned(), value),
            None => self.fields.remove(key),
        };
        self.past.push_back(Past { at: now, key: key.to_owned(), was });
    }

    /// As it was at `since`, or as it is. None: it was not there yet.
    pub(super) fn seen(&self, since: Option<Millis>) -> Option<Seen<'_>> {
        let mut fields = Cow::Borrowed(&self.fields);
        if let Some(since) = since {
            if self.added > since {
                return None;
            }
            // The newest change is undone first: what remains is what the oldest of them found.
            for past in self.past.iter().rev().take_while(|past| past.at > since) {
                match &past.was {
                    Some(was) => fields.to_mut().insert(past.key.clone(), was.clone()),
                    None => fields.to_mut().remove(&past.key),
                };
            }
        }
        Some(Seen { id: self.id(), added: self.added, fields, deals: &self.deals })
    }
}
