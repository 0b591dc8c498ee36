//! A CRM of one contact for the tests, and what this source has read of it so far.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::bindings::convey::pipeline::types::{Change, Delivery, Origin};
use crate::bindings::exports::convey::pipeline::contact_source::{
    Reading, Readings, Silence, SourceError, Subject, Telling, Work,
};
use crate::call::Call;
use crate::catalogue::Catalogue;
use crate::read::read;
use crate::reply::Reply;
use crate::samples::{delivery, ready, subject};

/// What one delivery tells.
pub(crate) type Told = Result<Vec<Change>, Silence>;

/// One contact and what hangs on it.
pub(crate) struct Crm {
    pub(crate) contact: RefCell<Option<Value>>,
    /// Answers by the end of a path, with their status; a path that is none of them is not found.
    pub(crate) lists: RefCell<BTreeMap<&'static str, (u16, Value)>>,
    /// Paths asked for.
    pub(crate) asked: RefCell<Vec<String>>,
    pub(crate) status: Cell<u16>,
    pub(crate) memory: RefCell<Option<Vec<u8>>>,
    pub(crate) subject: RefCell<Subject>,
}

impl Crm {
    pub(crate) fn holding(contact: Value) -> Self {
        Self {
            contact: RefCell::new(Some(contact)),
            lists: RefCell::default(),
            asked: RefCell::default(),
            status: Cell::new(200),
            memory: RefCell::default(),
            subject: RefCell::new(Subject {
                catalogue: Some(Catalogue::default().save()),
                ..subject("country = \"US\"")
            }),
        }
    }

    pub(crate) fn set(&self, field: &str, value: Value) {
        if let Some(contact) = self.contact.borrow_mut().as_mut() {
            contact[field] = value;
        }
    }

    pub(crate) fn list(&self, path: &'static str, answer: Value) {
        self.lists.borrow_mut().insert(path, (200, answer));
    }

    pub(crate) fn configure(&self, settings: &str) {
        self.subject.borrow_mut().settings = settings.to_owned();
    }

    /// A contact as a poll or a sweep finds it.
    pub(crate) fn row(&self, origin: Origin, received_at: u64) -> Delivery {
        Delivery { origin, ..delivery("row", received_at, &json!({"contact": &*self.contact.borrow()})) }
    }

    fn answer(&self, path: &str) -> (u16, Value) {
        let end = |end: &&&str| path.split('?').next().is_some_and(|path| path.ends_with(**end));
        let listed = self.lists.borrow().iter().find(|(path, _)| end(path)).map(|(_, answer)| answer.clone());
        match (listed, &*self.contact.borrow()) {
            (Some(answer), _) => answer,
            (None, Some(contact)) if path == "/contacts/c" => (self.status.get(), json!({"contact": contact})),
            _ => (400, json!({"statusCode": 400, "message": "Contact with id c not found"})),
        }
    }

    /// Reads work of this contact; nothing is kept.
    pub(crate) fn readings(&self, work: &[Work]) -> Readings {
        let send = async |call: Call| {
            let (status, body) = self.answer(&call.path);
            self.asked.borrow_mut().push(call.path);
            Ok(Reply { status, headers: Vec::new(), body: body.to_string().into_bytes() })
        };
        ready(read(&self.subject.borrow(), work, &send))
    }

    /// Reads deliveries of this contact; the memory and the catalogue are kept only if `keep`.
    pub(crate) fn reading(&self, deliveries: Vec<Delivery>, keep: bool) -> Result<Reading, SourceError> {
        let work = Work { contact: Some("c".into()), memory: self.memory.borrow().clone(), deliveries };
        let mut readings = self.readings(&[work]);
        let reading = readings.items.remove(0)?;
        if keep {
            self.memory.replace(reading.memory.clone());
            if readings.catalogue.is_some() {
                self.subject.borrow_mut().catalogue = readings.catalogue;
            }
        }
        Ok(reading)
    }

    /// Reads bodies as webhooks received at 1000, 1001, ….
    pub(crate) fn try_read(&self, bodies: &[Value], keep: bool) -> Result<Reading, SourceError> {
        self.reading(bodies.iter().zip(1000..).map(|(body, at)| delivery(&at.to_string(), at, body)).collect(), keep)
    }

    pub(crate) fn read(&self, bodies: &[Value]) -> Vec<Told> {
        told(self.try_read(bodies, true).expect("the CRM answers"))
    }

    pub(crate) fn one(&self, body: Value) -> Told {
        self.read(&[body]).remove(0)
    }

    /// Reads one row of a poll of now.
    pub(crate) fn polled(&self) -> Told {
        let row = self.row(Origin::Poll, 1000);
        told(self.reading(vec![row], true).expect("the CRM answers")).remove(0)
    }

    /// Reads one row of a sweep at a time; answers what is told and the kinds and ids of the gaps.
    pub(crate) fn swept(&self, at: u64) -> (Told, Vec<(String, String)>) {
        let reading = self.reading(vec![self.row(Origin::Sweep, at)], true).expect("the CRM answers");
        let gaps = reading.gaps.iter().map(|gap| (gap.kind.clone(), gap.id.clone())).collect();
        (told(reading).remove(0), gaps)
    }
}

/// What each delivery tells.
pub(crate) fn told(reading: Reading) -> Vec<Told> {
    let told = reading.tellings.into_iter().map(|telling| match telling {
        Telling::Changes(changes) => Ok(changes),
        Telling::Silent(silence) => Err(silence),
        Telling::Belongs(contact) => panic!("belongs to {contact}"),
    });
    told.collect()
}

/// A webhook of the contact, said at a second of 2026.
pub(crate) fn hook(kind: &str, second: u64, fields: Value) -> Value {
    let mut body = json!({"type": kind, "id": "c", "locationId": "loc", "timestamp": format!("2026-01-01T00:00:{second:02}.000Z")});
    for (name, value) in fields.as_object().expect("fields") {
        body[name] = value.clone();
    }
    body
}

/// A webhook of something that hangs on the contact.
pub(crate) fn of(kind: &str, second: u64, fields: Value) -> Value {
    let mut body = hook(kind, second, fields);
    body["contactId"] = json!("c");
    body
}

/// The same second, ms.
pub(crate) fn at(second: u64) -> u64 {
    1_767_225_600_000 + second * 1000
}
