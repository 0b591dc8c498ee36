//! Guest time as CPU time: what waits for the network or for other work costs nothing, what computes is counted.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

/// Counts the CPU time of one call. A guest runs on the thread that polls its call, so the thread's clock is the guest's.
#[derive(Debug, Default)]
pub struct Meter {
    spent_ns: AtomicU64,
    since_ns: AtomicU64,
    budget_ns: AtomicU64,
}

impl Meter {
    /// Starts a call that may spend `budget`.
    pub fn start(&self, budget: Duration) {
        self.spent_ns.store(0, Ordering::Relaxed);
        self.budget_ns.store(budget.as_nanos() as u64, Ordering::Relaxed);
    }

    /// CPU time of the call so far; true inside a poll as well as between two.
    pub fn spent(&self) -> Duration {
        let since = self.since_ns.load(Ordering::Relaxed);
        let now = if since == 0 { 0 } else { thread_cpu_ns().saturating_sub(since) };
        Duration::from_nanos(self.spent_ns.load(Ordering::Relaxed) + now)
    }

    /// Whether the budget is used up.
    pub fn is_over(&self) -> bool {
        self.spent().as_nanos() as u64 > self.budget_ns.load(Ordering::Relaxed)
    }

    /// Counts what `call` computes.
    pub fn measure<F: Future>(self: &Arc<Self>, call: F) -> Measured<F> {
        Measured { meter: self.clone(), call: Box::pin(call) }
    }
}

/// A call whose polls are timed.
pub struct Measured<F> {
    meter: Arc<Meter>,
    call: Pin<Box<F>>,
}

impl<F: Future> Future for Measured<F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<F::Output> {
        let since = thread_cpu_ns();
        self.meter.since_ns.store(since, Ordering::Relaxed);
        let polled = self.call.as_mut().poll(context);
        self.meter.since_ns.store(0, Ordering::Relaxed);
        self.meter.spent_ns.fetch_add(thread_cpu_ns().saturating_sub(since), Ordering::Relaxed);
        polled
    }
}

fn thread_cpu_ns() -> u64 {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn waiting_costs_nothing_and_computing_does() {
        let meter = Arc::new(Meter::default());
        meter.start(Duration::from_millis(5));
        let (send, receive) = tokio::sync::oneshot::channel();
        let waiter = tokio::spawn(receive);
        let wait = Arc::clone(&meter);
        wait.measure(async move {
            send.send(()).expect("the waiter lives");
            waiter.await.expect("the waiter ends").expect("the message comes")
        })
        .await;
        assert!(!meter.is_over());
        meter
            .measure(async {
                while !meter.is_over() {
                    std::hint::black_box(0);
                }
            })
            .await;
        assert!(meter.spent() >= Duration::from_millis(5));
    }
}
