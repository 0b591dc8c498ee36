//! Connections that an install made: an app is installed in a location, and is taken out of it again.

use rusqlite::{OptionalExtension, Row, params};
use serde::Serialize;

use super::pause::{Pause, PauseScope};
use super::rows::{Rows, int, nat};
use super::{Store, StoreError};
use crate::clock::Millis;

/// A connection that an install made. There is one for each location of a source, under one name for ever.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Installed {
    /// The connection's name.
    pub name: String,
    /// The source.
    pub source: String,
    /// The location.
    pub location: String,
    /// The company that the location is of.
    pub company: Option<String>,
    /// When it was installed.
    pub at: Millis,
    /// When it was taken out again.
    pub removed_at: Option<Millis>,
}

impl Store {
    /// Notes an install, and with it the pause that its connection begins with. Whether it is new: `false` if the
    /// location has one that stands (its pause is left as a person has set it since), or one that was removed after
    /// this install. An earlier removal is undone, under the name that the location had, which the pause is then for.
    ///
    /// # Errors
    /// As the disk has it; then neither is noted. [`StoreError::Broken`] if another location has the name.
    pub async fn install(&self, installed: Installed, pause: Option<Pause>) -> Result<bool, StoreError> {
        self.write("install", 0, move |rows| rows.install(&installed, pause.as_ref())).await
    }

    /// Every connection that an install made, the removed ones too, by source and location.
    ///
    /// # Errors
    /// As the database has it.
    pub async fn installed(&self) -> Result<Vec<Installed>, StoreError> {
        self.read(|rows| {
            let mut query = rows.db.prepare_cached(
                "SELECT name, source, location, company, at, removed_at FROM install ORDER BY source, location",
            )?;
            let found = query.query_map([], installed)?;
            Ok(found.collect::<Result<_, _>>()?)
        })
        .await
    }

    /// Connections whose app was taken out before `then`, and of which something is known still.
    ///
    /// # Errors
    /// As the database has it.
    pub async fn installs_to_forget(&self, then: Millis) -> Result<Vec<Installed>, StoreError> {
        self.read(move |rows| {
            let mut query = rows.db.prepare_cached(
                "SELECT name, source, location, company, at, removed_at FROM install
                 WHERE removed_at < ?1 AND (forgotten_at IS NULL OR forgotten_at < removed_at) ORDER BY removed_at",
            )?;
            let found = query.query_map([int(then)], installed)?;
            Ok(found.collect::<Result<_, _>>()?)
        })
        .await
    }

    /// Notes that the app was taken out of a location, or of all of a company's where no location is named. Installs
    /// after `at` stand. Returns the names of the connections that this removed.
    ///
    /// # Errors
    /// As the disk has it; then nothing was removed.
    pub async fn uninstall(
        &self,
        source: &str,
        location: Option<&str>,
        company: Option<&str>,
        at: Millis,
    ) -> Result<Vec<String>, StoreError> {
        let source = source.to_owned();
        let (column, place) = match (location, company) {
            (Some(location), _) => ("location", location.to_owned()),
            (None, Some(company)) => ("company", company.to_owned()),
            (None, None) => return Ok(Vec::new()),
        };
        self.write("uninstall", 0, move |rows| {
            let mut remove = rows.db.prepare_cached(&format!(
                "UPDATE install SET removed_at = ?3
                 WHERE source = ?1 AND {column} = ?2 AND removed_at IS NULL AND at <= ?3 RETURNING name"
            ))?;
            let names = remove.query_map(params![source, place, int(at)], |row| row.get(0))?;
            Ok(names.collect::<Result<_, _>>()?)
        })
        .await
    }
}

fn installed(row: &Row<'_>) -> rusqlite::Result<Installed> {
    Ok(Installed {
        name: row.get(0)?,
        source: row.get(1)?,
        location: row.get(2)?,
        company: row.get(3)?,
        at: nat(row.get(4)?),
        removed_at: row.get::<_, Option<i64>>(5)?.map(nat),
    })
}

impl Rows<'_> {
    fn install(&self, installed: &Installed, pause: Option<&Pause>) -> Result<bool, StoreError> {
        let Installed { name, source, location, company, at, .. } = installed;
        let stands: Option<(String, Option<i64>)> = self
            .db
            .prepare_cached("SELECT name, removed_at FROM install WHERE source = ?1 AND location = ?2")?
            .query_row([source, location], |row| Ok((row.get(0)?, row.get(1)?)))
            .optional()?;
        let known = stands.as_ref().map_or(name, |(known, _)| known).clone();
        match stands {
            // A word that came twice, or late.
            Some((_, None)) => return Ok(false),
            Some((_, Some(removed_at))) if nat(removed_at) > *at => return Ok(false),
            Some(_) => {
                self.db
                    .prepare_cached(
                        "UPDATE install SET removed_at = NULL, at = ?3, company = coalesce(?4, company)
                         WHERE source = ?1 AND location = ?2",
                    )?
                    .execute(params![source, location, int(*at), company])?;
            }
            None => {
                self.db
                    .prepare_cached(
                        "INSERT INTO install (source, location, name, company, at) VALUES (?1, ?2, ?3, ?4, ?5)",
                    )?
                    .execute(params![source, location, name, company, int(*at)])?;
            }
        }
        if let Some(pause) = pause {
            let scope = match &pause.scope {
                PauseScope::Connection(_) => PauseScope::Connection(known),
                other => other.clone(),
            };
            self.pause(&Pause { scope, ..pause.clone() })?;
        }
        Ok(true)
    }
}
