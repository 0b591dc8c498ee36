//! Polls: a page's rows and the cursor behind it in one transaction, and where each poll stands.

use rusqlite::{OptionalExtension, Row, params};
use serde::{Deserialize, Serialize};

use super::inbox::{Incoming, Origin, Put};
use super::rows::{Rows, int, nat};
use super::{Store, StoreError};
use crate::clock::Millis;

/// What a poll looks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Sweep {
    /// Contacts that changed since the cursor.
    Updates,
    /// Everything, contact by contact, to find what no webhook told.
    Everything,
}

impl Sweep {
    /// The sweep as a word.
    pub fn word(self) -> &'static str {
        match self {
            Self::Updates => "updates",
            Self::Everything => "everything",
        }
    }

    fn read(text: &str) -> Self {
        if text == "updates" { Self::Updates } else { Self::Everything }
    }

    /// How a row came, and the word that its delivery's id begins with.
    fn origin(self) -> (Origin, &'static str) {
        match self {
            Self::Updates => (Origin::Poll, "poll"),
            Self::Everything => (Origin::Sweep, "sweep"),
        }
    }
}

/// A page to store.
#[derive(Clone)]
pub struct PolledPage {
    /// The connection that was polled.
    pub connection: String,
    /// Its source.
    pub source: String,
    /// Its location.
    pub location: String,
    /// What the poll looks for.
    pub sweep: Sweep,
    /// The page's rows: the id of each, which names the contact and the state it was seen in, and its body.
    pub rows: Vec<(String, Vec<u8>)>,
    /// Where the next page, or the next poll, begins.
    pub cursor: Option<String>,
    /// Whether the poll has a next page; if not, it has come to its end.
    pub more: bool,
    /// When the poll began.
    pub started_at: Millis,
    /// When the page came.
    pub now: Millis,
    /// Whether this is the poll's first page.
    pub first: bool,
}

/// What became of a page's rows.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct PutPage {
    /// Rows that are deliveries now.
    pub stored: u64,
    /// Rows that were seen before in the same state.
    pub known: u64,
}

/// Where a poll stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PollState {
    /// Where the next page, or the next poll, begins.
    pub cursor: Option<String>,
    /// Whether the poll has a next page.
    pub more: bool,
    /// When the poll began.
    pub started_at: Millis,
    /// When its last page came; before any page, when it was first tried.
    pub page_at: Millis,
    /// When a poll last came to its end.
    pub finished_at: Option<Millis>,
    /// How many pages the poll has had.
    pub pages: u64,
    /// Why the last try failed, if it did.
    pub error: Option<String>,
    /// When it failed.
    pub failed_at: Option<Millis>,
    /// How often it failed since the last page.
    pub tries: u32,
}

/// Where a connection's poll stands, for people.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PollSummary {
    /// The connection.
    pub connection: String,
    /// What the poll looks for.
    pub sweep: Sweep,
    /// Whether it is under way.
    pub more: bool,
    /// When it began.
    pub started_at: Millis,
    /// When its last page came; before any page, when it was first tried.
    pub page_at: Millis,
    /// When a poll last came to its end.
    pub finished_at: Option<Millis>,
    /// How many pages it has had.
    pub pages: u64,
    /// Why the last try failed, if it did.
    pub error: Option<String>,
    /// How often it failed since the last page.
    pub tries: u32,
}

/// `sealed` stands behind the columns that [`summary`] takes.
const POLLS: &str = "SELECT connection, sweep, more, started_at, page_at, finished_at, pages, error, tries, failed_at, \
                     sealed FROM poll";

impl Store {
    /// Stores a page: its rows as deliveries that wait, each once for the state it was seen in, and the cursor. Both
    /// are in the store when this returns, or neither is.
    ///
    /// # Errors
    /// As the disk has it; then the same page is asked for again.
    pub async fn put_page(&self, page: PolledPage) -> Result<PutPage, StoreError> {
        let weight = page.rows.iter().map(|(id, body)| id.len() + body.len()).sum();
        self.write("put_page", weight, move |rows| rows.put_page(&page)).await
    }

    /// Where the connection's poll stands; `None` before its first page or failure.
    ///
    /// # Errors
    /// As the database has it; [`StoreError::Vault`] if the cursor does not open.
    pub async fn poll_state(&self, connection: &str, sweep: Sweep) -> Result<Option<PollState>, StoreError> {
        let connection = connection.to_owned();
        self.read(move |rows| rows.poll_state(&connection, sweep)).await
    }

    /// Notes that a page could not be had, and why. The cursor stays where it was.
    ///
    /// # Errors
    /// As the disk has it.
    pub async fn poll_failed(
        &self,
        connection: &str,
        sweep: Sweep,
        reason: String,
        at: Millis,
    ) -> Result<(), StoreError> {
        let connection = connection.to_owned();
        self.write("poll_failed", 0, move |rows| {
            rows.db
                .prepare_cached(
                    "INSERT INTO poll (connection, sweep, more, started_at, page_at, pages, error, failed_at, tries)
                     VALUES (?1, ?2, 0, ?4, ?4, 0, ?3, ?4, 1)
                     ON CONFLICT (connection, sweep) DO UPDATE
                     SET error = excluded.error, failed_at = excluded.failed_at, tries = tries + 1",
                )?
                .execute(params![connection, sweep.word(), reason, int(at)])?;
            Ok(())
        })
        .await
    }

    /// Begins the connection's poll anew the next time: its cursor is forgotten. What was told stays told.
    ///
    /// # Errors
    /// As the disk has it.
    pub async fn forget_poll(&self, connection: &str, sweep: Sweep) -> Result<(), StoreError> {
        let connection = connection.to_owned();
        self.write("forget_poll", 0, move |rows| {
            rows.db
                .prepare_cached("DELETE FROM poll WHERE connection = ?1 AND sweep = ?2")?
                .execute(params![connection, sweep.word()])?;
            Ok(())
        })
        .await
    }

    /// Where every poll stands, by connection.
    ///
    /// # Errors
    /// As the database has it.
    pub async fn polls(&self) -> Result<Vec<PollSummary>, StoreError> {
        self.read(|rows| rows.polls()).await
    }

    /// When the connection began: `now` if this is the first that is heard of it. What is older is the past.
    ///
    /// # Errors
    /// As the disk has it.
    pub async fn first_seen(&self, connection: &str, now: Millis) -> Result<Millis, StoreError> {
        let name = connection.to_owned();
        if let Some(began) = self.read(move |rows| rows.began(&name)).await? {
            return Ok(began);
        }
        let name = connection.to_owned();
        self.write("first_seen", 0, move |rows| {
            rows.db
                .prepare_cached("INSERT OR IGNORE INTO began (connection, at) VALUES (?1, ?2)")?
                .execute(params![name, int(now)])?;
            Ok(rows.began(&name)?.unwrap_or(now))
        })
        .await
    }
}

fn summary(row: &Row<'_>) -> rusqlite::Result<PollSummary> {
    Ok(PollSummary {
        connection: row.get(0)?,
        sweep: Sweep::read(row.get_ref(1)?.as_str()?),
        more: row.get(2)?,
        started_at: nat(row.get(3)?),
        page_at: nat(row.get(4)?),
        finished_at: row.get::<_, Option<i64>>(5)?.map(nat),
        pages: nat(row.get(6)?),
        error: row.get(7)?,
        tries: row.get(8)?,
    })
}

impl Rows<'_> {
    fn put_page(&self, page: &PolledPage) -> Result<PutPage, StoreError> {
        let (origin, word) = page.sweep.origin();
        let mut put = PutPage::default();
        for (id, body) in &page.rows {
            let incoming = Incoming {
                source: page.source.clone(),
                connection: Some(page.connection.clone()),
                webhook_id: format!("{word}.{}.{id}", page.connection),
                location: page.location.clone(),
                kind_hint: None,
                origin: origin.clone(),
                received_at: page.now,
                sent_at: None,
                headers: Vec::new(),
                body: body.clone(),
            };
            match self.put(&incoming)? {
                Put::Stored { .. } => put.stored += 1,
                Put::Known => put.known += 1,
            }
        }
        // A cursor is the source's own text and may hold anything.
        let cursor = page.cursor.as_ref().map(|cursor| {
            let place = [page.connection.as_str(), page.sweep.word()];
            self.seal("poll", &place, &self.connection(&page.connection), cursor.as_bytes())
        });
        self.db
            .prepare_cached(
                "INSERT INTO poll (connection, sweep, more, started_at, page_at, finished_at, covered_at, pages, tries,
                                   sealed)
                 VALUES (?1, ?2, ?3, ?4, ?5, iif(?3, NULL, ?5), iif(?3, NULL, ?4), 1, 0, ?6)
                 ON CONFLICT (connection, sweep) DO UPDATE
                 SET more = excluded.more, started_at = excluded.started_at, page_at = excluded.page_at,
                     finished_at = coalesce(excluded.finished_at, finished_at),
                     covered_at = coalesce(excluded.covered_at, covered_at), pages = iif(?7, 0, pages) + 1,
                     error = NULL, failed_at = NULL, tries = 0, sealed = excluded.sealed",
            )?
            .execute(params![
                page.connection,
                page.sweep.word(),
                page.more,
                int(page.started_at),
                int(page.now),
                cursor.transpose()?,
                page.first,
            ])?;
        Ok(put)
    }

    fn poll_state(&self, connection: &str, sweep: Sweep) -> Result<Option<PollState>, StoreError> {
        let found: Option<(PollSummary, Option<i64>, Option<Vec<u8>>)> = self
            .db
            .prepare_cached(&format!("{POLLS} WHERE connection = ?1 AND sweep = ?2"))?
            .query_row([connection, sweep.word()], |row| Ok((summary(row)?, row.get(9)?, row.get(10)?)))
            .optional()?;
        let Some((known, failed_at, sealed)) = found else { return Ok(None) };
        let place = [connection, sweep.word()];
        let cursor =
            sealed.map(|sealed| self.open("poll", &place, &self.connection(connection), &sealed)).transpose()?;
        Ok(Some(PollState {
            cursor: cursor.map(|bytes| String::from_utf8_lossy(&bytes).into_owned()),
            more: known.more,
            started_at: known.started_at,
            page_at: known.page_at,
            finished_at: known.finished_at,
            pages: known.pages,
            error: known.error,
            failed_at: failed_at.map(nat),
            tries: known.tries,
        }))
    }

    pub(super) fn polls(&self) -> Result<Vec<PollSummary>, StoreError> {
        let mut query = self.db.prepare_cached(&format!("{POLLS} ORDER BY connection, sweep"))?;
        Ok(query.query_map([], summary)?.collect::<Result<_, _>>()?)
    }

    fn began(&self, connection: &str) -> Result<Option<Millis>, StoreError> {
        let mut query = self.db.prepare_cached("SELECT at FROM began WHERE connection = ?1")?;
        Ok(query.query_row([connection], |row| row.get(0)).optional()?.map(nat))
    }
}
