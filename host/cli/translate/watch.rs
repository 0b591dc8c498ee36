//! A limit for components that nothing stops: lines that take too long end the program.

use std::process;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

use super::complain;

/// The most CPU time of the program while it answers the same lines. They take a thousandth of a second.
const LIMIT: Duration = Duration::from_secs(10);

/// How often it is looked at.
const TICK: Duration = Duration::from_secs(1);

/// What is being answered, for a task that looks at how long it takes.
pub(super) struct Watch(Arc<AtomicU64>);

impl Watch {
    /// Begins to watch.
    pub(super) fn begin() -> Self {
        let first = Arc::new(AtomicU64::new(0));
        tokio::spawn(end_when_overdue(Arc::clone(&first)));
        Self(first)
    }

    /// The lines from `first` on are being answered, until the answer is dropped.
    pub(super) fn answering(&self, first: u64) -> Answering<'_> {
        self.0.store(first, Ordering::Relaxed);
        Answering(self)
    }
}

/// Lines that are being answered.
pub(super) struct Answering<'w>(&'w Watch);

impl Drop for Answering<'_> {
    fn drop(&mut self) {
        self.0.0.store(0, Ordering::Relaxed);
    }
}

async fn end_when_overdue(first: Arc<AtomicU64>) {
    let mut seen = Seen::default();
    loop {
        tokio::time::sleep(TICK).await;
        let line = first.load(Ordering::Relaxed);
        if seen.is_overdue(line, spent()) {
            complain(
                line,
                "this line or one of the next keeps a component busy and is not answered; nothing after it is",
            );
            process::exit(1);
        }
    }
}

/// CPU time of the program so far.
fn spent() -> Duration {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    Duration::new(time.tv_sec.unsigned_abs(), time.tv_nsec as u32)
}

/// The line that was being answered at the last look, and what CPU time had been spent when it was first seen.
#[derive(Default)]
struct Seen {
    line: u64,
    since: Duration,
}

impl Seen {
    /// Whether `line` is the one that was seen before and has taken too long; there is no line 0.
    fn is_overdue(&mut self, line: u64, spent: Duration) -> bool {
        if line != self.line {
            *self = Self { line, since: spent };
        }
        line != 0 && spent - self.since > LIMIT
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_answered_all_the_time_is_overdue() {
        let mut seen = Seen::default();
        let at = |seconds| LIMIT * 3 + Duration::from_secs(seconds);
        assert!(!seen.is_overdue(1, at(0)));
        assert!(!seen.is_overdue(65, at(11)), "the next lines are others");
        assert!(!seen.is_overdue(65, at(21)));
        assert!(seen.is_overdue(65, at(22)));
        assert!(!seen.is_overdue(0, at(23)), "nothing is being answered");
        assert!(!seen.is_overdue(0, at(99)));
    }
}
