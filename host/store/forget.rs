//! Forgetting a contact: its key is destroyed and what it sealed is blanked, in one transaction. Ids, times and counts stay,
//! so that every account still adds up. Then the write-ahead log is emptied: older pages of the key are in no file.

use std::sync::atomic::Ordering;
use std::time::Duration;

use rusqlite::{OptionalExtension, params};
use serde::Serialize;

use super::audit::AuditRow;
use super::rows::{Rows, int};
use super::{Store, StoreError, schema};
use crate::clock::Millis;
use crate::vault::Lookup;

/// Why the rows of a forgotten contact were dropped.
pub(super) const FORGOTTEN: &str = "the contact was forgotten";

/// Subjects that one transaction forgets at most.
const PART: usize = 50;

/// What was forgotten.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Forgotten {
    /// Contacts that something was known of.
    pub contacts: u64,
    /// Deliveries that were waiting or dead, and are dropped.
    pub deliveries_dropped: u64,
    /// Changes that were waiting or dead, and are dropped.
    pub changes_dropped: u64,
    /// Commands to the CRM that were waiting or dead, and are dropped.
    pub commands_dropped: u64,
    /// Places in audiences that are given up at the platform.
    pub places_left: u64,
    /// Events that were waiting or dead, and are dropped. One in a request that is under way may still arrive.
    pub events_dropped: u64,
}

/// Who wants something forgotten, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Farewell {
    /// When it was asked for.
    pub at: Millis,
    /// Who asks.
    pub by: String,
    /// Why.
    pub why: String,
}

impl Store {
    /// Forgets a contact in one connection, or in all that know it. When this returns nothing in the store's files, the
    /// write-ahead log included, opens what they held of it. `contacts` is 0 if nothing was known.
    ///
    /// # Errors
    /// As the disk has it. What was forgotten before stays forgotten; then older pages may be in the log until
    /// [`Store::forget_due`] has emptied it.
    pub async fn forget(
        &self,
        connection: Option<&str>,
        contact: &str,
        wish: Farewell,
    ) -> Result<Forgotten, StoreError> {
        let (connection, contact) = (connection.map(str::to_owned), contact.to_owned());
        let forgotten = self
            .write("forget", 0, move |rows| {
                let mut all = Forgotten::default();
                for connection in rows.connections_named(connection.as_deref())? {
                    let subject = rows.contact(&connection, &contact);
                    let one = rows.forget(&subject, &wish)?;
                    if one.contacts > 0 {
                        let mut act =
                            AuditRow::act(wish.at, &wish.by, format!("connection:{connection}"), "forget".to_owned());
                        (act.subject, act.outcome) = (Some(subject), Some(wish.why.clone()));
                        rows.note(&act)?;
                    }
                    all.add(one);
                }
                Ok(all)
            })
            .await?;
        if forgotten.contacts > 0 {
            self.0.pulse.forgot.store(true, Ordering::Release);
            let copying = self.0.copying.lock().await;
            self.empty_log().await?;
            drop(copying);
        }
        Ok(forgotten)
    }

    /// Forgets every contact of a connection, its catalogue, its polls' cursors and what its location never named a contact
    /// for, in small transactions.
    ///
    /// # Errors
    /// As the disk has it; what was forgotten before stays forgotten.
    pub async fn forget_connection(
        &self,
        connection: &str,
        source: &str,
        location: &str,
        wish: Farewell,
    ) -> Result<Forgotten, StoreError> {
        let name = connection.to_owned();
        let mut subjects = self.read(move |rows| rows.subjects_of(&name)).await?;
        let of_location = self.0.vault.lookup("location", &[source, location]);
        if !subjects.contains(&of_location) {
            subjects.push(of_location);
        }
        let mut all = Forgotten::default();
        for part in subjects.chunks(PART) {
            let (part, wish) = (part.to_vec(), wish.clone());
            let forget = move |rows: &Rows<'_>| {
                let mut all = Forgotten::default();
                for subject in &part {
                    let one = rows.forget(subject, &wish)?;
                    let contacts = if *subject == of_location { 0 } else { one.contacts };
                    all.add(Forgotten { contacts, ..one });
                }
                Ok(all)
            };
            all.add(self.write("forget_connection", 0, forget).await?);
        }
        let (name, source, location) = (connection.to_owned(), source.to_owned(), location.to_owned());
        self.write("forget_connection", 0, move |rows| rows.end_connection(&name, &source, &location, &wish)).await?;
        self.0.pulse.forgot.store(true, Ordering::Release);
        Ok(all)
    }

    /// Forgets contacts whose end was told by now, and empties the log if anything was forgotten since it last was.
    ///
    /// # Errors
    /// As the disk has it; what is due stays due.
    pub async fn forget_due(&self, now: Millis) -> Result<(), StoreError> {
        let due = self.read(|rows| rows.told_to_the_end()).await?;
        if !due.is_empty() {
            self.write("forget_due", 0, move |rows| {
                for (subject, why) in &due {
                    let wish = Farewell { at: now, by: "convey".to_owned(), why: why.clone() };
                    rows.forget(subject, &wish)?;
                    let mut act = AuditRow::act(now, &wish.by, "contact".to_owned(), "forget".to_owned());
                    (act.subject, act.outcome) = (Some(*subject), Some(wish.why));
                    rows.note(&act)?;
                }
                Ok(())
            })
            .await?;
            self.0.pulse.forgot.store(true, Ordering::Release);
        }
        // While a copy is made the log cannot be emptied: the next look tries again.
        if self.0.pulse.forgot.load(Ordering::Acquire)
            && let Ok(_copying) = self.0.copying.try_lock()
        {
            self.empty_log().await?;
        }
        Ok(())
    }

    /// Empties the write-ahead log: with no reader at work nothing holds an older page.
    async fn empty_log(&self) -> Result<(), StoreError> {
        self.0.pulse.forgot.store(false, Ordering::Release);
        let still = self.0.readers.all_turns().await?;
        let emptied = self
            .apart(|db| {
                // Nobody of ours reads; for anybody else the writer does not wait.
                db.busy_timeout(Duration::ZERO)?;
                let emptied = db.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get(0));
                schema::tune(db)?;
                Ok(emptied?)
            })
            .await;
        drop(still);
        // Not emptied: the next look at what is due tries again.
        let busy: i64 = emptied.inspect_err(|_| self.0.pulse.forgot.store(true, Ordering::Release))?;
        if busy != 0 {
            self.0.pulse.forgot.store(true, Ordering::Release);
            tracing::warn!("somebody reads the store's files: the write-ahead log is emptied later");
        }
        Ok(())
    }
}

impl Forgotten {
    fn add(&mut self, other: Self) {
        self.contacts += other.contacts;
        self.deliveries_dropped += other.deliveries_dropped;
        self.changes_dropped += other.changes_dropped;
        self.commands_dropped += other.commands_dropped;
        self.events_dropped += other.events_dropped;
        self.places_left += other.places_left;
    }
}

impl Rows<'_> {
    /// Forgets a subject in the running transaction.
    pub(super) fn forget(&self, subject: &Lookup, wish: &Farewell) -> Result<Forgotten, StoreError> {
        let changed = |sql: &str| -> Result<u64, StoreError> {
            Ok(self.db.prepare_cached(sql)?.execute(params![subject, FORGOTTEN, int(wish.at)])? as u64)
        };
        let mut forgotten = Forgotten {
            contacts: 0,
            places_left: self.part(subject, wish.at)?,
            events_dropped: changed(
                "UPDATE outbox INDEXED BY outbox_by_change SET state = 'dropped', reason = ?2, done_at = ?3
                 WHERE change IN (SELECT row FROM change WHERE subject = ?1) AND state IN ('waiting', 'dead')",
            )?,
            commands_dropped: changed(
                "UPDATE wanted SET state = 'dropped', reason = ?2, done_at = ?3
                 WHERE subject = ?1 AND state IN ('waiting', 'held', 'dead')",
            )?,
            changes_dropped: changed(
                "UPDATE change SET state = 'dropped', reason = ?2, translated_at = ?3
                 WHERE subject = ?1 AND state IN ('waiting', 'dead')",
            )?,
            deliveries_dropped: changed(
                "UPDATE inbox SET state = 'dropped', reason = ?2, read_at = ?3
                 WHERE subject = ?1 AND state IN ('waiting', 'held', 'dead')",
            )?,
        };
        let mut known = forgotten.places_left > 0;
        for blank in [
            "UPDATE outbox SET sealed = x'' WHERE change IN (SELECT row FROM change WHERE subject = ?1) AND length(sealed) > 0",
            "UPDATE change SET sealed = x'' WHERE subject = ?1 AND length(sealed) > 0",
            "UPDATE inbox SET sealed = x'' WHERE subject = ?1 AND length(sealed) > 0",
            "UPDATE wanted SET sealed = x'' WHERE subject = ?1 AND length(sealed) > 0",
            "UPDATE written SET sealed = x'' WHERE row IN (SELECT written FROM written_of WHERE subject = ?1) AND length(sealed) > 0",
            "DELETE FROM membership WHERE subject = ?1",
            "DELETE FROM memory WHERE subject = ?1",
            "DELETE FROM polled WHERE subject = ?1",
        ] {
            known |= self.db.prepare_cached(blank)?.execute([subject])? > 0;
        }
        known |= self.keys.destroy(self.db, subject)?;
        if known {
            forgotten.contacts = 1;
            self.db
                .prepare_cached(
                    "INSERT INTO forgotten (subject, asked_at, who, why, done_at) VALUES (?1, ?2, ?3, ?4, ?2)
                     ON CONFLICT (subject) DO UPDATE SET done_at = excluded.done_at",
                )?
                .execute(params![subject, int(wish.at), wish.by, wish.why])?;
        }
        Ok(forgotten)
    }

    /// The contact of a change is no more: what waits to be said of it is dropped, but for what the change itself says. Once
    /// that is said, the contact is forgotten.
    pub(super) fn forget_after(&self, change: i64, subject: &Lookup, now: Millis) -> Result<(), StoreError> {
        self.db
            .prepare_cached(
                "UPDATE outbox INDEXED BY outbox_by_change SET state = 'dropped', reason = ?3, done_at = ?4
                 WHERE change IN (SELECT row FROM change WHERE subject = ?1) AND change <> ?2 AND state = 'waiting'",
            )?
            .execute(params![subject, change, FORGOTTEN, int(now)])?;
        self.db
            .prepare_cached(
                "UPDATE wanted SET state = 'dropped', reason = ?3, done_at = ?4
                 WHERE subject = ?1 AND change <> ?2 AND state IN ('waiting', 'held')",
            )?
            .execute(params![subject, change, FORGOTTEN, int(now)])?;
        self.db
            .prepare_cached(
                "INSERT INTO forgotten (subject, asked_at, who, why) VALUES (?1, ?2, 'convey', 'the contact was deleted')
                 ON CONFLICT (subject) DO UPDATE SET done_at = NULL",
            )?
            .execute(params![subject, int(now)])?;
        Ok(())
    }

    /// Contacts that are to be forgotten and of whom nothing is under way any more.
    fn told_to_the_end(&self) -> Result<Vec<(Lookup, String)>, StoreError> {
        let mut query = self.db.prepare_cached(
            "SELECT subject, why FROM forgotten WHERE done_at IS NULL AND NOT EXISTS (
                 SELECT 1 FROM change JOIN outbox INDEXED BY outbox_by_change ON outbox.change = change.row
                 WHERE change.subject = forgotten.subject AND outbox.state IN ('waiting', 'in_flight'))
             AND NOT EXISTS (
                 SELECT 1 FROM wanted WHERE wanted.subject = forgotten.subject AND wanted.state = 'waiting')
             AND NOT EXISTS (
                 SELECT 1 FROM membership
                 WHERE membership.subject = forgotten.subject AND membership.state IN ('waiting', 'in_flight'))
             ORDER BY asked_at LIMIT ?1",
        )?;
        let found = query.query_map([PART as i64], |row| Ok((row.get(0)?, row.get(1)?)))?;
        Ok(found.collect::<Result<_, _>>()?)
    }

    /// Whether what the event says was forgotten.
    pub(super) fn is_blank(&self, event: i64) -> Result<bool, StoreError> {
        let mut query = self.db.prepare_cached("SELECT length(sealed) = 0 FROM outbox WHERE row = ?1")?;
        Ok(query.query_row([event], |row| row.get(0)).optional()?.unwrap_or(false))
    }

    fn subjects_of(&self, connection: &str) -> Result<Vec<Lookup>, StoreError> {
        let mut query = self.db.prepare_cached(
            "SELECT subject FROM memory WHERE connection = ?1 UNION SELECT subject FROM change WHERE connection = ?1
             UNION SELECT subject FROM inbox WHERE connection = ?1",
        )?;
        Ok(query.query_map([connection], |row| row.get(0))?.collect::<Result<_, _>>()?)
    }

    fn end_connection(&self, name: &str, source: &str, location: &str, wish: &Farewell) -> Result<(), StoreError> {
        self.db.prepare_cached("DELETE FROM catalogue WHERE connection = ?1")?.execute([name])?;
        self.db.prepare_cached("UPDATE poll SET sealed = NULL, more = 0 WHERE connection = ?1")?.execute([name])?;
        self.keys.destroy(self.db, &self.connection(name))?;
        self.db
            .prepare_cached("UPDATE install SET forgotten_at = ?3 WHERE source = ?1 AND location = ?2")?
            .execute(params![source, location, int(wish.at)])?;
        let act = AuditRow::act(wish.at, &wish.by, format!("connection:{name}"), "forget connection".to_owned());
        self.note(&AuditRow { outcome: Some(wish.why.clone()), ..act })
    }
}
