//! Retention: rows that are done with leave in small transactions, so that deliveries never wait long behind a sweep.
//!
//! The order keeps every account whole: an event leaves when it is old, a change when it has no event left, a delivery
//! when it has no change left. Dead rows stay for longer, so that a person can decide. Ids stay behind: a webhook's for a
//! while, an event's for ever. A store that is too large gives up what is done before its time, the oldest first.

use rusqlite::params;
use serde::Serialize;

use super::gap::{FOLD_POLL, FOLD_WEBHOOK};
use super::rows::{Rows, int, nat};
use super::{Store, StoreError};
use crate::clock::Millis;

/// Rows that one transaction removes at most.
const PART: i64 = 500;

/// Parts of what is done that one look at a store that is too large removes at most; the next look goes on.
const EARLY_PARTS: usize = 20;

/// How long rows stay, in milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retention {
    /// How long the webhook id of a delivery that left is remembered, from when it came.
    pub webhook_ids_ms: u64,
    /// How long a delivery waits for its location to become known.
    pub held_ms: u64,
    /// How long what is done with stays.
    pub done_ms: u64,
    /// How long what is dead or expired stays.
    pub dead_ms: u64,
    /// How long the audit goes back.
    pub audit_ms: u64,
    /// How long the key of a command is remembered after its end.
    pub command_ms: u64,
    /// The size in bytes from which on what is done leaves before its time.
    pub max_bytes: u64,
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
    /// Deliveries, changes and events that were dead or expired for long.
    pub dead: u64,
    /// Rows of the audit.
    pub audit: u64,
    /// Commands that rules asked for and that have ended, and keys of commands.
    pub commands: u64,
    /// Gaps that nothing filled, which are counted on, and contacts that a poll has seen.
    pub seen: u64,
    /// Rows that were done with and left before their time because the store is too large.
    pub early: u64,
    /// Members of audiences that have left.
    pub members: u64,
    /// Places of forgotten contacts that the platform never let go of.
    pub partings: u64,
    /// Calls in which guests wrote something.
    pub written: u64,
}

// The indexes by time are named: SQLite knows nothing of how many rows there are, would take the one by state, and look at every row that is done.
const EVENTS: &str =
    "SELECT row FROM outbox INDEXED BY outbox_done WHERE state IN ('done', 'dropped') AND done_at < ?1 LIMIT ?2";

const MEMBERS: &str = "SELECT row FROM membership WHERE state = 'done' AND wanted = 'leave' AND done_at < ?1 LIMIT ?2";

const CHANGES: &str = "SELECT row FROM change INDEXED BY change_translated
     WHERE state IN ('done', 'skipped', 'dropped') AND translated_at < ?1
     AND NOT EXISTS (SELECT 1 FROM outbox WHERE outbox.change = change.row) LIMIT ?2";

const DELIVERIES: &str = "SELECT row FROM inbox INDEXED BY inbox_read
     WHERE state IN ('done', 'silent', 'dropped') AND read_at < ?1
     AND NOT EXISTS (SELECT 1 FROM told JOIN change ON change.row = told.change WHERE told.delivery = inbox.row)
     LIMIT ?2";

const OLDEST_EVENTS: &str = "SELECT row FROM outbox INDEXED BY outbox_done
     WHERE state IN ('done', 'dropped') AND done_at < ?1 ORDER BY done_at LIMIT ?2";

const OLDEST_CHANGES: &str = "SELECT row FROM change INDEXED BY change_translated
     WHERE state IN ('done', 'skipped', 'dropped') AND translated_at < ?1
     AND NOT EXISTS (SELECT 1 FROM outbox WHERE outbox.change = change.row) ORDER BY translated_at LIMIT ?2";

const OLDEST_DELIVERIES: &str = "SELECT row FROM inbox INDEXED BY inbox_read
     WHERE state IN ('done', 'silent', 'dropped') AND read_at < ?1
     AND NOT EXISTS (SELECT 1 FROM told JOIN change ON change.row = told.change WHERE told.delivery = inbox.row)
     ORDER BY read_at LIMIT ?2";

const DEAD_EVENTS: &str =
    "SELECT row FROM outbox INDEXED BY outbox_dead WHERE state IN ('dead', 'expired') AND created_at < ?1 LIMIT ?2";

const DEAD_CHANGES: &str = "SELECT row FROM change INDEXED BY change_dead WHERE state = 'dead' AND due_at < ?1
     AND NOT EXISTS (SELECT 1 FROM outbox WHERE outbox.change = change.row) LIMIT ?2";

const DEAD_DELIVERIES: &str = "SELECT row FROM inbox INDEXED BY inbox_dead WHERE state = 'dead' AND received_at < ?1
     AND NOT EXISTS (SELECT 1 FROM told JOIN change ON change.row = told.change WHERE told.delivery = inbox.row)
     LIMIT ?2";

const AUDIT: &str = "DELETE FROM audit WHERE row IN (SELECT row FROM audit WHERE at < ?1 LIMIT ?2)";

const COMMANDS: &str = "DELETE FROM command WHERE lookup IN
     (SELECT lookup FROM command WHERE state <> 'open' AND ended_at < ?1 LIMIT ?2)";

/// Their keys stay behind among those of all commands.
const WANTED: &str = "DELETE FROM wanted WHERE row IN (SELECT row FROM wanted INDEXED BY wanted_ended
     WHERE state IN ('done', 'dead', 'dropped') AND state <> 'dead' AND created_at < ?1 LIMIT ?2)";

const DEAD_WANTED: &str = "DELETE FROM wanted WHERE row IN (SELECT row FROM wanted INDEXED BY wanted_ended
     WHERE state IN ('done', 'dead', 'dropped') AND created_at < ?1 LIMIT ?2)";

/// A contact of whom a change is left is remembered as seen for as long: it says whether a poll missed the change.
const POLLED: &str = "DELETE FROM polled WHERE subject IN (SELECT subject FROM polled WHERE at < ?1
     AND NOT EXISTS (SELECT 1 FROM change WHERE change.subject = polled.subject) LIMIT ?2)";

const WEBHOOK_IDS: &str = "DELETE FROM webhook_seen WHERE (source, webhook_id) IN
     (SELECT source, webhook_id FROM webhook_seen WHERE seen_at < ?1 LIMIT ?2)";

const WRITTEN: &str = "DELETE FROM written WHERE row IN (SELECT row FROM written WHERE at < ?1 ORDER BY at LIMIT ?2)";

/// The queries above that go by time.
#[cfg(test)]
pub(super) const BY_TIME: [&str; 12] = [
    EVENTS,
    MEMBERS,
    CHANGES,
    DELIVERIES,
    OLDEST_EVENTS,
    OLDEST_CHANGES,
    OLDEST_DELIVERIES,
    DEAD_EVENTS,
    DEAD_CHANGES,
    DEAD_DELIVERIES,
    WANTED,
    DEAD_WANTED,
];

/// Pages in use, in bytes.
const USED: &str = "SELECT (pages.page_count - free.freelist_count) * size.page_size
     FROM pragma_page_count AS pages, pragma_freelist_count AS free, pragma_page_size AS size";

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
        let before = |ms: u64| now.saturating_sub(ms);
        let (done, dead, audit) = (before(retention.done_ms), before(retention.dead_ms), before(retention.audit_ms));
        let (seen, unclaimed) = (before(retention.webhook_ids_ms), before(retention.held_ms));
        let commands = before(retention.command_ms);
        let mut swept = Swept {
            members: self.parts(move |rows| rows.sweep_members(done)).await?,
            events: self.parts(move |rows| rows.sweep_events(EVENTS, done)).await?,
            changes: self.parts(move |rows| rows.sweep_changes(CHANGES, done)).await?,
            deliveries: self.parts(move |rows| rows.sweep_deliveries(DELIVERIES, done)).await?,
            held: self.parts(move |rows| rows.sweep_deliveries(HELD, unclaimed)).await?,
            partings: self.parts(move |rows| rows.sweep_partings(dead)).await?,
            dead: self.parts(move |rows| rows.sweep_events(DEAD_EVENTS, dead)).await?
                + self.parts(move |rows| rows.sweep_changes(DEAD_CHANGES, dead)).await?
                + self.parts(move |rows| rows.sweep_deliveries(DEAD_DELIVERIES, dead)).await?,
            audit: self.parts(move |rows| rows.delete_part(AUDIT, audit)).await?,
            commands: self.parts(move |rows| rows.delete_part(WANTED, done)).await?
                + self.parts(move |rows| rows.delete_part(DEAD_WANTED, dead)).await?
                + self.parts(move |rows| rows.delete_part(COMMANDS, commands)).await?,
            seen: self.parts(move |rows| rows.sweep_gaps(done)).await?
                + self.parts(move |rows| rows.delete_part(POLLED, done)).await?,
            written: self.parts(move |rows| rows.delete_part(WRITTEN, done)).await?,
            webhook_ids: self.parts(move |rows| rows.delete_part(WEBHOOK_IDS, seen)).await?,
            early: 0,
        };
        for _ in 0..EARLY_PARTS {
            if self.used_bytes().await? <= retention.max_bytes {
                break;
            }
            let removed = self.write("sweep", 0, move |rows| rows.sweep_early(now)).await? as u64;
            swept.early += removed;
            if removed == 0 {
                break;
            }
        }
        if swept.early > 0 {
            tracing::debug!(
                rows = swept.early,
                "the store is larger than [retention] max_mib: what is done leaves early"
            );
        }
        Ok(swept)
    }

    /// How much of the store's file is in use, in bytes. Pages that were freed are used again before the file grows.
    ///
    /// # Errors
    /// As the database has it.
    pub async fn used_bytes(&self) -> Result<u64, StoreError> {
        self.read(|rows| Ok(nat(rows.db.prepare_cached(USED)?.query_row([], |row| row.get(0))?))).await
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
    /// The oldest of what is done with, whatever its age: events, what has no event left, and what guests wrote.
    fn sweep_early(&self, now: Millis) -> Result<usize, StoreError> {
        let events = self.sweep_events(OLDEST_EVENTS, now.saturating_add(1))?;
        let changes = self.sweep_changes(OLDEST_CHANGES, now.saturating_add(1))?;
        let written = self.delete_part(WRITTEN, now.saturating_add(1))?;
        Ok(events + changes + written + self.sweep_deliveries(OLDEST_DELIVERIES, now.saturating_add(1))?)
    }

    fn sweep_events(&self, which: &'static str, before: Millis) -> Result<usize, StoreError> {
        let old = self.old(which, before)?;
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

    fn sweep_changes(&self, which: &'static str, before: Millis) -> Result<usize, StoreError> {
        let old = self.old(which, before)?;
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

    /// Gaps that nothing filled for so long are counted on and named no more.
    fn sweep_gaps(&self, before: Millis) -> Result<usize, StoreError> {
        let mut query = self.db.prepare_cached("SELECT connection, id, kind FROM gap WHERE found_at < ?1 LIMIT ?2")?;
        let old = query.query_map(params![int(before), PART], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?;
        let old: Vec<(String, String, String)> = old.collect::<Result<_, _>>()?;
        for (connection, id, kind) in &old {
            self.fold_gap(connection, kind)?;
            self.close_gap(connection, id)?;
        }
        Ok(old.len())
    }

    fn delete_part(&self, sql: &'static str, before: Millis) -> Result<usize, StoreError> {
        Ok(self.db.prepare_cached(sql)?.execute(params![int(before), PART])?)
    }

    /// The rows of one part that `which` finds to be older.
    pub(super) fn old(&self, which: &'static str, before: Millis) -> Result<Vec<i64>, StoreError> {
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
