//! What a person asks of the queue and of the past. One word for each, written once: the admin door of a running convey
//! takes it, and so does a store that nobody runs on.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::export::{Exported, exported};
use crate::clock::Millis;
use crate::store::{
    AuditFilter, Decided, Decision, Delivered, Farewell, Pick, QueueFilter, QueueGroup, QueueRow, Store, StoreError,
    WhyAttempt,
};

/// A question, or something to do.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Operation {
    /// What waits or is parked, grouped by reason.
    QueueGroups {
        /// Which rows.
        filter: QueueFilter,
        /// How many groups at most.
        limit: u64,
    },
    /// The same row by row.
    QueueRows {
        /// Which rows.
        filter: QueueFilter,
        /// How many at most.
        limit: u64,
    },
    /// Everything with this name, with its attempts.
    QueueShow {
        /// `e12`, `c34`, or an id.
        name: String,
    },
    /// Rows go again.
    QueueRetry {
        /// Which.
        pick: Pick,
        /// Who decides.
        by: String,
    },
    /// Rows go no more.
    QueueDrop {
        /// Which.
        pick: Pick,
        /// Why.
        why: String,
        /// Who decides.
        by: String,
    },
    /// Why something was sent, or not.
    Why {
        /// Of an event, a fact, a delivery or a contact.
        id: String,
        /// In this connection only.
        connection: Option<String>,
    },
    /// A contact is forgotten.
    Forget {
        /// The CRM's id of it.
        contact: String,
        /// In this connection only.
        connection: Option<String>,
        /// Why.
        why: String,
        /// Who asks.
        by: String,
    },
    /// What left, and what people did.
    Audit(AuditFilter),
    /// Delivered events, a page at a time.
    Export {
        /// Which.
        asked: Delivered,
        /// Who asks.
        by: String,
    },
    /// The store is copied beside everything else.
    BackUp {
        /// Where to.
        file: PathBuf,
        /// Where its keys go.
        keys: PathBuf,
    },
}

/// A row of the queue with every request that carried it.
#[derive(Serialize)]
struct Shown {
    #[serde(flatten)]
    row: QueueRow,
    attempts: Vec<WhyAttempt>,
}

/// Answers a question or does what is asked, at `now`. `None` if there is nothing that it could be about.
///
/// # Errors
/// As the store has it.
pub async fn operate(store: &Store, now: Millis, operation: Operation) -> Result<Option<Value>, StoreError> {
    Ok(match operation {
        Operation::QueueGroups { filter, limit } => {
            let groups: Vec<QueueGroup> = store.queue_groups(filter, limit).await?;
            there(&groups).then(|| json!({"at": now, "groups": groups}))
        }
        Operation::QueueRows { filter, limit } => {
            let rows = store.queue_rows(filter, limit).await?;
            there(&rows).then(|| json!({"at": now, "rows": rows}))
        }
        Operation::QueueShow { name } => {
            let mut shown = Vec::new();
            for row in store.queue_named(&name).await? {
                let attempts = store.attempts_of(&row).await?;
                shown.push(Shown { row, attempts });
            }
            there(&shown).then(|| json!({"at": now, "rows": shown}))
        }
        Operation::QueueRetry { pick, by } => {
            decided(store.decide(pick, Decision { drop: None, at: now, by }).await?, "retried")
        }
        Operation::QueueDrop { pick, why, by } => {
            decided(store.decide(pick, Decision { drop: Some(why), at: now, by }).await?, "dropped")
        }
        Operation::Why { id, connection } => {
            let why = store.why(&id, connection.as_deref()).await?;
            why.map(|why| json!({"at": now, "id": id, "why": why}))
        }
        Operation::Forget { contact, connection, why, by } => {
            let forgotten = store.forget(connection.as_deref(), &contact, Farewell { at: now, by, why }).await?;
            (forgotten.contacts > 0).then(|| json!({"at": now, "forgotten": forgotten}))
        }
        Operation::Audit(filter) => {
            let rows = store.audit(filter).await?;
            there(&rows).then(|| json!({"at": now, "rows": rows}))
        }
        Operation::Export { asked, by } => {
            if asked.after == 0 {
                store.note_export(now, &by).await?;
            }
            let told = store.told(asked).await?;
            let after = told.last().map(|event| event.row);
            let rows: Vec<Exported> = told.into_iter().map(exported).collect();
            there(&rows).then(|| json!({"rows": rows, "after": after}))
        }
        Operation::BackUp { file, keys } => Some(json!(store.back_up(file, keys).await?)),
    })
}

fn there<T>(found: &[T]) -> bool {
    !found.is_empty()
}

fn decided(decided: Decided, done: &str) -> Option<Value> {
    let Decided { found, changed, too_late, left, unknown } = decided;
    (found > 0).then(|| json!({"found": found, done: changed, "too_late": too_late, "left": left, "unknown": unknown}))
}
