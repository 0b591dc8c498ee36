//! Time as a value one passes in: the system's, or one that a test or the sandbox moves by hand.
//!
//! A debug build that is started with `CONVEY_CLOCK_AHEAD_MS=N` runs so many milliseconds ahead of the machine, or behind it if N is below zero, and each line on its standard input moves
//! it on by as many more. Release builds hold none of this.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

/// Milliseconds since the Unix epoch, UTC.
pub type Millis = u64;

/// Where "now" comes from. Cheap to clone; clones of a manual clock move together.
#[derive(Clone, Debug)]
pub struct Clock(Source);

#[derive(Clone, Debug)]
enum Source {
    System,
    Manual(Arc<AtomicU64>),
    /// The machine's, and so many milliseconds ahead of it.
    Ahead(Arc<AtomicI64>),
}

impl Clock {
    /// The machine's clock.
    pub fn system() -> Self {
        Self(Source::System)
    }

    /// A clock that stands at `start_ms` until it is moved.
    pub fn manual(start_ms: Millis) -> Self {
        Self(Source::Manual(Arc::new(AtomicU64::new(start_ms))))
    }

    /// A clock that runs as the machine's does, `by_ms` ahead of it, or behind it if that is below zero.
    pub fn ahead(by_ms: i64) -> Self {
        Self(Source::Ahead(Arc::new(AtomicI64::new(by_ms))))
    }

    /// The clock of a program that runs: the machine's, in a release build always.
    pub fn of_the_program() -> Self {
        #[cfg(debug_assertions)]
        if let Some(clock) = moved_by_a_test() {
            return clock;
        }
        Self::system()
    }

    /// Milliseconds since the Unix epoch. A machine whose clock stands before 1970 reads as 0.
    pub fn now_ms(&self) -> Millis {
        match &self.0 {
            Source::System => machine_ms(),
            Source::Manual(at) => at.load(Ordering::SeqCst),
            Source::Ahead(by) => machine_ms().saturating_add_signed(by.load(Ordering::SeqCst)),
        }
    }

    /// Moves a clock forward that is not the machine's own; that one is left alone.
    pub fn advance_ms(&self, by: Millis) {
        match &self.0 {
            Source::System => {}
            Source::Manual(at) => drop(at.fetch_add(by, Ordering::SeqCst)),
            Source::Ahead(ahead) => drop(ahead.fetch_add(i64::try_from(by).unwrap_or(i64::MAX), Ordering::SeqCst)),
        }
    }

    /// Sets a manual clock; the machine's clock is left alone.
    pub fn set_ms(&self, to: Millis) {
        if let Source::Manual(at) = &self.0 {
            at.store(to, Ordering::SeqCst);
        }
    }
}

/// A moment as RFC 3339 has it, to the second unless there is more; `None` for one that no calendar holds.
pub fn rfc3339(at: Millis) -> Option<String> {
    let at = jiff::Timestamp::from_millisecond(i64::try_from(at).ok()?).ok()?;
    Some(at.to_string())
}

/// How long something is, roughly: `3 d`, `5 h`, `12 min`, `40 s`.
pub fn roughly(ms: Millis) -> String {
    match ms / 1_000 {
        s if s >= 2 * 86_400 => format!("{} d", s / 86_400),
        s if s >= 2 * 3_600 => format!("{} h", s / 3_600),
        s if s >= 120 => format!("{} min", s / 60),
        s => format!("{s} s"),
    }
}

/// How far `at` is from `now`: `in 5 h`, `12 min ago`.
pub fn from_now(at: Millis, now: Millis) -> String {
    if at >= now { format!("in {}", roughly(at - now)) } else { format!("{} ago", roughly(now - at)) }
}

#[expect(clippy::disallowed_methods, reason = "the one place that asks the machine for the time")]
fn machine_ms() -> Millis {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis() as Millis)
}

/// The clock that a test asked for, moved on by what it writes until it writes no more.
#[cfg(debug_assertions)]
fn moved_by_a_test() -> Option<Clock> {
    #[expect(clippy::disallowed_methods, reason = "a test's switch, absent from release builds")]
    let ahead = std::env::var("CONVEY_CLOCK_AHEAD_MS").ok()?.parse().ok()?;
    let clock = Clock::ahead(ahead);
    let moved = clock.clone();
    std::thread::spawn(move || {
        for by_ms in std::io::stdin().lines().map_while(Result::ok).filter_map(|line| line.trim().parse().ok()) {
            moved.advance_ms(by_ms);
        }
    });
    Some(clock)
}

#[cfg(test)]
mod tests {
    use super::Clock;

    #[test]
    fn a_clock_ahead_runs_with_the_machines_and_is_moved_on() {
        let (machine, ahead) = (Clock::system(), Clock::ahead(5_000));
        let before = machine.now_ms();
        assert!((before + 5_000..=machine.now_ms() + 5_000).contains(&ahead.now_ms()));
        ahead.clone().advance_ms(60_000);
        assert!(ahead.now_ms() >= before + 65_000);
        assert!(Clock::ahead(-5_000).now_ms() < machine.now_ms());
    }

    #[test]
    fn clones_of_a_manual_clock_move_together() {
        let clock = Clock::manual(1_000);
        let twin = clock.clone();
        twin.advance_ms(500);
        assert_eq!(clock.now_ms(), 1_500);
        clock.set_ms(7);
        assert_eq!(twin.now_ms(), 7);
    }
}
