//! What stands where, as it was seen last: counting it takes longer the more is stored, and many may be looking. What they cost together is bounded
//! here, whatever is stored and however much happens.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::Mutex;

use crate::admin::Admin;
use crate::store::{Status, StoreError};

/// It is counted at most so often.
const LEAST: Duration = Duration::from_millis(900);
/// And takes at most a share of one in so many of one processor's time.
const SHARE: u32 = 25;

/// Until when an answer is good that was asked for at `begun` and came now.
pub(super) fn good_until(begun: Instant) -> Instant {
    Instant::now() + LEAST.max(begun.elapsed() * SHARE)
}

/// The last count, and until when it is good.
#[derive(Default)]
pub(in crate::admin) struct Seen(Mutex<Option<(Instant, Arc<Status>)>>);

impl Admin {
    /// What stands where, counted now or a moment ago.
    ///
    /// # Errors
    /// As the store has it.
    pub(super) async fn counted(&self) -> Result<Arc<Status>, StoreError> {
        let mut seen = self.seen.0.lock().await;
        if let Some((until, status)) = &*seen
            && *until > Instant::now()
        {
            return Ok(status.clone());
        }
        let begun = Instant::now();
        let status = Arc::new(self.flow.store.status(self.flow.clock.now_ms()).await?);
        *seen = Some((good_until(begun), status.clone()));
        Ok(status)
    }

    /// After something was changed, the next look counts anew.
    pub(super) async fn forget_count(&self) {
        *self.seen.0.lock().await = None;
    }
}
