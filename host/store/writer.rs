//! The one thread that writes: it takes every step that waits into one transaction, commits once, then answers them
//! all.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use rusqlite::Connection;
use tokio::sync::{mpsc, watch};

use super::StoreError;
use super::audit::{AuditRow, Notes};
use super::keys::KeyRing;
use super::rows::{Rows, run};

/// Steps that one transaction takes at most, and their bytes: a bound on how long the first of them waits.
const GROUP_STEPS: usize = 512;
const GROUP_BYTES: usize = 4 << 20;

/// Tells the caller how its step ended, once it is known whether the transaction is durable.
type Answer = Box<dyn FnOnce(Result<(), StoreError>) + Send>;

/// A step: given the rows, or why it cannot have them, it gives its error if it failed and the way to answer its
/// caller.
pub(super) type Run = Box<dyn FnOnce(Result<&Rows<'_>, StoreError>) -> (Option<StoreError>, Answer) + Send>;

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
    pub(super) run: Run,
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
        while let Some(first) = jobs.blocking_recv() {
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

    fn commit(&self, group: Vec<Step>) {
        let mut names: Vec<&'static str> = group.iter().map(|job| job.name).collect();
        names.dedup();
        let mut answers = Vec::with_capacity(group.len());
        let mut full = false;
        let before = self.db.total_changes();
        let mut ended = run(&self.db, "BEGIN IMMEDIATE");
        for job in group {
            if let Err(error) = &ended {
                // Steps behind a failed transaction are not tried: their callers hear why.
                answers.push((job.run)(Err(error.clone())).1);
                continue;
            }
            let (failed, answer) = self.step(job.run);
            full |= failed.as_ref().is_some_and(StoreError::is_full);
            answers.push(answer);
            // SQLite gives the whole transaction up when some writes fail; then none of its steps has happened.
            if let Some(error) = failed
                && self.db.is_autocommit()
            {
                ended = Err(error);
            }
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
                tracing::warn!(%error, steps = answers.len(), "a transaction was not committed");
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
        for answer in answers {
            answer(ended.clone());
        }
    }

    /// Runs one step inside a savepoint, so that a failing one fails alone.
    fn step(&self, step: Run) -> (Option<StoreError>, Answer) {
        if let Err(error) = run(&self.db, "SAVEPOINT step") {
            return step(Err(error));
        }
        let (failed, answer) = step(Ok(&Rows { db: &self.db, keys: &self.keys }));
        if failed.is_some() {
            self.undo("ROLLBACK TO step; RELEASE step");
        } else if let Err(error) = run(&self.db, "RELEASE step") {
            self.undo("ROLLBACK");
            return (Some(error), answer);
        }
        (failed, answer)
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
