//! Tasks, notes and appointments, as conditions see them in lists.

use cel::common::types::{CelBool, CelInt, CelMap, CelMapKey, CelString};
use cel::common::value::Val;
use convey_sdk::types::{Appointment, Note, Task};

use super::kind::Kind;

/// What a record holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// A task.
    Task,
    /// A note.
    Note,
    /// An appointment.
    Appointment,
}

const TASK: [(&str, Kind); 6] = [
    ("id", Kind::Text),
    ("title", Kind::Text),
    ("body", Kind::Text),
    ("due_at", Kind::Time),
    ("completed", Kind::Flag),
    ("assignee", Kind::Text),
];
const NOTE: [(&str, Kind); 3] = [("id", Kind::Text), ("body", Kind::Text), ("created_at", Kind::Time)];
const APPOINTMENT: [(&str, Kind); 5] = [
    ("id", Kind::Text),
    ("title", Kind::Text),
    ("status", Kind::Text),
    ("starts_at", Kind::Time),
    ("ends_at", Kind::Time),
];

impl Shape {
    /// As people call it.
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Task => "task",
            Self::Note => "note",
            Self::Appointment => "appointment",
        }
    }

    /// Its fields.
    pub(super) fn fields(self) -> &'static [(&'static str, Kind)] {
        match self {
            Self::Task => &TASK,
            Self::Note => &NOTE,
            Self::Appointment => &APPOINTMENT,
        }
    }
}

/// A record under construction: what is absent is not in it, so `has` tells.
#[derive(Default)]
struct Row<'c>(std::collections::HashMap<CelMapKey<'c>, Box<dyn Val + 'c>>);

impl<'c> Row<'c> {
    fn with(mut self, key: &'static str, value: Option<Box<dyn Val + 'c>>) -> Self {
        if let Some(value) = value {
            self.0.insert(CelMapKey::String(CelString::from(key)), value);
        }
        self
    }

    fn done(self) -> Box<dyn Val + 'c> {
        Box::new(CelMap::from(self.0))
    }
}

fn text<'c>(text: &'c str) -> Option<Box<dyn Val + 'c>> {
    Some(Box::new(CelString::from(text)))
}

fn time<'c>(millis: Option<u64>) -> Option<Box<dyn Val + 'c>> {
    millis.map(|millis| Box::new(CelInt::from(seconds(millis))) as Box<dyn Val + 'c>)
}

/// Whole seconds of a time in milliseconds.
pub(super) fn seconds(millis: u64) -> i64 {
    i64::try_from(millis / 1_000).unwrap_or(i64::MAX)
}

pub(super) fn task(task: &Task) -> Box<dyn Val + '_> {
    Row::default()
        .with("id", text(&task.id))
        .with("title", text(&task.title))
        .with("body", task.body.as_deref().and_then(text))
        .with("due_at", time(task.due_at))
        .with("completed", Some(Box::new(CelBool::from(task.completed))))
        .with("assignee", task.assignee.as_deref().and_then(text))
        .done()
}

pub(super) fn note(note: &Note) -> Box<dyn Val + '_> {
    Row::default()
        .with("id", text(&note.id))
        .with("body", text(&note.body))
        .with("created_at", time(note.created_at))
        .done()
}

pub(super) fn appointment(appointment: &Appointment) -> Box<dyn Val + '_> {
    Row::default()
        .with("id", text(&appointment.id))
        .with("title", appointment.title.as_deref().and_then(text))
        .with("status", appointment.status.as_deref().and_then(text))
        .with("starts_at", time(appointment.starts_at))
        .with("ends_at", time(appointment.ends_at))
        .done()
}
