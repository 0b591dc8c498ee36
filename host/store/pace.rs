//! How much happened lately, in stretches of time, as the rows themselves say: for charts, and for the rates of now.

use std::collections::BTreeMap;

use rusqlite::params;

use super::rows::{Rows, int, nat};
use super::{Store, StoreError};
use crate::clock::Millis;

/// The newest deliveries and attempts that are looked through: no index has the order of their times.
const LOOKED_THROUGH: i64 = 50_000;
/// Deliveries are numbered in the order in which they came, but for those that came within so many milliseconds of each other.
const ABREAST_MS: Millis = 10_000;
/// Times from end to end that one stretch is known by at most.
const TIMES: i64 = 20_000;

/// What one step did in a stretch of time.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Done {
    /// So many.
    pub count: u64,
    /// So many more failed: they wait to be tried again, or are parked.
    pub failed: u64,
    /// What those that did not fail took, together, in milliseconds.
    pub took_ms: u64,
}

/// What happened in one stretch of time.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Stretch {
    /// Deliveries that came.
    pub received: Done,
    /// Deliveries that were read, from their coming on.
    pub read: Done,
    /// Changes that were translated, from the reading of their first delivery on.
    pub translated: Done,
    /// Events that were delivered, from their making on.
    pub shipped: Done,
    /// What events took from their delivery's coming to the platform's word, in milliseconds, the shortest first.
    pub whole_ms: Vec<u64>,
}

impl Store {
    /// What happened from `since` on, by the stretch of `of_ms` that it happened in, named by its beginning. Stretches without anything are left
    /// out.
    ///
    /// # Errors
    /// As the database has it.
    pub async fn pace(&self, since: Millis, of_ms: Millis) -> Result<BTreeMap<Millis, Stretch>, StoreError> {
        self.read(move |rows| rows.pace(since, of_ms.max(1))).await
    }
}

const RECEIVED: &str = "SELECT received_at FROM inbox ORDER BY row DESC LIMIT ?1";

const READ: &str =
    "SELECT read_at / ?2 * ?2, count(*), 0, sum(max(read_at - received_at, 0)) FROM inbox INDEXED BY inbox_read
     WHERE state IN ('done', 'silent', 'dropped') AND read_at >= ?1 AND ?3 GROUP BY 1";

const UNREAD: &str = "SELECT received_at / ?2 * ?2, 0, count(*), 0 FROM inbox INDEXED BY inbox_dead
     WHERE state = 'dead' AND received_at >= ?1 AND ?3 GROUP BY 1";

const TRANSLATED: &str = "SELECT translated_at / ?2 * ?2, count(*), 0, sum(max(translated_at - coalesce(read_at, translated_at), 0))
     FROM (SELECT translated_at, (SELECT min(read_at) FROM told JOIN inbox ON inbox.row = told.delivery WHERE told.change = change.row) AS read_at
           FROM change INDEXED BY change_translated
           WHERE state IN ('done', 'skipped', 'dropped') AND translated_at >= ?1 AND ?3) GROUP BY 1";

const UNTRANSLATED: &str = "SELECT due_at / ?2 * ?2, 0, count(*), 0 FROM change INDEXED BY change_dead WHERE state = 'dead' AND due_at >= ?1 AND ?3 GROUP BY 1";

const SHIPPED: &str =
    "SELECT done_at / ?2 * ?2, count(*), 0, sum(max(done_at - created_at, 0)) FROM outbox INDEXED BY outbox_done
     WHERE state IN ('done', 'dropped') AND state = 'done' AND done_at >= ?1 AND ?3 GROUP BY 1";

/// Of the newest requests: what they carried and did not deliver.
const UNSHIPPED: &str = "SELECT settled_at / ?2 * ?2, 0, count(*), 0
     FROM (SELECT row, settled_at FROM attempt WHERE row > (SELECT coalesce(max(row), 0) FROM attempt) - ?3 AND settled_at >= ?1) AS tried
     JOIN attempt_item ON attempt_item.attempt = tried.row WHERE verdict IS NOT NULL AND verdict <> 'done' GROUP BY 1";

const WHOLE: &str = "SELECT done_at / ?2 * ?2, done_at - came_at
     FROM (SELECT done_at, (SELECT min(received_at) FROM told JOIN inbox ON inbox.row = told.delivery WHERE told.change = outbox.change) AS came_at
           FROM outbox INDEXED BY outbox_done
           WHERE state IN ('done', 'dropped') AND state = 'done' AND done_at >= ?1 ORDER BY done_at DESC LIMIT ?3)
     WHERE came_at IS NOT NULL AND done_at >= came_at ORDER BY 2";

/// The queries above that go by time.
#[cfg(test)]
pub(super) const BY_TIME: [&str; 6] = [READ, UNREAD, TRANSLATED, UNTRANSLATED, SHIPPED, WHOLE];

impl Rows<'_> {
    fn pace(&self, since: Millis, of_ms: Millis) -> Result<BTreeMap<Millis, Stretch>, StoreError> {
        let mut found: BTreeMap<Millis, Stretch> = BTreeMap::new();
        type Of = fn(&mut Stretch) -> &mut Done;
        let asked: [(&str, Of); 6] = [
            (READ, |stretch| &mut stretch.read),
            (UNREAD, |stretch| &mut stretch.read),
            (TRANSLATED, |stretch| &mut stretch.translated),
            (UNTRANSLATED, |stretch| &mut stretch.translated),
            (SHIPPED, |stretch| &mut stretch.shipped),
            (UNSHIPPED, |stretch| &mut stretch.shipped),
        ];
        for (sql, of) in asked {
            let mut query = self.db.prepare_cached(sql)?;
            let mut rows = query.query(params![int(since), int(of_ms), LOOKED_THROUGH])?;
            while let Some(row) = rows.next()? {
                let done = of(found.entry(nat(row.get(0)?)).or_default());
                done.count += nat(row.get(1)?);
                done.failed += nat(row.get(2)?);
                done.took_ms += nat(row.get(3)?);
            }
        }
        self.received(&mut found, since, of_ms)?;
        let mut query = self.db.prepare_cached(WHOLE)?;
        let mut rows = query.query(params![int(since), int(of_ms), TIMES])?;
        while let Some(row) = rows.next()? {
            found.entry(nat(row.get(0)?)).or_default().whole_ms.push(nat(row.get(1)?));
        }
        Ok(found)
    }

    /// What came, from the newest back to what came before `since`.
    fn received(&self, found: &mut BTreeMap<Millis, Stretch>, since: Millis, of_ms: Millis) -> Result<(), StoreError> {
        let mut query = self.db.prepare_cached(RECEIVED)?;
        let mut rows = query.query([LOOKED_THROUGH])?;
        while let Some(row) = rows.next()? {
            let came_at: Millis = nat(row.get(0)?);
            if came_at >= since {
                found.entry(came_at / of_ms * of_ms).or_default().received.count += 1;
            } else if came_at + ABREAST_MS < since {
                break;
            }
        }
        Ok(())
    }
}
