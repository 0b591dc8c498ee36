//! Commands to the CRM that rules asked for: kept with the change's events in one transaction, and carried out one by one.

use rusqlite::{OptionalExtension, params};

use super::change::TranslationSettlement;
use super::lane::{Lanes, Waiting};
use super::replay::Standing;
use super::rows::{Rows, int, nat, sort_opened};
use super::{Store, StoreError};
use crate::clock::Millis;
use crate::vault::Lookup;

/// A command to carry out. A connection takes a key once.
#[derive(Clone)]
pub struct NewCommand {
    /// What the command derives from: the fact and the command itself.
    pub key: String,
    /// The command's name, as the contract spells it.
    pub name: String,
    /// The rule that asked for it.
    pub rule: String,
    /// Destination and id of the event that must be done first.
    pub after: Option<(String, String)>,
    /// The command itself; sealed.
    pub bytes: Vec<u8>,
}

/// A command whose time has come.
#[derive(Clone)]
pub struct StoredCommand {
    /// Its row, by which the settlement names it.
    pub row: i64,
    /// Its key.
    pub key: String,
    /// The command's name.
    pub name: String,
    /// When it was asked for.
    pub created_at: Millis,
    /// The command itself.
    pub bytes: Vec<u8>,
    /// How often it was tried before.
    pub tries: u32,
}

/// What becomes of a command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Carried {
    /// The CRM has it.
    Done,
    /// It is tried again.
    Retry {
        /// When.
        at: Millis,
        /// Why.
        reason: String,
    },
    /// It is not tried again, until a person asks for it.
    Dead {
        /// Why.
        reason: String,
    },
}

/// A contact's own writes come back as changes, and a rule may answer those with a write: of one contact, so many commands an hour are carried
/// out.
const MOST_IN_AN_HOUR: u32 = 20;

const HOUR_MS: Millis = 60 * 60 * 1_000;

const LOOP: &str = "loop: rules have asked for too many commands for this contact within an hour";

pub(super) const COMMAND_LANES: Lanes = Lanes { table: "wanted", column: "connection" };

impl Store {
    /// The connections with commands due at `now`.
    ///
    /// # Errors
    /// As the database has it.
    pub async fn commands_waiting(&self, now: Millis) -> Result<Vec<Waiting>, StoreError> {
        self.read(move |rows| rows.waiting(COMMAND_LANES, now)).await
    }

    /// At most `limit` of a connection's due commands, the longest due first. Claims nothing durable: whether a key was carried out before is
    /// asked of [`Store::begin_command`].
    ///
    /// # Errors
    /// As the database has it.
    pub async fn claim_commands(
        &self,
        connection: &str,
        now: Millis,
        limit: usize,
    ) -> Result<Vec<StoredCommand>, StoreError> {
        let connection = connection.to_owned();
        let (found, closed) = self
            .read(move |rows| {
                let mut query = rows.db.prepare_cached(
                    "SELECT row, key, name, created_at, tries, subject, sealed FROM wanted
                     WHERE state = 'waiting' AND connection = ?1 AND due_at <= ?2 ORDER BY due_at, row LIMIT ?3",
                )?;
                let found = query.query_map(params![connection, int(now), int(limit as u64)], |row| {
                    let command = StoredCommand {
                        row: row.get(0)?,
                        key: row.get(1)?,
                        name: row.get(2)?,
                        created_at: nat(row.get(3)?),
                        bytes: Vec::new(),
                        tries: row.get(4)?,
                    };
                    Ok((command, row.get::<_, Lookup>(5)?, row.get::<_, Vec<u8>>(6)?))
                })?;
                let found = found.collect::<Result<Vec<_>, _>>()?;
                sort_opened(found.into_iter().map(|(mut command, subject, sealed)| {
                    let plain = rows.open("wanted", &[&connection, &command.key], &subject, &sealed);
                    let opened = plain.map(|bytes| command.bytes = bytes);
                    (command.row, opened.map(|()| command))
                }))
            })
            .await?;
        if !closed.is_empty() {
            self.write("park", 0, move |rows| rows.park("wanted", &closed)).await?;
        }
        Ok(found)
    }

    /// Settles a command that was claimed. One that waits no more is left as it is, so the step may be repeated.
    ///
    /// # Errors
    /// As the disk has it; then it still waits.
    pub async fn settle_carried(&self, row: i64, carried: Carried, now: Millis) -> Result<(), StoreError> {
        self.write("settle_carried", 0, move |rows| {
            let (state, at, reason) = match &carried {
                Carried::Done => ("done", None, None),
                Carried::Retry { at, reason } => ("waiting", Some(int(*at)), Some(reason)),
                Carried::Dead { reason } => ("dead", None, Some(reason)),
            };
            rows.db
                .prepare_cached(
                    "UPDATE wanted SET state = ?2, due_at = coalesce(?3, due_at), tries = tries + 1, reason = ?4,
                            done_at = CASE WHEN ?2 = 'waiting' THEN NULL ELSE ?5 END
                     WHERE row = ?1 AND state = 'waiting'",
                )?
                .execute(params![row, state, at, reason, int(now)])?;
            Ok(())
        })
        .await
    }
}

impl Rows<'_> {
    /// Keeps a command of a change, unless the connection knows its key.
    pub(super) fn want(
        &self,
        settlement: &TranslationSettlement,
        change: i64,
        owner: &Lookup,
        command: &NewCommand,
    ) -> Result<(), StoreError> {
        let connection: String = self
            .db
            .prepare_cached("SELECT connection FROM change WHERE row = ?1")?
            .query_row([change], |row| row.get(0))?;
        let known = self
            .db
            .prepare_cached("SELECT 1 FROM wanted WHERE connection = ?1 AND key = ?2")?
            .exists(params![connection, command.key])?;
        if known {
            return Ok(());
        }
        let event: Option<(i64, bool)> = match &command.after {
            Some((destination, event)) => self
                .db
                .prepare_cached("SELECT row, state = 'done' FROM outbox WHERE destination = ?1 AND event_id = ?2")?
                .query_row(params![destination, event], |row| Ok((row.get(0)?, row.get(1)?)))
                .optional()?,
            None => None,
        };
        let asked: u32 = self
            .db
            .prepare_cached("SELECT count(*) FROM wanted WHERE subject = ?1 AND created_at > ?2")?
            .query_row(params![owner, int(settlement.now.saturating_sub(HOUR_MS))], |row| row.get(0))?;
        let (state, reason) = match event {
            _ if asked >= MOST_IN_AN_HOUR => ("dead", Some(LOOP)),
            Some((_, false)) => ("held", None),
            _ => ("waiting", None),
        };
        let sealed = self.seal("wanted", &[&connection, &command.key], owner, &command.bytes)?;
        self.db
            .prepare_cached(
                "INSERT INTO wanted (connection, key, name, rule, change, event, state, reason, due_at, created_at,
                                     subject, sealed, generation)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?9, ?10, ?11, ?12)",
            )?
            .execute(params![
                connection,
                command.key,
                command.name,
                command.rule,
                change,
                event.map(|(row, _)| row),
                state,
                reason,
                int(settlement.now),
                owner,
                sealed,
                settlement.generation,
            ])?;
        Ok(())
    }

    /// Where a command of this key stands, and its row where it has one.
    pub(super) fn command_standing(&self, connection: &str, key: &str) -> Result<(Standing, Option<i64>), StoreError> {
        let mut query = self
            .db
            .prepare_cached("SELECT row, state, length(sealed) > 0 FROM wanted WHERE connection = ?1 AND key = ?2")?;
        let found = query
            .query_row([connection, key], |row| Ok((row.get(0)?, row.get::<_, String>(1)?, row.get::<_, bool>(2)?)));
        if let Some((row, state, is_whole)) = found.optional()? {
            let standing = if state == "dead" && is_whole { Standing::Unsent } else { Standing::Told };
            return Ok((standing, Some(row)));
        }
        let done = self.was_carried_out(connection, key)?;
        Ok((if done { Standing::Told } else { Standing::New }, None))
    }

    /// Whether the event that a command waits for is delivered, or still can be.
    pub(super) fn is_awaited(&self, (destination, event_id): &(String, String)) -> Result<bool, StoreError> {
        let state: Option<String> = self
            .db
            .prepare_cached("SELECT state FROM outbox WHERE destination = ?1 AND event_id = ?2")?
            .query_row([destination, event_id], |row| row.get(0))
            .optional()?;
        match state {
            Some(state) => Ok(matches!(state.as_str(), "done" | "waiting" | "in_flight")),
            None => self.was_told(destination, event_id),
        }
    }

    /// Lets a dead command go once more, by its row: whether anything of it was done is asked when it is carried out.
    pub(super) fn want_again(&self, row: i64, now: Millis) -> Result<(), StoreError> {
        self.db
            .prepare_cached(
                "UPDATE wanted SET due_at = ?2, tries = 0, reason = NULL, done_at = NULL,
                        state = CASE WHEN EXISTS (SELECT 1 FROM outbox WHERE outbox.row = wanted.event AND outbox.state <> 'done')
                                     THEN 'held' ELSE 'waiting' END
                 WHERE row = ?1 AND state = 'dead'",
            )?
            .execute(params![row, int(now)])?;
        Ok(())
    }

    /// Lets go what waited for the events that this attempt has delivered.
    pub(super) fn release_commands(&self, attempt: i64, now: Millis) -> Result<(), StoreError> {
        self.db
            .prepare_cached(
                "UPDATE wanted INDEXED BY wanted_held SET state = 'waiting', due_at = ?2 WHERE state = 'held' AND event IN
                 (SELECT event FROM attempt_item WHERE attempt = ?1 AND verdict = 'done')",
            )?
            .execute([attempt, int(now)])?;
        Ok(())
    }
}
