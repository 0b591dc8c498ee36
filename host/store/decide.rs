//! What a person decides about rows of the queue: they go again, or they go no more.

use rusqlite::{OptionalExtension, params};
use serde::{Deserialize, Serialize};

use super::audit::AuditRow;
use super::queue::{QueueFilter, QueueKind, QueueRow};
use super::rows::{Rows, int, nat};
use super::{Store, StoreError};
use crate::clock::Millis;

/// Rows that one transaction decides at most.
const PART: usize = 500;

/// Which rows a decision is about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Pick {
    /// These, by the names that [`Store::queue_named`] knows.
    Named(Vec<String>),
    /// All that the filter means.
    All(QueueFilter),
}

/// A decision, and whose it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Decision {
    /// Why the rows go no more; `None` sends them again.
    pub drop: Option<String>,
    /// When it was decided.
    pub at: Millis,
    /// Who decided.
    pub by: String,
}

/// What became of a decision.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Decided {
    /// Rows that were meant.
    pub found: u64,
    /// Rows that it changed.
    pub changed: u64,
    /// Names of events that are not sent again because the platform takes them no more.
    pub too_late: Vec<String>,
    /// Names of rows that stand where the decision does not reach: under way, or ended for good.
    pub left: Vec<String>,
    /// Names that nothing has.
    pub unknown: Vec<String>,
}

impl Store {
    /// Sends rows again or drops them, in small transactions; what was decided is in the audit.
    ///
    /// Again goes what is dead, and at once what waits: with its tries counted anew. An event that is too old for its
    /// platform stays where it is, and so does one whose contact was forgotten. Dropped is what is dead, waiting, held or
    /// expired; the id of an event stays told, so nothing brings it back.
    ///
    /// # Errors
    /// As the disk has it; what earlier transactions decided stands.
    pub async fn decide(&self, pick: Pick, decision: Decision) -> Result<Decided, StoreError> {
        let mut decided = Decided::default();
        match pick {
            Pick::Named(names) => {
                for name in names {
                    let rows = self.queue_named(&name).await?;
                    if rows.is_empty() {
                        decided.unknown.push(name);
                    }
                    self.decide_rows(rows, &decision, &mut decided).await?;
                }
            }
            Pick::All(filter) => {
                // Read once: a row that comes back dead meanwhile is not decided twice.
                let rows = self.queue_rows(filter, u64::MAX).await?;
                self.decide_rows(rows, &decision, &mut decided).await?;
            }
        }
        Ok(decided)
    }

    async fn decide_rows(
        &self,
        rows: Vec<QueueRow>,
        decision: &Decision,
        decided: &mut Decided,
    ) -> Result<(), StoreError> {
        decided.found += rows.len() as u64;
        for part in rows.chunks(PART) {
            let (part, decision) = (part.to_vec(), decision.clone());
            let done = self.write("decide", 0, move |rows| rows.decide(&part, &decision)).await?;
            decided.changed += done.changed;
            decided.too_late.extend(done.too_late);
            decided.left.extend(done.left);
        }
        Ok(())
    }
}

impl Rows<'_> {
    fn decide(&self, part: &[QueueRow], decision: &Decision) -> Result<Decided, StoreError> {
        let mut decided = Decided::default();
        for row in part {
            let changed = match &decision.drop {
                Some(why) => self.drop_row(row.kind, row.row, &format!("dropped: {why}"), decision.at)?,
                None if self.is_too_late(row, decision.at)? => {
                    decided.too_late.push(row.name.clone());
                    continue;
                }
                None => self.again(row, decision.at)?,
            };
            if changed {
                decided.changed += 1;
                let operation = if decision.drop.is_some() { "queue drop" } else { "queue retry" };
                let lane = match (&row.destination, &row.connection) {
                    (Some(destination), _) => format!("destination:{destination}"),
                    (None, connection) => format!("connection:{}", connection.as_deref().unwrap_or_default()),
                };
                let act = AuditRow::act(decision.at, &decision.by, lane, format!("{operation} {}", row.name));
                self.note(&AuditRow { outcome: decision.drop.clone(), ..act })?;
            } else {
                decided.left.push(row.name.clone());
            }
        }
        Ok(decided)
    }

    fn is_too_late(&self, row: &QueueRow, now: Millis) -> Result<bool, StoreError> {
        if row.kind != QueueKind::Event {
            return Ok(false);
        }
        let mut query =
            self.db.prepare_cached("SELECT deadline FROM outbox WHERE row = ?1 AND state IN ('dead', 'expired')")?;
        let deadline: Option<i64> = query.query_row([row.row], |row| row.get(0)).optional()?;
        Ok(deadline.is_some_and(|deadline| nat(deadline) <= now))
    }

    /// Makes a row wait for its turn now.
    fn again(&self, row: &QueueRow, now: Millis) -> Result<bool, StoreError> {
        // A contact that was forgotten left nothing that could be sent.
        let update = match row.kind {
            QueueKind::Event => {
                "UPDATE outbox SET state = 'waiting', due_at = ?2, tries = 0, reason = NULL, done_at = NULL
                 WHERE row = ?1 AND state IN ('dead', 'waiting') AND length(sealed) > 0"
            }
            QueueKind::Change => {
                "UPDATE change SET state = 'waiting', due_at = ?2, tries = 0, code = NULL, reason = NULL
                 WHERE row = ?1 AND state IN ('dead', 'waiting') AND length(sealed) > 0"
            }
            QueueKind::Command => {
                "UPDATE wanted SET state = 'waiting', due_at = ?2, tries = 0, reason = NULL, done_at = NULL
                 WHERE row = ?1 AND state IN ('dead', 'waiting') AND length(sealed) > 0"
            }
            QueueKind::Delivery => {
                "UPDATE inbox SET state = 'waiting', due_at = ?2, tries = 0, code = NULL, reason = NULL
                 WHERE row = ?1 AND state IN ('dead', 'waiting') AND connection IS NOT NULL AND length(sealed) > 0"
            }
        };
        Ok(self.db.prepare_cached(update)?.execute(params![row.row, int(now)])? > 0)
    }

    /// Ends a row that is not under way and not done. Whether it did.
    pub(super) fn drop_row(&self, kind: QueueKind, row: i64, reason: &str, now: Millis) -> Result<bool, StoreError> {
        let update = match kind {
            QueueKind::Event => {
                "UPDATE outbox SET state = 'dropped', reason = ?2, done_at = ?3
                 WHERE row = ?1 AND state IN ('dead', 'waiting', 'expired')"
            }
            QueueKind::Change => {
                "UPDATE change SET state = 'dropped', reason = ?2, translated_at = ?3
                 WHERE row = ?1 AND state IN ('dead', 'waiting')"
            }
            QueueKind::Command => {
                "UPDATE wanted SET state = 'dropped', reason = ?2, done_at = ?3
                 WHERE row = ?1 AND state IN ('dead', 'waiting', 'held')"
            }
            QueueKind::Delivery => {
                "UPDATE inbox SET state = 'dropped', reason = ?2, read_at = ?3
                 WHERE row = ?1 AND state IN ('dead', 'waiting', 'held')"
            }
        };
        Ok(self.db.prepare_cached(update)?.execute(params![row, reason, int(now)])? > 0)
    }
}
