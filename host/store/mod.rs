//! What has happened: deliveries, memory, changes, outbox and attempts as sealed rows in SQLite, and grants, polls and
//! commands beside them, behind calls that are whole steps.
//!
//! Each step is one call, idempotent by key, durable when it returns. One thread writes and commits what waits in
//! groups; a few read-only connections answer questions. A dropped future does not undo its step: the step may still
//! happen.

mod account;
mod allowance;
mod attempt;
mod audit;
mod backup;
mod brake;
mod change;
mod command;
mod decide;
mod error;
mod export;
mod forget;
mod gap;
mod generation;
mod grant;
mod held;
mod inbox;
mod install;
mod keys;
mod lane;
mod levels;
mod lock;
mod login;
mod membership;
mod memory;
mod origin;
mod outbox;
mod pace;
mod parting;
mod pause;
mod poll;
mod proof;
mod queue;
mod reader;
mod reading;
mod recall;
mod recent;
mod replay;
mod report;
mod restore;
mod rows;
mod schema;
mod shadow;
mod status;
mod sweep;
mod test_mode;
mod token;
mod wanted;
mod why;
mod writer;
mod written;

#[cfg(test)]
mod tests;

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread::JoinHandle;

use rusqlite::{Connection, OpenFlags};
use tokio::sync::{mpsc, oneshot, watch};

pub use account::{Account, AccountChange, AccountEvent};
pub use allowance::Use;
pub use attempt::{Ambiguity, AmbiguousAttempt, ShipSettlement, Verdict};
pub use audit::{AuditFilter, AuditRow};
pub use backup::BackedUp;
pub use brake::{BRAKE, Brake, Braked};
pub use change::{Made, NewChange, StoredChange, Translated, TranslatedChange, TranslationSettlement};
pub use command::{Begun, CommandRecord, CommandSettlement, CommandState};
pub use decide::{Decided, Decision, Pick};
pub use error::StoreError;
pub use export::{Delivered, ToldEvent};
pub use forget::{Farewell, Forgotten};
pub use gap::{GAP_GRACE_MS, Gap, GapCount};
pub use generation::{Generation, NewGeneration};
pub use grant::Granted;
pub use held::Met;
pub use inbox::{Claimed, Incoming, Origin, Put, Room, StoredDelivery};
pub use install::Installed;
pub use lane::Waiting;
pub use levels::{Levels, Line, Outgoing};
pub use login::Login;
pub use membership::{MemberClaim, MemberSettlement, SettledMember, StoredMember, Wish};
pub use memory::Remembered;
pub use outbox::{Claim, NewEvent, StoredEvent};
pub use pace::{Done, Stretch};
pub use pause::{Pause, PauseScope};
pub use poll::{PollState, PollSummary, PolledPage, PutPage, Sweep};
pub use proof::{Provable, ProvableCommand, ProvableEvent, ProvableWish, Proven};
pub use queue::{QueueFilter, QueueGroup, QueueKind, QueueRow, QueueState};
pub use reading::{ReadDelivery, ReadGroup, ReadSettlement, SettledRead, Told};
pub use recall::Recalled;
pub use recent::{Deadlines, RecentDelivery, RecentEvent, RecentFilter};
pub use replay::{Besides, Retaken, Retold, Standing, Window};
pub use report::Taken;
pub use restore::Restored;
pub use shadow::{NewShadow, Shadow};
pub use status::{AudienceStatus, ChangeStatus, ConnectionStatus, DestinationStatus, HeldLocation, Missed, Status};
pub use sweep::{Retention, Swept};
pub use test_mode::TestMode;
pub use token::{GrantState, HeldToken, NewToken, TokenSummary};
pub use wanted::{Carried, NewCommand, StoredCommand};
pub use why::{Why, WhyAttempt, WhyChange, WhyCommand, WhyDelivery, WhyEvent, WhyGeneration, WhyMaking};
pub use written::{About, WhyWritten, Written};

pub use crate::clock::Millis;

use crate::vault::{STORE_FILE, Vault};
use keys::KeyRing;
use lock::Lock;
use reader::Readers;
use rows::Rows;
use writer::{Job, Pulse, Step, Writer};

/// Steps that may wait for the writer before callers wait themselves.
const QUEUE: usize = 1_024;

/// The store. Clones are handles to the same one; the last to go stops the writer after what waits is done.
#[derive(Clone)]
pub struct Store(Arc<Inner>);

struct Inner {
    jobs: Option<mpsc::Sender<Job>>,
    pulse: Arc<Pulse>,
    notes: Arc<audit::Notes>,
    vault: Arc<Vault>,
    /// Held while a copy is made, which reads one moment for long.
    copying: Arc<tokio::sync::Mutex<()>>,
    readers: Readers,
    writer: Option<JoinHandle<()>>,
    // Dropped last: the directory is free once the writer has stopped.
    _lock: Lock,
}

impl Drop for Inner {
    fn drop(&mut self) {
        // Readers first, so that the writing connection is the last to close and folds the write-ahead log into the
        // file.
        self.readers.close();
        self.jobs = None;
        if let Some(writer) = self.writer.take()
            && writer.join().is_err()
        {
            tracing::error!("the store's writer ended by a panic");
        }
    }
}

impl Store {
    /// Opens the store in `dir` (made with mode 0700 if it is not there), locks the directory and migrates the tables.
    /// Call [`Store::recover`] next, before any claim.
    ///
    /// # Errors
    /// [`StoreError::Locked`] if another convey works there, [`StoreError::WrongKey`] if the store was sealed with
    /// another key, [`StoreError::Newer`] if a newer convey made it, [`StoreError::Directory`] and [`StoreError::Full`]
    /// as the disk has it.
    pub async fn open(dir: PathBuf, vault: Arc<Vault>) -> Result<Self, StoreError> {
        tokio::task::spawn_blocking(move || Self::open_blocking(&dir, vault)).await.map_err(|_| StoreError::Closed)?
    }

    fn open_blocking(dir: &std::path::Path, vault: Arc<Vault>) -> Result<Self, StoreError> {
        let lock = Lock::take(dir)?;
        let path = dir.join(STORE_FILE);
        lock::private_file(&path)?;
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let mut db = Connection::open_with_flags(&path, flags)?;
        schema::tune_writer(&db)?;
        schema::migrate(&mut db)?;
        schema::bind(&db, &vault)?;
        // What a killed convey forgot may still be in its log.
        if let Err(error) = db.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(())) {
            tracing::warn!(%error, "the write-ahead log is not emptied");
        }

        let pulse = Arc::new(Pulse { writable: true.into(), commits: watch::channel(0).0, forgot: false.into() });
        let notes = Arc::new(audit::Notes::default());
        let writer = Writer::new(db, KeyRing::new(vault.clone()), pulse.clone(), notes.clone());
        let (jobs, queue) = mpsc::channel(QUEUE);
        let thread = std::thread::Builder::new()
            .name("store".to_owned())
            .spawn(move || writer.run(queue))
            .map_err(|cause| StoreError::Directory { path: dir.to_owned(), source: Arc::new(cause) })?;
        Ok(Self(Arc::new(Inner {
            jobs: Some(jobs),
            pulse,
            notes,
            vault: vault.clone(),
            copying: Arc::default(),
            readers: Readers::new(path, vault),
            writer: Some(thread),
            _lock: lock,
        })))
    }

    /// Whether the last transaction found room on the disk.
    pub fn writable(&self) -> bool {
        self.0.pulse.writable.load(Ordering::Relaxed)
    }

    /// Transactions committed since the store was opened; far fewer than steps when many wait at once.
    pub fn commits(&self) -> u64 {
        *self.0.pulse.commits.borrow()
    }

    /// The same number, for who waits until something was written.
    pub fn committed(&self) -> watch::Receiver<u64> {
        self.0.pulse.commits.subscribe()
    }

    /// Has the writer do a step of about `weight` bytes and waits until it is durable.
    async fn write<T: Send + 'static>(
        &self,
        name: &'static str,
        weight: usize,
        step: impl Fn(&Rows<'_>) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let (reply, answer) = oneshot::channel();
        let run = Box::new(Asked { step, result: None, reply });
        let jobs = self.0.jobs.as_ref().ok_or(StoreError::Closed)?;
        jobs.send(Job::Step(Step { name, weight, run })).await.map_err(|_| StoreError::Closed)?;
        answer.await.map_err(|_| StoreError::Closed)?
    }

    /// Has the writer do something that no transaction may surround.
    async fn apart<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Connection) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let (reply, answer) = oneshot::channel();
        let jobs = self.0.jobs.as_ref().ok_or(StoreError::Closed)?;
        let job = Job::Apart(Box::new(move |db| drop(reply.send(work(db)))));
        jobs.send(job).await.map_err(|_| StoreError::Closed)?;
        answer.await.map_err(|_| StoreError::Closed)?
    }

    /// Asks a read-only connection; everything it sees is of one moment.
    async fn read<T: Send + 'static>(
        &self,
        ask: impl FnOnce(&Rows<'_>) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let turn = self.0.readers.turn().await?;
        let inner = self.0.clone();
        tokio::task::spawn_blocking(move || {
            let _turn = turn;
            inner.readers.ask(ask)
        })
        .await
        .map_err(|_| StoreError::Closed)?
    }
}

/// A step that somebody waits for.
struct Asked<T, F> {
    step: F,
    result: Option<Result<T, StoreError>>,
    reply: oneshot::Sender<Result<T, StoreError>>,
}

impl<T: Send, F: Fn(&Rows<'_>) -> Result<T, StoreError> + Send> writer::Run for Asked<T, F> {
    fn run(&mut self, rows: &Rows<'_>) -> Option<StoreError> {
        let result = (self.step)(rows);
        let failed = result.as_ref().err().cloned();
        self.result = Some(result);
        failed
    }

    fn answer(self: Box<Self>, committed: Result<(), StoreError>) {
        let Self { result, reply, .. } = *self;
        // The caller may have gone; the step stands all the same.
        drop(reply.send(committed.and_then(|()| result.unwrap_or(Err(StoreError::Closed)))));
    }
}
