//! Step zero: what the CRM is asked for instead of telling it. A page's rows and its cursor are stored in one transaction, and then go the way of webhooks.

use std::time::Instant;

use super::lanes::Step;
use super::plan::Connection;
use super::retry::backoff;
use super::{Flow, What, tale};
use crate::clock::Millis;
use crate::engine::{Page, SourceError, Sweep};
use crate::metrics::{Kind, Stage};
use crate::store::{self, PollState, PolledPage, StoreError};

/// The next page of a sweep waits until fewer than this many of the connection's deliveries wait to be read: webhooks must not queue behind it.
const AHEAD: u64 = 100;

const SWEEPS: [Sweep; 2] = [Sweep::Updates, Sweep::Everything];

impl Flow {
    /// The connections whose poll is due, the longest due first.
    pub(super) async fn polls_due(&self, now: Millis) -> Result<Vec<String>, StoreError> {
        let mut due = Vec::new();
        for connection in self.plan().connections.values() {
            for sweep in SWEEPS {
                if let Some(at) = self.due(connection, sweep).await?.filter(|at| *at <= now) {
                    due.push((at, connection.name.clone()));
                }
            }
        }
        due.sort();
        due.dedup_by(|one, other| one.1 == other.1);
        Ok(due.into_iter().map(|(_, name)| name).collect())
    }

    /// When a sweep is due: now if it never ran, stopped between two pages or was asked for; after a failure with growing pauses; else by its schedule.
    /// However often it was missed, it is due once.
    async fn due(&self, connection: &Connection, sweep: Sweep) -> Result<Option<Millis>, StoreError> {
        let known = self.poll_state(connection, sweep).await?;
        let asked = self.asked.lock().await.contains(&(connection.name.clone(), kept(sweep)));
        let Some(schedule) = connection.schedule(sweep) else {
            let unfinished = known.filter(|state| state.more).map(|state| retry_at(&state));
            return Ok(if asked { Some(0) } else { unfinished });
        };
        Ok(Some(match known {
            None => 0,
            Some(_) if asked => 0,
            Some(state) if state.error.is_some() || state.more => retry_at(&state),
            Some(state) => schedule.due_after(state.started_at),
        }))
    }

    /// Where a sweep stands; kept at hand, because it is asked for four times a second.
    async fn poll_state(&self, connection: &Connection, sweep: Sweep) -> Result<Option<PollState>, StoreError> {
        let key = (connection.name.clone(), kept(sweep));
        let mut known = self.polls.lock().await;
        if let Some(state) = known.get(&key) {
            return Ok(state.clone());
        }
        let state = self.store.poll_state(&connection.name, kept(sweep)).await?;
        known.insert(key, state.clone());
        Ok(state)
    }

    /// Asks for a sweep now, whatever its schedule; `from_start` begins it anew. `false` if there is no such connection.
    ///
    /// # Errors
    /// As the store has it.
    pub async fn sweep_now(&self, connection: &str, sweep: Sweep, from_start: bool) -> Result<bool, StoreError> {
        if !self.plan().connections.contains_key(connection) {
            return Ok(false);
        }
        let key = (connection.to_owned(), kept(sweep));
        if from_start {
            self.store.forget_poll(connection, kept(sweep)).await?;
            self.polls.lock().await.remove(&key);
        }
        self.asked.lock().await.insert(key);
        self.wake.poll.ring_all();
        Ok(true)
    }

    /// Fetches one page of whatever sweep of the connection is due; 1 if it did, 0 if nothing is due or there is no room.
    pub async fn poll_once(&self, name: &str) -> Result<usize, StoreError> {
        let Some(connection) = self.plan().connections.get(name).cloned() else { return Ok(0) };
        let now = self.clock.now_ms();
        for sweep in SWEEPS {
            if self.is_paused(name) || self.due(&connection, sweep).await?.is_none_or(|at| at > now) {
                continue;
            }
            if self.store.deliveries_waiting(name, AHEAD).await? >= AHEAD {
                self.naps.nap(Step::Poll, name, now + 1_000);
                return Ok(0);
            }
            let Some(reserved) = self.reserve(Step::Poll, &connection, connection.needs.per_page.max(1)).await? else {
                return Ok(0);
            };
            return self.fetch_page(&connection, sweep, reserved, now).await;
        }
        Ok(0)
    }

    async fn fetch_page(
        &self,
        connection: &Connection,
        sweep: Sweep,
        reserved: crate::egress::Reservation,
        now: Millis,
    ) -> Result<usize, StoreError> {
        let (name, began) = (&connection.name, Instant::now());
        let known = self.poll_state(connection, sweep).await?;
        let going_on = known.as_ref().is_some_and(|state| state.more);
        let started_at = known.as_ref().filter(|state| state.more).map_or(now, |state| state.started_at);
        let cursor = known.as_ref().and_then(|state| state.cursor.clone());
        let ticket = connection.ticket(Some(reserved));
        let subject = connection.subject(self.store.catalogue(name).await?);
        let polled = connection.source.poll(ticket.clone(), &subject, sweep, cursor.as_deref()).await;
        self.note_trouble(connection, &ticket).await?;
        let failure = match polled {
            Ok(Ok(page)) => {
                let again = page.more && page.cursor == cursor && page.rows.is_empty();
                if again { Err("the same page came twice".to_owned()) } else { Ok(page) }
            }
            Ok(Err(error)) => Err(said(&error)),
            Err(fault) => Err(fault.line()),
        };
        // Whatever comes of it, what stood at hand is old now.
        let key = (name.clone(), kept(sweep));
        match failure {
            Ok(page) => {
                let more = page.more;
                let put = self.store.put_page(as_polled(connection, sweep, page, started_at, now, !going_on)).await?;
                if put.stored > 0 {
                    self.intake.note_heard(self.clock.now_ms());
                }
                self.metrics.received(Kind::Source, &connection.origin, (put.stored + put.known) as usize);
                self.metrics.skipped(Kind::Source, &connection.origin, "repeated", put.known);
                self.tell(|| What::Polled {
                    connection: name.clone(),
                    sweep: kept(sweep).word().to_owned(),
                    stored: put.stored,
                    known: put.known,
                    latency_ms: tale::millis(began.elapsed()),
                });
                tracing::debug!(connection = %name, ?sweep, stored = put.stored, known = put.known, more, "a page");
                if !more {
                    self.asked.lock().await.remove(&key);
                }
                self.wake.read.ring(name);
            }
            Err(reason) => {
                // A grant that is gone was told of already.
                if ticket.trouble().is_none() {
                    tracing::warn!(connection = %name, ?sweep, %reason, "cannot poll now");
                }
                self.metrics.failed(Kind::Source, &connection.origin, Stage::Receiving, "poll");
                self.store.poll_failed(name, kept(sweep), reason, now).await?;
                self.asked.lock().await.remove(&key);
            }
        }
        self.polls.lock().await.remove(&key);
        Ok(1)
    }
}

fn as_polled(
    connection: &Connection,
    sweep: Sweep,
    page: Page,
    started_at: Millis,
    now: Millis,
    first: bool,
) -> PolledPage {
    PolledPage {
        connection: connection.name.clone(),
        source: connection.origin.clone(),
        location: connection.location.clone(),
        sweep: kept(sweep),
        rows: page.rows.into_iter().map(|row| (row.id, row.body)).collect(),
        cursor: page.cursor,
        more: page.more,
        started_at,
        now,
        first,
    }
}

/// A sweep that stopped goes on at once; one that failed after a growing pause.
fn retry_at(state: &PollState) -> Millis {
    match &state.error {
        None => 0,
        Some(_) => state.failed_at.unwrap_or(state.page_at) + backoff(state.tries.max(1), 0.5, None),
    }
}

fn said(error: &SourceError) -> String {
    match error {
        SourceError::Throttled(_) => "throttled by the CRM".to_owned(),
        SourceError::Unauthorized(text)
        | SourceError::Forbidden(text)
        | SourceError::NotFound(text)
        | SourceError::Unavailable(text)
        | SourceError::Invalid(text) => text.clone(),
    }
}

/// The sweep as the store names it.
pub(super) fn kept(sweep: Sweep) -> store::Sweep {
    match sweep {
        Sweep::Updates => store::Sweep::Updates,
        Sweep::Everything => store::Sweep::Everything,
    }
}
