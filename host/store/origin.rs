//! Which delivery told a fact first.

use std::collections::HashMap;

use rusqlite::OptionalExtension;

use super::rows::{Rows, nat};
use super::{Store, StoreError};
use crate::clock::Millis;

const FIRST: &str = "SELECT inbox.id, inbox.received_at FROM told JOIN inbox ON inbox.row = told.delivery
     WHERE told.change = ?1 ORDER BY told.delivery LIMIT 1";

impl Store {
    /// The deliveries that told these changes first, by the change's row; those that have been swept are left out.
    ///
    /// # Errors
    /// As the database has it.
    pub async fn first_deliveries(&self, changes: Vec<i64>) -> Result<HashMap<i64, String>, StoreError> {
        self.read(move |rows| {
            let mut found = HashMap::with_capacity(changes.len());
            for change in changes {
                if let Some((delivery, _)) = rows.first_delivery(change)? {
                    found.insert(change, delivery);
                }
            }
            Ok(found)
        })
        .await
    }
}

impl Rows<'_> {
    /// The delivery that told a change first, and when it came.
    pub(super) fn first_delivery(&self, change: i64) -> rusqlite::Result<Option<(String, Millis)>> {
        let mut query = self.db.prepare_cached(FIRST)?;
        query.query_row([change], |row| Ok((row.get(0)?, nat(row.get(1)?)))).optional()
    }
}
