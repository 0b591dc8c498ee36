//! The log: to stderr, as text or JSON lines, filtered, and without floods: a line that repeats is written a few times, then counted.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tracing::callsite::Identifier;
use tracing::{Event, Level, Metadata, Subscriber};
use tracing_subscriber::filter::ParseError;
use tracing_subscriber::layer::{Context, SubscriberExt};
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Layer};

use super::{Format, output};

/// A line may be written so often
const MOST: u32 = 20;
/// within this. What was asked for with `debug` is not limited.
pub(super) const WINDOW: Duration = Duration::from_secs(10);

/// Begins to log; what counts the lines that are left out.
pub(super) fn begin(filter: &str, format: Format) -> Result<Repeats, ParseError> {
    let filter: EnvFilter = filter.parse()?;
    let repeats = Repeats::default();
    let lines = tracing_subscriber::fmt::layer().with_writer(std::io::stderr).with_target(false);
    let lines = match format {
        Format::Text => lines.with_ansi(output::colour(&std::io::stderr())).boxed(),
        Format::Json => lines.json().boxed(),
    };
    tracing_subscriber::registry().with(filter).with(repeats.clone()).with(lines).init();
    Ok(repeats)
}

/// Where in the program a line comes from, how often of late, and how often it was left out.
struct Line {
    place: String,
    since: Instant,
    written: u32,
    left_out: u32,
}

/// Lines that repeat.
#[derive(Clone, Default)]
pub(super) struct Repeats(Arc<Mutex<HashMap<Identifier, Line>>>);

impl Repeats {
    fn passes(&self, line: &'static Metadata<'static>, now: Instant) -> bool {
        let mut lines = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let known = lines.entry(line.callsite()).or_insert_with(|| Line {
            place: format!("{}:{}", line.file().unwrap_or_default(), line.line().unwrap_or_default()),
            since: now,
            written: 0,
            left_out: 0,
        });
        if now.duration_since(known.since) >= WINDOW {
            (known.since, known.written) = (now, 0);
        }
        if known.written < MOST {
            known.written += 1;
            return true;
        }
        known.left_out += 1;
        false
    }

    fn left_out(&self) -> Vec<(String, u32)> {
        let mut lines = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let some = lines.values_mut().filter(|line| line.left_out > 0);
        some.map(|line| (line.place.clone(), std::mem::take(&mut line.left_out))).collect()
    }

    /// Writes down what was left out since the last time.
    pub(super) fn tell(&self) {
        for (place, left_out) in self.left_out() {
            tracing::warn!(left_out, place, "more lines like these were left out");
        }
    }
}

impl<S: Subscriber> Layer<S> for Repeats {
    fn event_enabled(&self, event: &Event<'_>, _: Context<'_, S>) -> bool {
        let line = event.metadata();
        *line.level() > Level::INFO || self.passes(line, Instant::now())
    }
}

#[cfg(test)]
mod tests {
    use tracing::subscriber::with_default;

    use super::*;

    /// Counts what comes through.
    #[derive(Clone, Default)]
    struct Heard(Arc<Mutex<Vec<Level>>>);

    impl<S: Subscriber> Layer<S> for Heard {
        fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
            self.0.lock().expect("no panic").push(*event.metadata().level());
        }
    }

    #[test]
    fn a_flood_is_written_a_few_times_and_counted() {
        let (repeats, heard) = (Repeats::default(), Heard::default());
        with_default(tracing_subscriber::registry().with(repeats.clone()).with(heard.clone()), || {
            for _ in 0..MOST + 7 {
                tracing::warn!("the same again");
                tracing::debug!("what somebody asked for");
            }
            tracing::warn!("another line");
        });
        let count = |level| heard.0.lock().expect("no panic").iter().filter(|heard| **heard == level).count() as u32;
        assert_eq!((count(Level::WARN), count(Level::DEBUG)), (MOST + 1, MOST + 7));
        let left_out = repeats.left_out();
        assert_eq!((left_out.len(), left_out[0].1), (1, 7));
        assert!(repeats.left_out().is_empty(), "it is said once");
    }
}
