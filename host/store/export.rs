//! What was delivered, joined with what told it, for reports of the operator's own.

use rusqlite::named_params;
use serde::{Deserialize, Serialize};

use super::rows::{Rows, int, nat};
use super::{Store, StoreError};
use crate::clock::Millis;
use crate::vault::{Lookup, VaultError};

/// Which deliveries to a platform are asked for.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Delivered {
    /// From when on they were delivered.
    pub since: Millis,
    /// Before when.
    pub until: Option<Millis>,
    /// To whom; to all when left out.
    pub destination: Option<String>,
    /// Behind this row.
    pub after: i64,
    /// How many at most.
    pub limit: u64,
}

/// A delivered event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ToldEvent {
    /// Its row, to go on from.
    pub row: i64,
    /// Its id.
    pub event_id: String,
    /// What it is called.
    pub name: String,
    /// Where it went.
    pub destination: String,
    /// Whose it is.
    pub connection: String,
    /// The fact's id.
    pub change: String,
    /// What kind of fact.
    pub kind: String,
    /// The rule that asked for it.
    pub rule: String,
    /// The generation that made it.
    pub generation: i64,
    /// When the fact happened.
    pub occurred_at: Millis,
    /// When the platform took it.
    pub told_at: Millis,
    /// The platform's word for the request.
    pub trace: Option<String>,
    /// The change, and the event; `None` once the contact was forgotten.
    pub bytes: Option<(Vec<u8>, Vec<u8>)>,
}

pub(super) const TOLD: &str =
    "SELECT outbox.row, event_id, outbox.name, destination, change.connection, change.id, change.kind, outbox.rule,
            outbox.generation, outbox.occurred_at, done_at, trace, change.subject, change.sealed, outbox.sealed
     FROM outbox JOIN change ON change.row = outbox.change
     WHERE outbox.row > :after AND +outbox.state = 'done' AND done_at >= :since AND (:until IS NULL OR done_at < :until)
       AND (:destination IS NULL OR destination = :destination)
     ORDER BY outbox.row LIMIT :limit";

impl Store {
    /// Delivered events in the order in which they were made, with what they were made of.
    ///
    /// # Errors
    /// As the database has it.
    pub async fn told(&self, asked: Delivered) -> Result<Vec<ToldEvent>, StoreError> {
        self.read(move |rows| {
            let mut query = rows.db.prepare_cached(TOLD)?;
            let given = named_params! {
                ":after": asked.after, ":since": int(asked.since), ":until": asked.until.map(int),
                ":destination": asked.destination, ":limit": int(asked.limit),
            };
            let found = query.query_map(given, told)?.collect::<Result<Vec<_>, _>>()?;
            found.into_iter().map(|sealed| rows.opened_told(sealed)).collect()
        })
        .await
    }

    /// Notes in the audit that what was delivered was taken out.
    pub async fn note_export(&self, at: Millis, by: &str) -> Result<(), StoreError> {
        let act = super::AuditRow::act(at, by, "queue".to_owned(), "export".to_owned());
        self.write("note_export", 0, move |rows| rows.note(&act)).await
    }
}

type Sealed = (ToldEvent, Lookup, Vec<u8>, Vec<u8>);

fn told(row: &rusqlite::Row<'_>) -> rusqlite::Result<Sealed> {
    let event = ToldEvent {
        row: row.get(0)?,
        event_id: row.get(1)?,
        name: row.get(2)?,
        destination: row.get(3)?,
        connection: row.get(4)?,
        change: row.get(5)?,
        kind: row.get(6)?,
        rule: row.get(7)?,
        generation: row.get(8)?,
        occurred_at: nat(row.get(9)?),
        told_at: nat(row.get(10)?),
        trace: row.get(11)?,
        bytes: None,
    };
    Ok((event, row.get(12)?, row.get(13)?, row.get(14)?))
}

impl Rows<'_> {
    fn opened_told(&self, (mut event, subject, change, said): Sealed) -> Result<ToldEvent, StoreError> {
        let change = self.open("change", &[&event.connection, &event.change], &subject, &change);
        let said = self.open("outbox", &[&event.destination, &event.event_id], &subject, &said);
        event.bytes = match (change, said) {
            (Ok(change), Ok(said)) => Some((change, said)),
            (Err(StoreError::Vault(VaultError::Unopened { .. })), _)
            | (_, Err(StoreError::Vault(VaultError::Unopened { .. }))) => None,
            (Err(error), _) | (_, Err(error)) => return Err(error),
        };
        Ok(event)
    }
}
