//! The audit: every request that left, and what people did to the queue and to contacts. It names components, places and
//! operations, never a person: a contact stands there as a look-up.
//!
//! A row waits in memory for the next transaction of whatever step and is written in it, so that a request costs none of
//! its own. What settles a request comes after it, so both are durable together.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

use rusqlite::{named_params, params};
use serde::{Deserialize, Serialize};

use super::rows::{Rows, int, nat};
use super::{Store, StoreError};
use crate::clock::Millis;
use crate::vault::Lookup;

/// Rows that may wait for a transaction. With no room on the disk for longer, the oldest are given up, and it is said.
const WAITING: usize = 20_000;

/// A request that left, or an act of a person.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuditRow {
    /// When it began.
    pub at: Millis,
    /// `source.highlevel`, `sink.meta`; or who acted.
    pub actor: String,
    /// The component's digest.
    pub digest: Option<String>,
    /// `connection:NAME` or `destination:NAME`.
    pub lane: String,
    /// The operation as it was granted, `GET /contacts/{id}`; or the act.
    pub operation: String,
    /// The status of the answer, where one came.
    pub status: Option<u16>,
    /// What came instead of an answer; or why somebody acted.
    pub outcome: Option<String>,
    /// From its beginning to the end of the answer.
    pub latency_ms: Option<u64>,
    /// The contact that it was about, as a look-up.
    #[serde(skip)]
    pub subject: Option<Lookup>,
    /// The attempt that it carried.
    pub attempt: Option<i64>,
}

impl AuditRow {
    /// An act of a person's.
    pub fn act(at: Millis, by: &str, lane: String, operation: String) -> Self {
        let (digest, status, outcome, latency_ms, subject, attempt) = (None, None, None, None, None, None);
        Self { at, actor: by.to_owned(), digest, lane, operation, status, outcome, latency_ms, subject, attempt }
    }
}

/// Which rows are asked for. What is left out does not matter.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AuditFilter {
    /// From when on.
    pub since: Millis,
    /// A destination.
    pub destination: Option<String>,
    /// A connection; with a contact, the one that the contact is of.
    pub connection: Option<String>,
    /// The CRM's id of a contact: requests about it, and those that carried its events.
    pub contact: Option<String>,
    /// How many rows, the newest.
    pub limit: u64,
}

/// Rows on their way into a transaction.
#[derive(Default)]
pub(super) struct Notes {
    rows: Mutex<VecDeque<AuditRow>>,
}

impl Notes {
    fn put(&self, row: AuditRow) {
        let mut rows = self.rows.lock().unwrap_or_else(PoisonError::into_inner);
        if rows.len() >= WAITING {
            rows.pop_front();
            tracing::error!(
                "the store takes nothing: the oldest request that was not written down is left out of the audit"
            );
        }
        rows.push_back(row);
    }

    pub(super) fn take(&self) -> VecDeque<AuditRow> {
        std::mem::take(&mut *self.rows.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Puts rows back that a transaction did not keep.
    pub(super) fn put_back(&self, mut untold: VecDeque<AuditRow>) {
        let mut rows = self.rows.lock().unwrap_or_else(PoisonError::into_inner);
        untold.append(&mut rows);
        *rows = untold;
    }

    fn is_empty(&self) -> bool {
        self.rows.lock().unwrap_or_else(PoisonError::into_inner).is_empty()
    }
}

impl Store {
    /// Writes a row down with the next transaction; waits for nothing. [`Store::note_down`] makes a transaction if no step does.
    pub fn note(&self, row: AuditRow) {
        self.0.notes.put(row);
    }

    /// What stands for a contact in the audit.
    pub fn subject(&self, connection: &str, contact: &str) -> Lookup {
        self.0.vault.lookup("contact", &[connection, contact])
    }

    /// Makes sure that what was noted is durable.
    ///
    /// # Errors
    /// As the disk has it; what was noted waits on.
    pub async fn note_down(&self) -> Result<(), StoreError> {
        if self.0.notes.is_empty() {
            return Ok(());
        }
        self.write("note_down", 0, |_| Ok(())).await
    }

    /// What the audit holds, the newest first.
    ///
    /// # Errors
    /// As the database has it.
    pub async fn audit(&self, filter: AuditFilter) -> Result<Vec<AuditRow>, StoreError> {
        self.note_down().await?;
        self.read(move |rows| rows.audit(&filter)).await
    }
}

const AUDIT: &str = "SELECT at, actor, digest, lane, operation, status, outcome, latency_ms, attempt FROM audit
     WHERE at >= :since AND (:destination IS NULL OR lane = :destination)";

/// Requests about the contact, and requests that carried an event of it: each branch by an index of its own.
const OF_CONTACT: &str = " AND row IN (
         SELECT row FROM audit WHERE subject = :subject
         UNION
         SELECT audit.row FROM change JOIN outbox ON outbox.change = change.row
                JOIN attempt_item ON attempt_item.event = outbox.row JOIN audit ON audit.attempt = attempt_item.attempt
         WHERE change.subject = :subject)";

impl Rows<'_> {
    /// Writes one row in the running transaction.
    pub(super) fn note(&self, row: &AuditRow) -> Result<(), StoreError> {
        self.db
            .prepare_cached(
                "INSERT INTO audit (at, actor, digest, lane, operation, status, outcome, latency_ms, subject, attempt)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
            )?
            .execute(params![
                int(row.at),
                row.actor,
                row.digest,
                row.lane,
                row.operation,
                row.status,
                row.outcome,
                row.latency_ms.map(int),
                row.subject,
                row.attempt,
            ])?;
        Ok(())
    }

    fn audit(&self, filter: &AuditFilter) -> Result<Vec<AuditRow>, StoreError> {
        let destination = filter.destination.as_ref().map(|name| format!("destination:{name}"));
        let mut found = match &filter.contact {
            None => {
                let lane = destination.or(filter.connection.as_ref().map(|name| format!("connection:{name}")));
                let mut query = self.db.prepare_cached(&format!("{AUDIT} ORDER BY at DESC, row DESC LIMIT :limit"))?;
                let given =
                    named_params! {":since": int(filter.since), ":destination": lane, ":limit": int(filter.limit)};
                query.query_map(given, audit_row)?.collect::<Result<Vec<_>, _>>()?
            }
            Some(contact) => {
                let mut found = Vec::new();
                let mut query =
                    self.db.prepare_cached(&format!("{AUDIT}{OF_CONTACT} ORDER BY at DESC, row DESC LIMIT :limit"))?;
                for connection in self.connections_named(filter.connection.as_deref())? {
                    let subject = self.contact(&connection, contact);
                    let given = named_params! {
                        ":since": int(filter.since), ":destination": destination, ":subject": subject, ":limit": int(filter.limit),
                    };
                    for row in query.query_map(given, audit_row)? {
                        found.push(row?);
                    }
                }
                found
            }
        };
        found.sort_by_key(|row| std::cmp::Reverse(row.at));
        found.truncate(usize::try_from(filter.limit).unwrap_or(usize::MAX));
        Ok(found)
    }

    /// The connections that anything was ever stored of: the one named, else all.
    pub(super) fn connections_named(&self, named: Option<&str>) -> Result<Vec<String>, StoreError> {
        if let Some(name) = named {
            return Ok(vec![name.to_owned()]);
        }
        let mut query = self.db.prepare_cached("SELECT connection FROM began ORDER BY connection")?;
        Ok(query.query_map([], |row| row.get(0))?.collect::<Result<_, _>>()?)
    }
}

fn audit_row(row: &rusqlite::Row<'_>) -> rusqlite::Result<AuditRow> {
    Ok(AuditRow {
        at: nat(row.get(0)?),
        actor: row.get(1)?,
        digest: row.get(2)?,
        lane: row.get(3)?,
        operation: row.get(4)?,
        status: row.get(5)?,
        outcome: row.get(6)?,
        latency_ms: row.get::<_, Option<i64>>(7)?.map(nat),
        subject: None,
        attempt: row.get(8)?,
    })
}
