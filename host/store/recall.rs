//! Recall: what a generation meant to say and nobody was told is withdrawn, and its changes are translated again.

use rusqlite::OptionalExtension;
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

/// The generations that are recalled: each with what overlays made of it.
const BAD: &str = "generation IN (SELECT id FROM temp.bad)";

/// Whose attempt may have arrived is not among it.
const UNSENT: &str =
    "generation IN (SELECT id FROM temp.bad) AND ambiguous = 0 AND state IN ('waiting', 'dead', 'expired')
     AND NOT EXISTS (SELECT 1 FROM attempt_item WHERE event = outbox.row AND verdict = 'ambiguous')";

/// Commands that were not carried out. Those of an older store do not say who asked for them: their change does.
const UNDONE: &str = "state IN ('held', 'waiting') AND tries = 0 AND (generation IN (SELECT id FROM temp.bad)
     OR generation IS NULL AND change IN (SELECT row FROM change WHERE generation IN (SELECT id FROM temp.bad)))";

impl Store {
    /// Makes `new` the live generation, with what overlays make of it, and recalls `bad`, in one transaction: from then on nothing that `bad` made is
    /// claimed for sending that had not left before, and a batch that it still translates is not taken.
    ///
    /// # Errors
    /// As the disk has it; then neither has happened.
    pub async fn commit_and_recall(
        &self,
        new: NewGeneration,
        overlaid: Vec<NewGeneration>,
        bad: Vec<i64>,
    ) -> Result<((i64, Vec<i64>), Recalled), StoreError> {
        self.write("commit_and_recall", new.settings.len(), move |rows| {
            let recalled = rows.recall(&bad, new.started_at)?;
            Ok((rows.add_generations(&new, &overlaid)?, recalled))
        })
        .await
    }

    /// Recalls generations alone.
    ///
    /// # Errors
    /// As the disk has it; then nothing has happened.
    pub async fn recall(&self, bad: Vec<i64>, now: Millis) -> Result<Recalled, StoreError> {
        self.write("recall", 0, move |rows| rows.recall(&bad, now)).await
    }
}

impl Rows<'_> {
    /// Whether a generation may settle nothing any more.
    pub(super) fn is_recalled(&self, generation: i64) -> Result<bool, StoreError> {
        let mut query = self.db.prepare_cached("SELECT recalled_at IS NOT NULL FROM generation WHERE id = ?1")?;
        Ok(query.query_row([generation], |row| row.get(0)).optional()?.unwrap_or(false))
    }

    fn recall(&self, bad: &[i64], now: Millis) -> Result<Recalled, StoreError> {
        let now = int(now);
        self.db.execute_batch(
            "CREATE TEMP TABLE IF NOT EXISTS bad (id INTEGER PRIMARY KEY);
             CREATE TEMP TABLE IF NOT EXISTS recalled (change INTEGER PRIMARY KEY);
             DELETE FROM temp.bad; DELETE FROM temp.recalled;",
        )?;
        let mut add =
            self.db.prepare("INSERT OR IGNORE INTO temp.bad SELECT id FROM generation WHERE id = ?1 OR base = ?1")?;
        for bad in bad {
            add.execute([bad])?;
        }
        self.run("UPDATE generation SET recalled_at = ?1 WHERE id IN (SELECT id FROM temp.bad)", now)?;
        let mark = |from: &str| format!("INSERT OR IGNORE INTO temp.recalled SELECT {from}");
        self.run(&mark(&format!("change FROM outbox WHERE {UNSENT}")), now)?;
        self.run(&mark(&format!("change FROM wanted WHERE {UNDONE}")), now)?;
        self.run(&mark(&format!("change FROM membership WHERE {BAD} AND state = 'waiting' AND tries = 0")), now)?;
        // What it broke on is parked with its generation's number.
        self.run(&mark(&format!("row FROM change WHERE {BAD} AND state = 'dead'")), now)?;
        // The hour's counts: what is withdrawn was not told, and what takes its place is counted anew.
        self.run(
            &format!(
                "UPDATE pace SET told = max(0, told - (SELECT count(*) FROM outbox WHERE {BAD} AND ambiguous = 0
                     AND state = 'waiting' AND outbox.destination = pace.destination AND outbox.rule = pace.rule
                     AND created_at / 3600000 = pace.hour))
                 WHERE (destination, rule) IN (SELECT destination, rule FROM outbox WHERE {BAD} AND state = 'waiting')"
            ),
            now,
        )?;
        self.run(&format!("DELETE FROM attempt_item WHERE event IN (SELECT row FROM outbox WHERE {UNSENT})"), now)?;
        let commands = self.run(&format!("DELETE FROM wanted WHERE {UNDONE}"), now)?;
        let events = self.run(&format!("DELETE FROM outbox WHERE {UNSENT}"), now)?;
        // Who is in stays in, who is not is not asked for; what is wanted is said again.
        let wishes = self.run(
            &format!(
                "UPDATE membership SET wanted = CASE WHEN put_in IS NULL THEN 'leave' ELSE 'join' END, version = version + 1,
                        state = 'done', done_at = ?1, occurred_at = 0, made_of = NULL
                 WHERE {BAD} AND state = 'waiting' AND tries = 0"
            ),
            now,
        )?;
        let changes = self.run(
            "UPDATE change SET state = 'waiting', due_at = ?1, tries = 0, code = NULL, rule = NULL, reason = NULL
             WHERE row IN (SELECT change FROM temp.recalled) AND length(sealed) > 0",
            now,
        )?;
        let left: i64 = self
            .db
            .prepare(&format!("SELECT count(*) FROM outbox WHERE {BAD} AND state IN ('waiting', 'in_flight')"))?
            .query_row([], |row| row.get(0))?;
        self.db.execute_batch("DELETE FROM temp.recalled; DELETE FROM temp.bad;")?;
        Ok(Recalled { events, commands, wishes, changes, left: left.unsigned_abs() })
    }

    /// Runs a statement that may want to know what time it is; how many rows it changed.
    fn run(&self, sql: &str, now: i64) -> Result<u64, StoreError> {
        let mut statement = self.db.prepare(sql)?;
        let changed =
            if statement.parameter_count() == 0 { statement.execute([])? } else { statement.execute([now])? };
        Ok(changed as u64)
    }
}
