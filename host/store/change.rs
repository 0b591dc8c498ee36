//! Changes: what happened, waiting to be translated, and the step from changes to events.

use rusqlite::{OptionalExtension, Row, params};

use super::brake::{Braked, Pace};
use super::lane::{Lanes, Waiting};
use super::membership::Wish;
use super::outbox::NewEvent;
use super::rows::{Rows, int, nat, sort_opened};
use super::wanted::NewCommand;
use super::{Store, StoreError};
use crate::clock::Millis;
use crate::vault::Lookup;

/// A fact to store. A connection stores an id once.
#[derive(Clone)]
pub struct NewChange {
    /// The fact's id.
    pub id: String,
    /// What kind of fact.
    pub kind: String,
    /// When it happened.
    pub occurred_at: Millis,
    /// The change itself; sealed.
    pub bytes: Vec<u8>,
    /// What was made of it as soon as it was read; none: it waits to be translated.
    pub made: Option<Made>,
}

/// A change as it was stored.
#[derive(Clone)]
pub struct StoredChange {
    /// Its row, by which a settlement names it.
    pub row: i64,
    /// The fact's id.
    pub id: String,
    /// The connection it happened in.
    pub connection: String,
    /// What kind of fact.
    pub kind: String,
    /// When it happened.
    pub occurred_at: Millis,
    /// The change itself.
    pub bytes: Vec<u8>,
    /// How often translating it was tried before.
    pub tries: u32,
}

/// What one generation made of changes.
#[derive(Clone)]
pub struct TranslationSettlement {
    /// The generation.
    pub generation: i64,
    /// When it translated them.
    pub now: Millis,
    /// What it made of each.
    pub items: Vec<TranslatedChange>,
}

/// What became of one change.
#[derive(Clone)]
pub struct TranslatedChange {
    /// The change's row.
    pub row: i64,
    /// What was made of it.
    pub made: Made,
}

/// What was made of one change.
#[derive(Clone)]
pub struct Made {
    /// What becomes of it.
    pub answer: Translated,
    /// What the CRM is to be told, where it was translated.
    pub commands: Vec<NewCommand>,
    /// What it wants of the contact's places in audiences.
    pub wishes: Vec<Wish>,
    /// When the contact's consent was withdrawn, if that is what changed: they leave every audience they were put in.
    pub withdrawn_at: Option<Millis>,
}

impl Made {
    /// What becomes of a change that wants nothing beside it.
    pub fn only(answer: Translated) -> Self {
        Self { answer, commands: Vec::new(), wishes: Vec::new(), withdrawn_at: None }
    }

    /// Roughly how many bytes it takes to store it.
    pub(super) fn weight(&self) -> usize {
        let events = match &self.answer {
            Translated::Events(events) => events.iter().map(|event| event.bytes.len()).sum(),
            _ => 0,
        };
        events + self.wishes.iter().map(|wish| wish.bytes.len()).sum::<usize>()
    }
}

/// What a mapper made of a change.
#[derive(Clone)]
pub enum Translated {
    /// These events to send.
    Events(Vec<NewEvent>),
    /// Nothing, and why.
    Skip {
        /// The reason as one word.
        code: String,
        /// The rule that said so.
        rule: Option<String>,
        /// The reason in words.
        reason: String,
    },
    /// Nothing yet: try again.
    Retry {
        /// When to try again.
        at: Millis,
        /// Why.
        reason: String,
    },
    /// Nothing ever, until a person replays it.
    Dead {
        /// Why.
        reason: String,
    },
}

pub(super) const CHANGE_LANES: Lanes = Lanes { table: "change", column: "connection" };

pub(super) const CLAIM_CHANGES: &str =
    "SELECT row, id, connection, kind, occurred_at, tries, subject, sealed FROM change
     WHERE state = 'waiting' AND connection = ?1 AND due_at <= ?2 ORDER BY due_at LIMIT ?3";

const RECENT: &str = "SELECT row, id, connection, kind, occurred_at, tries, subject, sealed FROM change
     ORDER BY row DESC LIMIT ?1";

const RECENT_OF: &str = "SELECT row, id, connection, kind, occurred_at, tries, subject, sealed FROM change
     WHERE connection = ?1 ORDER BY row DESC LIMIT ?2";

/// Why a change is skipped whose events were all told by others.
const REPEATED: &str = "repeated";

/// The kind of the fact that a contact is no more, as the contract has it.
pub(super) const DELETED: &str = "contact-deleted";

/// A change as it is stored: what can be read, its subject, what is sealed.
pub(super) type Sealed = (StoredChange, Lookup, Vec<u8>);

impl Store {
    /// The connections with changes due at `now`.
    ///
    /// # Errors
    /// As the database has it.
    pub async fn changes_waiting(&self, now: Millis) -> Result<Vec<Waiting>, StoreError> {
        self.read(move |rows| rows.waiting(CHANGE_LANES, now)).await
    }

    /// At most `limit` of a connection's due changes, the longest due first. Claims nothing durable: what is not
    /// settled is claimed again. A change that does not open becomes dead.
    ///
    /// # Errors
    /// As the database has it.
    pub async fn claim_changes(
        &self,
        connection: &str,
        now: Millis,
        limit: usize,
    ) -> Result<Vec<StoredChange>, StoreError> {
        let connection = connection.to_owned();
        let (found, closed) = self
            .read(move |rows| {
                let mut query = rows.db.prepare_cached(CLAIM_CHANGES)?;
                let found = query.query_map(params![connection, int(now), int(limit as u64)], stored)?;
                rows.opened(found.collect::<Result<_, _>>()?)
            })
            .await?;
        if !closed.is_empty() {
            self.write("park", 0, move |rows| rows.park("change", &closed)).await?;
        }
        Ok(found)
    }

    /// The newest `limit` changes of all connections, whatever became of them, newest first; those that do not open are
    /// left out.
    ///
    /// # Errors
    /// As the database has it.
    pub async fn recent_changes(&self, limit: usize) -> Result<Vec<StoredChange>, StoreError> {
        self.read(move |rows| {
            let mut query = rows.db.prepare_cached(RECENT)?;
            let found = query.query_map([int(limit as u64)], stored)?.collect::<Result<_, _>>()?;
            Ok(rows.opened(found)?.0)
        })
        .await
    }

    /// The same of one connection.
    ///
    /// # Errors
    /// As the database has it.
    pub async fn recent_changes_of(&self, connection: &str, limit: usize) -> Result<Vec<StoredChange>, StoreError> {
        let connection = connection.to_owned();
        self.read(move |rows| {
            let mut query = rows.db.prepare_cached(RECENT_OF)?;
            let found = query.query_map(params![connection, int(limit as u64)], stored)?.collect::<Result<_, _>>()?;
            Ok(rows.opened(found)?.0)
        })
        .await
    }

    /// Settles what was translated. Changes that no longer wait are left as they are, and an event whose id its
    /// destination was told already is not stored again, so the step may be repeated. What a recalled generation made is not
    /// taken: its changes wait on. Returns the rules whose events
    /// are parked from now on because they ask for more than their brake lets pass in an hour.
    ///
    /// # Errors
    /// As the disk has it; then nothing was settled.
    pub async fn settle_translated(&self, settlement: TranslationSettlement) -> Result<Vec<Braked>, StoreError> {
        let weight = settlement.items.iter().map(|item| item.made.weight()).sum();
        self.write("settle_translated", weight, move |rows| {
            let mut pace = Pace::default();
            if rows.is_recalled(settlement.generation)? {
                return Ok(Vec::new());
            }
            settlement.items.iter().try_for_each(|item| rows.settle_change(&settlement, item, &mut pace))?;
            pace.keep(rows, settlement.now)
        })
        .await
    }
}

pub(super) fn stored(row: &Row<'_>) -> rusqlite::Result<Sealed> {
    let change = StoredChange {
        row: row.get(0)?,
        id: row.get(1)?,
        connection: row.get(2)?,
        kind: row.get(3)?,
        occurred_at: nat(row.get(4)?),
        bytes: Vec::new(),
        tries: row.get(5)?,
    };
    Ok((change, row.get(6)?, row.get(7)?))
}

impl Rows<'_> {
    /// Opens what was found: the changes that opened, and the rows that did not.
    pub(super) fn opened(&self, found: Vec<Sealed>) -> Result<(Vec<StoredChange>, Vec<i64>), StoreError> {
        sort_opened(found.into_iter().map(|(mut change, subject, sealed)| {
            let plain = self.open("change", &[&change.connection, &change.id], &subject, &sealed);
            let opened = plain.map(|bytes| change.bytes = bytes);
            (change.row, opened.map(|()| change))
        }))
    }

    fn settle_change(
        &self,
        settlement: &TranslationSettlement,
        item: &TranslatedChange,
        pace: &mut Pace,
    ) -> Result<(), StoreError> {
        let found: Option<(Lookup, String)> = self
            .db
            .prepare_cached("SELECT subject, kind FROM change WHERE row = ?1 AND state = 'waiting'")?
            .query_row([item.row], |row| Ok((row.get(0)?, row.get(1)?)))
            .optional()?;
        let Some((owner, kind)) = found else { return Ok(()) };
        let making = || self.making(&self.read_by(item.row)?.unwrap_or_default(), settlement.generation);
        let becomes = self.take_made(settlement, (item.row, &owner), &item.made, making, pace)?;
        self.become_of(item.row, settlement, &becomes)?;
        // A deletion that is dead keeps its contact until a person has decided: its events could not be made otherwise.
        if kind == DELETED && matches!(becomes.state, "done" | "skipped") {
            self.forget_after(item.row, &owner, settlement.now)?;
        }
        Ok(())
    }

    /// Takes in what was made of a change: its events, commands and wishes. `making` says what they were made by, where there are any. What becomes of the change.
    pub(super) fn take_made<'a>(
        &self,
        settlement: &TranslationSettlement,
        (row, owner): (i64, &Lookup),
        made: &'a Made,
        making: impl FnOnce() -> Result<i64, StoreError>,
        pace: &mut Pace,
    ) -> Result<Becomes<'a>, StoreError> {
        let becomes = made.answer.becomes();
        let mut new = true;
        if let Translated::Events(events) = &made.answer {
            new = events.is_empty() && made.wishes.is_empty();
            let making = if events.is_empty() { 0 } else { making()? };
            for event in events {
                new |= self.add_event(settlement, (row, making), owner, event, pace)?;
            }
            for command in &made.commands {
                self.want(settlement, row, owner, command)?;
            }
            for wish in &made.wishes {
                new |= self.wish(settlement, row, owner, wish)?;
            }
        }
        // Whatever the mapper made of it; after what it asked for, so that withdrawing wins.
        if let (Some(at), None) = (made.withdrawn_at, becomes.retry_at) {
            self.withdraw(settlement.now, row, owner, at)?;
        }
        Ok(if new { becomes } else { Becomes { code: Some(REPEATED), ..Becomes::in_state("skipped") } })
    }

    /// Writes down what becomes of a change.
    pub(super) fn become_of(
        &self,
        row: i64,
        settlement: &TranslationSettlement,
        becomes: &Becomes<'_>,
    ) -> Result<(), StoreError> {
        let Becomes { state, code, rule, reason, retry_at } = becomes;
        self.db
            .prepare_cached(
                "UPDATE change SET state = ?2, code = ?3, rule = ?4, reason = ?5, due_at = coalesce(?6, due_at),
                        tries = tries + (?6 IS NOT NULL), generation = ?7, translated_at = ?8
                 WHERE row = ?1",
            )?
            .execute(params![row, state, code, rule, reason, retry_at, settlement.generation, int(settlement.now)])?;
        Ok(())
    }
}

/// What a change row becomes.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Becomes<'a> {
    pub(super) state: &'static str,
    pub(super) code: Option<&'a str>,
    pub(super) rule: Option<&'a str>,
    pub(super) reason: Option<&'a str>,
    retry_at: Option<i64>,
}

impl Becomes<'_> {
    fn in_state(state: &'static str) -> Self {
        Self { state, code: None, rule: None, reason: None, retry_at: None }
    }
}

impl Translated {
    /// What becomes of its change, unless all of its events were told before.
    pub(super) fn becomes(&self) -> Becomes<'_> {
        match self {
            Self::Events(_) => Becomes::in_state("done"),
            Self::Skip { code, rule, reason } => Becomes {
                code: Some(code),
                rule: rule.as_deref(),
                reason: Some(reason),
                ..Becomes::in_state("skipped")
            },
            Self::Retry { at, reason } => {
                Becomes { reason: Some(reason), retry_at: Some(int(*at)), ..Becomes::in_state("waiting") }
            }
            Self::Dead { reason } => Becomes { reason: Some(reason), ..Becomes::in_state("dead") },
        }
    }
}
