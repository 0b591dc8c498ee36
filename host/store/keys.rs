//! The subjects' keys: made on first use in the step that needs them, and remembered for a while.

use std::cell::RefCell;
use std::collections::HashMap;
use std::sync::Arc;

use rusqlite::{Connection, OptionalExtension, params};

use super::StoreError;
use crate::vault::{Lookup, SubjectKey, Vault};

/// Keys remembered before the older half is dropped: 4,096 contacts at work at once are many, and take under 1 MiB.
const REMEMBERED: usize = 4_096;

/// One connection's view of the keys. What was used of late is at hand, the rest is read from its row.
pub(super) struct KeyRing {
    vault: Arc<Vault>,
    recent: RefCell<HashMap<Lookup, SubjectKey>>,
    older: RefCell<HashMap<Lookup, SubjectKey>>,
}

impl KeyRing {
    pub(super) fn new(vault: Arc<Vault>) -> Self {
        Self { vault, recent: RefCell::default(), older: RefCell::default() }
    }

    pub(super) fn vault(&self) -> &Vault {
        &self.vault
    }

    /// The subject's key, if it has one.
    pub(super) fn find(&self, db: &Connection, subject: &Lookup) -> Result<Option<SubjectKey>, StoreError> {
        if let Some(key) = self.recent.borrow().get(subject) {
            return Ok(Some(key.clone()));
        }
        let older = self.older.borrow_mut().remove(subject);
        let key = match older {
            Some(key) => key,
            None => {
                let wrapped: Option<Vec<u8>> = db
                    .prepare_cached("SELECT wrapped FROM contact_key WHERE subject = ?1")?
                    .query_row([subject.as_slice()], |row| row.get(0))
                    .optional()?;
                let Some(wrapped) = wrapped else { return Ok(None) };
                self.vault.unwrap(subject, &wrapped)?
            }
        };
        self.remember(*subject, key.clone());
        Ok(Some(key))
    }

    /// The subject's key, made in the running transaction if it has none.
    pub(super) fn find_or_make(&self, db: &Connection, subject: &Lookup) -> Result<SubjectKey, StoreError> {
        if let Some(key) = self.find(db, subject)? {
            return Ok(key);
        }
        let key = SubjectKey::fresh()?;
        db.prepare_cached("INSERT INTO contact_key (subject, wrapped) VALUES (?1, ?2)")?
            .execute(params![subject.as_slice(), self.vault.wrap(subject, &key)?])?;
        self.remember(*subject, key.clone());
        Ok(key)
    }

    /// Destroys the subject's key in the running transaction: what it sealed never opens again. Whether it had one.
    pub(super) fn destroy(&self, db: &Connection, subject: &Lookup) -> Result<bool, StoreError> {
        self.drop_one(subject);
        Ok(db.prepare_cached("DELETE FROM contact_key WHERE subject = ?1")?.execute([subject])? > 0)
    }

    /// Drops the subject's key if it is at hand. Whether it was.
    pub(super) fn drop_one(&self, subject: &Lookup) -> bool {
        let recent = self.recent.borrow_mut().remove(subject).is_some();
        self.older.borrow_mut().remove(subject).is_some() || recent
    }

    /// Drops every key at hand. Called after any rollback: a key whose row was undone must never seal anything again.
    pub(super) fn clear(&self) {
        self.recent.borrow_mut().clear();
        self.older.borrow_mut().clear();
    }

    fn remember(&self, subject: Lookup, key: SubjectKey) {
        let mut recent = self.recent.borrow_mut();
        if recent.len() >= REMEMBERED / 2 {
            *self.older.borrow_mut() = std::mem::take(&mut *recent);
        }
        recent.insert(subject, key);
    }
}
