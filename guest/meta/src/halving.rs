//! A refused request is halved until the culprit stands alone: Meta takes a request whole or not at all.

use std::ops::Range;

use crate::bindings::exports::convey::pipeline::conversions_sink::{Outcome, Shipment, Usage};
use crate::classify::Finding;
use crate::exchange::{Answer, Unanswered};
use crate::overlap;
use crate::throttle;

/// Requests one call may make. What is left then has not been sent and comes again in a later call.
pub const MOST_REQUESTS: usize = 256;
/// When to come again with what was left, in milliseconds.
const LEFT_OVER_WAIT_MS: u32 = 1000;

/// What is settled, what is still to be sent, and whether sending goes on.
pub struct Halving {
    outcomes: Vec<Option<Outcome>>,
    // A stack: the halves of the last refusal go first, so that even a call that runs out of requests has found somebody.
    waiting: Vec<Range<usize>>,
    requests: usize,
    at_once: usize,
    classify: fn(&Answer, usize) -> Finding,
    /// Why nothing more is sent.
    stop: Option<Outcome>,
    usage: Option<Usage>,
}

impl Halving {
    /// All of `items` still to be sent, at most `at_once` requests side by side; `classify` says what an answer means for as many items.
    pub fn new(items: usize, at_once: usize, classify: fn(&Answer, usize) -> Finding) -> Self {
        let waiting = (items > 0).then_some(0..items).into_iter().collect();
        Self { outcomes: vec![None; items], waiting, requests: 0, at_once, classify, stop: None, usage: None }
    }

    /// Has everything sent by `ask`, a request for each range; one outcome an item.
    pub async fn through(mut self, ask: impl AsyncFn(Range<usize>) -> Result<Answer, Unanswered>) -> Shipment {
        while let Some(ranges) = self.next_ranges() {
            let answers = overlap::all(ranges.iter().cloned().map(|range| ask(range))).await;
            for (range, answer) in ranges.into_iter().zip(answers) {
                self.take(range, answer);
            }
        }
        self.finish()
    }

    /// What to send next, side by side. None when all is said or nothing more may be sent.
    fn next_ranges(&mut self) -> Option<Vec<Range<usize>>> {
        let count = self.at_once.min(self.waiting.len()).min(MOST_REQUESTS - self.requests);
        if count == 0 || self.stop.is_some() {
            return None;
        }
        self.requests += count;
        Some(self.waiting.split_off(self.waiting.len() - count))
    }

    /// What came of the request for `range`.
    fn take(&mut self, range: Range<usize>, answer: Result<Answer, Unanswered>) {
        let finding = match answer {
            Ok(answer) => {
                self.usage = throttle::usage(&answer).or(self.usage.take());
                (self.classify)(&answer, range.len())
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
        let rest = self.stop.unwrap_or_else(left_over);
        let outcomes = self.outcomes.into_iter().map(|outcome| outcome.unwrap_or_else(|| rest.clone())).collect();
        Shipment { outcomes, invalid_members: 0, usage: self.usage }
    }
}

/// The outcome of what was not sent and may be sent again.
pub fn left_over() -> Outcome {
    Outcome::Throttled(Some(LEFT_OVER_WAIT_MS))
}

/// What holds for events that were not sent because of this outcome of others.
fn rest(outcome: &Outcome) -> Outcome {
    match outcome {
        Outcome::Unknown(text) => Outcome::Unavailable(format!("not sent, because of others of its batch: {text}")),
        other => other.clone(),
    }
}
