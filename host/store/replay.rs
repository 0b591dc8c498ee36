//! The past once more: stored changes by when they happened, where stands what another generation makes of one, and the step that
//! takes in what was never told or done.

use rusqlite::{OptionalExtension, named_params, params};
use serde::{Deserialize, Serialize};

use super::brake::Pace;
use super::change::{StoredChange, TranslationSettlement, stored};
use super::membership::Wish;
use super::outbox::NewEvent;
use super::rows::{Rows, int};
use super::wanted::NewCommand;
use super::{Store, StoreError};
use crate::clock::Millis;
use crate::vault::Lookup;

/// Which part of the past. What is left out does not matter.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Window {
    /// From when on it happened.
    pub since: Millis,
    /// Before when it happened.
    pub until: Option<Millis>,
    /// Where.
    pub connection: Option<String>,
    /// To whom, by the CRM's id; in one connection, or in all.
    pub contact: Option<String>,
}

/// Where an event stands before it is stored, or a command.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Standing {
    /// Its id was never told.
    New,
    /// It is dead or expired, and no attempt of it can have arrived: it takes the place of that one.
    Unsent,
    /// It was told or done, waits to be, or was given up.
    Told,
    /// It is dead, and an attempt of it may have arrived: a person decides, by `convey queue retry`.
    MayBeTold,
}

/// A change that is translated once more, and its events.
#[derive(Clone)]
pub struct Retold {
    /// The change's row.
    pub change: i64,
    /// What is to be sent of it, once a destination.
    pub events: Vec<NewEvent>,
    /// What is wanted of the contact's places in audiences.
    pub wishes: Vec<Wish>,
    /// What the CRM is to be told.
    pub commands: Vec<NewCommand>,
}

/// Where stands what a change asks for besides events.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Besides {
    /// Of each wish: whether it would make a difference.
    pub wishes: Vec<bool>,
    /// Of each command; `None`: it waits for an event that is not delivered and will not be.
    pub commands: Vec<Option<Standing>>,
    /// The newest change of the same contact, as it is stored.
    pub newest: Option<Vec<u8>>,
}

/// How much of what was asked for was taken in.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Retaken {
    /// Events.
    pub events: u64,
    /// Places in audiences.
    pub members: u64,
    /// Commands.
    pub commands: u64,
}

impl Retaken {
    fn is_nothing(self) -> bool {
        self == Self::default()
    }
}

pub(super) const PAST: &str = "SELECT row, id, connection, kind, occurred_at, tries, subject, sealed FROM change
     WHERE row > :after AND occurred_at >= :since AND (:until IS NULL OR occurred_at < :until)
       AND (:connection IS NULL OR connection = :connection) AND +state IN ('done', 'skipped', 'dead')
       AND length(sealed) > 0 ORDER BY row LIMIT :limit";

const PAST_OF: &str = "SELECT row, id, connection, kind, occurred_at, tries, subject, sealed FROM change
     WHERE row > :after AND occurred_at >= :since AND (:until IS NULL OR occurred_at < :until)
       AND subject = :subject AND +state IN ('done', 'skipped', 'dead') AND length(sealed) > 0 ORDER BY row LIMIT :limit";

const NEWEST_OF: &str = "SELECT row, id, connection, kind, occurred_at, tries, subject, sealed FROM change
     WHERE subject = ?1 AND length(sealed) > 0 ORDER BY occurred_at DESC, row DESC LIMIT 1";

impl Store {
    /// At most `limit` changes of the window behind row `after`, in the order in which they came; those that wait to be
    /// translated anyway, were given up or do not open are left out. With a contact, `connection` names whose it is.
    ///
    /// # Errors
    /// As the database has it.
    pub async fn past_changes(
        &self,
        window: Window,
        after: i64,
        limit: usize,
    ) -> Result<Vec<StoredChange>, StoreError> {
        self.read(move |rows| {
            let (since, until, limit) = (int(window.since), window.until.map(int), int(limit as u64));
            let found = match (&window.contact, &window.connection) {
                (Some(contact), Some(connection)) => {
                    let subject = rows.contact(connection, contact);
                    let given = named_params! {
                        ":after": after, ":since": since, ":until": until, ":subject": subject, ":limit": limit,
                    };
                    rows.db.prepare_cached(PAST_OF)?.query_map(given, stored)?.collect::<Result<_, _>>()?
                }
                (_, connection) => {
                    let given = named_params! {
                        ":after": after, ":since": since, ":until": until, ":connection": connection, ":limit": limit,
                    };
                    rows.db.prepare_cached(PAST)?.query_map(given, stored)?.collect::<Result<_, _>>()?
                }
            };
            Ok(rows.opened(found)?.0)
        })
        .await
    }

    /// Where each event stands, named by destination and id.
    ///
    /// # Errors
    /// As the database has it.
    pub async fn standings(&self, asked: Vec<(String, String)>) -> Result<Vec<Standing>, StoreError> {
        self.read(move |rows| asked.iter().map(|(destination, id)| Ok(rows.standing(destination, id)?.0)).collect())
            .await
    }

    /// Where the wishes and commands of each of these changes stand. A command that waits for an event counts on those that
    /// the change is to tell.
    ///
    /// # Errors
    /// As the database has it.
    pub async fn besides(&self, asked: Vec<Retold>) -> Result<Vec<Besides>, StoreError> {
        self.read(move |rows| asked.iter().map(|retold| rows.besides(retold)).collect()).await
    }

    /// Takes in what was never told or done of changes that were translated once more, and nothing else; how much that was.
    /// Where it stands is asked in the same transaction, so that no id is ever told twice and no key carried out twice.
    ///
    /// # Errors
    /// As the disk has it; then nothing was taken.
    pub async fn settle_retold(
        &self,
        generation: i64,
        now: Millis,
        retold: Vec<Retold>,
    ) -> Result<Retaken, StoreError> {
        let weight = retold.iter().flat_map(|retold| &retold.events).map(|event| event.bytes.len()).sum();
        self.write("settle_retold", weight, move |rows| {
            let settlement = TranslationSettlement { generation, now, items: Vec::new() };
            let mut all = Retaken::default();
            for retold in &retold {
                let taken = rows.retell(&settlement, retold)?;
                all.events += taken.events;
                all.members += taken.members;
                all.commands += taken.commands;
            }
            Ok(all)
        })
        .await
    }
}

impl Rows<'_> {
    /// Where an event stands, and its row where it has one.
    fn standing(&self, destination: &str, event_id: &str) -> Result<(Standing, Option<i64>), StoreError> {
        let mut query = self
            .db
            .prepare_cached("SELECT row, state, ambiguous FROM outbox WHERE destination = ?1 AND event_id = ?2")?;
        let found = query.query_row(params![destination, event_id], |row| {
            Ok((row.get(0)?, row.get::<_, String>(1)?, row.get::<_, bool>(2)?))
        });
        if let Some((row, state, ambiguous)) = found.optional()? {
            let standing = match (state.as_str(), ambiguous) {
                ("dead" | "expired", false) => Standing::Unsent,
                ("dead" | "expired", true) => Standing::MayBeTold,
                _ => Standing::Told,
            };
            return Ok((standing, Some(row)));
        }
        let told = self.was_told(destination, event_id)?;
        Ok((if told { Standing::Told } else { Standing::New }, None))
    }

    /// Whose a change is that may be told once more, and in which connection.
    fn owner(&self, change: i64) -> Result<Option<(Lookup, String)>, StoreError> {
        let mut query = self.db.prepare_cached(
            "SELECT subject, connection FROM change
             WHERE row = ?1 AND state IN ('done', 'skipped', 'dead') AND length(sealed) > 0",
        )?;
        Ok(query.query_row([change], |row| Ok((row.get(0)?, row.get(1)?))).optional()?)
    }

    fn besides(&self, retold: &Retold) -> Result<Besides, StoreError> {
        let Some((owner, connection)) = self.owner(retold.change)? else { return Ok(Besides::default()) };
        let wishes = retold.wishes.iter().map(|wish| self.would_differ(retold.change, &owner, wish));
        let commands = retold.commands.iter().map(|command| {
            let told = |after: &(String, String)| {
                retold.events.iter().any(|event| event.destination == after.0 && event.event_id == after.1)
            };
            match &command.after {
                Some(after) if !told(after) && !self.is_awaited(after)? => Ok(None),
                _ => Ok(Some(self.command_standing(&connection, &command.key)?.0)),
            }
        });
        Ok(Besides {
            wishes: wishes.collect::<Result<_, _>>()?,
            commands: commands.collect::<Result<_, StoreError>>()?,
            newest: self.newest_of(&owner)?,
        })
    }

    /// The newest change of a contact that opens.
    fn newest_of(&self, owner: &Lookup) -> Result<Option<Vec<u8>>, StoreError> {
        let mut query = self.db.prepare_cached(NEWEST_OF)?;
        let found = query.query_map([owner], stored)?.collect::<Result<_, _>>()?;
        Ok(self.opened(found)?.0.pop().map(|change| change.bytes))
    }

    fn retell(&self, settlement: &TranslationSettlement, retold: &Retold) -> Result<Retaken, StoreError> {
        let mut taken = Retaken::default();
        let Some((owner, connection)) = self.owner(retold.change)? else { return Ok(taken) };
        let source = self.read_by(retold.change)?.unwrap_or_default();
        let of_change = (retold.change, self.making(&source, settlement.generation)?);
        // A person looked at it before: no brake, and no usual hour either.
        let mut pace = Pace::default();
        for event in &retold.events {
            taken.events += match self.standing(&event.destination, &event.event_id)? {
                (Standing::New, _) => u64::from(self.add_event(settlement, of_change, &owner, event, &mut pace)?),
                (Standing::Unsent, Some(row)) => self.replace_event(settlement, of_change, &owner, event, row)?,
                _ => 0,
            };
        }
        for wish in &retold.wishes {
            taken.members += u64::from(self.wish(settlement, retold.change, &owner, wish)?);
        }
        for command in &retold.commands {
            match self.command_standing(&connection, &command.key)? {
                (Standing::New, _) => self.want(settlement, retold.change, &owner, command)?,
                (Standing::Unsent, Some(row)) => self.want_again(row, settlement.now)?,
                _ => continue,
            }
            taken.commands += 1;
        }
        if !taken.is_nothing() {
            self.db
                .prepare_cached(
                    "UPDATE change SET state = 'done', code = NULL, rule = NULL, reason = NULL, generation = ?2,
                            translated_at = ?3
                     WHERE row = ?1",
                )?
                .execute(params![retold.change, settlement.generation, int(settlement.now)])?;
        }
        Ok(taken)
    }

    /// Puts an event in the place of one of the same id that nobody was told.
    fn replace_event(
        &self,
        settlement: &TranslationSettlement,
        (change, making): (i64, i64),
        owner: &Lookup,
        event: &NewEvent,
        row: i64,
    ) -> Result<u64, StoreError> {
        let sealed = self.seal("outbox", &[&event.destination, &event.event_id], owner, &event.bytes)?;
        let replaced = self
            .db
            .prepare_cached(
                "UPDATE outbox SET change = ?2, generation = ?3, rule = ?4, name = ?5, occurred_at = ?6, deadline = ?7,
                        state = 'waiting', due_at = ?8, created_at = ?8, tries = 0, reason = NULL, trace = NULL,
                        done_at = NULL, subject = ?9, sealed = ?10, making = ?11
                 WHERE row = ?1",
            )?
            .execute(params![
                row,
                change,
                settlement.generation,
                event.rule,
                event.name,
                int(event.occurred_at),
                int(event.deadline),
                int(settlement.now),
                owner,
                sealed,
                making,
            ])?;
        Ok(replaced as u64)
    }
}
