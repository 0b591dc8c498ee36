//! Proof: what is stored of a change beside what was made of it, so that it can be made once more and compared; and what made each event.

use rusqlite::{OptionalExtension, Row, named_params, params};

use super::change::{Sealed, stored};
use super::rows::{Rows, int};
use super::{Store, StoreError, StoredChange, Window};
use crate::contract::CONTRACT;
use crate::vault::Lookup;

/// A change with everything that is stored of what was made of it.
#[derive(Clone)]
pub struct Provable {
    /// The change; without bytes where they do not open.
    pub change: StoredChange,
    /// Whether its sealed bytes open.
    pub opens: bool,
    /// What became of it.
    pub proven: Proven,
    /// The generation that translated it last.
    pub generation: i64,
    /// Its events, whoever made them.
    pub events: Vec<ProvableEvent>,
    /// What the CRM was to be told of it.
    pub commands: Vec<ProvableCommand>,
    /// Places in audiences that are wanted because of it and of nothing since.
    pub wishes: Vec<ProvableWish>,
}

/// What became of a change, as it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Proven {
    /// It was told: its events say how.
    Told,
    /// It was skipped, with this code and rule.
    Skipped(Option<String>, Option<String>),
}

/// An event as it is stored.
#[derive(Clone)]
pub struct ProvableEvent {
    /// Its row.
    pub row: i64,
    /// Where it goes.
    pub destination: String,
    /// Its id.
    pub event_id: String,
    /// What it is called.
    pub name: String,
    /// The rule that asked for it.
    pub rule: String,
    /// The generation that made it.
    pub generation: i64,
    /// Whether nobody was told: it is dead, expired or dropped.
    pub untold: bool,
    /// The event itself; none where its sealed bytes do not open.
    pub bytes: Option<Vec<u8>>,
}

/// A command as it is stored.
#[derive(Clone)]
pub struct ProvableCommand {
    /// Its row.
    pub row: i64,
    /// What it derives from: the fact and the command itself.
    pub key: String,
    /// The command's name.
    pub name: String,
    /// The rule that asked for it.
    pub rule: String,
    /// The generation that did.
    pub generation: i64,
    /// Whether it waits, or waited, for an event: what the configuration writes back is such a one.
    pub follows: bool,
    /// The command itself; none where its sealed bytes do not open.
    pub bytes: Option<Vec<u8>>,
}

/// What is wanted of a place in an audience, as it is stored.
#[derive(Clone)]
pub struct ProvableWish {
    /// Where.
    pub destination: String,
    /// The audience.
    pub audience: String,
    /// In or out.
    pub join: bool,
    /// The rule that asked for it.
    pub rule: String,
    /// The generation that did.
    pub generation: i64,
    /// The person, as the platform takes them; none where the sealed bytes do not open.
    pub bytes: Option<Vec<u8>>,
}

/// A row as it is found, and what became of it.
type Found = (Sealed, Proven, i64);

const COLUMNS: &str =
    "SELECT row, id, connection, kind, occurred_at, tries, subject, sealed, state, code, rule, generation FROM change";

/// What the store itself said of a change, not its mapper: nothing to prove.
const MADE: &str = "generation IS NOT NULL AND length(sealed) > 0
     AND (state = 'done' OR state = 'skipped' AND code IS NOT 'repeated')";

impl Store {
    /// At most `limit` changes of the window behind row `after` of which a mapper made something, with what it made.
    ///
    /// # Errors
    /// As the database has it.
    pub async fn provable(&self, window: Window, after: i64, limit: usize) -> Result<Vec<Provable>, StoreError> {
        self.read(move |rows| {
            let mut query = rows.db.prepare_cached(&format!(
                "{COLUMNS} WHERE row > :after AND {MADE} AND occurred_at >= :since
                 AND (:until IS NULL OR occurred_at < :until) AND (:connection IS NULL OR connection = :connection)
                 ORDER BY row LIMIT :limit"
            ))?;
            let given = named_params! {
                ":after": after, ":since": int(window.since), ":until": window.until.map(int),
                ":connection": window.connection, ":limit": int(limit as u64),
            };
            let found = query.query_map(given, found)?.collect::<Result<Vec<_>, _>>()?;
            found.into_iter().map(|found| rows.provable(found)).collect()
        })
        .await
    }

    /// The events of each of these changes, by its row, as they are stored.
    ///
    /// # Errors
    /// As the database has it.
    pub async fn events_of(&self, changes: Vec<i64>) -> Result<Vec<Vec<ProvableEvent>>, StoreError> {
        self.read(move |rows| changes.iter().map(|change| rows.provable_events(*change)).collect()).await
    }

    /// The same of what an event's id, a change's id or a name in the queue (`e12`, `c34`) means.
    ///
    /// # Errors
    /// As the database has it.
    pub async fn provable_named(&self, id: &str) -> Result<Vec<Provable>, StoreError> {
        let id = id.to_owned();
        self.read(move |rows| {
            let mut changes = std::collections::BTreeSet::new();
            for (table, row) in rows.named(&id)? {
                match table {
                    "change" => drop(changes.insert(row)),
                    "outbox" => {
                        let mut of = rows.db.prepare_cached("SELECT change FROM outbox WHERE row = ?1")?;
                        changes.extend(of.query_row([row], |row| row.get::<_, i64>(0)).optional()?);
                    }
                    "wanted" => {
                        let mut of = rows.db.prepare_cached("SELECT change FROM wanted WHERE row = ?1")?;
                        changes.extend(of.query_row([row], |row| row.get::<_, i64>(0)).optional()?);
                    }
                    _ => {}
                }
            }
            let mut all = Vec::with_capacity(changes.len());
            for row in changes {
                let mut query = rows.db.prepare_cached(&format!("{COLUMNS} WHERE row = ?1 AND {MADE}"))?;
                if let Some(found) = query.query_row([row], found).optional()? {
                    all.push(rows.provable(found)?);
                }
            }
            Ok(all)
        })
        .await
    }
}

fn found(row: &Row<'_>) -> rusqlite::Result<Found> {
    let proven = match row.get::<_, String>(8)?.as_str() {
        "skipped" => Proven::Skipped(row.get(9)?, row.get(10)?),
        _ => Proven::Told,
    };
    Ok((stored(row)?, proven, row.get(11)?))
}

impl Rows<'_> {
    fn provable(&self, (sealed, proven, generation): Found) -> Result<Provable, StoreError> {
        let bare = sealed.0.clone();
        let (mut opened, _) = self.opened(vec![sealed])?;
        let events = self.provable_events(bare.row)?;
        let (commands, wishes) = (self.provable_commands(bare.row)?, self.provable_wishes(bare.row)?);
        let opens = !opened.is_empty();
        Ok(Provable { change: opened.pop().unwrap_or(bare), opens, proven, generation, events, commands, wishes })
    }

    /// What sealed bytes hold; none where they do not open.
    fn opened_or_none(
        &self,
        table: &'static str,
        id: &[&str],
        subject: &Lookup,
        sealed: &[u8],
    ) -> Result<Option<Vec<u8>>, StoreError> {
        match self.open(table, id, subject, sealed) {
            Ok(bytes) => Ok(Some(bytes)),
            Err(StoreError::Vault(crate::vault::VaultError::Unopened { .. })) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Everything of a change that a table holds, in order. The query answers first whose it is, the sealed bytes, and the two texts that were sealed with
    /// them.
    fn provable_of<T>(
        &self,
        table: &'static str,
        query: &str,
        change: i64,
        read: impl Fn(&Row<'_>, Option<Vec<u8>>) -> rusqlite::Result<T>,
    ) -> Result<Vec<T>, StoreError> {
        let mut query = self.db.prepare_cached(query)?;
        let (mut found, mut all) = (query.query([change])?, Vec::new());
        while let Some(row) = found.next()? {
            let (subject, sealed): (Lookup, Vec<u8>) = (row.get(0)?, row.get(1)?);
            let id: [String; 2] = [row.get(2)?, row.get(3)?];
            let bytes = self.opened_or_none(table, &id.each_ref().map(String::as_str), &subject, &sealed)?;
            all.push(read(row, bytes)?);
        }
        Ok(all)
    }

    fn provable_events(&self, change: i64) -> Result<Vec<ProvableEvent>, StoreError> {
        let query = "SELECT subject, sealed, destination, event_id, row, name, rule, generation, state IN ('dead', 'expired', 'dropped')
             FROM outbox WHERE change = ?1 AND length(sealed) > 0 ORDER BY row";
        self.provable_of("outbox", query, change, |row, bytes| {
            Ok(ProvableEvent {
                destination: row.get(2)?,
                event_id: row.get(3)?,
                row: row.get(4)?,
                name: row.get(5)?,
                rule: row.get(6)?,
                generation: row.get(7)?,
                untold: row.get(8)?,
                bytes,
            })
        })
    }

    fn provable_commands(&self, change: i64) -> Result<Vec<ProvableCommand>, StoreError> {
        let query = "SELECT subject, sealed, connection, key, row, name, rule, generation, event IS NOT NULL
             FROM wanted WHERE change = ?1 AND generation IS NOT NULL AND length(sealed) > 0 ORDER BY row";
        self.provable_of("wanted", query, change, |row, bytes| {
            Ok(ProvableCommand {
                key: row.get(3)?,
                row: row.get(4)?,
                name: row.get(5)?,
                rule: row.get(6)?,
                generation: row.get(7)?,
                follows: row.get(8)?,
                bytes,
            })
        })
    }

    fn provable_wishes(&self, change: i64) -> Result<Vec<ProvableWish>, StoreError> {
        let query = "SELECT subject, sealed, destination, audience, wanted = 'join', rule, generation
             FROM membership WHERE made_of = ?1 AND length(sealed) > 0 ORDER BY row";
        self.provable_of("membership", query, change, |row, bytes| {
            Ok(ProvableWish {
                destination: row.get(2)?,
                audience: row.get(3)?,
                join: row.get(4)?,
                rule: row.get(5)?,
                generation: row.get(6)?,
                bytes,
            })
        })
    }

    /// The digest of the source that read a change first, where one has settled it.
    pub(super) fn read_by(&self, change: i64) -> Result<Option<String>, StoreError> {
        let mut query = self.db.prepare_cached(
            "SELECT source_digest FROM told JOIN inbox ON inbox.row = told.delivery
             WHERE told.change = ?1 AND source_digest IS NOT NULL ORDER BY told.delivery LIMIT 1",
        )?;
        Ok(query.query_row([change], |row| row.get(0)).optional()?)
    }

    /// The row that says what makes events now: the source that read their change, the generation, and the versions of this program.
    pub(super) fn making(&self, source: &str, generation: i64) -> Result<i64, StoreError> {
        let made = params![generation, source, CONTRACT, env!("CARGO_PKG_VERSION")];
        let known = self
            .db
            .prepare_cached(
                "SELECT id FROM making WHERE generation = ?1 AND source_digest = ?2 AND contract = ?3 AND host = ?4",
            )?
            .query_row(made, |row| row.get(0))
            .optional()?;
        if let Some(id) = known {
            return Ok(id);
        }
        let mut add = self
            .db
            .prepare_cached("INSERT INTO making (generation, source_digest, contract, host) VALUES (?1, ?2, ?3, ?4)")?;
        Ok(add.insert(made)?)
    }
}
