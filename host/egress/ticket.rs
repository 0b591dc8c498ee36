//! Who asks, with what right and in whose name: made by the host for one call of a guest.

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use http::{HeaderMap, HeaderValue};

use super::limit::{Limiter, Reservation, Slot};
use super::{Credential, EgressError, Grant};
use crate::store::GrantState;

/// What is wrong with the grant behind a ticket's credential: its connection must pause.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trouble {
    /// What became of the grant.
    pub state: GrantState,
    /// The reason and the line to type; nothing private.
    pub text: String,
}

/// What stops the requests of every ticket that has it, while it is on.
#[derive(Debug, Default)]
pub struct Stop(AtomicBool);

impl Stop {
    /// Switches it.
    pub fn set(&self, on: bool) {
        self.0.store(on, Ordering::Release);
    }

    /// Whether nothing may leave.
    pub fn is_on(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }
}

/// The right of one call.
#[derive(Debug)]
pub struct Ticket {
    /// The component as people know it: `source.highlevel`.
    pub component: String,
    /// What it was granted.
    pub grant: Arc<Grant>,
    /// Attached as a bearer token to the profile's own operations.
    pub credential: Option<Credential>,
    /// The profile's headers, added where the guest set none.
    pub headers: HeaderMap,
    /// What the profile's own operations count against; `None` if nobody counts.
    pub allowance: Option<Arc<Limiter>>,
    /// Slots set aside for this call, used before any other.
    pub reservation: Option<Reservation>,
    /// The component's digest, for the audit.
    pub digest: Option<String>,
    /// For whom it asks, for the audit: `connection:NAME` or `destination:NAME`.
    pub lane: String,
    /// The connection whose contacts its requests may be about.
    pub connection: Option<String>,
    /// The attempt that its requests carry.
    pub attempt: Option<i64>,
    /// While it is on, no further request leaves.
    pub stop: Option<Arc<Stop>>,
    sent: AtomicU32,
    held_back: AtomicU32,
    refusals: Mutex<Vec<String>>,
    trouble: Mutex<Option<Trouble>>,
    trace: OnceLock<HeaderValue>,
}

impl Ticket {
    /// A ticket that has not been used, without an allowance.
    pub fn new(component: String, grant: Arc<Grant>, credential: Option<Credential>, headers: HeaderMap) -> Self {
        Self {
            component,
            grant,
            credential,
            headers,
            allowance: None,
            reservation: None,
            digest: None,
            lane: String::new(),
            connection: None,
            attempt: None,
            stop: None,
            sent: AtomicU32::new(0),
            held_back: AtomicU32::new(0),
            refusals: Mutex::default(),
            trouble: Mutex::default(),
            trace: OnceLock::new(),
        }
    }

    /// Has its requests carry a trace (`traceparent`). The first word stands.
    pub fn carry_trace(&self, parent: HeaderValue) {
        self.trace.get_or_init(|| parent);
    }

    pub(super) fn trace(&self) -> Option<&HeaderValue> {
        self.trace.get()
    }

    /// How many requests may have left on this ticket.
    pub fn sent(&self) -> u32 {
        self.sent.load(Ordering::Acquire)
    }

    /// How many requests were answered 429 by the host itself because the allowance had no room: none of them left.
    pub fn held_back(&self) -> u32 {
        self.held_back.load(Ordering::Acquire)
    }

    /// The refusals on this ticket, each with the lines that would allow it.
    pub fn refusals(&self) -> Vec<String> {
        self.refusals.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// What is wrong with the grant, if a request of this ticket found out.
    pub fn trouble(&self) -> Option<Trouble> {
        self.trouble.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(super) fn leaves(&self) {
        self.sent.fetch_add(1, Ordering::AcqRel);
    }

    pub(super) fn never_left(&self) {
        self.sent.fetch_sub(1, Ordering::AcqRel);
    }

    pub(super) fn refuse(&self, refusal: String) {
        self.refusals.lock().unwrap_or_else(PoisonError::into_inner).push(refusal);
    }

    /// Keeps the trouble an error tells of, if it does.
    pub(super) fn noting(&self, error: EgressError) -> EgressError {
        if let EgressError::Grant { state, .. } = &error {
            let trouble = Trouble { state: *state, text: error.to_string() };
            *self.trouble.lock().unwrap_or_else(PoisonError::into_inner) = Some(trouble);
        }
        error
    }

    /// A slot for one request: set aside, else free now. `Ok(None)` if nobody counts; `Err` with the limiter that has no room, counted.
    pub(super) fn slot(&self) -> Result<Option<Slot>, &Arc<Limiter>> {
        if let Some(slot) = self.reservation.as_ref().and_then(Reservation::slot) {
            return Ok(Some(slot));
        }
        let Some(limiter) = &self.allowance else { return Ok(None) };
        limiter.slot().map(Some).ok_or_else(|| {
            self.held_back.fetch_add(1, Ordering::AcqRel);
            limiter
        })
    }
}
