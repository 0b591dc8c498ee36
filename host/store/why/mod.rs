//! Why something was sent, or not: a delivery, what it told, what was made of that, and every attempt to say it. Ids,
//! times, digests and reasons only; of what is sealed nothing is opened but what guests wrote.

mod change;
mod event;

use std::collections::BTreeSet;

use rusqlite::{OptionalExtension, Row, params};
use serde::Serialize;

pub use change::{WhyChange, WhyCommand, WhyGeneration};
pub use event::{WhyAttempt, WhyEvent, WhyMaking};

use super::rows::{Rows, nat};
use super::written::WhyWritten;
use super::{Store, StoreError};
use crate::clock::Millis;

/// Changes and deliveries that one answer holds, the newest.
const MOST: i64 = 100;

/// Everything that is known of an id.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Why {
    /// Deliveries, in the order in which they came.
    pub deliveries: Vec<WhyDelivery>,
    /// What they told, in order.
    pub changes: Vec<WhyChange>,
    /// Destinations that were told an event of this id, whose rows are gone.
    pub told_long_ago: Vec<String>,
    /// When the contact was forgotten.
    pub forgotten_at: Option<Millis>,
}

/// A delivery.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct WhyDelivery {
    /// Our id of it.
    pub id: String,
    /// Its sender's.
    pub webhook_id: String,
    /// Whose it is.
    pub connection: Option<String>,
    /// How it came.
    pub origin: String,
    /// What kind it is.
    pub kind: Option<String>,
    /// `held`, `waiting`, `done`, `silent`, `dead` or `dropped`.
    pub state: String,
    /// Why it told nothing, or waits again.
    pub reason: Option<String>,
    /// When its sender sent it.
    pub sent_at: Option<Millis>,
    /// When it came.
    pub received_at: Millis,
    /// When it was read last.
    pub read_at: Option<Millis>,
    /// From its coming to that.
    pub took_ms: Option<u64>,
    /// The digest of the source that read it.
    pub source_digest: Option<String>,
    /// What the source wrote while it did.
    pub wrote: Vec<WhyWritten>,
}

const DELIVERY: &str =
    "SELECT id, webhook_id, connection, origin, kind, state, coalesce(code, reason), sent_at, received_at, read_at,
     source_digest FROM inbox WHERE row = ?1";

impl Store {
    /// What is known of an event, a fact, a delivery or a contact, by the names that [`Store::queue_named`] knows or by the
    /// CRM's id of the contact; in one connection, or in all. `None` if nothing is called so.
    ///
    /// # Errors
    /// As the database has it.
    pub async fn why(&self, id: &str, connection: Option<&str>) -> Result<Option<Why>, StoreError> {
        let (id, connection) = (id.to_owned(), connection.map(str::to_owned));
        self.read(move |rows| rows.why(&id, connection.as_deref())).await
    }
}

impl Rows<'_> {
    fn why(&self, id: &str, connection: Option<&str>) -> Result<Option<Why>, StoreError> {
        let (mut deliveries, mut changes) = (BTreeSet::new(), BTreeSet::new());
        let mut why = Why::default();
        for (table, row) in self.named(id)? {
            match table {
                "inbox" => drop(deliveries.insert(row)),
                "change" => drop(changes.insert(row)),
                "wanted" => changes.extend(self.numbers("SELECT change FROM wanted WHERE row = ?1", row)?),
                _ => changes.extend(self.numbers("SELECT change FROM outbox WHERE row = ?1", row)?),
            }
        }
        for connection in self.connections_named(connection)? {
            let subject = self.contact(&connection, id);
            for (table, into) in [("change", &mut changes), ("inbox", &mut deliveries)] {
                let mut query = self.db.prepare_cached(&format!(
                    "SELECT row FROM {table} WHERE subject = ?1 ORDER BY row DESC LIMIT ?2"
                ))?;
                for row in query.query_map(params![subject, MOST], |row| row.get(0))? {
                    into.insert(row?);
                }
            }
            let forgotten: Option<i64> = self
                .db
                .prepare_cached("SELECT asked_at FROM forgotten WHERE subject = ?1")?
                .query_row([subject], |row| row.get(0))
                .optional()?;
            why.forgotten_at = why.forgotten_at.max(forgotten.map(nat));
        }
        for delivery in &deliveries {
            changes.extend(self.numbers("SELECT change FROM told WHERE delivery = ?1", *delivery)?);
        }
        for change in &changes {
            deliveries.extend(self.numbers("SELECT delivery FROM told WHERE change = ?1", *change)?);
        }
        let mut told = self.db.prepare_cached("SELECT destination FROM event_told WHERE event_id = ?1")?;
        why.told_long_ago = told.query_map([id], |row| row.get(0))?.collect::<Result<_, _>>()?;
        for row in deliveries {
            let mut query = self.db.prepare_cached(DELIVERY)?;
            if let Some(found) = query.query_row([row], delivery).optional()? {
                why.deliveries.push(WhyDelivery { wrote: self.written("inbox", row)?, ..found });
            }
        }
        for row in changes {
            why.changes.extend(self.change_story(row)?);
        }
        let nothing = why.deliveries.is_empty() && why.changes.is_empty() && why.told_long_ago.is_empty();
        Ok((!nothing || why.forgotten_at.is_some()).then_some(why))
    }

    /// The numbers that a statement finds of one row.
    fn numbers(&self, sql: &'static str, row: i64) -> Result<Vec<i64>, StoreError> {
        let mut query = self.db.prepare_cached(sql)?;
        Ok(query.query_map([row], |row| row.get(0))?.collect::<Result<_, _>>()?)
    }
}

fn delivery(row: &Row<'_>) -> rusqlite::Result<WhyDelivery> {
    let (received_at, read_at) = (nat(row.get(8)?), row.get::<_, Option<i64>>(9)?.map(nat));
    Ok(WhyDelivery {
        id: row.get(0)?,
        webhook_id: row.get(1)?,
        connection: row.get(2)?,
        origin: row.get(3)?,
        kind: row.get(4)?,
        state: row.get(5)?,
        reason: row.get(6)?,
        sent_at: row.get::<_, Option<i64>>(7)?.map(nat),
        received_at,
        read_at,
        took_ms: took(Some(received_at), read_at),
        source_digest: row.get(10)?,
        wrote: Vec::new(),
    })
}

/// From one moment to another, where both are known.
fn took(from: Option<Millis>, to: Option<Millis>) -> Option<u64> {
    Some(to?.saturating_sub(from?))
}
