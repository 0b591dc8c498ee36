//! Generations: which mapper with which settings was live from when; and the components' bytes, kept by digest.

use rusqlite::{OptionalExtension, params};
use serde::Serialize;

use super::rows::{Rows, int, nat};
use super::{Store, StoreError};
use crate::clock::Millis;

/// A generation to write down before it becomes live.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct NewGeneration {
    /// The mapper's name in the configuration.
    pub mapper: String,
    /// The mapper's digest.
    pub mapper_digest: String,
    /// Its settings, as text.
    pub settings: String,
    /// The settings' digest.
    pub settings_hash: String,
    /// What brought it: `config`, `swap`, `promote`, `rollback` or `guard`; `replay`, `stage` and `overlay` are beside the live one.
    pub origin: String,
    /// Who asked for it.
    pub who: String,
    /// Why, in their words.
    pub note: Option<String>,
    /// How many cases it passed.
    pub cases: u32,
    /// What differed from the one before on recent changes, as JSON.
    pub diff: Option<String>,
    /// When it became live.
    pub started_at: Millis,
    /// The connections it is for, as a JSON list; none: all of its mapper's.
    pub connection: Option<String>,
    /// The generation over whose settings an overlay is laid; none: these are its own.
    pub base: Option<i64>,
}

/// A generation as it was written down.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Generation {
    /// Its number, rising.
    pub id: i64,
    /// What was written down.
    #[serde(flatten)]
    pub written: NewGeneration,
    /// When what it had not told yet was withdrawn.
    pub recalled_at: Option<Millis>,
}

impl Generation {
    /// Whether it was made live for all of its mapper's connections.
    pub fn was_live(&self) -> bool {
        self.written.connection.is_none() && self.written.origin != "replay"
    }
}

impl Store {
    /// Writes a generation down, and what overlays make of it, in one transaction; the newest that is for all connections is the live one. Returns its
    /// number, and theirs in their order.
    ///
    /// # Errors
    /// As the disk has it; then none is written.
    pub async fn commit_generation(
        &self,
        new: NewGeneration,
        overlaid: Vec<NewGeneration>,
    ) -> Result<(i64, Vec<i64>), StoreError> {
        self.write("commit_generation", new.settings.len(), move |rows| rows.add_generations(&new, &overlaid)).await
    }

    /// Writes down what an overlay makes of a generation that is there already; its number. One with the same settings is taken as it is.
    ///
    /// # Errors
    /// As the disk has it.
    pub async fn put_overlaid(&self, base: i64, new: NewGeneration) -> Result<i64, StoreError> {
        self.write("put_overlaid", new.settings.len(), move |rows| {
            let mut known =
                rows.db.prepare_cached("SELECT id FROM generation WHERE base = ?1 AND settings_hash = ?2 LIMIT 1")?;
            let known = known.query_row(params![base, new.settings_hash], |row| row.get(0)).optional()?;
            known.map_or_else(|| rows.add_generation(&new, Some(base)), Ok)
        })
        .await
    }

    /// The newest `limit` generations, newest first.
    ///
    /// # Errors
    /// As the database has it.
    pub async fn generations(&self, limit: usize) -> Result<Vec<Generation>, StoreError> {
        self.read(move |rows| {
            let mut query = rows.db.prepare_cached(&format!("{COLUMNS} FROM generation ORDER BY id DESC LIMIT ?1"))?;
            let found = query.query_map([int(limit as u64)], found)?;
            Ok(found.collect::<Result<_, _>>()?)
        })
        .await
    }

    /// The newest `limit` generations of a mapper's name, newest first, without what overlays made of them.
    ///
    /// # Errors
    /// As the database has it.
    pub async fn generations_of(&self, mapper: &str, limit: usize) -> Result<Vec<Generation>, StoreError> {
        let mapper = mapper.to_owned();
        self.read(move |rows| {
            let mut query = rows.db.prepare_cached(&format!(
                "{COLUMNS} FROM generation WHERE mapper = ?1 AND base IS NULL ORDER BY id DESC LIMIT ?2"
            ))?;
            let found = query.query_map(params![mapper, int(limit as u64)], found)?;
            Ok(found.collect::<Result<_, _>>()?)
        })
        .await
    }

    /// Keeps a component's bytes under their digest; bytes that are there already are left alone.
    ///
    /// # Errors
    /// As the disk has it.
    pub async fn put_component(&self, digest: &str, name: &str, bytes: Vec<u8>) -> Result<(), StoreError> {
        let (digest, name) = (digest.to_owned(), name.to_owned());
        self.write("put_component", bytes.len(), move |rows| {
            rows.db
                .prepare_cached("INSERT OR IGNORE INTO component (digest, name, bytes) VALUES (?1, ?2, ?3)")?
                .execute(params![digest, name, bytes])?;
            Ok(())
        })
        .await
    }

    /// The one component whose digest begins so; none if there is none, or more than one.
    ///
    /// # Errors
    /// As the database has it.
    pub async fn component_named(&self, digest: &str) -> Result<Option<Vec<u8>>, StoreError> {
        let digest = digest.to_owned();
        self.read(move |rows| {
            let mut query = rows
                .db
                .prepare_cached("SELECT bytes FROM component WHERE substr(digest, 1, length(?1)) = ?1 LIMIT 2")?;
            let mut found: Vec<Vec<u8>> = query.query_map([digest], |row| row.get(0))?.collect::<Result<_, _>>()?;
            Ok(if found.len() == 1 { found.pop() } else { None })
        })
        .await
    }

    /// The component with this digest.
    ///
    /// # Errors
    /// As the database has it.
    pub async fn component(&self, digest: &str) -> Result<Option<Vec<u8>>, StoreError> {
        let digest = digest.to_owned();
        self.read(move |rows| {
            let mut query = rows.db.prepare_cached("SELECT bytes FROM component WHERE digest = ?1")?;
            Ok(query.query_row([digest], |row| row.get(0)).optional()?)
        })
        .await
    }
}

const COLUMNS: &str =
    "SELECT id, mapper, mapper_digest, settings, settings_hash, origin, who, note, cases, diff, started_at,
    connection, recalled_at, base";

fn found(row: &rusqlite::Row<'_>) -> rusqlite::Result<Generation> {
    let written = NewGeneration {
        mapper: row.get(1)?,
        mapper_digest: row.get(2)?,
        settings: row.get(3)?,
        settings_hash: row.get(4)?,
        origin: row.get(5)?,
        who: row.get(6)?,
        note: row.get(7)?,
        cases: row.get(8)?,
        diff: row.get(9)?,
        started_at: nat(row.get(10)?),
        connection: row.get(11)?,
        base: row.get(13)?,
    };
    Ok(Generation { id: row.get(0)?, written, recalled_at: row.get::<_, Option<i64>>(12)?.map(nat) })
}

impl Rows<'_> {
    /// Writes a generation down, and what overlays make of it.
    pub(super) fn add_generations(
        &self,
        new: &NewGeneration,
        overlaid: &[NewGeneration],
    ) -> Result<(i64, Vec<i64>), StoreError> {
        let id = self.add_generation(new, None)?;
        let ids = overlaid.iter().map(|overlaid| self.add_generation(overlaid, Some(id)));
        Ok((id, ids.collect::<Result<_, _>>()?))
    }

    fn add_generation(&self, new: &NewGeneration, base: Option<i64>) -> Result<i64, StoreError> {
        let mut add = self.db.prepare_cached(
            "INSERT INTO generation (mapper, mapper_digest, settings, settings_hash, origin, who, note, cases, diff,
                                     started_at, connection, base)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)",
        )?;
        Ok(add.insert(params![
            new.mapper,
            new.mapper_digest,
            new.settings,
            new.settings_hash,
            new.origin,
            new.who,
            new.note,
            new.cases,
            new.diff,
            int(new.started_at),
            new.connection,
            base,
        ])?)
    }
}
