//! What became of each delivery: its changes, their events, and the reason wherever nothing was said.

use rusqlite::{Row, params};
use serde::Serialize;

use super::rows::{Rows, nat};
use super::{Store, StoreError};
use crate::clock::Millis;

/// What became of one delivery.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Account {
    /// The source's id of it.
    pub webhook_id: String,
    /// Our id of it.
    pub delivery: String,
    /// The connection, unless it is held.
    pub connection: Option<String>,
    /// What kind it is.
    pub kind: Option<String>,
    /// `held`, `waiting`, `done`, `silent` or `dead`.
    pub state: String,
    /// Why it is silent or dead, or why it waits again.
    pub reason: Option<String>,
    /// When it came.
    pub received_at: Millis,
    /// When it was read last.
    pub read_at: Option<Millis>,
    /// What it told; twins share their changes.
    pub changes: Vec<AccountChange>,
}

/// What became of one change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct AccountChange {
    /// The fact's id.
    pub id: String,
    /// What kind of fact.
    pub kind: String,
    /// `waiting`, `done`, `skipped` or `dead`.
    pub state: String,
    /// The skip as one word.
    pub code: Option<String>,
    /// The rule that skipped it.
    pub rule: Option<String>,
    /// The reason in words.
    pub reason: Option<String>,
    /// When it happened.
    pub occurred_at: Millis,
    /// When it was translated last.
    pub translated_at: Option<Millis>,
    /// Its events.
    pub events: Vec<AccountEvent>,
}

/// What became of one event.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct AccountEvent {
    /// The event's id.
    pub event_id: String,
    /// Where to.
    pub destination: String,
    /// The event's name.
    pub name: String,
    /// `waiting`, `in_flight`, `done`, `dead` or `expired`.
    pub state: String,
    /// Why it is dead or waits again.
    pub reason: Option<String>,
    /// How often it may have left.
    pub attempts: u32,
    /// Whether an attempt of it had no answer, so that the platform may have it twice.
    pub ambiguous: bool,
    /// When it was translated.
    pub created_at: Millis,
    /// When its story ended.
    pub done_at: Option<Millis>,
    /// The platform's word for the request that took it.
    pub trace: Option<String>,
    /// The rule that asked for it.
    pub rule: String,
    /// The generation that made it.
    pub generation: i64,
}

const DELIVERIES: &str =
    "SELECT row, webhook_id, id, connection, kind, state, coalesce(code, reason), received_at, read_at FROM inbox";

const CHANGES: &str = "SELECT change.row, id, kind, state, code, rule, reason, occurred_at, translated_at
     FROM told JOIN change ON change.row = told.change WHERE told.delivery = ?1 ORDER BY change.row";

const EVENTS: &str =
    "SELECT event_id, destination, name, state, reason, tries, ambiguous, created_at, done_at, trace, rule,
     generation FROM outbox WHERE change = ?1 ORDER BY row";

impl Store {
    /// The account of the deliveries with these webhook ids, or of all that are in the store, oldest first. Swept rows
    /// are gone from it.
    ///
    /// # Errors
    /// As the database has it.
    pub async fn account(&self, filter: Option<&[String]>) -> Result<Vec<Account>, StoreError> {
        let filter = filter.map(<[String]>::to_vec);
        self.read(move |rows| rows.account(filter.as_deref())).await
    }
}

impl Rows<'_> {
    fn account(&self, filter: Option<&[String]>) -> Result<Vec<Account>, StoreError> {
        let mut found: Vec<(i64, Account)> = Vec::new();
        match filter {
            None => {
                let mut query = self.db.prepare_cached(&format!("{DELIVERIES} ORDER BY row"))?;
                for account in query.query_map([], delivery)? {
                    found.push(account?);
                }
            }
            Some(ids) => {
                // Sources are few: each id is one look-up for each of them in the index over (source, webhook_id).
                let mut sources = self.db.prepare_cached("SELECT DISTINCT source FROM inbox")?;
                let sources: Vec<String> = sources.query_map([], |row| row.get(0))?.collect::<Result<_, _>>()?;
                let mut query =
                    self.db.prepare_cached(&format!("{DELIVERIES} WHERE source = ?1 AND webhook_id = ?2"))?;
                for id in ids {
                    for source in &sources {
                        for account in query.query_map(params![source, id], delivery)? {
                            found.push(account?);
                        }
                    }
                }
                found.sort_by_key(|(row, _)| *row);
            }
        }
        found
            .into_iter()
            .map(|(row, mut account)| {
                account.changes = self.changes_of(row)?;
                Ok(account)
            })
            .collect()
    }

    fn changes_of(&self, delivery: i64) -> Result<Vec<AccountChange>, StoreError> {
        let mut query = self.db.prepare_cached(CHANGES)?;
        let found = query.query_map([delivery], |row| {
            let change = AccountChange {
                id: row.get(1)?,
                kind: row.get(2)?,
                state: row.get(3)?,
                code: row.get(4)?,
                rule: row.get(5)?,
                reason: row.get(6)?,
                occurred_at: nat(row.get(7)?),
                translated_at: row.get::<_, Option<i64>>(8)?.map(nat),
                events: Vec::new(),
            };
            Ok((row.get(0)?, change))
        })?;
        let found: Vec<(i64, AccountChange)> = found.collect::<Result<_, _>>()?;
        found
            .into_iter()
            .map(|(row, mut change)| {
                change.events = self.events_of(row)?;
                Ok(change)
            })
            .collect()
    }

    fn events_of(&self, change: i64) -> Result<Vec<AccountEvent>, StoreError> {
        let mut query = self.db.prepare_cached(EVENTS)?;
        let found = query.query_map([change], |row| {
            Ok(AccountEvent {
                event_id: row.get(0)?,
                destination: row.get(1)?,
                name: row.get(2)?,
                state: row.get(3)?,
                reason: row.get(4)?,
                attempts: row.get(5)?,
                ambiguous: row.get(6)?,
                created_at: nat(row.get(7)?),
                done_at: row.get::<_, Option<i64>>(8)?.map(nat),
                trace: row.get(9)?,
                rule: row.get(10)?,
                generation: row.get(11)?,
            })
        })?;
        Ok(found.collect::<Result<_, _>>()?)
    }
}

fn delivery(row: &Row<'_>) -> rusqlite::Result<(i64, Account)> {
    let account = Account {
        webhook_id: row.get(1)?,
        delivery: row.get(2)?,
        connection: row.get(3)?,
        kind: row.get(4)?,
        state: row.get(5)?,
        reason: row.get(6)?,
        received_at: nat(row.get(7)?),
        read_at: row.get::<_, Option<i64>>(8)?.map(nat),
        changes: Vec::new(),
    };
    Ok((row.get(0)?, account))
}
