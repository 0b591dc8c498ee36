//! What guests wrote in the calls of a step, until it is kept with what the calls were about. Where nothing was written nothing is done.

use super::Flow;
use crate::engine::Lines;
use crate::store::{About, Written};

/// Takes note of what a guest wrote in a call, if it did, and of what the call was about.
pub(super) fn note(written: &mut Vec<Written>, lines: Option<Lines>, about: impl FnOnce() -> Vec<About>) {
    if let Some(Lines { guest, call, text }) = lines {
        written.push(Written { guest, call, text, about: about() });
    }
}

impl Flow {
    /// Keeps what was noted. Called once the step is settled: what a guest wrote must not hold up what it did.
    pub(super) async fn keep_lines(&self, written: Vec<Written>) {
        if written.is_empty() {
            return;
        }
        if let Err(error) = self.store.keep_written(self.clock.now_ms(), written).await {
            tracing::warn!(%error, "what guests wrote is not kept");
        }
    }
}
