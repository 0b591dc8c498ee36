//! The shadow's own pace: small parts, at most a fifth of a core, and an end for one that only breaks.

use std::collections::VecDeque;
use std::ops::Range;
use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::Instant;

use super::stage::FAULTS as FAULTS_OF_STAGE;
use super::tally::Answer;
use super::{Handed, Running, Seen, ShadowError};
use crate::contract::Change;
use crate::engine::{Fault, Meter};
use crate::flow::translate::translate_each;
use crate::flow::variants::Variants;
use crate::flow::{Connection, Flow};

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
pub(super) async fn work(
    flow: Arc<Flow>,
    running: Arc<Running>,
    mut shadow: Variants,
    handed: mpsc::UnboundedReceiver<Handed>,
) {
    let end = compare(&flow, &running, &mut shadow, handed).await;
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

async fn compare(
    flow: &Flow,
    running: &Running,
    shadow: &mut Variants,
    mut handed: mpsc::UnboundedReceiver<Handed>,
) -> End {
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
        let seen = match next {
            None => return End::Stopped,
            Some(Handed::Seen(seen)) => seen,
            Some(Handed::StagedFaults(faults)) => {
                staged += faults;
                if staged >= FAULTS_OF_STAGE {
                    return End::Breaks(format!("it broke on {staged} changes of the connections it was live for"));
                }
                continue;
            }
        };
        running.tally().add_live(seen.live_ns, running.former);
        for at in (0..seen.changes.len()).step_by(PART) {
            let part = at..seen.changes.len().min(at + PART);
            let count = part.len();
            let spent = part_of(running, shadow, &seen, part, &mut broken).await;
            running.waiting.fetch_sub(count, Ordering::Relaxed);
            if let Some(end) = end_of(flow, running, &broken) {
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

/// Whether what was seen so far ends it.
fn end_of(flow: &Flow, running: &Running, broken: &VecDeque<bool>) -> Option<End> {
    let tally = running.tally();
    if running.former {
        return running.gate.as_ref().and_then(|gate| gate.breach(&tally)).map(End::Breach);
    }
    if broken.iter().filter(|broke| **broke).count() >= FAULTS {
        let why = format!("it broke on {FAULTS} of its last {LAST} changes: `convey shadow report` names how");
        return Some(End::Breaks(why));
    }
    // Who goes by stages decides on each: a gate that holds would hurry through all of them.
    let by_stages = !flow.staged(&running.mapper).is_empty();
    running.gate.as_ref().is_some_and(|gate| !by_stages && gate.holds(&tally)).then_some(End::Opened)
}

/// Tries a part; the CPU time it took, comparing included.
async fn part_of(
    running: &Running,
    shadow: &mut Variants,
    seen: &Seen,
    part: Range<usize>,
    broken: &mut VecDeque<bool>,
) -> Duration {
    let meter = Arc::new(Meter::default());
    meter.start(Duration::MAX);
    let answers = meter.measure(answers(shadow, &seen.connection, &seen.changes[part.clone()])).await;
    let shadow_ns = meter.spent().as_nanos() as u64;
    let counting = async {
        let mut tally = running.tally();
        tally.add_shadow(shadow_ns, running.former);
        for (at, answer) in part.zip(&answers) {
            let (row, change, lived) = (seen.rows[at], &seen.changes[at], &seen.answers[at]);
            // What was live when the shadow began is the old one, whichever of the two is believed now.
            let (old, new) = if running.former { (answer, lived) } else { (lived, answer) };
            let broke = tally.count(row, change, old, new);
            if broken.len() == LAST {
                broken.pop_front();
            }
            broken.push_back(broke);
        }
    };
    meter.measure(counting).await;
    meter.spent()
}

/// What the shadow says, by the overlay of the connection. One that does not fit its settings breaks on every change.
async fn answers(shadow: &mut Variants, connection: &Connection, changes: &[Change]) -> Vec<Answer> {
    let mapper = match &connection.overlay {
        None => Ok(shadow.base().clone()),
        Some(overlay) => shadow.lay(&connection.name, overlay).await,
    };
    match mapper {
        Ok(mapper) => translate_each(&mapper, changes).await,
        Err(error) => {
            let fault = Fault::contract("mapper", "configure", error.to_string());
            changes.iter().map(|_| Err(fault.clone())).collect()
        }
    }
}

/// Writes down what was seen, unless that is written down already.
pub(super) async fn note(flow: &Flow, running: &Running) {
    if let Err(error) = note_down(flow, running).await {
        tracing::warn!(mapper = %running.mapper, %error, "what was seen of the shadow is not written down yet");
    }
}

async fn note_down(flow: &Flow, running: &Running) -> Result<(), ShadowError> {
    let report = serde_json::to_string(&*running.tally())?;
    if *running.noted.lock().unwrap_or_else(PoisonError::into_inner) != report {
        flow.store.note_shadow(running.id, report.clone()).await?;
        *running.noted.lock().unwrap_or_else(PoisonError::into_inner) = report;
    }
    Ok(())
}
