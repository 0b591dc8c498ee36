//! Sends events and finds the bad ones. What is known to be bad is not sent. Meta takes a request whole or not at all, so a refused one is
//! halved until the culprit stands alone; its neighbours arrive in the same call, under the same ids.

use std::ops::Range;

use crate::bindings::convey::pipeline::types::ConversionEvent;
use crate::bindings::exports::convey::pipeline::conversions_sink::{Destination, Outcome, Shipment, Usage};
use crate::classify::{self, Finding};
use crate::describe;
use crate::encode;
use crate::endpoint::Endpoint;
use crate::exchange::{Answer, Request, Unanswered};
use crate::overlap;
use crate::preflight;
use crate::throttle;

/// Requests that wait for their answers at the same time.
const AT_ONCE: usize = 8;
/// Requests one call may make. What is left then has not been sent and comes again in a later call.
const MOST_REQUESTS: usize = 256;
/// The largest body sent, in bytes. Meta states no limit; a body the host or a proxy cuts off in the middle tells nobody why.
const MOST_BYTES: usize = 2 << 20;
/// When to come again with what was left.
const LEFT_OVER_WAIT_MS: u32 = 1000;

/// Sends `events` to the destination at `now_ms`; `outcomes[i]` answers `events[i]`.
pub async fn deliver(
    destination: &Destination,
    events: &[ConversionEvent],
    now_ms: u64,
    send: impl AsyncFn(Request) -> Result<Answer, Unanswered>,
) -> Shipment {
    let endpoint = match Endpoint::new(&destination.id, &destination.settings) {
        Ok(endpoint) => endpoint,
        Err(text) => {
            return Shipment { outcomes: vec![Outcome::Blocked(text); events.len()], invalid_members: 0, usage: None };
        }
    };
    let profile = describe::profile();
    let known: Vec<Option<Outcome>> = events.iter().map(|event| preflight::outcome(event, &profile, now_ms)).collect();
    let sent = events.iter().zip(&known).filter(|(_, known)| known.is_none());
    let encoded: Vec<String> = sent.map(|(event, _)| encode::event(event)).collect();
    let ask = async |range: Range<usize>| {
        let body = encode::body(&encoded[range], destination.test_code.as_deref(), endpoint.partner_agent());
        if body.len() > MOST_BYTES {
            return Err(Unanswered::TooLarge);
        }
        send(Request { method: "POST", url: endpoint.events_url(), body: Some(body) }).await
    };
    let mut halving = Halving::new(encoded.len());
    while let Some(ranges) = halving.next() {
        let answers = overlap::all(ranges.iter().cloned().map(&ask)).await;
        for (range, answer) in ranges.into_iter().zip(answers) {
            halving.take(range, answer);
        }
    }
    let mut shipment = halving.finish();
    let mut answered = shipment.outcomes.into_iter();
    // As many were answered as were not known before; the word for one that was not is never used.
    let each = known.into_iter().map(|known| known.or_else(|| answered.next()).unwrap_or_else(unsent));
    shipment.outcomes = each.collect();
    shipment
}

fn unsent() -> Outcome {
    Outcome::Throttled(Some(LEFT_OVER_WAIT_MS))
}

/// What is settled, what is still to be sent, and whether sending goes on.
struct Halving {
    outcomes: Vec<Option<Outcome>>,
    // A stack: the halves of the last refusal go first, so that even a call that runs out of requests has found somebody.
    waiting: Vec<Range<usize>>,
    requests: usize,
    /// Why nothing more is sent.
    stop: Option<Outcome>,
    usage: Option<Usage>,
}

impl Halving {
    fn new(events: usize) -> Self {
        let waiting = (events > 0).then_some(0..events).into_iter().collect();
        Self { outcomes: vec![None; events], waiting, requests: 0, stop: None, usage: None }
    }

    /// What to send next, side by side. None when all is said or nothing more may be sent.
    fn next(&mut self) -> Option<Vec<Range<usize>>> {
        let count = AT_ONCE.min(self.waiting.len()).min(MOST_REQUESTS - self.requests);
        if count == 0 || self.stop.is_some() {
            return None;
        }
        self.requests += count;
        Some(self.waiting.split_off(self.waiting.len() - count))
    }

    fn take(&mut self, range: Range<usize>, answer: Result<Answer, Unanswered>) {
        let finding = match answer {
            Ok(answer) => {
                self.usage = throttle::usage(&answer).or(self.usage.take());
                classify::events(&answer, range.len())
            }
            Err(Unanswered::TooLarge) => {
                Finding::Culprit(Outcome::Rejected("the request is too large to be sent".into()))
            }
            Err(Unanswered::Denied(text)) => Finding::Everyone(Outcome::Blocked(text)),
            Err(Unanswered::NotSent(text)) => Finding::Everyone(Outcome::Unavailable(text)),
            Err(Unanswered::Lost(text)) => Finding::Everyone(Outcome::Unknown(text)),
        };
        match finding {
            Finding::Accepted(trace) => self.settle(range, Outcome::Accepted(trace)),
            Finding::Culprit(outcome) if range.len() == 1 => self.settle(range, outcome),
            Finding::Culprit(_) => {
                let middle = range.start + range.len() / 2;
                self.waiting.extend([range.start..middle, middle..range.end]);
            }
            Finding::Everyone(outcome) => {
                self.stop.get_or_insert_with(|| rest(&outcome));
                self.settle(range, outcome);
            }
        }
    }

    fn settle(&mut self, range: Range<usize>, outcome: Outcome) {
        self.outcomes[range].fill(Some(outcome));
    }

    fn finish(self) -> Shipment {
        // Whatever has no outcome was refused with others or never sent: it is not in, and may be sent again.
        let rest = self.stop.unwrap_or_else(unsent);
        let outcomes = self.outcomes.into_iter().map(|outcome| outcome.unwrap_or_else(|| rest.clone())).collect();
        Shipment { outcomes, invalid_members: 0, usage: self.usage }
    }
}

/// What holds for events that were not sent because of this outcome of others.
fn rest(outcome: &Outcome) -> Outcome {
    match outcome {
        Outcome::Unknown(text) => Outcome::Unavailable(format!("not sent, because of others of its batch: {text}")),
        other => other.clone(),
    }
}

#[cfg(test)]
mod tests;
