//! The past once more: stored changes by when they happened, where an event stands that another generation makes of one, and
//! the step that takes in what was never told.

use rusqlite::{OptionalExtension, named_params, params};
use serde::{Deserialize, Serialize};

use super::brake::Pace;
use super::change::{StoredChange, TranslationSettlement, stored};
use super::outbox::NewEvent;
use super::rows::{Rows, int};
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

/// Where an event stands before it is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Standing {
    /// Its id was never told.
    New,
    /// It is dead or expired, and no attempt of it can have arrived: it takes the place of that one.
    Unsent,
    /// It was told, waits to be, or was given up.
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
}

const PAST: &str = "SELECT row, id, connection, kind, occurred_at, tries, subject, sealed FROM change
     WHERE row > :after AND occurred_at >= :since AND (:until IS NULL OR occurred_at < :until)
       AND (:connection IS NULL OR connection = :connection) AND state IN ('done', 'skipped', 'dead')
       AND length(sealed) > 0 ORDER BY row LIMIT :limit";

const PAST_OF: &str = "SELECT row, id, connection, kind, occurred_at, tries, subject, sealed FROM change
     WHERE row > :after AND occurred_at >= :since AND (:until IS NULL OR occurred_at < :until)
       AND subject = :subject AND state IN ('done', 'skipped', 'dead') AND length(sealed) > 0 ORDER BY row LIMIT :limit";

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

    /// Takes in what was never told of changes that were translated once more, and nothing else. How many events were
    /// taken. Where an event stands is asked in the same transaction, so that no id is ever told twice.
    ///
    /// # Errors
    /// As the disk has it; then nothing was taken.
    pub async fn settle_retold(&self, generation: i64, now: Millis, retold: Vec<Retold>) -> Result<u64, StoreError> {
        let weight = retold.iter().flat_map(|retold| &retold.events).map(|event| event.bytes.len()).sum();
        self.write("settle_retold", weight, move |rows| {
            let settlement = TranslationSettlement { generation, now, items: Vec::new() };
            retold.iter().map(|retold| rows.retell(&settlement, retold)).sum()
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

    fn retell(&self, settlement: &TranslationSettlement, retold: &Retold) -> Result<u64, StoreError> {
        let owner: Option<Lookup> = self
            .db
            .prepare_cached(
                "SELECT subject FROM change WHERE row = ?1 AND state IN ('done', 'skipped', 'dead') AND length(sealed) > 0",
            )?
            .query_row([retold.change], |row| row.get(0))
            .optional()?;
        let Some(owner) = owner else { return Ok(0) };
        let (mut taken, making) = (0, self.making(retold.change, settlement.generation)?);
        let of_change = (retold.change, making);
        // A person looked at it before: no brake, and no usual hour either.
        let mut pace = Pace::default();
        for event in &retold.events {
            taken += match self.standing(&event.destination, &event.event_id)? {
                (Standing::New, _) => u64::from(self.add_event(settlement, of_change, &owner, event, &mut pace)?),
                (Standing::Unsent, Some(row)) => self.replace_event(settlement, of_change, &owner, event, row)?,
                _ => 0,
            };
        }
        if taken > 0 {
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
