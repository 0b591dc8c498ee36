//! Reports: taken once a key, and a key that comes again must bring the same.

use rusqlite::{OptionalExtension, params};

use super::inbox::{Incoming, Put, stored};
use super::rows::Rows;
use super::{Store, StoreError};

/// What became of a report at the door.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Taken {
    /// It is durable under this id.
    Stored {
        /// As a webhook's would be.
        delivery: String,
    },
    /// The same was taken under this key before; nothing was stored.
    Known {
        /// The delivery it was taken as; none where that has been swept.
        delivery: Option<String>,
    },
    /// Something else was taken under this key before; nothing was stored.
    Differs,
}

const KNOWN: &str =
    "SELECT row, id, source, connection, webhook_id, location, origin, received_at, tries, subject, sealed FROM inbox
     WHERE source = ?1 AND webhook_id = ?2";

impl Store {
    /// Stores a report, unless its connection took one under the same key. The key is what `incoming` has as its webhook id; its sender chose it
    /// and it may say anything, so only a look-up of it is kept.
    ///
    /// # Errors
    /// [`StoreError::Full`] when the disk takes no more: answer 429.
    pub async fn report(&self, incoming: Incoming) -> Result<Taken, StoreError> {
        let weight = incoming.body.len();
        self.write("report", weight, move |rows| rows.report(&incoming)).await
    }
}

impl Rows<'_> {
    fn report(&self, incoming: &Incoming) -> Result<Taken, StoreError> {
        let connection = incoming.connection.as_deref().unwrap_or_default();
        let lookup = self.keys.vault().lookup("report", &[connection, &incoming.webhook_id]);
        // No vendor's webhook is called so.
        let webhook_id = lookup.iter().fold("report:".to_owned(), |id, byte| format!("{id}{byte:02x}"));
        let found =
            self.db.prepare_cached(KNOWN)?.query_row(params![incoming.source, webhook_id], stored).optional()?;
        let Some(found) = found else {
            return Ok(match self.put(&Incoming { webhook_id, ..incoming.clone() })? {
                Put::Stored { delivery } => Taken::Stored { delivery },
                Put::Known => Taken::Known { delivery: None },
            });
        };
        let (delivery, origin) = (found.1.id.clone(), found.1.origin.clone());
        // What was forgotten with its contact cannot be compared: the key alone says that it is the same.
        let (opened, _) = self.opened_deliveries(vec![found])?;
        let same = origin == incoming.origin && opened.first().is_none_or(|known| known.body == incoming.body);
        Ok(if same { Taken::Known { delivery: Some(delivery) } } else { Taken::Differs })
    }
}
