//! What waits and what is parked, as a person looks at it: grouped by reason, row by row, and one row with its attempts.

use std::collections::BTreeMap;

use rusqlite::{OptionalExtension, Row, named_params, params};
use serde::{Deserialize, Serialize};

use super::rows::{Rows, int, nat};
use super::{Store, StoreError};
use crate::clock::Millis;

/// What a row of the queue is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum QueueKind {
    /// A delivery to be read.
    Delivery,
    /// A change to be translated.
    Change,
    /// An event to be sent.
    Event,
    /// A command to the CRM that a rule asked for.
    Command,
}

impl QueueKind {
    fn read(text: &str) -> Self {
        match text {
            "delivery" => Self::Delivery,
            "change" => Self::Change,
            "command" => Self::Command,
            _ => Self::Event,
        }
    }
}

/// Where a row of the queue stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum QueueState {
    /// Parked until a person decides.
    #[default]
    Dead,
    /// Its turn will come.
    Waiting,
    /// A delivery of a location that no connection has, or a command whose event is not delivered.
    Held,
    /// In an attempt without an answer so far.
    InFlight,
    /// Past its deadline.
    Expired,
    /// Ended by a person, or with its contact.
    Dropped,
}

impl QueueState {
    fn written(self) -> &'static str {
        match self {
            Self::Dead => "dead",
            Self::Waiting => "waiting",
            Self::Held => "held",
            Self::InFlight => "in_flight",
            Self::Expired => "expired",
            Self::Dropped => "dropped",
        }
    }
}

/// Which rows are meant. What is left out does not matter.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct QueueFilter {
    /// Where they stand.
    pub state: QueueState,
    /// What they are.
    pub kind: Option<QueueKind>,
    /// Where they go: events only have a destination.
    pub destination: Option<String>,
    /// Whose they are.
    pub connection: Option<String>,
    /// What their reason contains.
    pub reason: Option<String>,
}

/// Rows that stand in one place for one reason.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct QueueGroup {
    /// What they are.
    pub kind: QueueKind,
    /// The destination of events, the connection of everything else.
    pub lane: String,
    /// Why they stand there.
    pub reason: Option<String>,
    /// How many.
    pub count: u64,
    /// When the first of them came about.
    pub oldest: Millis,
    /// When the last of them came about.
    pub newest: Millis,
}

/// One row.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct QueueRow {
    /// How a person names it: `e12`, `c34`, `k56`, or a delivery's id.
    pub name: String,
    /// What it is.
    pub kind: QueueKind,
    /// The event's, the fact's or the delivery's id, or the command's key.
    pub id: String,
    /// Whose it is; none of a delivery that is held.
    pub connection: Option<String>,
    /// Where it goes, if it is an event.
    pub destination: Option<String>,
    /// The event's or command's name, or the kind of fact or delivery.
    pub what: Option<String>,
    /// Where it stands.
    pub state: String,
    /// Why.
    pub reason: Option<String>,
    /// How often it was tried.
    pub tries: u32,
    /// Whether the platform may have it although it is not done.
    pub ambiguous: bool,
    /// When it came about.
    pub since: Millis,
    /// When its turn is, or was.
    pub due_at: Millis,
    /// After this the platform does not take it, if it is an event.
    pub deadline: Option<Millis>,
    #[serde(skip)]
    pub(super) row: i64,
}

/// One shape for all tables.
const ROWS: &str = "WITH queue AS (
     SELECT 'event' AS kind, outbox.row AS row, outbox.event_id AS id, change.connection AS connection,
            outbox.destination AS destination, outbox.name AS what, outbox.state AS state, outbox.reason AS reason,
            outbox.tries AS tries, outbox.ambiguous AS ambiguous, outbox.created_at AS since, outbox.due_at AS due_at,
            outbox.deadline AS deadline
     FROM outbox LEFT JOIN change ON change.row = outbox.change
     UNION ALL
     SELECT 'change', row, id, connection, NULL, kind, state, reason, tries, 0, occurred_at, due_at, NULL FROM change
     UNION ALL
     SELECT 'command', row, key, connection, NULL, name, state, reason, tries, 0, created_at, due_at, NULL FROM wanted
     UNION ALL
     SELECT 'delivery', row, id, connection, NULL, kind, state, reason, tries, 0, received_at, due_at, NULL FROM inbox)";

const MEANT: &str = "state = :state AND (:kind IS NULL OR kind = :kind)
     AND (:destination IS NULL OR destination = :destination) AND (:connection IS NULL OR connection = :connection)
     AND (:reason IS NULL OR instr(reason, :reason) > 0)";

const COLUMNS: &str =
    "kind, row, id, connection, destination, what, state, reason, tries, ambiguous, since, due_at, deadline";

impl Store {
    /// What is meant, grouped by kind, place and reason; the largest `limit` groups, the largest first. What stands in brackets
    /// at the end of a reason is about one request (its trace, say) and keeps no rows apart.
    ///
    /// # Errors
    /// As the database has it.
    pub async fn queue_groups(&self, filter: QueueFilter, limit: u64) -> Result<Vec<QueueGroup>, StoreError> {
        self.read(move |rows| {
            let mut query = rows.db.prepare_cached(&format!(
                "{ROWS} SELECT kind, coalesce(destination, connection, ''), reason, count(*), min(since), max(since)
                 FROM queue WHERE {MEANT} GROUP BY 1, 2, 3"
            ))?;
            let found = query.query_map(
                named_params! {
                    ":state": filter.state.written(), ":kind": kind_word(filter.kind), ":destination": filter.destination,
                    ":connection": filter.connection, ":reason": filter.reason,
                },
                |row| {
                    Ok(QueueGroup {
                        kind: QueueKind::read(row.get_ref(0)?.as_str()?),
                        lane: row.get(1)?,
                        reason: row.get(2)?,
                        count: nat(row.get(3)?),
                        oldest: nat(row.get(4)?),
                        newest: nat(row.get(5)?),
                    })
                },
            )?;
            let mut groups = merged(found.collect::<Result<_, _>>()?);
            groups.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
            Ok(groups)
        })
        .await
    }

    /// What is meant, row by row, at most `limit`, the oldest first.
    ///
    /// # Errors
    /// As the database has it.
    pub async fn queue_rows(&self, filter: QueueFilter, limit: u64) -> Result<Vec<QueueRow>, StoreError> {
        self.read(move |rows| {
            let mut query = rows.db.prepare_cached(&format!(
                "{ROWS} SELECT {COLUMNS} FROM queue WHERE {MEANT} ORDER BY since, kind, row LIMIT :limit"
            ))?;
            let found = query.query_map(
                named_params! {
                    ":state": filter.state.written(), ":kind": kind_word(filter.kind), ":destination": filter.destination,
                    ":connection": filter.connection, ":reason": filter.reason, ":limit": int(limit),
                },
                queue_row,
            )?;
            Ok(found.collect::<Result<_, _>>()?)
        })
        .await
    }

    /// The rows that a person's word names: `e12`, `c34`, `k56`, or the id of an event (once for each destination), of a fact
    /// or of a delivery, ours or its sender's, or the key of a command. Empty if nothing is called so.
    ///
    /// # Errors
    /// As the database has it.
    pub async fn queue_named(&self, name: &str) -> Result<Vec<QueueRow>, StoreError> {
        let name = name.to_owned();
        self.read(move |rows| {
            rows.named(&name)?.into_iter().filter_map(|(table, row)| rows.queue_row(table, row).transpose()).collect()
        })
        .await
    }
}

impl Rows<'_> {
    /// The table and row of everything that has this name.
    pub(super) fn named(&self, name: &str) -> Result<Vec<(&'static str, i64)>, StoreError> {
        let number = |letter| name.strip_prefix(letter).and_then(|digits: &str| digits.parse::<i64>().ok());
        if let Some(row) = number('e') {
            return Ok(vec![("outbox", row)]);
        }
        if let Some(row) = number('c') {
            return Ok(vec![("change", row)]);
        }
        if let Some(row) = number('k') {
            return Ok(vec![("wanted", row)]);
        }
        let mut found = Vec::new();
        let places =
            [("outbox", "event_id"), ("change", "id"), ("inbox", "id"), ("inbox", "webhook_id"), ("wanted", "key")];
        for (table, column) in places {
            let mut query = self.db.prepare_cached(&format!("SELECT row FROM {table} WHERE {column} = ?1"))?;
            for row in query.query_map([name], |row| row.get::<_, i64>(0))? {
                found.push((table, row?));
            }
        }
        found.dedup();
        Ok(found)
    }

    fn queue_row(&self, table: &str, row: i64) -> Result<Option<QueueRow>, StoreError> {
        let kind = match table {
            "inbox" => "delivery",
            "outbox" => "event",
            "wanted" => "command",
            other => other,
        };
        let mut query =
            self.db.prepare_cached(&format!("{ROWS} SELECT {COLUMNS} FROM queue WHERE kind = ?1 AND row = ?2"))?;
        Ok(query.query_row(params![kind, row], queue_row).optional()?)
    }
}

/// Groups that differ in nothing but what is about one request become one; the largest first.
fn merged(found: Vec<QueueGroup>) -> Vec<QueueGroup> {
    let mut groups: BTreeMap<(QueueKind, String, Option<String>), QueueGroup> = BTreeMap::new();
    for mut group in found {
        group.reason = group.reason.map(|reason| lasting(&reason).to_owned());
        let key = (group.kind, group.lane.clone(), group.reason.clone());
        let known = groups.entry(key).or_insert(QueueGroup { count: 0, ..group.clone() });
        known.count += group.count;
        known.oldest = known.oldest.min(group.oldest);
        known.newest = known.newest.max(group.newest);
    }
    let mut groups: Vec<QueueGroup> = groups.into_values().collect();
    groups.sort_by_key(|group| std::cmp::Reverse(group.count));
    groups
}

/// A reason without the brackets at its end.
fn lasting(reason: &str) -> &str {
    let cut = reason.strip_suffix(')').and_then(|inner| inner.rfind(" (")).filter(|at| *at > 0);
    cut.map_or(reason, |at| &reason[..at])
}

fn kind_word(kind: Option<QueueKind>) -> Option<&'static str> {
    kind.map(|kind| match kind {
        QueueKind::Delivery => "delivery",
        QueueKind::Change => "change",
        QueueKind::Event => "event",
        QueueKind::Command => "command",
    })
}

fn queue_row(from: &Row<'_>) -> rusqlite::Result<QueueRow> {
    let kind = QueueKind::read(from.get_ref(0)?.as_str()?);
    let (row, id): (i64, String) = (from.get(1)?, from.get(2)?);
    let name = match kind {
        QueueKind::Event => format!("e{row}"),
        QueueKind::Change => format!("c{row}"),
        QueueKind::Command => format!("k{row}"),
        QueueKind::Delivery => id.clone(),
    };
    Ok(QueueRow {
        name,
        kind,
        id,
        connection: from.get(3)?,
        destination: from.get(4)?,
        what: from.get(5)?,
        state: from.get(6)?,
        reason: from.get(7)?,
        tries: from.get(8)?,
        ambiguous: from.get(9)?,
        since: nat(from.get(10)?),
        due_at: nat(from.get(11)?),
        deadline: from.get::<_, Option<i64>>(12)?.map(nat),
        row,
    })
}

#[cfg(test)]
mod tests {
    use super::lasting;

    #[test]
    fn what_is_about_one_request_does_not_last() {
        assert_eq!(lasting("refused with code 100 (trace A1b)"), "refused with code 100");
        for whole in ["refused", "(all of it)", "f(x)", "a (b) c", ""] {
            assert_eq!(lasting(whole), whole);
        }
    }
}
