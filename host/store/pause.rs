//! Pauses: durable, and looked at in the same transaction as every claim of events.

use rusqlite::params;
use serde::{Deserialize, Serialize};

use super::rows::{Rows, int, nat};
use super::{Store, StoreError};
use crate::clock::Millis;

/// What is paused.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PauseScope {
    /// Every send.
    All,
    /// One destination's sends.
    Destination(String),
    /// One connection's reading.
    Connection(String),
}

impl std::fmt::Display for PauseScope {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str(&self.written())
    }
}

impl PauseScope {
    fn written(&self) -> String {
        match self {
            Self::All => "all".to_owned(),
            Self::Destination(name) => format!("destination:{name}"),
            Self::Connection(name) => format!("connection:{name}"),
        }
    }

    fn read(text: &str) -> Self {
        match text.split_once(':') {
            Some(("destination", name)) => Self::Destination(name.to_owned()),
            Some((_, name)) => Self::Connection(name.to_owned()),
            None => Self::All,
        }
    }
}

/// A pause, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Pause {
    /// What is paused.
    pub scope: PauseScope,
    /// Why.
    pub reason: String,
    /// Since when.
    pub at: Millis,
    /// Who asked for it.
    pub by: String,
    /// Whether it ends by itself, as soon as the destination's credential works again.
    pub heals: bool,
}

impl Store {
    /// Pauses a scope. For `All` and destinations, no claim of events succeeds once this has returned. A scope that is
    /// paused already keeps its first reason.
    ///
    /// # Errors
    /// As the disk has it.
    pub async fn pause(&self, pause: Pause) -> Result<(), StoreError> {
        self.write("pause", 0, move |rows| rows.pause(&pause)).await
    }

    /// Ends a pause. Whether there was one.
    ///
    /// # Errors
    /// As the disk has it.
    pub async fn resume(&self, scope: PauseScope) -> Result<bool, StoreError> {
        self.write("resume", 0, move |rows| {
            Ok(rows.db.prepare_cached("DELETE FROM pause WHERE scope = ?1")?.execute([scope.written()])? > 0)
        })
        .await
    }

    /// All pauses, the oldest first.
    ///
    /// # Errors
    /// As the database has it.
    pub async fn pauses(&self) -> Result<Vec<Pause>, StoreError> {
        self.read(|rows| rows.pauses()).await
    }
}

impl Rows<'_> {
    pub(super) fn pause(&self, pause: &Pause) -> Result<(), StoreError> {
        self.db
            .prepare_cached("INSERT OR IGNORE INTO pause (scope, reason, at, who, heals) VALUES (?1, ?2, ?3, ?4, ?5)")?
            .execute(params![pause.scope.written(), pause.reason, int(pause.at), pause.by, pause.heals])?;
        Ok(())
    }

    pub(super) fn pauses(&self) -> Result<Vec<Pause>, StoreError> {
        let mut query = self.db.prepare_cached("SELECT scope, reason, at, who, heals FROM pause ORDER BY at, scope")?;
        let found = query.query_map([], |row| {
            Ok(Pause {
                scope: PauseScope::read(row.get_ref(0)?.as_str()?),
                reason: row.get(1)?,
                at: nat(row.get(2)?),
                by: row.get(3)?,
                heals: row.get(4)?,
            })
        })?;
        Ok(found.collect::<Result<_, _>>()?)
    }

    /// Whether nothing may be sent to the destination.
    pub(super) fn is_paused(&self, destination: &str) -> Result<bool, StoreError> {
        let scope = PauseScope::Destination(destination.to_owned());
        Ok(self
            .db
            .prepare_cached("SELECT 1 FROM pause WHERE scope IN (?1, ?2)")?
            .exists(params![PauseScope::All.written(), scope.written()])?)
    }
}
