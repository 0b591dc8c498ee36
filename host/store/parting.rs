//! Whoever is forgotten leaves the audiences that convey put them in. What the platform knows them by, hashes it has already, is sealed anew under a
//! key that belongs to nobody, so that the contact's own key need not outlive the moment; it goes once the platform has let go.

use rusqlite::params;

use super::StoreError;
use super::forget::FORGOTTEN;
use super::rows::{Rows, int};
use crate::clock::Millis;
use crate::vault::{Lookup, VaultError, random_hex};

/// Places given up that nobody could tell the platform of for so long.
const OLD: &str = "SELECT row FROM membership WHERE parting < ?1 LIMIT ?2";

/// A place that the platform may hold a contact in.
struct Place {
    row: i64,
    id: [String; 2],
    known_by: Vec<u8>,
}

impl Rows<'_> {
    /// Turns the places that a contact may hold into leaves that outlive the contact's key. How many there are. To be called while the key is there.
    pub(super) fn part(&self, subject: &Lookup, now: Millis) -> Result<u64, StoreError> {
        let mut query = self.db.prepare_cached(
            "SELECT row, destination, audience, coalesce(put_in, sealed) FROM membership
             WHERE subject = ?1 AND (put_in IS NOT NULL OR (wanted = 'join' AND state = 'in_flight'))",
        )?;
        let found = query.query_map([subject], |row| {
            Ok(Place { row: row.get(0)?, id: [row.get(1)?, row.get(2)?], known_by: row.get(3)? })
        })?;
        let mut parted = 0;
        for Place { row, id, known_by } in found.collect::<Result<Vec<_>, _>>()? {
            let id = [id[0].as_str(), id[1].as_str()];
            let known_by = match self.open("membership", &id, subject, &known_by) {
                Ok(known_by) => known_by,
                // Damaged: nobody can say any more whom to take out.
                Err(StoreError::Vault(VaultError::Unopened { .. })) => continue,
                Err(error) => return Err(error),
            };
            let nobody = self.keys.vault().lookup("parting", &[&random_hex(16)?]);
            let sealed = self.seal("membership", &id, &nobody, &known_by)?;
            // An answer that is under way belongs to an earlier wish, and does not end this one.
            self.db
                .prepare_cached(
                    "UPDATE membership SET subject = ?2, made_of = NULL, wanted = 'leave', version = version + 1, rule = ?3, occurred_at = ?4,
                            due_at = ?4, tries = 0, reason = NULL, done_at = NULL, sealed = ?5, put_in = ?5, parting = ?4,
                            state = CASE WHEN state = 'in_flight' THEN state ELSE 'waiting' END
                     WHERE row = ?1",
                )?
                .execute(params![row, nobody, FORGOTTEN, int(now), sealed])?;
            parted += 1;
        }
        Ok(parted)
    }

    /// The platform has let go of a place: nothing of it is kept. Whether the place was one that was given up.
    pub(super) fn parted(&self, row: i64, subject: &Lookup) -> Result<bool, StoreError> {
        let gone = "DELETE FROM membership WHERE row = ?1 AND parting IS NOT NULL AND state = 'done'";
        if self.db.prepare_cached(gone)?.execute([row])? == 0 {
            return Ok(false);
        }
        self.keys.destroy(self.db, subject)?;
        Ok(true)
    }

    /// Ends places that nobody could tell the platform of: their destination is gone, or refuses for ever.
    pub(super) fn sweep_partings(&self, before: Millis) -> Result<usize, StoreError> {
        let old = self.old(OLD, before)?;
        for row in &old {
            let subject = self
                .db
                .prepare_cached("DELETE FROM membership WHERE row = ?1 RETURNING subject")?
                .query_row([row], |row| row.get::<_, Lookup>(0))?;
            self.keys.destroy(self.db, &subject)?;
            tracing::warn!(
                "a contact who was forgotten could not be taken out of an audience: the platform never let go"
            );
        }
        Ok(old.len())
    }
}
