//! Every request is written down when it ends, however it ends: who asked, for what operation, how it was answered and how
//! soon. Never an address, a body or a person: a contact's id becomes a look-up.

use std::sync::{Arc, OnceLock};
use std::time::Instant;

use http::Uri;

use super::EgressError;
use super::allow::Route;
use super::ticket::Ticket;
use crate::clock::Clock;
use crate::store::{AuditRow, Store};

/// What a request is called in the audit; it travels with the request.
#[derive(Clone)]
pub(super) struct Called {
    /// The operation as it was granted: `GET /contacts/{contact}`.
    operation: String,
    /// The contact that stands in its path.
    contact: Option<String>,
    /// Whether it is in the audit.
    booked: bool,
}

impl Called {
    /// Whether the audit holds nothing of a request.
    pub(super) fn is_unbooked(request: &http::request::Parts) -> bool {
        request.extensions.get::<Self>().is_some_and(|called| !called.booked)
    }

    /// What a request is called: as it was granted, or the host's own by its path, which a profile names.
    pub(super) fn operation(request: &http::request::Parts) -> String {
        match request.extensions.get::<Self>() {
            Some(called) => called.operation.clone(),
            None => format!("{} {}", request.method, request.uri.path()),
        }
    }
}

/// What a request of the host's own is called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Own {
    /// It is in the audit by this.
    Booked(&'static str),
    /// It is sent again and again: it is counted by this, and the audit holds none of it.
    Unbooked(&'static str),
}

impl From<Own> for Called {
    fn from(own: Own) -> Self {
        let (operation, booked) = match own {
            Own::Booked(operation) => (operation, true),
            Own::Unbooked(operation) => (operation, false),
        };
        Self { operation: operation.to_owned(), contact: None, booked }
    }
}

impl From<&Route> for Called {
    fn from(route: &Route) -> Self {
        Self { operation: route.operation.clone(), contact: route.contact.clone(), booked: true }
    }
}

/// Where requests are written down; nowhere before [`Book::open`].
#[derive(Clone, Default)]
pub(super) struct Book(Arc<OnceLock<(Store, Clock)>>);

impl Book {
    /// Writes down into `store` from now on. A second call changes nothing.
    pub(super) fn open(&self, store: Store, clock: Clock) {
        let _ = self.0.set((store, clock));
    }

    /// A guest's request begins.
    pub(super) fn guests(&self, ticket: &Ticket, called: Option<&Called>) -> Option<Call> {
        let (store, clock) = self.0.get()?;
        let called = called?;
        let contact = ticket.connection.as_deref().zip(called.contact.as_deref());
        Some(Call::begin(
            store,
            AuditRow {
                at: clock.now_ms(),
                actor: ticket.component.clone(),
                digest: ticket.digest.clone(),
                lane: ticket.lane.clone(),
                operation: called.operation.clone(),
                status: None,
                outcome: None,
                latency_ms: None,
                subject: contact.map(|(connection, contact)| store.subject(connection, contact)),
                attempt: ticket.attempt,
            },
        ))
    }

    /// The host's own request begins.
    pub(super) fn own(&self, uri: &Uri, operation: &str) -> Option<Call> {
        let (store, clock) = self.0.get()?;
        let authority = uri.authority().map_or("", |authority| authority.as_str());
        Some(Call::begin(
            store,
            AuditRow {
                at: clock.now_ms(),
                actor: "convey".to_owned(),
                digest: None,
                lane: format!("vendor:{authority}"),
                operation: operation.to_owned(),
                status: None,
                outcome: None,
                latency_ms: None,
                subject: None,
                attempt: None,
            },
        ))
    }
}

/// A request that is under way. One that is given up on the way is written down as well.
pub(super) struct Call {
    store: Store,
    row: Option<AuditRow>,
    began: Instant,
}

impl Call {
    fn begin(store: &Store, row: AuditRow) -> Self {
        Self { store: store.clone(), row: Some(row), began: Instant::now() }
    }

    /// How it ended: the status of its answer, or why there is none.
    pub(super) fn ended(mut self, answer: Result<u16, &EgressError>) {
        let row = self.row.take();
        self.write(row, answer.ok(), answer.err().map(word));
    }

    fn write(&self, row: Option<AuditRow>, status: Option<u16>, outcome: Option<&str>) {
        let latency_ms = Some(self.began.elapsed().as_millis() as u64);
        if let Some(row) = row {
            self.store.note(AuditRow { status, outcome: outcome.map(str::to_owned), latency_ms, ..row });
        }
    }
}

impl Drop for Call {
    fn drop(&mut self) {
        let row = self.row.take();
        self.write(row, None, Some("given up"));
    }
}

/// Why there is no answer, in words that name nobody.
fn word(error: &EgressError) -> &'static str {
    match error {
        EgressError::Unreachable { .. } => "unreachable",
        EgressError::TimedOut { .. } => "no answer in time",
        EgressError::Broken => "broken off",
        EgressError::TooLarge { .. } => "answer too large",
        _ => "not sent",
    }
}
