//! Delivers webhooks as the vendor does: at least once, again after anything but a 2xx, with growing pauses.

use std::time::Duration;

use axum::body::Bytes;
use axum::http::{HeaderValue, Request, Uri, header};
use http_body_util::{BodyExt, Full};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use tokio::sync::Semaphore;

use super::signer::{self, Signer};
use super::time::Time;
use crate::clock::Millis;

/// How long one try may take.
const ANSWER_WAIT: Duration = Duration::from_secs(10);
/// The longest pause between two tries.
const LONGEST_PAUSE_MS: u64 = 5_000;
/// The longest `Retry-After` that is honoured.
const LONGEST_ASKED_MS: u64 = 2_000;

/// Sends webhooks over pooled connections.
pub struct Sender(Client<HttpConnector, Full<Bytes>>);

/// One webhook on its way.
#[derive(Clone)]
pub struct Letter {
    /// Where to.
    pub target: Uri,
    /// The raw bytes.
    pub body: Bytes,
    /// The signature header's value.
    pub signature: HeaderValue,
}

impl Letter {
    /// A letter whose signature is good.
    pub fn signed(signer: &Signer, target: Uri, body: Bytes) -> Self {
        Self { target, signature: signer.header(&body), body }
    }
}

/// How stubborn the sender is.
#[derive(Clone, Copy)]
pub struct Patience {
    /// The first pause between two tries, in milliseconds; it doubles from there.
    pub retry_ms: u64,
    /// How often to try, the first time included.
    pub tries: u32,
}

/// How it went.
pub struct Sent {
    /// When the first try began, milliseconds since the epoch.
    pub at: Millis,
    /// The last answer's status; none when there was no answer.
    pub status: Option<u16>,
    /// How often it was tried.
    pub tries: u32,
}

impl Sender {
    /// A sender without connections yet.
    pub fn new() -> Self {
        let mut connector = HttpConnector::new();
        connector.set_nodelay(true);
        Self(Client::builder(TokioExecutor::new()).build(connector))
    }

    /// Sends until there is a 2xx or patience ends. A place in `gate` is held while a request is open, not while pausing.
    pub async fn deliver(&self, letter: Letter, patience: Patience, gate: &Semaphore, time: &Time) -> Sent {
        let mut sent = Sent { at: 0, status: None, tries: 0 };
        loop {
            let answer = {
                // The gate is never closed; if it were, nothing would be left to wait for.
                let _place = gate.acquire().await;
                if sent.tries == 0 {
                    sent.at = time.now_ms();
                }
                tokio::time::timeout(ANSWER_WAIT, self.send(&letter)).await.unwrap_or(None)
            };
            sent.tries += 1;
            sent.status = answer.as_ref().map(|answer| answer.status);
            let good = sent.status.is_some_and(|status| (200..300).contains(&status));
            if good || sent.tries >= patience.tries {
                return sent;
            }
            let asked = answer.and_then(|answer| answer.retry_after_ms);
            tokio::time::sleep(Duration::from_millis(pause_ms(patience.retry_ms, sent.tries, asked))).await;
        }
    }

    async fn send(&self, letter: &Letter) -> Option<Answer> {
        let request = Request::post(letter.target.clone())
            .header(header::CONTENT_TYPE, "application/json")
            .header(signer::HEADER, letter.signature.clone())
            .body(Full::new(letter.body.clone()))
            .ok()?;
        let response = self.0.request(request).await.ok()?;
        let (parts, body) = response.into_parts();
        // Read to its end, or the connection cannot be used again.
        body.collect().await.ok()?;
        let seconds = parts.headers.get(header::RETRY_AFTER).and_then(|value| value.to_str().ok()?.parse::<u64>().ok());
        let retry_after_ms = seconds.map(|seconds| seconds.saturating_mul(1_000));
        Some(Answer { status: parts.status.as_u16(), retry_after_ms })
    }
}

struct Answer {
    status: u16,
    retry_after_ms: Option<u64>,
}

/// The pause after this many tries, in milliseconds.
fn pause_ms(first_ms: u64, tries: u32, asked_ms: Option<u64>) -> u64 {
    let growing = first_ms.saturating_mul(1 << (tries.saturating_sub(1)).min(16)).min(LONGEST_PAUSE_MS);
    growing.max(asked_ms.unwrap_or(0).min(LONGEST_ASKED_MS))
}

#[cfg(test)]
mod tests {
    use super::pause_ms;

    #[test]
    fn pauses_double_up_to_five_seconds_and_honour_a_short_retry_after() {
        let pauses: Vec<u64> = (1..=7).map(|tries| pause_ms(200, tries, None)).collect();
        assert_eq!(pauses, [200, 400, 800, 1_600, 3_200, 5_000, 5_000]);
        assert_eq!(pause_ms(200, 1, Some(1_000)), 1_000);
        assert_eq!(pause_ms(200, 1, Some(600_000)), 2_000);
        assert_eq!(pause_ms(0, 3, None), 0);
    }
}
