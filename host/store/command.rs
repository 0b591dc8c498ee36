//! Commands to the CRM: begun before the request leaves and ended with what it made, so that a key is carried out once.

use rusqlite::{OptionalExtension, params};
use serde::Serialize;

use super::rows::{Rows, int, nat};
use super::{Store, StoreError};
use crate::clock::Millis;
use crate::vault::Lookup;

/// What is known of a command that is about to be carried out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Begun {
    /// Nothing: it is begun now, and nothing of it has left.
    New,
    /// It was begun and its end is not known: what it may have written is to be looked up.
    Open {
        /// When it was begun.
        since: Millis,
    },
    /// It is done.
    Done {
        /// What was made, changed or deleted.
        id: Option<String>,
        /// Whether anything was written.
        changed: bool,
        /// When it was done.
        at: Millis,
    },
}

/// What a command came to.
#[derive(Clone)]
pub struct CommandSettlement {
    /// The connection.
    pub connection: String,
    /// The command's key.
    pub key: String,
    /// The contact it was about, whose memory it may replace.
    pub contact: Option<String>,
    /// The version of the memory that the source was given; `None` if there was none.
    pub expected: Option<u64>,
    /// The new memory; `None` leaves the old.
    pub memory: Option<Vec<u8>>,
    /// What was made, changed or deleted.
    pub id: Option<String>,
    /// Whether anything was written.
    pub changed: bool,
    /// When it was done.
    pub at: Millis,
}

/// How a command stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum CommandState {
    /// It was begun and its end is not known.
    Open,
    /// It is done.
    Done,
    /// Nothing of it has left; its key may be begun again.
    Failed,
}

/// A command as it stands, for people.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CommandRecord {
    /// What was asked for, as the contract spells it.
    pub name: String,
    /// How it stands.
    pub state: CommandState,
    /// When it was begun.
    pub since: Millis,
    /// When it ended.
    pub ended_at: Option<Millis>,
    /// What was made, changed or deleted.
    pub id: Option<String>,
    /// Whether anything was written.
    pub changed: bool,
    /// Why it failed.
    pub reason: Option<String>,
}

impl Store {
    /// Begins a command, unless its key is known: durable before this returns, so a request may leave. Of the key only
    /// a look-up is kept; a key whose command failed is begun anew.
    ///
    /// # Errors
    /// As the disk has it; then nothing may leave.
    pub async fn begin_command(
        &self,
        connection: &str,
        key: &str,
        name: &str,
        at: Millis,
    ) -> Result<Begun, StoreError> {
        let (connection, key, name) = (connection.to_owned(), key.to_owned(), name.to_owned());
        self.write("begin_command", 0, move |rows| rows.begin_command(&connection, &key, &name, at)).await
    }

    /// Ends a command that was begun, and replaces the contact's memory with the one that holds the write. `false` if
    /// the memory had moved on: the command is done all the same and the memory left alone, so its webhook may be taken
    /// for another's write. A command that has ended already is left as it is, so the step may be repeated.
    ///
    /// # Errors
    /// As the disk has it; then the command is still open.
    pub async fn settle_command(&self, settlement: CommandSettlement) -> Result<bool, StoreError> {
        let weight = settlement.memory.as_ref().map_or(0, Vec::len);
        self.write("settle_command", weight, move |rows| rows.settle_command(&settlement)).await
    }

    /// Ends an open command of which nothing has left, so that its key may be begun again. Never call it for one that
    /// may have left: that one stays open, and the next try looks up what it wrote.
    ///
    /// # Errors
    /// As the disk has it; then the command is still open.
    pub async fn fail_command(
        &self,
        connection: &str,
        key: &str,
        reason: String,
        at: Millis,
    ) -> Result<(), StoreError> {
        let (connection, key) = (connection.to_owned(), key.to_owned());
        self.write("fail_command", 0, move |rows| {
            rows.db
                .prepare_cached(
                    "UPDATE command SET state = 'failed', ended_at = ?2, reason = ?3
                     WHERE lookup = ?1 AND state = 'open'",
                )?
                .execute(params![rows.command(&connection, &key), int(at), reason])?;
            Ok(())
        })
        .await
    }

    /// The connection's newest `limit` commands, newest first.
    ///
    /// # Errors
    /// As the database has it.
    pub async fn commands(&self, connection: &str, limit: usize) -> Result<Vec<CommandRecord>, StoreError> {
        let connection = connection.to_owned();
        self.read(move |rows| {
            let mut query = rows.db.prepare_cached(
                "SELECT name, state, since, ended_at, object, changed, reason FROM command
                 WHERE connection = ?1 ORDER BY since DESC, lookup LIMIT ?2",
            )?;
            let found = query.query_map(params![connection, int(limit as u64)], |row| {
                Ok(CommandRecord {
                    name: row.get(0)?,
                    state: match row.get_ref(1)?.as_str()? {
                        "done" => CommandState::Done,
                        "failed" => CommandState::Failed,
                        _ => CommandState::Open,
                    },
                    since: nat(row.get(2)?),
                    ended_at: row.get::<_, Option<i64>>(3)?.map(nat),
                    id: row.get(4)?,
                    changed: row.get(5)?,
                    reason: row.get(6)?,
                })
            })?;
            Ok(found.collect::<Result<_, _>>()?)
        })
        .await
    }
}

impl Rows<'_> {
    fn begin_command(&self, connection: &str, key: &str, name: &str, at: Millis) -> Result<Begun, StoreError> {
        let lookup = self.command(connection, key);
        let known = self
            .db
            .prepare_cached(
                "SELECT state, since, ended_at, object, changed FROM command WHERE lookup = ?1 AND state <> 'failed'",
            )?
            .query_row([lookup], |row| {
                let since = nat(row.get(1)?);
                Ok(match row.get_ref(0)?.as_str()? {
                    "open" => Begun::Open { since },
                    _ => Begun::Done {
                        id: row.get(3)?,
                        changed: row.get(4)?,
                        at: row.get::<_, Option<i64>>(2)?.map_or(since, nat),
                    },
                })
            })
            .optional()?;
        if let Some(known) = known {
            return Ok(known);
        }
        self.db
            .prepare_cached(
                "INSERT OR REPLACE INTO command (lookup, connection, name, state, since) VALUES (?1, ?2, ?3, 'open', ?4)",
            )?
            .execute(params![lookup, connection, name, int(at)])?;
        Ok(Begun::New)
    }

    fn settle_command(&self, settlement: &CommandSettlement) -> Result<bool, StoreError> {
        let CommandSettlement { connection, key, contact, expected, memory, id, changed, at } = settlement;
        let ended = self
            .db
            .prepare_cached(
                "UPDATE command SET state = 'done', ended_at = ?2, object = ?3, changed = ?4
                 WHERE lookup = ?1 AND state = 'open'",
            )?
            .execute(params![self.command(connection, key), int(*at), id, changed])?;
        match (contact, memory) {
            (Some(contact), Some(memory)) if ended > 0 => {
                let subject = self.contact(connection, contact);
                self.remember(connection, &subject, *expected, Some(memory), *at)
            }
            _ => Ok(true),
        }
    }

    /// Whether a key was carried out, as far as is remembered.
    pub(super) fn was_carried_out(&self, connection: &str, key: &str) -> Result<bool, StoreError> {
        let mut query = self.db.prepare_cached("SELECT 1 FROM command WHERE lookup = ?1 AND state = 'done'")?;
        Ok(query.exists([self.command(connection, key)])?)
    }

    fn command(&self, connection: &str, key: &str) -> Lookup {
        self.keys.vault().lookup("command", &[connection, key])
    }
}
