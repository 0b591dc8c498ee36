//! One harmless request: does the credential reach the dataset?

use crate::bindings::exports::convey::pipeline::conversions_sink::{Destination, Outcome};
use crate::classify;
use crate::endpoint::Endpoint;
use crate::exchange::{Answer, Request, Unanswered};

/// Looks at the dataset's id, and changes nothing.
pub async fn probe(destination: &Destination, send: impl AsyncFn(Request) -> Result<Answer, Unanswered>) -> Outcome {
    let endpoint = match Endpoint::new(&destination.id, &destination.settings) {
        Ok(endpoint) => endpoint,
        Err(text) => return Outcome::Blocked(text),
    };
    match send(Request { method: "GET", url: endpoint.probe_url(), body: None }).await {
        Ok(answer) => classify::probe(&answer, endpoint.dataset()),
        Err(Unanswered::Denied(text)) => Outcome::Blocked(text),
        Err(Unanswered::TooLarge) => Outcome::Unavailable("the request was too large for the host".into()),
        // A look that nobody answered leaves nothing behind.
        Err(Unanswered::NotSent(text) | Unanswered::Lost(text)) => Outcome::Unavailable(text),
    }
}
