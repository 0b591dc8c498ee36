//! What waits and what is parked, in few numbers: read every second or so, so it costs what waits and not what is stored.

use std::collections::BTreeMap;

use rusqlite::{OptionalExtension, params};

use super::rows::{Rows, int, nat};
use super::token::GrantState;
use super::{Store, StoreError};
use crate::clock::Millis;

/// What waits and what is parked at one moment.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Levels {
    /// Deliveries to be read.
    pub read: Line,
    /// Changes to be translated.
    pub translate: Line,
    /// Events to be shipped, of all destinations.
    pub ship: Line,
    /// Commands of rules to be carried out.
    pub execute: Line,
    /// Members of audiences to be put in or taken out; what is parked of them is not counted.
    pub audience: Line,
    /// Events by destination; only those with some.
    pub destinations: BTreeMap<String, Outgoing>,
    /// How many grants stand how.
    pub grants: BTreeMap<&'static str, u64>,
    /// The file of the store, in bytes.
    pub store_bytes: u64,
}

/// One line of waiting rows.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Line {
    /// So many wait.
    pub waiting: u64,
    /// When the one that came first came.
    pub oldest: Option<Millis>,
    /// So many are parked until a person decides.
    pub dead: u64,
}

/// One destination's events.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Outgoing {
    /// Waiting to be sent, for the first time or again, or on their way.
    pub waiting: u64,
    /// Of those: so many that the platform stops taking within the horizon.
    pub expiring: u64,
    /// Parked until a person decides.
    pub dead: u64,
    /// Past their deadline.
    pub expired: u64,
}

/// By row, because rows are numbered as they come: the index that counts them finds the first as well.
const INBOX: &str = "SELECT state, count(*), min(row) FROM inbox WHERE state IN ('waiting', 'dead') GROUP BY state";
const CHANGE: &str = "SELECT state, count(*), min(row) FROM change WHERE state IN ('waiting', 'dead') GROUP BY state";
const WANTED: &str = "SELECT state, count(*), min(row) FROM wanted WHERE state IN ('waiting', 'dead') GROUP BY state";
const OUTBOX: &str =
    "SELECT destination, state, count(*), min(row), sum(deadline < ?1) FROM outbox INDEXED BY outbox_by_state
     WHERE state IN ('waiting', 'in_flight', 'dead', 'expired') GROUP BY state, destination";

impl Store {
    /// What waits and what is parked. Events whose deadline is before `horizon` are counted apart.
    ///
    /// # Errors
    /// As the database has it.
    pub async fn levels(&self, horizon: Millis) -> Result<Levels, StoreError> {
        self.read(move |rows| rows.levels(horizon)).await
    }
}

impl Rows<'_> {
    fn levels(&self, horizon: Millis) -> Result<Levels, StoreError> {
        let mut levels = Levels {
            read: self.line(INBOX, "SELECT received_at FROM inbox WHERE row = ?1")?,
            translate: self.line(
                CHANGE,
                "SELECT min(received_at) FROM told JOIN inbox ON inbox.row = told.delivery WHERE told.change = ?1",
            )?,
            execute: self.line(WANTED, "SELECT created_at FROM wanted WHERE row = ?1")?,
            ..Levels::default()
        };
        self.outgoing(&mut levels, horizon)?;
        let waiting = "SELECT count(*) FROM membership WHERE state = 'waiting'";
        levels.audience.waiting = nat(self.db.prepare_cached(waiting)?.query_row([], |row| row.get(0))?);
        let mut query = self.db.prepare_cached("SELECT state, count(*) FROM token GROUP BY state")?;
        let mut grants = query.query([])?;
        while let Some(row) = grants.next()? {
            levels.grants.insert(
                GrantState::read(row.get_ref(0)?.as_str().map_err(rusqlite::Error::from)?).word(),
                nat(row.get(1)?),
            );
        }
        let pages = "SELECT page_count * page_size FROM pragma_page_count(), pragma_page_size()";
        levels.store_bytes = nat(self.db.prepare_cached(pages)?.query_row([], |row| row.get(0))?);
        Ok(levels)
    }

    /// A line by its count and by when its first row came.
    fn line(&self, count: &str, came: &str) -> Result<Line, StoreError> {
        let mut line = Line::default();
        let mut query = self.db.prepare_cached(count)?;
        let mut rows = query.query([])?;
        while let Some(row) = rows.next()? {
            let count = nat(row.get(1)?);
            if row.get_ref(0)?.as_str().map_err(rusqlite::Error::from)? == "waiting" {
                (line.waiting, line.oldest) = (count, self.came(came, row.get(2)?)?);
            } else {
                line.dead = count;
            }
        }
        Ok(line)
    }

    fn came(&self, came: &str, row: i64) -> Result<Option<Millis>, StoreError> {
        let at: Option<Option<i64>> = self.db.prepare_cached(came)?.query_row([row], |row| row.get(0)).optional()?;
        Ok(at.flatten().map(nat))
    }

    fn outgoing(&self, levels: &mut Levels, horizon: Millis) -> Result<(), StoreError> {
        let mut first: Option<i64> = None;
        let mut query = self.db.prepare_cached(OUTBOX)?;
        let mut rows = query.query(params![int(horizon)])?;
        while let Some(row) = rows.next()? {
            let destination = levels.destinations.entry(row.get(0)?).or_default();
            let count = nat(row.get(2)?);
            match row.get_ref(1)?.as_str().map_err(rusqlite::Error::from)? {
                "dead" => {
                    destination.dead += count;
                    levels.ship.dead += count;
                }
                "expired" => destination.expired += count,
                _ => {
                    destination.waiting += count;
                    destination.expiring += nat(row.get(4)?);
                    levels.ship.waiting += count;
                    let row: i64 = row.get(3)?;
                    first = Some(first.map_or(row, |first| first.min(row)));
                }
            }
        }
        if let Some(first) = first {
            levels.ship.oldest = self.came("SELECT created_at FROM outbox WHERE row = ?1", first)?;
        }
        Ok(())
    }
}
