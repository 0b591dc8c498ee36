//! How long a test waits, and what it says when it cannot run.

use std::io::Write;
use std::time::Duration;

use tokio::time::{Instant, interval};

/// How long anything may take that has no limit of its own: generous, because the machine may be busy.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// Says that a test was skipped, and why.
pub fn skipped(test: &str, why: &str) {
    // Not by a macro: the harness would keep what a test prints that passes.
    std::io::stderr().write_all(format!("skipped: {test}: {why}\n").as_bytes()).unwrap();
}

/// Looks until there is something to see.
pub async fn eventually<T>(what: &str, look: impl AsyncFnMut() -> Option<T>) -> T {
    looked(look).await.unwrap_or_else(|| panic!("not within {PATIENCE:?}: {what}"))
}

/// The same; none when patience is at its end.
pub(super) async fn looked<T>(mut look: impl AsyncFnMut() -> Option<T>) -> Option<T> {
    let deadline = Instant::now() + PATIENCE;
    let mut ticks = interval(Duration::from_millis(20));
    while Instant::now() < deadline {
        ticks.tick().await;
        if let Some(seen) = look().await {
            return Some(seen);
        }
    }
    None
}
