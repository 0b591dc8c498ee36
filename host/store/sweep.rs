//! Retention: rows that are done with leave in small transactions, so that deliveries never wait long behind a sweep.
//!
//! The order keeps every account whole: an event leaves when it is old, a change when it has no event left, a delivery
//! when it has no change left. Dead rows stay until a person decides. Ids stay behind: a webhook's for a while, an
//! event's for ever.

use rusqlite::params;
use serde::Serialize;

use super::gap::{FOLD_POLL, FOLD_WEBHOOK};
use super::rows::{Rows, int};
use super::{Store, StoreError};
use crate::clock::Millis;

/// Rows that one transaction removes at most.
const PART: i64 = 500;

/// How long rows stay, in milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retention {
    /// How long the webhook id of a delivery that left is remembered, from when it came.
    pub webhook_ids_ms: u64,
    /// How long a delivery waits for its location to become known.
    pub held_ms: u64,
    /// How long what is done with stays.
    pub done_ms: u64,
}

/// How many rows left.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Swept {
    /// Webhook ids forgotten.
    pub webhook_ids: u64,
    /// Deliveries that nobody claimed in time.
    pub held: u64,
    /// Deliveries done with.
    pub deliveries: u64,
    /// Changes done with.
    pub changes: u64,
    /// Events done with.
    pub events: u64,
    /// Members of audiences that have left.
    pub members: u64,
}

const EVENTS: &str = "SELECT row FROM outbox WHERE state = 'done' AND done_at < ?1 LIMIT ?2";

const MEMBERS: &str = "SELECT row FROM membership WHERE state = 'done' AND wanted = 'leave' AND done_at < ?1 LIMIT ?2";

const CHANGES: &str = "SELECT row FROM change WHERE state IN ('done', 'skipped') AND translated_at < ?1
     AND NOT EXISTS (SELECT 1 FROM outbox WHERE outbox.change = change.row) LIMIT ?2";

const DELIVERIES: &str = "SELECT row FROM inbox WHERE state IN ('done', 'silent') AND read_at < ?1
     AND NOT EXISTS (SELECT 1 FROM told JOIN change ON change.row = told.change WHERE told.delivery = inbox.row)
     LIMIT ?2";

const HELD: &str = "SELECT row FROM inbox WHERE state = 'held' AND received_at < ?1 LIMIT ?2";

impl Store {
    /// Writes a row, so that [`Store::writable`] says what the disk does now and not what it did last.
    ///
    /// # Errors
    /// As the disk has it.
    pub async fn probe(&self, now: Millis) -> Result<(), StoreError> {
        self.write("probe", 0, move |rows| {
            rows.db.prepare_cached("INSERT OR REPLACE INTO probe (id, at) VALUES (1, ?1)")?.execute([int(now)])?;
            Ok(())
        })
        .await
    }

    /// Removes what has outlived its retention at `now`.
    ///
    /// # Errors
    /// As the disk has it; the parts removed before stay removed.
    pub async fn sweep(&self, now: Millis, retention: Retention) -> Result<Swept, StoreError> {
        let done = now.saturating_sub(retention.done_ms);
        let seen = now.saturating_sub(retention.webhook_ids_ms);
        let unclaimed = now.saturating_sub(retention.held_ms);
        Ok(Swept {
            members: self.parts(move |rows| rows.sweep_members(done)).await?,
            events: self.parts(move |rows| rows.sweep_events(done)).await?,
            changes: self.parts(move |rows| rows.sweep_changes(done)).await?,
            deliveries: self.parts(move |rows| rows.sweep_deliveries(DELIVERIES, done)).await?,
            held: self.parts(move |rows| rows.sweep_deliveries(HELD, unclaimed)).await?,
            webhook_ids: self.parts(move |rows| rows.sweep_webhook_ids(seen)).await?,
        })
    }

    async fn parts(
        &self,
        part: impl Fn(&Rows<'_>) -> Result<usize, StoreError> + Copy + Send + 'static,
    ) -> Result<u64, StoreError> {
        let mut swept = 0;
        loop {
            let removed = self.write("sweep", 0, part).await?;
            swept += removed as u64;
            if removed < PART as usize {
                return Ok(swept);
            }
        }
    }
}

impl Rows<'_> {
    fn sweep_events(&self, before: Millis) -> Result<usize, StoreError> {
        let old = self.old(EVENTS, before)?;
        self.each(
            &[
                "INSERT OR IGNORE INTO event_told (destination, event_id)
                 SELECT destination, event_id FROM outbox WHERE row = ?1",
                // An attempt leaves with the last of its events.
                "DELETE FROM attempt WHERE row IN (SELECT attempt FROM attempt_item WHERE event = ?1)
                 AND NOT EXISTS (SELECT 1 FROM attempt_item WHERE attempt_item.attempt = attempt.row AND event <> ?1)",
                "DELETE FROM attempt_item WHERE event = ?1",
                "DELETE FROM outbox WHERE row = ?1",
            ],
            &old,
        )
    }

    /// Whoever is in stays: nobody else knows whom to take out.
    fn sweep_members(&self, before: Millis) -> Result<usize, StoreError> {
        let old = self.old(MEMBERS, before)?;
        self.each(&["DELETE FROM membership WHERE row = ?1"], &old)
    }

    fn sweep_changes(&self, before: Millis) -> Result<usize, StoreError> {
        let old = self.old(CHANGES, before)?;
        let leave = ["DELETE FROM told WHERE change = ?1", "DELETE FROM change WHERE row = ?1"];
        self.each(&[FOLD_WEBHOOK, FOLD_POLL, leave[0], leave[1]], &old)
    }

    fn sweep_deliveries(&self, which: &'static str, before: Millis) -> Result<usize, StoreError> {
        let old = self.old(which, before)?;
        self.each(
            &[
                "INSERT OR IGNORE INTO webhook_seen (source, webhook_id, seen_at)
                 SELECT source, webhook_id, received_at FROM inbox WHERE row = ?1",
                "DELETE FROM inbox WHERE row = ?1",
            ],
            &old,
        )
    }

    fn sweep_webhook_ids(&self, before: Millis) -> Result<usize, StoreError> {
        let mut forget = self.db.prepare_cached(
            "DELETE FROM webhook_seen WHERE (source, webhook_id) IN
             (SELECT source, webhook_id FROM webhook_seen WHERE seen_at < ?1 LIMIT ?2)",
        )?;
        Ok(forget.execute(params![int(before), PART])?)
    }

    fn old(&self, which: &'static str, before: Millis) -> Result<Vec<i64>, StoreError> {
        let mut query = self.db.prepare_cached(which)?;
        Ok(query.query_map(params![int(before), PART], |row| row.get(0))?.collect::<Result<_, _>>()?)
    }

    /// Runs the statements on each row in turn. Returns how many rows there were.
    fn each(&self, statements: &[&'static str], rows: &[i64]) -> Result<usize, StoreError> {
        for row in rows {
            for statement in statements {
                self.db.prepare_cached(statement)?.execute([row])?;
            }
        }
        Ok(rows.len())
    }
}
