//! Sends events and finds the bad ones. What is known to be bad is not sent. Meta takes a request whole or not at all, so a refused one is
//! halved until the culprit stands alone; its neighbours arrive in the same call, under the same ids.

use std::ops::Range;

use crate::bindings::convey::pipeline::types::ConversionEvent;
use crate::bindings::exports::convey::pipeline::conversions_sink::{Destination, Outcome, Shipment};
use crate::classify;
use crate::describe;
use crate::encode;
use crate::endpoint::Endpoint;
use crate::exchange::{Answer, Request, Unanswered};
use crate::halving::{self, Halving};
use crate::preflight;

/// Requests that wait for their answers at the same time.
const AT_ONCE: usize = 8;
/// The largest body sent, in bytes. Meta states no limit; a body the host or a proxy cuts off in the middle tells nobody why.
const MOST_BYTES: usize = 2 << 20;

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
    let mut shipment = Halving::new(encoded.len(), AT_ONCE, classify::events).through(ask).await;
    let mut answered = shipment.outcomes.into_iter();
    // As many were answered as were not known before; the word for one that was not is never used.
    let each = known.into_iter().map(|known| known.or_else(|| answered.next()).unwrap_or_else(halving::left_over));
    shipment.outcomes = each.collect();
    shipment
}

#[cfg(test)]
mod tests;
