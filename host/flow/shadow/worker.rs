//! The shadow's own pace: small parts, at most a fifth of a core, and an end for one that only breaks.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::Instant;

use super::gate::{GUARD, Gate};
use super::stage::FAULTS as FAULTS_OF_STAGE;
use super::{Handed, Running, Seen};
use crate::contract::Change;
use crate::engine::Meter;
use crate::flow::Flow;
use crate::flow::translate::translate_each;

/// Changes that are tried without a rest.
const PART: usize = 32;

/// After so much computing it rests for so many times as long: a fifth of a core.
const REST: u32 = 4;

/// What was seen is written down this often.
const NOTED: Duration = Duration::from_millis(500);

/// A shadow that breaks on so many of its last changes is not tried any more.
const FAULTS: usize = 10;
const LAST: usize = 50;

/// How a shadow's work ends.
enum End {
    /// It was stopped, or the program stops.
    Stopped,
    /// It breaks too often.
    Breaks(String),
    /// Its gate holds.
    Opened,
    /// What was promoted does not hold what it must.
    Breach(String),
    /// Nothing happened for as long as it was watched over.
    Passed,
}

/// Compares what is handed over until it ends, then does what its end calls for.
pub(super) async fn work(flow: Arc<Flow>, running: Arc<Running>, handed: mpsc::UnboundedReceiver<Handed>) {
    let end = compare(&flow, &running, handed).await;
    note(&flow, &running).await;
    let done = match end {
        End::Stopped => return,
        End::Breaks(why) => {
            tracing::warn!(mapper = %running.mapper, "the shadow pauses: {why}");
            flow.pause_shadow(&running, why).await
        }
        End::Opened => flow.promote_by_gate(&running).await,
        End::Breach(why) => flow.fall_back(&running, why).await,
        End::Passed => flow.pass_shadow(&running).await,
    };
    if let Err(error) = done {
        tracing::error!(mapper = %running.mapper, %error, "a shadow's end is not carried out");
    }
}

async fn compare(flow: &Flow, running: &Running, mut handed: mpsc::UnboundedReceiver<Handed>) -> End {
    let gate = running.scope.promote_when.as_deref().or(running.former.then_some(GUARD));
    // It was read when the shadow began.
    let gate = gate.and_then(|text| Gate::parse(text).ok());
    let (mut broken, mut noted, mut staged) = (VecDeque::with_capacity(LAST), Instant::now(), 0);
    loop {
        if running.until.is_some_and(|until| flow.clock.now_ms() >= until) {
            return End::Passed;
        }
        let next = tokio::select! {
            next = handed.recv() => next,
            () = tokio::time::sleep(NOTED) => {
                note(flow, running).await;
                continue;
            }
            () = running.stop.cancelled() => None,
            () = flow.stop.cancelled() => None,
        };
        let Some(Handed { seen, live_ns, staged_faults }) = next else { return End::Stopped };
        staged += staged_faults;
        if staged >= FAULTS_OF_STAGE {
            return End::Breaks(format!("it broke on {staged} changes of the connections it was live for"));
        }
        running.tally().add_live(live_ns, running.former);
        for part in seen.chunks(PART) {
            let spent = part_of(running, part, &mut broken).await;
            running.waiting.fetch_sub(part.len(), Ordering::Relaxed);
            let seen_so_far = running.tally().clone();
            let breach = gate.as_ref().filter(|_| running.former).and_then(|gate| gate.breach(&seen_so_far));
            let end = match breach {
                Some(why) => Some(End::Breach(why)),
                None if !running.former && broken.iter().filter(|broke| **broke).count() >= FAULTS => {
                    Some(End::Breaks(format!(
                        "it broke on {FAULTS} of its last {LAST} changes: `convey shadow report` names how"
                    )))
                }
                None if !running.former && gate.as_ref().is_some_and(|gate| gate.holds(&seen_so_far)) => {
                    Some(End::Opened)
                }
                None => None,
            };
            if let Some(end) = end {
                return end;
            }
            if noted.elapsed() >= NOTED {
                note(flow, running).await;
                noted = Instant::now();
            }
            tokio::select! {
                () = tokio::time::sleep(spent * REST) => {}
                () = running.stop.cancelled() => return End::Stopped,
                () = flow.stop.cancelled() => return End::Stopped,
            }
        }
    }
}

/// Tries a part; the CPU time it took, comparing included.
async fn part_of(running: &Running, part: &[Seen], broken: &mut VecDeque<bool>) -> Duration {
    let meter = Arc::new(Meter::default());
    meter.start(Duration::MAX);
    let changes: Vec<Change> = part.iter().map(|seen| seen.change.clone()).collect();
    let answers = meter.measure(translate_each(&running.shadow, &changes)).await;
    let shadow_ns = meter.spent().as_nanos() as u64;
    let counting = async {
        let mut tally = running.tally();
        tally.add_shadow(shadow_ns, running.former);
        for (seen, answer) in part.iter().zip(&answers) {
            // What was live when the shadow began is the old one, whichever of the two is believed now.
            let (old, new) = if running.former { (answer, &seen.answer) } else { (&seen.answer, answer) };
            let broke = tally.count(seen.row, &seen.change, old, new);
            if broken.len() == LAST {
                broken.pop_front();
            }
            broken.push_back(broke);
        }
    };
    meter.measure(counting).await;
    meter.spent()
}

/// Writes down what was seen, unless that is written down already.
pub(super) async fn note(flow: &Flow, running: &Running) {
    let report = serde_json::to_string(&*running.tally()).unwrap_or_default();
    if *running.noted.lock().unwrap_or_else(std::sync::PoisonError::into_inner) == report {
        return;
    }
    match flow.store.note_shadow(running.id, report.clone()).await {
        Ok(()) => *running.noted.lock().unwrap_or_else(std::sync::PoisonError::into_inner) = report,
        Err(error) => {
            tracing::warn!(mapper = %running.mapper, %error, "what was seen of the shadow is not written down yet")
        }
    }
}
