//! Gaps: what no webhook told, what no poll told, and how many of each.

use std::collections::BTreeMap;

use rusqlite::params;
use serde::Serialize;

use super::inbox::Origin;
use super::rows::{Rows, int, nat};
use super::{Store, StoreError};
use crate::clock::Millis;
use crate::vault::Lookup;

/// A fact found in the CRM that no delivery told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Gap {
    /// The id that its change would have.
    pub id: String,
    /// What kind of fact.
    pub kind: String,
}

/// What was missed of one kind.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct GapCount {
    /// The connection.
    pub connection: String,
    /// What kind of fact.
    pub kind: String,
    /// Facts that no webhook told.
    pub webhooks_missed: u64,
    /// Facts that a webhook told and a poll should have seen and did not.
    pub polls_missed: u64,
}

/// A webhook may come this much later than the poll that told its fact before it counts as missed.
pub const GAP_GRACE_MS: Millis = 2 * 60 * 1_000;

/// A fact that a webhook repeats happened before the webhook was sent; this much is for clocks that differ.
const CLOCK_SLACK_MS: Millis = 2 * 60 * 1_000;

/// What a delivery is, as far as it matters to who missed what.
pub(super) struct Teller {
    pub(super) row: i64,
    pub(super) origin: Origin,
    pub(super) received_at: Millis,
    pub(super) sent_at: Option<Millis>,
}

impl Teller {
    /// When it came, if it is a webhook.
    pub(super) fn webhook_at(&self) -> Option<i64> {
        (self.origin == Origin::Webhook).then_some(int(self.received_at))
    }

    /// When it came, if it is a row of a poll or a sweep.
    pub(super) fn poll_at(&self) -> Option<i64> {
        matches!(self.origin, Origin::Poll | Origin::Sweep).then_some(int(self.received_at))
    }
}

/// A change that a webhook told and a poll that has come to its end since should have seen: nothing of the contact was
/// in any poll from then on. It says of the change `?1` what the last of [`MISSED`] says of all.
pub(super) const FOLD_POLL: &str = "INSERT INTO missed (connection, kind, webhooks, polls)
     SELECT change.connection, kind, 0, 1 FROM change JOIN poll ON poll.connection = change.connection
     WHERE change.row = ?1 AND webhook_at IS NOT NULL AND poll_at IS NULL AND sweep = 'updates'
       AND kind IN ('contact-created', 'contact-updated', 'tags-changed') AND webhook_at < covered_at
       AND NOT EXISTS (SELECT 1 FROM polled WHERE polled.subject = change.subject AND polled.at >= webhook_at)
     ON CONFLICT (connection, kind) DO UPDATE SET polls = polls + 1";

/// A change that only a poll or a sweep told.
pub(super) const FOLD_WEBHOOK: &str = "INSERT INTO missed (connection, kind, webhooks, polls)
     SELECT connection, kind, 1, 0 FROM change WHERE row = ?1 AND webhook_at IS NULL AND poll_at IS NOT NULL
     ON CONFLICT (connection, kind) DO UPDATE SET webhooks = webhooks + 1";

/// Each part counts through an index of its own; `?1` is the connection or null, `?2` the time that the grace leaves.
pub(super) const MISSED: [&str; 4] = [
    "SELECT connection, kind, webhooks, polls FROM missed WHERE ?1 IS NULL OR connection = ?1",
    "SELECT connection, kind, count(*), 0 FROM gap
     WHERE found_at <= ?2 AND (?1 IS NULL OR connection = ?1) GROUP BY connection, kind",
    "SELECT connection, kind, count(*), 0 FROM change INDEXED BY change_unannounced
     WHERE webhook_at IS NULL AND poll_at IS NOT NULL AND poll_at <= ?2 AND (?1 IS NULL OR connection = ?1)
     GROUP BY connection, kind",
    "SELECT change.connection, kind, 0, count(*)
     FROM poll CROSS JOIN change INDEXED BY change_unpolled ON change.connection = poll.connection
     WHERE webhook_at IS NOT NULL AND poll_at IS NULL AND sweep = 'updates'
       AND kind IN ('contact-created', 'contact-updated', 'tags-changed') AND webhook_at < covered_at
       AND NOT EXISTS (SELECT 1 FROM polled WHERE polled.subject = change.subject AND polled.at >= webhook_at)
       AND (?1 IS NULL OR poll.connection = ?1)
     GROUP BY change.connection, kind",
];

impl Store {
    /// What webhooks and polls missed of a connection, or of all, by kind; kinds of which nothing was missed are left
    /// out. Changes that were swept are in the counts.
    ///
    /// A webhook missed a fact if a gap of it is open or only polls and sweeps have told it, for longer than `grace_ms`
    /// at `now`. A webhook of a contact that finds nothing new counts as having told all that polls had told of the
    /// contact by then: the source does not say which of it the webhook would have told, so a lost webhook is not
    /// counted once a later one of the same contact has come. A poll missed a fact of those that the contact itself
    /// shows (`contact-created`, `contact-updated`, `tags-changed`) if only webhooks told it, a poll for updates that
    /// began after it has come to its end, and no row of the contact has come in a poll since.
    ///
    /// # Errors
    /// As the database has it.
    pub async fn gaps(
        &self,
        connection: Option<&str>,
        now: Millis,
        grace_ms: Millis,
    ) -> Result<Vec<GapCount>, StoreError> {
        let connection = connection.map(str::to_owned);
        self.read(move |rows| rows.gaps(connection.as_deref(), now.saturating_sub(grace_ms))).await
    }
}

impl Rows<'_> {
    /// What was missed up to `before`.
    pub(super) fn gaps(&self, connection: Option<&str>, before: Millis) -> Result<Vec<GapCount>, StoreError> {
        let mut counts: BTreeMap<(String, String), (u64, u64)> = BTreeMap::new();
        for part in MISSED {
            let mut query = self.db.prepare_cached(part)?;
            query.raw_bind_parameter(1, connection)?;
            if query.parameter_count() > 1 {
                query.raw_bind_parameter(2, int(before))?;
            }
            let mut rows = query.raw_query();
            while let Some(row) = rows.next()? {
                let count = counts.entry((row.get(0)?, row.get(1)?)).or_default();
                count.0 += nat(row.get(2)?);
                count.1 += nat(row.get(3)?);
            }
        }
        let counted = counts.into_iter().map(|((connection, kind), (webhooks_missed, polls_missed))| GapCount {
            connection,
            kind,
            webhooks_missed,
            polls_missed,
        });
        Ok(counted.filter(|count| count.webhooks_missed + count.polls_missed > 0).collect())
    }

    /// Notes a gap once, unless its change is known.
    pub(super) fn note_gap(&self, connection: &str, gap: &Gap, now: Millis) -> Result<(), StoreError> {
        self.db
            .prepare_cached(
                "INSERT OR IGNORE INTO gap (connection, id, kind, found_at) SELECT ?1, ?2, ?3, ?4
                 WHERE NOT EXISTS (SELECT 1 FROM change WHERE connection = ?1 AND id = ?2)",
            )?
            .execute(params![connection, gap.id, gap.kind, int(now)])?;
        Ok(())
    }

    /// Counts on a gap that is named no more.
    pub(super) fn fold_gap(&self, connection: &str, kind: &str) -> Result<(), StoreError> {
        self.db
            .prepare_cached(
                "INSERT INTO missed (connection, kind, webhooks, polls) VALUES (?1, ?2, 1, 0)
                 ON CONFLICT (connection, kind) DO UPDATE SET webhooks = webhooks + 1",
            )?
            .execute([connection, kind])?;
        Ok(())
    }

    /// Closes the gap that a change has filled.
    pub(super) fn close_gap(&self, connection: &str, id: &str) -> Result<(), StoreError> {
        self.db.prepare_cached("DELETE FROM gap WHERE connection = ?1 AND id = ?2")?.execute([connection, id])?;
        Ok(())
    }

    /// Notes that a delivery of the contact was read, whatever it told: a poll has seen the contact.
    pub(super) fn note_polled(&self, contact: &Lookup, teller: &Teller) -> Result<(), StoreError> {
        if teller.origin == Origin::Poll {
            self.db
                .prepare_cached(
                    "INSERT INTO polled (subject, at) VALUES (?1, ?2)
                     ON CONFLICT (subject) DO UPDATE SET at = max(at, excluded.at)",
                )?
                .execute(params![contact, int(teller.received_at)])?;
        }
        Ok(())
    }

    /// Counts a webhook that found nothing new as a teller of what polls had told of the contact by then.
    pub(super) fn note_repeat(&self, contact: &Lookup, teller: &Teller) -> Result<(), StoreError> {
        if teller.origin != Origin::Webhook {
            return Ok(());
        }
        let until = teller.sent_at.unwrap_or(teller.received_at).saturating_add(CLOCK_SLACK_MS);
        let told: Vec<i64> = self
            .db
            .prepare_cached(
                "SELECT row FROM change INDEXED BY change_unannounced_of
                 WHERE subject = ?1 AND occurred_at <= ?2 AND webhook_at IS NULL AND poll_at IS NOT NULL",
            )?
            .query_map(params![contact, int(until)], |row| row.get(0))?
            .collect::<Result<_, _>>()?;
        for change in told {
            self.note_teller(change, teller)?;
        }
        Ok(())
    }

    /// Notes that a delivery told a change; the first webhook and the first poll are remembered with the change.
    pub(super) fn note_teller(&self, change: i64, teller: &Teller) -> Result<(), StoreError> {
        self.note_telling(change, teller)?;
        self.db
            .prepare_cached(
                "UPDATE change SET webhook_at = coalesce(webhook_at, ?2), poll_at = coalesce(poll_at, ?3)
                 WHERE row = ?1 AND ((webhook_at IS NULL AND ?2 IS NOT NULL) OR (poll_at IS NULL AND ?3 IS NOT NULL))",
            )?
            .execute(params![change, teller.webhook_at(), teller.poll_at()])?;
        Ok(())
    }

    /// Notes that a delivery told a change.
    pub(super) fn note_telling(&self, change: i64, teller: &Teller) -> Result<(), StoreError> {
        self.db
            .prepare_cached("INSERT OR IGNORE INTO told (delivery, change) VALUES (?1, ?2)")?
            .execute([teller.row, change])?;
        Ok(())
    }
}
