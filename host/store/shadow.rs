//! Shadows: a mapper that runs beside the live one, with what was seen of it so far. One at a time for a mapper's name.

use rusqlite::{OptionalExtension, Row, params};
use serde::Serialize;

use super::rows::{int, nat};
use super::{Store, StoreError};
use crate::clock::Millis;

/// A shadow to begin.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct NewShadow {
    /// The mapper's name in the configuration.
    pub mapper: String,
    /// `candidate` before a promotion, `former` after it.
    pub role: String,
    /// The mapper's digest.
    pub mapper_digest: String,
    /// Its settings, as text.
    pub settings: String,
    /// The settings' digest.
    pub settings_hash: String,
    /// Which changes it is given and when it is believed, as JSON.
    pub scope: String,
    /// Who asked for it.
    pub who: String,
    /// Why, in their words.
    pub note: Option<String>,
    /// When it began.
    pub started_at: Millis,
}

/// A shadow as it stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Shadow {
    /// Its number, rising.
    pub id: i64,
    /// What was written down.
    #[serde(flatten)]
    pub written: NewShadow,
    /// `running`, `paused`, `stopped`, `promoted`, `passed` or `rolled-back`.
    pub state: String,
    /// Why it is not running.
    pub reason: Option<String>,
    /// When it ended.
    pub ended_at: Option<Millis>,
    /// What was seen so far, as JSON.
    pub report: String,
}

const COLUMNS: &str = "SELECT id, mapper, role, mapper_digest, settings, settings_hash, scope, who, note, started_at,
     state, reason, ended_at, report FROM shadow";

impl Store {
    /// Begins a shadow with an empty report. `None` if one of that mapper's name has not ended.
    ///
    /// # Errors
    /// As the disk has it.
    pub async fn begin_shadow(&self, new: NewShadow, report: String) -> Result<Option<i64>, StoreError> {
        self.write("begin_shadow", new.settings.len(), move |rows| {
            let mut open = rows.db.prepare_cached("SELECT 1 FROM shadow WHERE mapper = ?1 AND ended_at IS NULL")?;
            if open.exists([&new.mapper])? {
                return Ok(None);
            }
            let mut add = rows.db.prepare_cached(
                "INSERT INTO shadow (mapper, role, mapper_digest, settings, settings_hash, scope, who, note, started_at, state,
                                     report)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, 'running', ?10)",
            )?;
            Ok(Some(add.insert(params![
                new.mapper,
                new.role,
                new.mapper_digest,
                new.settings,
                new.settings_hash,
                new.scope,
                new.who,
                new.note,
                int(new.started_at),
                report,
            ])?))
        })
        .await
    }

    /// Writes down what was seen so far.
    ///
    /// # Errors
    /// As the disk has it.
    pub async fn note_shadow(&self, id: i64, report: String) -> Result<(), StoreError> {
        self.write("note_shadow", report.len(), move |rows| {
            rows.db.prepare_cached("UPDATE shadow SET report = ?2 WHERE id = ?1")?.execute(params![id, report])?;
            Ok(())
        })
        .await
    }

    /// Says anew what a shadow is given.
    ///
    /// # Errors
    /// As the disk has it.
    pub async fn rescope_shadow(&self, id: i64, scope: String) -> Result<(), StoreError> {
        self.write("rescope_shadow", scope.len(), move |rows| {
            rows.db.prepare_cached("UPDATE shadow SET scope = ?2 WHERE id = ?1")?.execute(params![id, scope])?;
            Ok(())
        })
        .await
    }

    /// Moves a shadow that has not ended on to `state`; with a time it has ended.
    ///
    /// # Errors
    /// As the disk has it.
    pub async fn move_shadow(
        &self,
        id: i64,
        state: &'static str,
        reason: Option<String>,
        ended_at: Option<Millis>,
    ) -> Result<(), StoreError> {
        self.write("move_shadow", 0, move |rows| {
            rows.db
                .prepare_cached(
                    "UPDATE shadow SET state = ?2, reason = ?3, ended_at = ?4 WHERE id = ?1 AND ended_at IS NULL",
                )?
                .execute(params![id, state, reason, ended_at.map(int)])?;
            Ok(())
        })
        .await
    }

    /// Every shadow that has not ended.
    ///
    /// # Errors
    /// As the database has it.
    pub async fn open_shadows(&self) -> Result<Vec<Shadow>, StoreError> {
        self.read(|rows| {
            let mut query = rows.db.prepare_cached(&format!("{COLUMNS} WHERE ended_at IS NULL ORDER BY id"))?;
            Ok(query.query_map([], shadow)?.collect::<Result<_, _>>()?)
        })
        .await
    }

    /// The latest shadow of a mapper's name, ended or not.
    ///
    /// # Errors
    /// As the database has it.
    pub async fn latest_shadow(&self, mapper: &str) -> Result<Option<Shadow>, StoreError> {
        let mapper = mapper.to_owned();
        self.read(move |rows| {
            let mut query = rows.db.prepare_cached(&format!("{COLUMNS} WHERE mapper = ?1 ORDER BY id DESC LIMIT 1"))?;
            Ok(query.query_row([mapper], shadow).optional()?)
        })
        .await
    }
}

fn shadow(row: &Row<'_>) -> rusqlite::Result<Shadow> {
    let written = NewShadow {
        mapper: row.get(1)?,
        role: row.get(2)?,
        mapper_digest: row.get(3)?,
        settings: row.get(4)?,
        settings_hash: row.get(5)?,
        scope: row.get(6)?,
        who: row.get(7)?,
        note: row.get(8)?,
        started_at: nat(row.get(9)?),
    };
    let ended_at = row.get::<_, Option<i64>>(12)?.map(nat);
    Ok(Shadow { id: row.get(0)?, written, state: row.get(10)?, reason: row.get(11)?, ended_at, report: row.get(13)? })
}
