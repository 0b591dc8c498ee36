//! Recall: what a generation meant to say and nobody was told is withdrawn, and its changes are translated again.

use rusqlite::{OptionalExtension, params};
use serde::{Deserialize, Serialize};

use super::rows::{Rows, int};
use super::{NewGeneration, Store, StoreError};
use crate::clock::Millis;

/// What was withdrawn.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Recalled {
    /// Events that had not left.
    pub events: u64,
    /// Commands that were not carried out.
    pub commands: u64,
    /// Wishes for audiences that were not sent.
    pub wishes: u64,
    /// Changes that are translated again.
    pub changes: u64,
    /// Events that are on their way, or of which an attempt may have arrived: they stay as they are.
    pub left: u64,
}

/// Whose attempt may have arrived is not among it.
const UNSENT: &str = "generation = ?1 AND ambiguous = 0 AND state IN ('waiting', 'dead', 'expired')
     AND NOT EXISTS (SELECT 1 FROM attempt_item WHERE event = outbox.row AND verdict = 'ambiguous')";

impl Store {
    /// Makes `new` the live generation and recalls `bad`, in one transaction: from then on nothing that `bad` made is claimed for sending
    /// that had not left before, and a batch that it still translates is not taken.
    ///
    /// # Errors
    /// As the disk has it; then neither has happened.
    pub async fn commit_and_recall(&self, new: NewGeneration, bad: i64) -> Result<(i64, Recalled), StoreError> {
        self.write("commit_and_recall", new.settings.len(), move |rows| {
            let recalled = rows.recall(bad, new.started_at)?;
            Ok((rows.add_generation(&new)?, recalled))
        })
        .await
    }
}

impl Store {
    /// Recalls a generation alone.
    ///
    /// # Errors
    /// As the disk has it; then nothing has happened.
    pub async fn recall(&self, bad: i64, now: Millis) -> Result<Recalled, StoreError> {
        self.write("recall", 0, move |rows| rows.recall(bad, now)).await
    }
}

impl Rows<'_> {
    /// Whether a generation may settle nothing any more.
    pub(super) fn is_recalled(&self, generation: i64) -> Result<bool, StoreError> {
        let mut query = self.db.prepare_cached("SELECT recalled_at IS NOT NULL FROM generation WHERE id = ?1")?;
        Ok(query.query_row([generation], |row| row.get(0)).optional()?.unwrap_or(false))
    }

    fn recall(&self, bad: i64, now: Millis) -> Result<Recalled, StoreError> {
        self.run("UPDATE generation SET recalled_at = ?2 WHERE id = ?1", bad, now)?;
        self.db.execute_batch("CREATE TEMP TABLE IF NOT EXISTS recalled (change INTEGER PRIMARY KEY)")?;
        self.db.execute_batch("DELETE FROM temp.recalled")?;
        let mark = |from: &str| format!("INSERT OR IGNORE INTO temp.recalled SELECT change FROM {from}");
        self.run(&mark(&format!("outbox WHERE {UNSENT}")), bad, now)?;
        self.run(&mark("wanted WHERE change IN (SELECT row FROM change WHERE generation = ?1) AND state IN ('held', 'waiting') AND tries = 0"), bad, now)?;
        self.run(&mark("membership WHERE generation = ?1 AND state = 'waiting' AND tries = 0"), bad, now)?;
        // What it broke on is parked with its generation's number.
        self.run(
            "INSERT OR IGNORE INTO temp.recalled SELECT row FROM change WHERE generation = ?1 AND state = 'dead'",
            bad,
            now,
        )?;
        // The hour's counts: what is withdrawn was not told, and what takes its place is counted anew.
        self.run(
            "UPDATE pace SET told = max(0, told - (SELECT count(*) FROM outbox WHERE generation = ?1 AND ambiguous = 0
                 AND state = 'waiting' AND outbox.destination = pace.destination AND outbox.rule = pace.rule
                 AND created_at / 3600000 = pace.hour))
             WHERE (destination, rule) IN (SELECT destination, rule FROM outbox WHERE generation = ?1 AND state = 'waiting')",
            bad,
            now,
        )?;
        self.run(
            &format!("DELETE FROM attempt_item WHERE event IN (SELECT row FROM outbox WHERE {UNSENT})"),
            bad,
            now,
        )?;
        let commands = self.run(
            "DELETE FROM wanted WHERE change IN (SELECT change FROM temp.recalled) AND state IN ('held', 'waiting') AND tries = 0",
            bad,
            now,
        )?;
        let events = self.run(&format!("DELETE FROM outbox WHERE {UNSENT}"), bad, now)?;
        // Who is in stays in, who is not is not asked for; what is wanted is said again.
        let wishes = self.run(
            "UPDATE membership SET wanted = CASE WHEN put_in IS NULL THEN 'leave' ELSE 'join' END, version = version + 1,
                    state = 'done', done_at = ?2, occurred_at = 0
             WHERE generation = ?1 AND state = 'waiting' AND tries = 0",
            bad,
            now,
        )?;
        let changes = self.run(
            "UPDATE change SET state = 'waiting', due_at = ?2, tries = 0, code = NULL, rule = NULL, reason = NULL
             WHERE row IN (SELECT change FROM temp.recalled) AND length(sealed) > 0 AND ?1 = ?1",
            bad,
            now,
        )?;
        let left: i64 = self
            .db
            .prepare_cached("SELECT count(*) FROM outbox WHERE generation = ?1 AND state IN ('waiting', 'in_flight')")?
            .query_row([bad], |row| row.get(0))?;
        self.db.execute_batch("DELETE FROM temp.recalled")?;
        Ok(Recalled { events, commands, wishes, changes, left: left.unsigned_abs() })
    }

    fn run(&self, sql: &str, bad: i64, now: Millis) -> Result<u64, StoreError> {
        let mut statement = self.db.prepare(sql)?;
        let changed = match statement.parameter_count() {
            0 => statement.execute([])?,
            1 => statement.execute([bad])?,
            _ => statement.execute(params![bad, int(now)])?,
        };
        Ok(changed as u64)
    }
}
