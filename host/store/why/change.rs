//! A change's part of why: what translated it, which deliveries told it, and what was made of it.

use rusqlite::OptionalExtension;
use serde::Serialize;

use super::event::WhyEvent;
use super::took;
use crate::clock::Millis;
use crate::store::StoreError;
use crate::store::rows::{Rows, nat};
use crate::store::written::WhyWritten;

/// A change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct WhyChange {
    /// How a person names it: `c34`.
    pub name: String,
    /// The fact's id.
    pub id: String,
    /// Where it happened.
    pub connection: String,
    /// What kind of fact.
    pub kind: String,
    /// `waiting`, `done`, `skipped`, `dead` or `dropped`.
    pub state: String,
    /// The skip as one word.
    pub code: Option<String>,
    /// The rule that skipped it.
    pub rule: Option<String>,
    /// Why it was skipped, is dead or waits again.
    pub reason: Option<String>,
    /// When it happened.
    pub occurred_at: Millis,
    /// When it was translated last.
    pub translated_at: Option<Millis>,
    /// From the reading of its first delivery to that.
    pub took_ms: Option<u64>,
    /// What translated it.
    pub generation: Option<WhyGeneration>,
    /// Our ids of the deliveries that told it.
    pub told_by: Vec<String>,
    /// Its events.
    pub events: Vec<WhyEvent>,
    /// What the CRM is told of it.
    pub commands: Vec<WhyCommand>,
}

/// A command to the CRM that a rule asked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct WhyCommand {
    /// How a person names it: `k56`.
    pub name: String,
    /// Which command.
    pub command: String,
    /// The rule that asked for it.
    pub rule: String,
    /// `held`, `waiting`, `done`, `dead` or `dropped`.
    pub state: String,
    /// Why it is not done.
    pub reason: Option<String>,
    /// When it was asked for.
    pub created_at: Millis,
    /// When its story ended.
    pub done_at: Option<Millis>,
    /// What the source wrote while it carried it out.
    pub wrote: Vec<WhyWritten>,
}

/// A mapper with its settings.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct WhyGeneration {
    /// Its number.
    pub id: i64,
    /// The mapper's name.
    pub mapper: String,
    /// The mapper's digest.
    pub mapper_digest: String,
    /// The digest of its settings.
    pub settings_hash: String,
}

const CHANGE: &str = "SELECT id, connection, kind, state, code, rule, reason, occurred_at, translated_at, generation
     FROM change WHERE row = ?1";

impl Rows<'_> {
    /// A change with everything that was made of it.
    pub(super) fn change_story(&self, row: i64) -> Result<Option<WhyChange>, StoreError> {
        let mut query = self.db.prepare_cached(CHANGE)?;
        let found = query.query_row([row], |from| {
            let change = WhyChange {
                name: format!("c{row}"),
                id: from.get(0)?,
                connection: from.get(1)?,
                kind: from.get(2)?,
                state: from.get(3)?,
                code: from.get(4)?,
                rule: from.get(5)?,
                reason: from.get(6)?,
                occurred_at: nat(from.get(7)?),
                translated_at: from.get::<_, Option<i64>>(8)?.map(nat),
                took_ms: None,
                generation: None,
                told_by: Vec::new(),
                events: Vec::new(),
                commands: Vec::new(),
            };
            Ok((change, from.get::<_, Option<i64>>(9)?))
        });
        let Some((mut change, generation)) = found.optional()? else { return Ok(None) };
        if let Some(id) = generation {
            change.generation = self.generation_story(id)?;
        }
        let mut tellers = self.db.prepare_cached(
            "SELECT id, read_at FROM told JOIN inbox ON inbox.row = told.delivery WHERE told.change = ?1 ORDER BY inbox.row",
        )?;
        let tellers = tellers.query_map([row], |from| Ok((from.get(0)?, from.get::<_, Option<i64>>(1)?.map(nat))))?;
        let tellers: Vec<(String, Option<Millis>)> = tellers.collect::<Result<_, _>>()?;
        let read_at = tellers.iter().filter_map(|(_, read_at)| *read_at).min();
        change.took_ms = took(read_at, change.translated_at);
        change.told_by = tellers.into_iter().map(|(id, _)| id).collect();
        change.events = self.event_stories(row)?;
        change.commands = self.command_stories(row)?;
        Ok(Some(change))
    }

    fn generation_story(&self, id: i64) -> Result<Option<WhyGeneration>, StoreError> {
        let mut query =
            self.db.prepare_cached("SELECT mapper, mapper_digest, settings_hash FROM generation WHERE id = ?1")?;
        let found = query.query_row([id], |row| {
            Ok(WhyGeneration { id, mapper: row.get(0)?, mapper_digest: row.get(1)?, settings_hash: row.get(2)? })
        });
        Ok(found.optional()?)
    }

    fn command_stories(&self, change: i64) -> Result<Vec<WhyCommand>, StoreError> {
        let mut query = self.db.prepare_cached(
            "SELECT row, name, rule, state, reason, created_at, done_at FROM wanted WHERE change = ?1 ORDER BY row",
        )?;
        let found = query.query_map([change], |row| {
            let number: i64 = row.get(0)?;
            let command = WhyCommand {
                name: format!("k{number}"),
                command: row.get(1)?,
                rule: row.get(2)?,
                state: row.get(3)?,
                reason: row.get(4)?,
                created_at: nat(row.get(5)?),
                done_at: row.get::<_, Option<i64>>(6)?.map(nat),
                wrote: Vec::new(),
            };
            Ok((number, command))
        })?;
        let found: Vec<(i64, WhyCommand)> = found.collect::<Result<_, _>>()?;
        let wrote = |(row, command)| Ok(WhyCommand { wrote: self.written("wanted", row)?, ..command });
        found.into_iter().map(wrote).collect()
    }
}
