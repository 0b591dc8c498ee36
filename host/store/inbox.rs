//! Deliveries: put once however often they come, held until their location is known, claimed by connection.

use rusqlite::{Row, params};
use serde::Serialize;

use super::lane::{Lanes, Waiting};
use super::rows::{Rows, int, nat, sort_opened};
use super::{Store, StoreError};
use crate::clock::Millis;
use crate::vault::{Lookup, VaultError, seal};

/// How a delivery came to us.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Origin {
    /// The source sent it to our door.
    Webhook,
    /// We asked the source for what changed.
    Poll,
    /// We asked the source for everything.
    Sweep,
    /// A program of the operator's reported it, for the contact named.
    Reported(String),
}

impl Origin {
    fn written(&self) -> String {
        match self {
            Self::Webhook => "webhook".to_owned(),
            Self::Poll => "poll".to_owned(),
            Self::Sweep => "sweep".to_owned(),
            Self::Reported(by) => format!("reported:{by}"),
        }
    }

    pub(super) fn read(text: &str) -> Self {
        match text.split_once(':') {
            Some((_, by)) => Self::Reported(by.to_owned()),
            None if text == "poll" => Self::Poll,
            None if text == "sweep" => Self::Sweep,
            None => Self::Webhook,
        }
    }
}

/// A verified delivery to store. Headers and body are sealed, the rest stays readable.
#[derive(Clone)]
pub struct Incoming {
    /// The source's name.
    pub source: String,
    /// The connection, or `None` if nobody claims its location yet: then it is held.
    pub connection: Option<String>,
    /// The source's own id of the delivery; stored once for each source.
    pub webhook_id: String,
    /// The location that it speaks of.
    pub location: String,
    /// What the source's description says of its kind, before a component has read it.
    pub kind_hint: Option<String>,
    /// How it came.
    pub origin: Origin,
    /// When it came.
    pub received_at: Millis,
    /// When the source says it sent it.
    pub sent_at: Option<Millis>,
    /// The headers that a component may see.
    pub headers: Vec<(String, String)>,
    /// The bytes as they came.
    pub body: Vec<u8>,
}

/// What became of a delivery at the door.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Put {
    /// It is durable under this id.
    Stored {
        /// `d_` and 26 characters that sort by time.
        delivery: String,
    },
    /// Its webhook id is known; nothing was stored.
    Known,
}

/// A delivery that waits to be read.
#[derive(Clone)]
pub struct StoredDelivery {
    /// The delivery's id.
    pub id: String,
    /// The source that handed it over.
    pub source: String,
    /// The connection it belongs to; empty while it is held.
    pub connection: String,
    /// The source's own id of it.
    pub webhook_id: String,
    /// The location that it speaks of.
    pub location: String,
    /// How it came.
    pub origin: Origin,
    /// When it came.
    pub received_at: Millis,
    /// The headers that a component may see.
    pub headers: Vec<(String, String)>,
    /// The bytes as they came.
    pub body: Vec<u8>,
    /// How often it was tried before.
    pub tries: u32,
}

/// How many deliveries may be claimed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Room {
    /// In all.
    pub deliveries: usize,
    /// Rows of a sweep among them.
    pub swept: usize,
}

/// What is claimed of a connection's deliveries, and what it takes to read them.
pub struct Claimed {
    /// What there was room for.
    pub room: Room,
    /// The connection's catalogue as it was settled last.
    pub catalogue: Option<Vec<u8>>,
    /// The deliveries.
    pub deliveries: Vec<StoredDelivery>,
}

pub(super) const DELIVERY_LANES: Lanes = Lanes { table: "inbox", column: "connection" };

pub(super) const CLAIM_DELIVERIES: &str =
    "SELECT row, id, source, connection, webhook_id, location, origin, received_at, tries, subject, sealed FROM inbox
     WHERE state = 'waiting' AND connection = ?1 AND due_at <= ?2 AND (origin = 'sweep') = ?4 ORDER BY due_at LIMIT ?3";

const PUT: &str =
    "INSERT INTO inbox (id, source, connection, webhook_id, location, kind, origin, received_at, sent_at, state,
     due_at, subject, sealed) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?8, ?11, ?12)";

impl Store {
    /// Stores a delivery, unless its webhook id is known for its source (by its row, or for as long as a swept row's id
    /// is remembered).
    ///
    /// # Errors
    /// [`StoreError::Full`] when the disk takes no more: answer 429.
    pub async fn put(&self, incoming: Incoming) -> Result<Put, StoreError> {
        let weight =
            incoming.body.len() + incoming.headers.iter().map(|(name, value)| name.len() + value.len()).sum::<usize>();
        self.write("put", weight, move |rows| rows.put(&incoming)).await
    }

    /// Gives the deliveries held for a location to a connection. Returns how many.
    ///
    /// # Errors
    /// As the disk has it.
    pub async fn adopt(&self, source: &str, location: &str, connection: &str) -> Result<u64, StoreError> {
        let (source, location, connection) = (source.to_owned(), location.to_owned(), connection.to_owned());
        self.write("adopt", 0, move |rows| {
            let adopted = rows
                .db
                .prepare_cached(
                    "UPDATE inbox SET connection = ?3, state = 'waiting'
                     WHERE state = 'held' AND source = ?1 AND location = ?2",
                )?
                .execute(params![source, location, connection])?;
            Ok(adopted as u64)
        })
        .await
    }

    /// The connections with deliveries due at `now`.
    ///
    /// # Errors
    /// As the database has it.
    pub async fn connections_waiting(&self, now: Millis) -> Result<Vec<Waiting>, StoreError> {
        self.read(move |rows| rows.waiting(DELIVERY_LANES, now)).await
    }

    /// At most so many of a connection's due deliveries as `room` says (which is told whether the connection has a catalogue), the longest due first;
    /// a sweep's rows come after all others, and at most so many of them. Claims nothing durable: one lane works for a connection, and what is not
    /// settled is claimed again. A delivery that does not open becomes dead.
    ///
    /// # Errors
    /// As the database has it.
    pub async fn claim_deliveries(
        &self,
        connection: &str,
        now: Millis,
        room: impl FnOnce(bool) -> Room + Send + 'static,
    ) -> Result<Claimed, StoreError> {
        let connection = connection.to_owned();
        let (claimed, closed) = self
            .read(move |rows| {
                let catalogue = rows.catalogue(&connection)?;
                let room = room(catalogue.is_some());
                let (deliveries, closed) = rows.due_deliveries(&connection, now, room)?;
                Ok((Claimed { room, catalogue, deliveries }, closed))
            })
            .await?;
        if !closed.is_empty() {
            self.write("park", 0, move |rows| rows.park("inbox", &closed)).await?;
        }
        Ok(claimed)
    }
}

/// A delivery as it is stored: its row, what can be read, its subject, what is sealed.
pub(super) type Sealed = (i64, StoredDelivery, Lookup, Vec<u8>);

/// Takes a row of the columns that [`CLAIM_DELIVERIES`] names.
pub(super) fn stored(row: &Row<'_>) -> rusqlite::Result<Sealed> {
    let delivery = StoredDelivery {
        id: row.get(1)?,
        source: row.get(2)?,
        connection: row.get::<_, Option<String>>(3)?.unwrap_or_default(),
        webhook_id: row.get(4)?,
        location: row.get(5)?,
        origin: Origin::read(row.get_ref(6)?.as_str()?),
        received_at: nat(row.get(7)?),
        headers: Vec::new(),
        body: Vec::new(),
        tries: row.get(8)?,
    };
    Ok((row.get(0)?, delivery, row.get(9)?, row.get(10)?))
}

impl Rows<'_> {
    /// Stores a delivery that is not known.
    pub(super) fn put(&self, incoming: &Incoming) -> Result<Put, StoreError> {
        let known = self
            .db
            .prepare_cached(
                "SELECT 1 FROM inbox WHERE source = ?1 AND webhook_id = ?2
                 UNION ALL SELECT 1 FROM webhook_seen WHERE source = ?1 AND webhook_id = ?2",
            )?
            .exists(params![incoming.source, incoming.webhook_id])?;
        if known {
            return Ok(Put::Known);
        }
        let delivery = fresh_id(incoming.received_at)?;
        let subject = self.location(&incoming.source, &incoming.location);
        let sealed = self.seal("inbox", &[&delivery], &subject, &framed(&incoming.headers, &incoming.body))?;
        self.db.prepare_cached(PUT)?.execute(params![
            delivery,
            incoming.source,
            incoming.connection,
            incoming.webhook_id,
            incoming.location,
            incoming.kind_hint,
            incoming.origin.written(),
            int(incoming.received_at),
            incoming.sent_at.map(int),
            if incoming.connection.is_some() { "waiting" } else { "held" },
            subject.as_slice(),
            sealed,
        ])?;
        Ok(Put::Stored { delivery })
    }

    fn due_deliveries(
        &self,
        connection: &str,
        now: Millis,
        room: Room,
    ) -> Result<(Vec<StoredDelivery>, Vec<i64>), StoreError> {
        let mut query = self.db.prepare_cached(CLAIM_DELIVERIES)?;
        let mut found: Vec<Sealed> = Vec::new();
        for sweep in [false, true] {
            let left = room.deliveries - found.len();
            let left = if sweep { left.min(room.swept) } else { left };
            if left == 0 {
                break;
            }
            let rows = query.query_map(params![connection, int(now), int(left as u64), sweep], stored)?;
            for row in rows {
                found.push(row?);
            }
        }
        self.opened_deliveries(found)
    }

    /// Opens what a claim found: the deliveries that opened, and the rows to park.
    pub(super) fn opened_deliveries(&self, found: Vec<Sealed>) -> Result<(Vec<StoredDelivery>, Vec<i64>), StoreError> {
        sort_opened(found.into_iter().map(|(row, mut delivery, subject, sealed)| {
            let opened = self.open("inbox", &[&delivery.id], &subject, &sealed).and_then(|plain| {
                (delivery.headers, delivery.body) = unframed(plain)?;
                Ok(delivery)
            });
            (row, opened)
        }))
    }
}

/// Headers and body as one text to seal: the headers' length, the headers as JSON, the body.
fn framed(headers: &[(String, String)], body: &[u8]) -> Vec<u8> {
    let head = serde_json::to_vec(headers).expect("pairs of strings are always JSON");
    let mut plain = Vec::with_capacity(4 + head.len() + body.len());
    plain.extend_from_slice(&(head.len() as u32).to_le_bytes());
    plain.extend_from_slice(&head);
    plain.extend_from_slice(body);
    plain
}

type Unframed = (Vec<(String, String)>, Vec<u8>);

fn unframed(plain: Vec<u8>) -> Result<Unframed, VaultError> {
    let damaged = VaultError::Unopened { place: "inbox" };
    let Some((length, rest)) = plain.split_first_chunk::<4>() else { return Err(damaged) };
    let Some((head, body)) = rest.split_at_checked(u32::from_le_bytes(*length) as usize) else { return Err(damaged) };
    let headers = serde_json::from_slice(head).map_err(|_| damaged)?;
    Ok((headers, body.to_vec()))
}

/// A ULID (github.com/ulid/spec) behind `d_`: 48 bits of time, 80 random ones, in Crockford's base 32, so ids sort by
/// time.
fn fresh_id(at: Millis) -> Result<String, StoreError> {
    const LETTERS: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";
    let mut random = [0; 16];
    seal::random(&mut random[6..])?;
    let bits = (u128::from(at) << 80) | u128::from_be_bytes(random);
    let letters = (0..26).rev().map(|place| char::from(LETTERS[(bits >> (5 * place)) as usize & 31]));
    Ok("d_".chars().chain(letters).collect())
}

#[cfg(test)]
mod tests {
    use super::{Origin, framed, fresh_id, unframed};

    #[test]
    fn frames_come_apart_again_and_torn_ones_do_not() {
        let headers = vec![("x-kind".to_owned(), "Zoë".to_owned())];
        let plain = framed(&headers, b"{}\x00");
        assert_eq!(unframed(plain.clone()).unwrap(), (headers, b"{}\x00".to_vec()));
        assert!(unframed(plain[..9].to_vec()).is_err());
    }

    #[test]
    fn ids_sort_by_time_and_differ() {
        let (first, twin, later) = (fresh_id(1_000).unwrap(), fresh_id(1_000).unwrap(), fresh_id(1_001).unwrap());
        assert!(first < later && twin < later && first != twin);
        assert_eq!(first.len(), 28);
        assert!(first.starts_with("d_00000000Z8"), "{first}");
    }

    #[test]
    fn origins_are_read_as_they_were_written() {
        for origin in [Origin::Webhook, Origin::Poll, Origin::Sweep, Origin::Reported("till:2".into())] {
            assert_eq!(Origin::read(&origin.written()), origin);
        }
    }
}
