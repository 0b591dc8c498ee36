//! Traces: one a delivery, through every step, sent to a collector by OTLP over HTTP in JSON (opentelemetry.io/docs/specs/otlp). A listener like any other:
//! what it does not keep up with is left out and counted, and nothing waits for it.

mod settings;
mod span;

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use bytes::Bytes;
use http::HeaderValue;
use serde_json::Value;
use tokio::time::{Instant, timeout_at};
use tokio_util::sync::CancellationToken;

pub use settings::{Environment, Otlp};

use super::Flow;
use super::happening::What;
use crate::egress::{Own, Ticket};

/// What the requests are counted by.
const CALLED: Own = Own::Unbooked("POST traces");
/// Spans are sent at least this often,
const EVERY: Duration = Duration::from_secs(1);
/// and no more than so many at once.
const MOST: usize = 512;
/// A collector that does not take them is asked so often, then they are left out.
const TRIES: u32 = 3;

impl Flow {
    /// Sends traces until `stop`, then what is left of them.
    pub async fn export_traces(self: Arc<Self>, otlp: Otlp, stop: CancellationToken) {
        self.traced.store(true, Ordering::Release);
        let mut following = self.follow_until(stop);
        let mut ended = false;
        while !ended {
            let (mut spans, deadline) = (Vec::new(), Instant::now() + EVERY);
            while spans.len() < MOST {
                match timeout_at(deadline, following.next()).await {
                    Ok(Some(happening)) => {
                        if let What::Missed { count } = happening.what {
                            self.metrics.untraced(count);
                        }
                        spans.extend(span::of(&happening));
                    }
                    Ok(None) => {
                        ended = true;
                        break;
                    }
                    Err(_) => break,
                }
            }
            if !spans.is_empty() {
                self.post_spans(&otlp, spans).await;
            }
        }
    }

    async fn post_spans(&self, otlp: &Otlp, spans: Vec<Value>) {
        let count = spans.len();
        let body = Bytes::from(otlp.request(spans).to_string());
        for tried in 1..=TRIES {
            let answer = self.engine.egress().tell(CALLED, otlp.uri.clone(), otlp.headers.clone(), body.clone());
            let error = match answer.await {
                Ok(status) if status.is_success() => return,
                Ok(status) => format!("it answers {status}"),
                Err(error) => error.to_string(),
            };
            if tried == TRIES {
                tracing::warn!(spans = count, %error, "the collector does not take traces: these are left out");
            }
        }
        self.metrics.untraced(count as u64);
    }

    /// Has the requests of a call carry the trace of the delivery that they are made for, where traces are sent.
    pub(super) fn trace(&self, ticket: &Ticket, delivery: Option<&str>) {
        if !self.traced.load(Ordering::Acquire) {
            return;
        }
        let parent = delivery.and_then(|delivery| HeaderValue::from_str(&span::traceparent(delivery)).ok());
        if let Some(parent) = parent {
            ticket.carry_trace(parent);
        }
    }
}
