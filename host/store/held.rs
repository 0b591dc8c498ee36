//! Deliveries of locations that no connection claims: looked at once by their source, since one may be the install that
//! makes the connection.

use rusqlite::params;

use super::inbox::{Sealed, StoredDelivery, stored};
use super::rows::{Rows, int};
use super::{Store, StoreError};

/// What a source says of a held delivery.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Met {
    /// The delivery's id.
    pub id: String,
    /// What kind the source says it is.
    pub kind: String,
    /// Whether it is a word about the app itself, so that nobody need read it again.
    pub lifecycle: bool,
}

pub(super) const CLAIM_UNMET: &str =
    "SELECT row, id, source, connection, webhook_id, location, origin, received_at, tries, subject, sealed
     FROM inbox INDEXED BY inbox_unmet WHERE state = 'held' AND kind IS NULL ORDER BY received_at LIMIT ?1";

impl Store {
    /// At most `limit` held deliveries that no source has looked at, the oldest first. Claims nothing durable: what is
    /// not settled is claimed again. A delivery that does not open becomes dead.
    ///
    /// # Errors
    /// As the database has it.
    pub async fn claim_unmet(&self, limit: usize) -> Result<Vec<StoredDelivery>, StoreError> {
        let (found, closed) = self.read(move |rows| rows.unmet(limit)).await?;
        if !closed.is_empty() {
            self.write("park", 0, move |rows| rows.park("inbox", &closed)).await?;
        }
        Ok(found)
    }

    /// Settles what was looked at: a word about the app itself is done with (silent, `lifecycle`), everything else has
    /// its kind noted and stays held. Deliveries that are held no more are left as they are, so the step may be
    /// repeated.
    ///
    /// # Errors
    /// As the disk has it; then nothing was settled.
    pub async fn settle_met(&self, met: Vec<Met>) -> Result<(), StoreError> {
        self.write("settle_met", 0, move |rows| met.iter().try_for_each(|met| rows.settle_met(met))).await
    }
}

impl Rows<'_> {
    fn unmet(&self, limit: usize) -> Result<(Vec<StoredDelivery>, Vec<i64>), StoreError> {
        let mut query = self.db.prepare_cached(CLAIM_UNMET)?;
        let found: Vec<Sealed> = query.query_map([int(limit as u64)], stored)?.collect::<Result<_, _>>()?;
        self.opened_deliveries(found)
    }

    fn settle_met(&self, met: &Met) -> Result<(), StoreError> {
        let noted = self
            .db
            .prepare_cached("UPDATE inbox SET kind = ?2 WHERE id = ?1 AND state = 'held'")?
            .execute(params![met.id, met.kind])?;
        if noted > 0 && met.lifecycle {
            // Kept from when it came: it was looked at soon after.
            self.db
                .prepare_cached(
                    "UPDATE inbox SET state = 'silent', code = 'lifecycle', read_at = received_at WHERE id = ?1",
                )?
                .execute([&met.id])?;
        }
        Ok(())
    }
}
