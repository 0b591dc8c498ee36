//! What the CRM tells of a write through its API: the same webhooks as if a person had done it.

use fastrand::Rng;
use serde_json::{Map, Value};

use super::super::webhook::{self, Moment, Webhook};
use super::desk::Desk;
use super::state::{Crm, Note, Task};

/// The webhooks of one write, in the order of what happened.
pub struct News<'a> {
    desk: &'a Desk,
    rng: Rng,
    told: Vec<Webhook>,
}

impl<'a> News<'a> {
    /// Nothing yet.
    pub fn new(desk: &'a Desk) -> Self {
        Self { desk, rng: desk.world.trace(), told: Vec::new() }
    }

    /// A contact as it stands.
    pub fn contact(&mut self, crm: &Crm, kind: &'static str, id: &str) {
        if let Some(person) = crm.person(id) {
            self.tell(crm, kind, id, webhook::contact(kind, person));
        }
    }

    /// A task as it stands.
    pub fn task(&mut self, crm: &Crm, kind: &'static str, task: &Task) {
        let sparse = self.desk.world.quirks().task_without_contact;
        self.tell(crm, kind, &task.contact, webhook::task(kind, task, sparse));
    }

    /// A note as it stands.
    pub fn note(&mut self, crm: &Crm, kind: &'static str, note: &Note) {
        self.tell(crm, kind, &note.contact, webhook::note(note));
    }

    fn tell(&mut self, crm: &Crm, kind: &'static str, contact: &str, fields: Map<String, Value>) {
        let location = &crm.locations[self.desk.at];
        let moment = Moment { app: &self.desk.world.app, at: self.desk.now, location, contact };
        self.told.push(moment.webhook(&mut self.rng, kind, fields));
    }

    /// Sends them off. The CRM must not be locked any more.
    pub fn announce(self) {
        for webhook in self.told {
            self.desk.world.announce(webhook);
        }
    }
}
