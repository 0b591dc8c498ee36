//! How much happens and how long it takes, over the last quarter of an hour: what the store says, asked again only of what may have changed.

use std::collections::BTreeMap;
use std::time::Instant;

use tokio::sync::Mutex;

use super::seen::good_until;
use crate::admin::Admin;
use crate::clock::Millis;
use crate::store::{Done, StoreError, Stretch};

/// One point of a chart, in milliseconds.
pub(super) const POINT_MS: Millis = 10_000;
/// Points of a chart.
pub(super) const POINTS: usize = 90;
/// What “now” is an average over, in points; the last of them is not over.
const NOW: usize = 6;
/// A point is asked for again this long: what ends in it is written a little later.
const SETTLES_MS: Millis = 2 * POINT_MS;

/// The steps of a delivery, left to right.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// It came.
    Receive,
    /// It was read.
    Read,
    /// Its changes were translated.
    Translate,
    /// Their events were delivered.
    Ship,
}

impl Step {
    fn of(self, stretch: &Stretch) -> Done {
        match self {
            Self::Receive => stretch.received,
            Self::Read => stretch.read,
            Self::Translate => stretch.translated,
            Self::Ship => stretch.shipped,
        }
    }
}

/// The points as they were asked for last.
#[derive(Default)]
pub(in crate::admin) struct Pulse(Mutex<Asked>);

#[derive(Default)]
struct Asked {
    at: Millis,
    /// They are good for everybody until then.
    until: Option<Instant>,
    points: BTreeMap<Millis, Stretch>,
}

impl Admin {
    /// What happened lately, seen at `now` or a moment before.
    ///
    /// # Errors
    /// As the store has it.
    pub(super) async fn pace(&self, now: Millis) -> Result<Pace, StoreError> {
        let mut asked = self.pulse.0.lock().await;
        let begun = Instant::now();
        if asked.until.is_none_or(|until| until <= begun) {
            let first = first(now);
            let since = (asked.at.saturating_sub(SETTLES_MS) / POINT_MS * POINT_MS).max(first);
            let fresh = self.flow.store.pace(since, POINT_MS).await?;
            asked.points.retain(|began_at, _| (first..since).contains(began_at));
            asked.points.extend(fresh);
            (asked.at, asked.until) = (now, Some(good_until(begun)));
        }
        Ok(Pace::of(&asked.points, now))
    }
}

fn first(now: Millis) -> Millis {
    (now / POINT_MS * POINT_MS).saturating_sub(POINT_MS * (POINTS as Millis - 1))
}

/// What happened, a point a stretch, the newest last.
pub(super) struct Pace(Vec<Stretch>);

impl Pace {
    fn of(known: &BTreeMap<Millis, Stretch>, now: Millis) -> Self {
        let began = (0..POINTS as Millis).map(|at| first(now) + POINT_MS * at);
        Self(began.map(|began_at| known.get(&began_at).cloned().unwrap_or_default()).collect())
    }

    /// What a step did in the last minute.
    pub(super) fn lately(&self, step: Step) -> Done {
        let lately = self.0.iter().rev().take(NOW).map(|stretch| step.of(stretch));
        lately.fold(Done::default(), |sum, done| Done {
            count: sum.count + done.count,
            failed: sum.failed + done.failed,
            took_ms: sum.took_ms + done.took_ms,
        })
    }

    /// How many a second a step did lately.
    pub(super) fn rate(&self, step: Step) -> f64 {
        self.lately(step).count as f64 * 1_000.0 / (NOW as f64 * POINT_MS as f64)
    }

    /// How many a second a step did, over time.
    pub(super) fn rates(&self, step: Step) -> Vec<Option<f64>> {
        self.0.iter().map(|stretch| Some(a_second(step.of(stretch).count))).collect()
    }

    /// How many a second failed, in all steps, over time.
    pub(super) fn failures(&self) -> Vec<Option<f64>> {
        let failed = |stretch: &Stretch| stretch.read.failed + stretch.translated.failed + stretch.shipped.failed;
        self.0.iter().map(|stretch| Some(a_second(failed(stretch)))).collect()
    }

    /// The time that so many of a hundred stayed within, from end to end, in milliseconds, over time.
    pub(super) fn within(&self, of_hundred: usize) -> Vec<Option<f64>> {
        let within = |times: &Vec<u64>| {
            let at = (times.len() * of_hundred).div_ceil(100).saturating_sub(1);
            times.get(at).map(|ms| *ms as f64)
        };
        self.0.iter().map(|stretch| within(&stretch.whole_ms)).collect()
    }
}

/// The mean of what each took, in milliseconds; none of nothing.
pub(super) fn mean_ms(done: Done) -> Option<f64> {
    (done.count > 0).then(|| done.took_ms as f64 / done.count as f64)
}

fn a_second(count: u64) -> f64 {
    count as f64 * 1_000.0 / POINT_MS as f64
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::{Done, POINT_MS, POINTS, Pace, Step, Stretch, mean_ms};

    #[test]
    fn what_happened_stands_where_it_happened() {
        let now = 1_000 * POINT_MS + 7;
        let done = |count, failed, took_ms| Done { count, failed, took_ms };
        let known = BTreeMap::from([
            (1_000 * POINT_MS, Stretch { shipped: done(1, 0, 40), ..Stretch::default() }),
            (
                998 * POINT_MS,
                Stretch { shipped: done(3, 2, 80), whole_ms: vec![1_000, 2_000, 9_000], ..Stretch::default() },
            ),
            (900 * POINT_MS, Stretch { shipped: done(9, 9, 9), ..Stretch::default() }),
        ]);
        let pace = Pace::of(&known, now);
        assert_eq!(pace.lately(Step::Ship), done(4, 2, 120));
        assert_eq!((mean_ms(pace.lately(Step::Ship)), mean_ms(pace.lately(Step::Read))), (Some(30.0), None));
        let rates = pace.rates(Step::Ship);
        assert_eq!((rates.len(), &rates[POINTS - 3..]), (POINTS, [Some(0.3), Some(0.0), Some(0.1)].as_slice()));
        assert_eq!(rates.iter().flatten().sum::<f64>(), 0.4, "what is older than the chart is not in it");
        assert_eq!(pace.failures()[POINTS - 3], Some(0.2));
        assert_eq!((pace.within(50)[POINTS - 3], pace.within(95)[POINTS - 3]), (Some(2_000.0), Some(9_000.0)));
        assert_eq!(pace.within(50)[POINTS - 2], None);
    }
}
