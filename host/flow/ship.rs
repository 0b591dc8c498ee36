//! Step three: events leave, nearest deadline first. The attempt is durable before the request is sent; the platform's word on each event
//! becomes its verdict.

use std::ops::Range;
use std::time::Instant;

use super::Flow;
use super::heal::resting;
use super::judge::{Circumstances, judge_event};
use super::lanes::{Left, Step, Worked};
use super::lines::note;
use super::plan::Destination;
use super::tale;
use super::trouble::is_general;
use crate::contract::ConversionEvent;
use crate::engine::{Fault, Outcome, Shipment};
use crate::metrics::Kind;
use crate::store::{About, Claim, ShipSettlement, StoreError, StoredEvent, Verdict, Written};
use crate::{clock::Millis, crash};

impl Flow {
    /// Ships one batch; how many events it held.
    pub async fn ship_once(&self, name: &str) -> Result<Worked, StoreError> {
        let Some(destination) = self.plan().destinations.get(name).cloned() else { return Ok(Worked::default()) };
        let digest = destination.sink.loaded().digest.to_string();
        let limit = destination.profile.max_events.clamp(1, 1_000) as usize;
        let Some(Claim { attempt, events }) =
            self.store.claim_events(name, self.clock.now_ms(), limit, &digest).await?
        else {
            return Ok(Worked::default());
        };
        let began = Instant::now();
        let count = events.len();
        if count == limit {
            // Another lane may take what is behind it.
            self.wake.ship.ring(name);
        }
        self.metrics.received(Kind::Sink, name, count);
        let mut items = Vec::with_capacity(count);
        let (mut rows, mut words) = (Vec::with_capacity(count), Vec::with_capacity(count));
        let mut judged = Vec::with_capacity(count);
        for event in events {
            match self.ready(&destination, &event) {
                Ok(word) => {
                    rows.push(event);
                    words.push(word);
                }
                Err(verdict) => {
                    items.push((event.row, verdict));
                    judged.push((event, None));
                }
            }
        }
        let (mut pause, mut written) = (None, Vec::new());
        let mut outcome = "nothing to send";
        if !words.is_empty() {
            let first = rows.first().and_then(|event| event.delivery.as_ref()).map(|(id, _)| id.clone());
            crash::point("before-send");
            let leaving =
                Leaving { destination: &destination, attempt, rows: &rows, events: &words, traced: first.as_deref() };
            let outcomes = self.deliver(&leaving, 0..words.len(), &mut written).await;
            crash::point("after-send");
            outcome = attempt_word(&outcomes);
            let now = self.clock.now_ms();
            // What a pause cut off says nothing of the platform.
            let stopped = self.pauses.stop(name).is_on();
            let rest = if stopped { Some(0) } else { self.troubles.after(name, &outcomes, fastrand::f64()) };
            if let Some(rest) = rest.filter(|_| !stopped) {
                self.naps.nap(Step::Ship, name, now + rest);
            }
            for (event, said) in rows.into_iter().zip(&outcomes) {
                let (tries, jitter, deadline) = (event.tries + 1, fastrand::f64(), event.deadline);
                let given = Circumstances { now, tries, jitter, deadline, rest: rest.filter(|_| is_general(said)) };
                let (verdict, halt) = judge_event(said, destination.resend, given);
                items.push((event.row, verdict));
                judged.push((event, tale::error_type(said)));
                pause = pause.or(halt);
            }
        }
        let now = self.clock.now_ms();
        let pause = pause.map(|halt| resting(name, halt, now));
        let paused = pause.clone();
        let verdicts = items.iter().map(|(row, verdict)| (*row, verdict)).collect();
        let tale = tale::of_shipped(self, &destination, &judged, &verdicts, began.elapsed());
        self.store.settle_shipped(ShipSettlement { attempt, now, outcome: outcome.to_owned(), items, pause }).await?;
        tale.tell(self);
        if let Some(pause) = paused {
            self.look_after_resting(&pause).await?;
        }
        self.keep_lines(written).await;
        Ok(Worked { items: count, left: Left::Nothing })
    }

    /// The event as the sink takes it, or the verdict on one that need not be sent.
    fn ready(&self, destination: &Destination, event: &StoredEvent) -> Result<ConversionEvent, Verdict> {
        let now = self.clock.now_ms();
        if event.deadline <= now {
            return Err(Verdict::Dead { reason: "older than the platform takes".to_owned(), expired: true });
        }
        let earliest: Millis = event.occurred_at.saturating_sub(destination.profile.max_ahead_ms);
        if earliest > now {
            return Err(Verdict::Retry { at: earliest, reason: "its time has not come".to_owned() });
        }
        serde_json::from_slice(&event.bytes).map_err(|error| Verdict::Dead {
            reason: format!("the stored event cannot be read: {error}"),
            expired: false,
        })
    }

    /// One outcome an event of this part of what leaves; what the sink writes is noted. A sink that breaks before anything left is narrowed down by halving;
    /// after that nobody knows what arrived.
    async fn deliver(&self, leaving: &Leaving<'_>, part: Range<usize>, written: &mut Vec<Written>) -> Vec<Outcome> {
        let (destination, events) = (leaving.destination, &leaving.events[part.clone()]);
        let ticket = destination.ticket(Some(leaving.attempt), Some(self.pauses.stop(&destination.name)));
        self.trace(&ticket, leaving.traced);
        let mut lines = None;
        let delivered = destination.sink.deliver(ticket.clone(), &self.words(destination), events, &mut lines).await;
        for refusal in ticket.refusals() {
            tracing::warn!(destination = %destination.name, "{refusal}");
        }
        if delivered.is_ok() || ticket.sent() > 0 || events.len() == 1 {
            note(written, lines, || leaving.rows[part.clone()].iter().map(|event| About::Event(event.row)).collect());
        }
        match delivered {
            Ok(Shipment { outcomes, .. }) => outcomes,
            Err(fault) if ticket.sent() > 0 => {
                tracing::error!(destination = %destination.name, fault = %fault, "the sink broke with a request under way");
                vec![Outcome::Unknown(fault.line()); events.len()]
            }
            Err(fault) if events.len() == 1 => {
                tracing::warn!(destination = %destination.name, fault = %fault, "one event breaks the sink");
                vec![Outcome::Rejected(Fault::line(&fault))]
            }
            Err(_) => {
                let middle = part.start + events.len() / 2;
                let mut outcomes = Box::pin(self.deliver(leaving, part.start..middle, written)).await;
                outcomes.extend(Box::pin(self.deliver(leaving, middle..part.end, written)).await);
                outcomes
            }
        }
    }
}

/// A batch on its way out.
struct Leaving<'a> {
    destination: &'a Destination,
    attempt: i64,
    rows: &'a [StoredEvent],
    /// The same as the sink takes them.
    events: &'a [ConversionEvent],
    /// The delivery whose trace the requests carry.
    traced: Option<&'a str>,
}

/// One word for the attempt as a whole: the worst of its events'.
fn attempt_word(outcomes: &[Outcome]) -> &'static str {
    let rank = |outcome: &Outcome| match outcome {
        Outcome::Accepted(_) => (0, "accepted"),
        Outcome::Expired(_) => (1, "expired"),
        Outcome::Rejected(_) => (2, "rejected"),
        Outcome::Throttled(_) => (3, "throttled"),
        Outcome::Unavailable(_) => (4, "unavailable"),
        Outcome::Blocked(_) => (5, "blocked"),
        Outcome::Unauthorized(_) => (6, "unauthorized"),
        Outcome::Unknown(_) => (7, "unknown"),
    };
    outcomes.iter().map(rank).max_by_key(|(rank, _)| *rank).map_or("nothing to send", |(_, word)| word)
}
