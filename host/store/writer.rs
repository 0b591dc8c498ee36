//! The one thread that writes: it takes every step that waits into one transaction, commits once, then answers them
//! all.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use rusqlite::Connection;
use tokio::sync::{mpsc, watch};

use super::StoreError;
use super::audit::{AuditRow, Notes};
use super::keys::KeyRing;
use super::rows::{Rows, run};

/// Steps that one transaction takes at most, and their bytes: a bound on how long the first of them waits.
const GROUP_STEPS: usize = 512;
const GROUP_BYTES: usize = 4 << 20;

/// With so many steps in a transaction the next one is worth waiting for: what steps write together they write once.
const BUSY_STEPS: usize = 8;
/// How long it is waited for then.
const GATHER: Duration = Duration::from_millis(2);

/// A step on behalf of a caller. It may be run once more, in another transaction, where the first is given up.
pub(super) trait Run: Send {
    /// Runs it on the rows; its error, if it failed.
    fn run(&mut self, rows: &Rows<'_>) -> Option<StoreError>;

    /// Tells the caller how it ended, once it is known whether the transaction is durable.
    fn answer(self: Box<Self>, committed: Result<(), StoreError>);
}

/// What the writer is asked to do.
pub(super) enum Job {
    /// A step, which shares a transaction with its neighbours.
    Step(Step),
    /// Something that no transaction may surround.
    Apart(Box<dyn FnOnce(&Connection) + Send>),
}

/// One step on its way to the writer.
pub(super) struct Step {
    /// The step's name, for crash points.
    pub(super) name: &'static str,
    /// Roughly how many bytes it writes.
    pub(super) weight: usize,
    /// The step itself.
    pub(super) run: Box<dyn Run>,
}

/// What the writer tells the rest of the store without being asked.
pub(super) struct Pulse {
    /// Whether the last transaction found room.
    pub(super) writable: AtomicBool,
    /// Transactions committed since the store was opened.
    pub(super) commits: watch::Sender<u64>,
    /// Whether something was forgotten since the write-ahead log was last emptied.
    pub(super) forgot: AtomicBool,
}

/// The writing connection and its keys.
pub(super) struct Writer {
    db: Connection,
    keys: KeyRing,
    pulse: Arc<Pulse>,
    notes: Arc<Notes>,
}

impl Writer {
    pub(super) fn new(db: Connection, keys: KeyRing, pulse: Arc<Pulse>, notes: Arc<Notes>) -> Self {
        Self { db, keys, pulse, notes }
    }

    /// Works until the last sender is gone and all that waited is done.
    pub(super) fn run(self, mut jobs: mpsc::Receiver<Job>) {
        let mut is_busy = false;
        while let Some(first) = jobs.blocking_recv() {
            if is_busy {
                gather();
            }
            let (mut weight, mut group) = (0, Vec::new());
            let mut next = Some(first);
            let mut apart = None;
            while let Some(job) = next {
                match job {
                    Job::Step(step) => {
                        weight += step.weight;
                        group.push(step);
                    }
                    Job::Apart(work) => apart = Some(work),
                }
                let more = group.len() < GROUP_STEPS && weight < GROUP_BYTES && apart.is_none();
                next = if more { jobs.try_recv().ok() } else { None };
            }
            is_busy = group.len() >= BUSY_STEPS;
            if !group.is_empty() {
                self.commit(group);
            }
            if let Some(work) = apart {
                work(&self.db);
            }
        }
        // What was noted after the last step.
        self.commit(Vec::new());
    }

    fn commit(&self, mut group: Vec<Step>) {
        let mut names: Vec<&'static str> = group.iter().map(|job| job.name).collect();
        names.dedup();
        let mut before = self.db.total_changes();
        let mut full = false;
        let mut ended = run(&self.db, "BEGIN IMMEDIATE");
        if ended.is_ok() && !self.together(&mut group) {
            self.undo("ROLLBACK");
            before = self.db.total_changes();
            ended = run(&self.db, "BEGIN IMMEDIATE").and_then(|()| self.apiece(&mut group, &mut full));
        }
        let noted = self.notes.take();
        if ended.is_ok() {
            ended = self.note(&noted);
        }
        if ended.is_ok() {
            names.iter().for_each(|name| crate::crash::point(&format!("before-{name}")));
            ended = run(&self.db, "COMMIT");
        }
        match &ended {
            Ok(()) => {
                self.pulse.commits.send_modify(|commits| *commits += 1);
                names.iter().for_each(|name| crate::crash::point(&format!("after-{name}")));
            }
            Err(error) => {
                full |= error.is_full();
                tracing::warn!(%error, steps = group.len(), "a transaction was not committed");
                self.notes.put_back(noted);
                self.undo("ROLLBACK");
            }
        }
        // A transaction that wrote nothing says nothing about the disk.
        if full {
            self.pulse.writable.store(false, Ordering::Relaxed);
        } else if ended.is_ok() && self.db.total_changes() > before {
            self.pulse.writable.store(true, Ordering::Relaxed);
        }
        for step in group {
            step.run.answer(ended.clone());
        }
    }

    /// Runs all steps as one; whether none failed. A step seldom does, and a savepoint copies every page that its step writes to.
    fn together(&self, group: &mut [Step]) -> bool {
        let rows = Rows { db: &self.db, keys: &self.keys };
        group.iter_mut().all(|step| step.run.run(&rows).is_none())
    }

    /// Runs each step inside a savepoint, so that a failing one fails alone. The error is why all are given up.
    fn apiece(&self, group: &mut [Step], full: &mut bool) -> Result<(), StoreError> {
        let rows = Rows { db: &self.db, keys: &self.keys };
        for step in group {
            run(&self.db, "SAVEPOINT step")?;
            let Some(failed) = step.run.run(&rows) else {
                run(&self.db, "RELEASE step")?;
                continue;
            };
            *full |= failed.is_full();
            self.undo("ROLLBACK TO step; RELEASE step");
            // SQLite gives the whole transaction up when some writes fail; then none of its steps has happened.
            if self.db.is_autocommit() {
                return Err(failed);
            }
        }
        Ok(())
    }

    /// Writes down what left meanwhile. A row that the database refuses for a reason of its own costs no step.
    fn note(&self, noted: &VecDeque<AuditRow>) -> Result<(), StoreError> {
        let rows = Rows { db: &self.db, keys: &self.keys };
        for row in noted {
            match rows.note(row) {
                Err(error) if self.db.is_autocommit() || error.is_full() => return Err(error),
                Err(error) => tracing::error!(%error, "a request is not in the audit"),
                Ok(()) => {}
            }
        }
        Ok(())
    }

    fn undo(&self, how: &str) {
        self.keys.clear();
        if !self.db.is_autocommit()
            && let Err(error) = self.db.execute_batch(how)
        {
            tracing::error!(%error, "a rollback failed");
            // Half a step must not be committed with its neighbours: give the group up.
            if how != "ROLLBACK" {
                self.undo("ROLLBACK");
            }
        }
    }
}

/// Lets steps come together.
#[expect(
    clippy::disallowed_methods,
    reason = "the writer has a thread of its own, and what is waited for is whatever comes within the time"
)]
fn gather() {
    std::thread::sleep(GATHER);
}
