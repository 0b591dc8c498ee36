//! What belongs to a contact: tasks, notes, appointments, deals.

use crate::clock::Millis;

/// One task.
#[derive(Clone)]
pub struct Task {
    /// 20 letters and digits.
    pub id: String,
    /// Whose it is.
    pub contact: String,
    /// One line.
    pub title: String,
    /// What is to be done; empty: nothing was said.
    pub body: String,
    /// Who is to do it.
    pub assignee: Option<String>,
    /// When it was created, milliseconds since the epoch.
    pub added: Millis,
    /// When it is due, milliseconds since the epoch.
    pub due: Millis,
    /// Whether it was done.
    pub completed: bool,
}

/// One note.
#[derive(Clone)]
pub struct Note {
    /// 20 letters and digits.
    pub id: String,
    /// Whose it is.
    pub contact: String,
    /// The text.
    pub body: String,
    /// Who wrote it.
    pub user: Option<String>,
    /// One line above the text.
    pub title: Option<String>,
    /// `#FFAA00`.
    pub color: Option<String>,
    /// Shown before the others.
    pub pinned: bool,
    /// When it was written, milliseconds since the epoch.
    pub added: Millis,
}

/// One appointment.
#[derive(Clone)]
pub struct Appointment {
    /// 20 letters and digits.
    pub id: String,
    /// Whose it is.
    pub contact: String,
    /// One line.
    pub title: &'static str,
    /// `new` or `confirmed`.
    pub status: &'static str,
    /// Who is to be there.
    pub assignee: String,
    /// When it begins, milliseconds since the epoch.
    pub starts: Millis,
    /// When it ends, milliseconds since the epoch.
    pub ends: Millis,
    /// When it was made, milliseconds since the epoch.
    pub added: Millis,
}

/// One opportunity.
#[derive(Clone)]
pub struct Deal {
    /// 20 letters and digits.
    pub id: String,
    /// Whose it is.
    pub contact: String,
    /// As people see it.
    pub name: String,
    /// In units of the location's currency; the API names no currency.
    pub value: u32,
    /// Position among the stages.
    pub stage: usize,
    /// `open` or `won`.
    pub status: &'static str,
    /// Who works on it.
    pub assignee: String,
    /// When it was created, milliseconds since the epoch.
    pub added: Millis,
    /// When it last changed, milliseconds since the epoch.
    pub updated: Millis,
}
