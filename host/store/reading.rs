//! The step from deliveries to changes: changes in, memory replaced, inbox rows done, or nothing of a contact at all.

use std::collections::HashSet;

use rusqlite::{OptionalExtension, params};

use super::brake::{Braked, Pace};
use super::change::{DELETED, Made, NewChange, TranslationSettlement};
use super::gap::{Gap, Teller};
use super::inbox::Origin;
use super::rows::{Rows, int, nat};
use super::{Store, StoreError};
use crate::clock::Millis;
use crate::vault::Lookup;

/// What a source made of a connection's deliveries.
#[derive(Clone)]
pub struct ReadSettlement {
    /// The connection.
    pub connection: String,
    /// When they were read.
    pub now: Millis,
    /// The digest of the component that read them.
    pub source_digest: String,
    /// What was read, contact by contact.
    pub groups: Vec<ReadGroup>,
    /// The connection's catalogue, if it was read anew.
    pub catalogue: Option<Vec<u8>>,
    /// The generation that made what was made of the changes at once.
    pub generation: Option<i64>,
}

/// What came of a settlement of what was read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SettledRead {
    /// For each group: `false` if the contact's memory had moved on, in which case nothing of that group was written and its deliveries still wait.
    pub taken: Vec<bool>,
    /// The ids of the changes that are new and were settled with what was made of them.
    pub translated: HashSet<String>,
    /// Whether a new change waits to be translated.
    pub waits: bool,
    /// The rules whose events are parked from now on because they ask for more than their brake lets pass in an hour.
    pub braked: Vec<Braked>,
}

/// What was read of one contact: settled whole, or left alone if its memory has moved on.
#[derive(Clone)]
pub struct ReadGroup {
    /// The contact, where there is one.
    pub contact: Option<String>,
    /// The version of the memory that the source was given; `None` if there was none.
    pub expected: Option<u64>,
    /// The new memory; `None` leaves the old.
    pub memory: Option<Vec<u8>>,
    /// The contact's deliveries.
    pub deliveries: Vec<ReadDelivery>,
    /// Facts that the source found and no delivery told.
    pub gaps: Vec<Gap>,
}

/// What one delivery told.
#[derive(Clone)]
pub struct ReadDelivery {
    /// The delivery's id.
    pub id: String,
    /// What kind the source says it is.
    pub kind: String,
    /// What it told.
    pub answer: Told,
}

/// What a delivery told.
#[derive(Clone)]
pub enum Told {
    /// These changes.
    Changes(Vec<NewChange>),
    /// Nothing, for the reason that this code names.
    Silent(String),
    /// Nothing yet: ask again.
    Retry {
        /// When to ask again.
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

impl Store {
    /// Settles what was read, and with it what a generation made of the changes at once; what a recalled one made is not taken: those changes wait.
    /// Deliveries that no longer wait are left as they are, so the step may be repeated.
    ///
    /// # Errors
    /// As the disk has it; then no group was settled.
    pub async fn settle_read(&self, settlement: ReadSettlement) -> Result<SettledRead, StoreError> {
        let changes =
            settlement.groups.iter().flat_map(|group| &group.deliveries).filter_map(|delivery| {
                match &delivery.answer {
                    Told::Changes(changes) => Some(changes),
                    _ => None,
                }
            });
        let weight = |change: &NewChange| change.bytes.len() + change.made.as_ref().map_or(0, Made::weight);
        let weight = changes.flatten().map(weight).sum();
        self.write("settle_read", weight, move |rows| {
            if let Some(catalogue) = &settlement.catalogue {
                rows.keep_catalogue(&settlement.connection, catalogue, settlement.now)?;
            }
            let mut reading = Reading::of(rows, &settlement)?;
            for group in &settlement.groups {
                let taken = rows.settle_group(&mut reading, group)?;
                reading.settled.taken.push(taken);
            }
            let Reading { mut settled, pace, .. } = reading;
            settled.braked = pace.keep(rows, settlement.now)?;
            Ok(settled)
        })
        .await
    }
}

/// A settlement under way.
struct Reading<'a> {
    settlement: &'a ReadSettlement,
    /// By what and when the changes were translated that were; none if nothing of it may be taken.
    translation: Option<TranslationSettlement>,
    /// What says what they were made by, once that is known.
    making: Option<i64>,
    pace: Pace,
    settled: SettledRead,
}

impl<'a> Reading<'a> {
    fn of(rows: &Rows<'_>, settlement: &'a ReadSettlement) -> Result<Self, StoreError> {
        let translation = match settlement.generation {
            Some(generation) if !rows.is_recalled(generation)? => {
                Some(TranslationSettlement { generation, now: settlement.now, items: Vec::new() })
            }
            _ => None,
        };
        Ok(Self { settlement, translation, making: None, pace: Pace::default(), settled: SettledRead::default() })
    }
}

impl Rows<'_> {
    fn settle_group(&self, reading: &mut Reading<'_>, group: &ReadGroup) -> Result<bool, StoreError> {
        let ReadSettlement { connection, now, .. } = reading.settlement;
        let contact = group.contact.as_ref().map(|contact| self.contact(connection, contact));
        if let Some(subject) = &contact
            && !self.remember(connection, subject, group.expected, group.memory.as_deref(), *now)?
        {
            return Ok(false);
        }
        for delivery in &group.deliveries {
            self.settle_delivery(reading, contact.as_ref(), delivery)?;
        }
        // After the deliveries: what one of them told is no gap.
        for gap in &group.gaps {
            self.note_gap(connection, gap, *now)?;
        }
        Ok(true)
    }

    fn settle_delivery(
        &self,
        reading: &mut Reading<'_>,
        contact: Option<&Lookup>,
        delivery: &ReadDelivery,
    ) -> Result<(), StoreError> {
        let settlement = reading.settlement;
        let found: Option<(Teller, Lookup, Vec<u8>)> = self
            .db
            .prepare_cached(
                "SELECT row, origin, received_at, sent_at, subject, sealed FROM inbox
                 WHERE id = ?1 AND connection = ?2 AND state = 'waiting'",
            )?
            .query_row(params![delivery.id, settlement.connection], |row| {
                let teller = Teller {
                    row: row.get(0)?,
                    origin: Origin::read(row.get_ref(1)?.as_str()?),
                    received_at: nat(row.get(2)?),
                    sent_at: row.get::<_, Option<i64>>(3)?.map(nat),
                };
                Ok((teller, row.get(4)?, row.get(5)?))
            })
            .optional()?;
        let Some((teller, subject, sealed)) = found else { return Ok(()) };
        // From here on the delivery belongs to its contact: forgetting the contact must forget what was said of it.
        let owner = contact.unwrap_or(&subject);
        let resealed = if *owner == subject {
            None
        } else {
            let plain = self.open("inbox", &[&delivery.id], &subject, &sealed)?;
            Some(self.seal("inbox", &[&delivery.id], owner, &plain)?)
        };
        self.note_told(contact, &teller, &delivery.answer)?;
        let mut retry_at = None;
        let (state, code, reason) = match &delivery.answer {
            Told::Changes(changes) => {
                let mut new = changes.is_empty();
                for change in changes {
                    new |= self.add_change(reading, owner, &teller, change)?;
                }
                if new { ("done", None, None) } else { ("silent", Some("repeated"), None) }
            }
            Told::Silent(code) => ("silent", Some(code.as_str()), None),
            Told::Retry { at, reason } => {
                retry_at = Some(int(*at));
                ("waiting", None, Some(reason))
            }
            Told::Dead { reason } => ("dead", None, Some(reason)),
        };
        self.db
            .prepare_cached(
                "UPDATE inbox SET kind = ?2, state = ?3, code = ?4, reason = ?5, due_at = coalesce(?6, due_at),
                        tries = tries + (?6 IS NOT NULL), read_at = ?7, source_digest = ?8, subject = ?9,
                        sealed = coalesce(?10, sealed)
                 WHERE row = ?1",
            )?
            .execute(params![
                teller.row,
                delivery.kind,
                state,
                code,
                reason,
                retry_at,
                int(settlement.now),
                settlement.source_digest,
                owner,
                resealed,
            ])?;
        Ok(())
    }

    /// Notes what a delivery that was read says of who missed what.
    fn note_told(&self, contact: Option<&Lookup>, teller: &Teller, answer: &Told) -> Result<(), StoreError> {
        let Some(contact) = contact else { return Ok(()) };
        match answer {
            Told::Changes(_) => self.note_polled(contact, teller),
            Told::Silent(code) => {
                if matches!(code.as_str(), "repeated" | "unchanged") {
                    self.note_repeat(contact, teller)?;
                }
                self.note_polled(contact, teller)
            }
            Told::Retry { .. } | Told::Dead { .. } => Ok(()),
        }
    }

    /// Stores a change that the connection does not know, and notes who told it. Whether it was new.
    fn add_change(
        &self,
        reading: &mut Reading<'_>,
        owner: &Lookup,
        teller: &Teller,
        change: &NewChange,
    ) -> Result<bool, StoreError> {
        let connection = &reading.settlement.connection;
        let known: Option<i64> = self
            .db
            .prepare_cached("SELECT row FROM change WHERE connection = ?1 AND id = ?2")?
            .query_row(params![connection, change.id], |row| row.get(0))
            .optional()?;
        match known {
            Some(row) => self.note_teller(row, teller)?,
            None => self.add_new_change(reading, owner, teller, change)?,
        }
        self.close_gap(connection, &change.id)?;
        Ok(known.is_none())
    }

    /// Stores a change that is new, and what was made of it.
    fn add_new_change(
        &self,
        reading: &mut Reading<'_>,
        owner: &Lookup,
        teller: &Teller,
        change: &NewChange,
    ) -> Result<(), StoreError> {
        let ReadSettlement { connection, now, source_digest, .. } = reading.settlement;
        // Forgetting a contact comes after all that was read of them.
        let made = change.made.as_ref().filter(|_| change.kind != DELETED).zip(reading.translation.as_ref());
        let becomes = made.map(|(made, _)| made.answer.becomes());
        let sealed = self.seal("change", &[connection, &change.id], owner, &change.bytes)?;
        let row = self
            .db
            .prepare_cached(
                "INSERT INTO change (connection, id, kind, occurred_at, due_at, subject, sealed, webhook_at, poll_at,
                                     state, code, rule, reason, generation, translated_at)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15)",
            )?
            .insert(params![
                connection,
                change.id,
                change.kind,
                int(change.occurred_at),
                int(*now),
                owner,
                sealed,
                teller.webhook_at(),
                teller.poll_at(),
                becomes.map_or("waiting", |becomes| becomes.state),
                becomes.and_then(|becomes| becomes.code),
                becomes.and_then(|becomes| becomes.rule),
                becomes.and_then(|becomes| becomes.reason),
                made.map(|(_, by)| by.generation),
                made.map(|_| int(*now)),
            ])?;
        self.note_telling(row, teller)?;
        let Some((made, by)) = made else {
            reading.settled.waits = true;
            return Ok(());
        };
        let known = &mut reading.making;
        let making = || match *known {
            Some(making) => Ok(making),
            None => Ok(*known.insert(self.making(source_digest, by.generation)?)),
        };
        let taken = self.take_made(by, (row, owner), made, making, &mut reading.pace)?;
        if becomes != Some(taken) {
            self.become_of(row, by, &taken)?;
        }
        reading.settled.translated.insert(change.id.clone());
        Ok(())
    }
}
