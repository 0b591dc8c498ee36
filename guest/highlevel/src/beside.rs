//! What is fetched beside a contact: to enrich what is told of it, and to find what no webhook told.

use serde_json::Value;

use crate::bindings::convey::pipeline::types::Contact;
use crate::settings::Enrich;
use crate::webhook;

/// Lists as the API has them now. None where a list was not asked for or could not be had.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Beside {
    /// The contact's tasks.
    pub tasks: Option<Vec<Value>>,
    /// Its notes.
    pub notes: Option<Vec<Value>>,
    /// Its appointments. Their times come without a zone and are read as UTC.
    pub appointments: Option<Vec<Value>>,
    /// Its opportunities, as many as one page holds.
    pub opportunities: Option<Vec<Value>>,
}

impl Beside {
    /// Adds what the settings ask for.
    pub fn enrich(&self, contact: &mut Contact, enrich: Enrich) {
        let list = |wanted: bool, list: &Option<Vec<Value>>| list.clone().filter(|_| wanted).unwrap_or_default();
        contact.tasks = list(enrich.tasks, &self.tasks).iter().map(|task| webhook::task(task, false)).collect();
        contact.notes = list(enrich.notes, &self.notes).iter().map(webhook::note).collect();
        contact.appointments = list(enrich.appointments, &self.appointments)
            .iter()
            .map(|appointment| webhook::appointment(appointment, false))
            .collect();
    }
}
