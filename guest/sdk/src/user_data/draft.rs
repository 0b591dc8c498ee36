//! A person in the making: what is told of it so far, what is left out, and what waits to be hashed.

use std::borrow::Cow;

use crate::click::Reason;
use crate::hash::{
    Block, TOGETHER, TOGETHER_PAYS, already_hashed, fill, looks_like_md5, sha256, sha256_of, sha256_together, waits,
};
use crate::identity;
use crate::normalise::external_id;
use crate::types::{Contact, Hashed, Omission, UserData};

use super::Person;
use super::field::{EXTERNAL_IDS, Field};
use super::known::{self, Place};

/// A person in the making.
pub(super) struct Draft {
    pub(super) told: UserData,
    omitted: Vec<Omission>,
    /// Normalised values in the order they are to be told in, fewer than are hashed together.
    waiting: Vec<(Field, Block)>,
}

impl Default for Draft {
    fn default() -> Self {
        Self::from(Person::nobody())
    }
}

impl From<Person> for Draft {
    fn from(Person { user_data: told, omitted }: Person) -> Self {
        Self { told, omitted, waiting: Vec::with_capacity(if TOGETHER_PAYS { TOGETHER } else { 0 }) }
    }
}

impl Draft {
    /// The person, made.
    pub(super) fn person(mut self) -> Person {
        self.settle();
        Person { user_data: self.told, omitted: self.omitted }
    }

    /// The person, made, and the hash of a message, made with what still waits.
    pub(super) fn person_and(mut self, message: &[u8]) -> (Person, Hashed) {
        let together = waits(message).then(|| {
            let mut block = [0; 64];
            fill(&mut block, message);
            block
        });
        let hash = self.settle_with(together.as_ref()).unwrap_or_else(|| sha256_of(message));
        (self.person(), hash)
    }

    /// One entry a field and reason, however many values it befell.
    pub(super) fn leave_out(&mut self, field: &str, reason: Reason) {
        if !self.omitted.iter().any(|known| known.field == field && known.reason == reason) {
            self.omitted.push(Omission { field: field.to_owned(), reason: reason.to_owned() });
        }
    }

    /// Every value that `rule` can use; `reason` is why it cannot use one.
    pub(super) fn list(
        &mut self,
        field: Field,
        values: &[String],
        reason: Reason,
        rule: impl for<'v> Fn(&'v str) -> Option<Cow<'v, str>>,
    ) {
        for raw in values {
            self.one(field, Some(raw), reason, &rule);
        }
    }

    pub(super) fn one(
        &mut self,
        field: Field,
        value: Option<&str>,
        reason: Reason,
        rule: impl for<'v> Fn(&'v str) -> Option<Cow<'v, str>>,
    ) {
        let Some(raw) = value.filter(|raw| !raw.trim().is_empty()) else { return };
        match usable(raw, reason, rule) {
            Ok(Usable::Normalised(text)) => self.hash(field, &text),
            Ok(Usable::Hashed(hash)) => self.tell(field, hash),
            Err(reason) => self.leave_out(field.name, reason),
        }
    }

    /// As [`Self::one`], for what many contacts share.
    pub(super) fn place(
        &mut self,
        field: Field,
        place: Place,
        value: Option<&str>,
        region: Option<&str>,
        reason: Reason,
        rule: impl for<'v> Fn(&'v str) -> Option<Cow<'v, str>>,
    ) {
        let Some(raw) = value.filter(|raw| !raw.trim().is_empty()) else { return };
        let hash = known::hash(place, raw, region, || {
            usable(raw, reason, rule).map(|usable| match usable {
                Usable::Normalised(text) => sha256(&text),
                Usable::Hashed(hash) => hash,
            })
        });
        match hash {
            Ok(hash) => keep(&mut self.told, field, hash),
            Err(reason) => self.leave_out(field.name, reason),
        }
    }

    /// An id of the CRM.
    pub(super) fn external_id(&mut self, raw: &str) {
        match external_id(raw).map(|id| (id, already_hashed(id))) {
            Some((_, Some(hash))) => self.tell(EXTERNAL_IDS, hash),
            Some((id, None)) => self.hash(EXTERNAL_IDS, id),
            None => {}
        }
    }

    /// A text that is told as it is.
    pub(super) fn clear(&mut self, field: &str, value: Option<Result<String, Reason>>) -> Option<String> {
        match value? {
            Ok(text) => Some(text),
            Err(reason) => {
                self.leave_out(field, reason);
                None
            }
        }
    }

    /// As [`Self::clear`], for fields with room for an address or a number.
    pub(super) fn own(
        &mut self,
        field: &str,
        value: Option<Result<String, Reason>>,
        contact: &Contact,
    ) -> Option<String> {
        let text = self.clear(field, value)?;
        if identity::gives_away(&text, contact) {
            self.leave_out(field, identity::GIVES_AWAY);
            return None;
        }
        Some(text)
    }

    /// Tells a hash, behind what waits.
    pub(super) fn tell(&mut self, field: Field, hash: Hashed) {
        self.settle();
        keep(&mut self.told, field, hash);
    }

    fn hash(&mut self, field: Field, normalised: &str) {
        if !waits(normalised.as_bytes()) {
            return self.tell(field, sha256(normalised));
        }
        self.waiting.push((field, [0; 64]));
        if let Some((_, block)) = self.waiting.last_mut() {
            fill(block, normalised.as_bytes());
        }
        if self.waiting.len() == TOGETHER {
            self.settle();
        }
    }

    fn settle(&mut self) {
        self.settle_with(None);
    }

    /// Hashes what waits and perhaps one block more, whose hash is the answer.
    fn settle_with(&mut self, more: Option<&Block>) -> Option<Hashed> {
        let first = self.waiting.first().map(|(_, block)| block).or(more)?;
        let mut blocks = [first; TOGETHER];
        let waiting = self.waiting.iter().map(|(_, block)| block);
        for (block, waiting) in blocks.iter_mut().zip(waiting.chain(more)) {
            *block = waiting;
        }
        let count = self.waiting.len();
        let hashes = sha256_together(&blocks[..count + usize::from(more.is_some())]);
        for ((field, _), hash) in self.waiting.drain(..).zip(hashes) {
            keep(&mut self.told, field, hash);
        }
        more.map(|_| hashes[count])
    }
}

/// A hash twice finds nobody more.
#[inline]
fn keep(told: &mut UserData, field: Field, hash: Hashed) {
    let hashes = (field.of)(told);
    if hashes.is_empty() {
        *hashes = vec![hash];
    } else if !hashes.contains(&hash) {
        hashes.push(hash);
    }
}

enum Usable<'v> {
    Normalised(Cow<'v, str>),
    Hashed(Hashed),
}

fn usable<'v>(
    raw: &'v str,
    reason: Reason,
    rule: impl FnOnce(&'v str) -> Option<Cow<'v, str>>,
) -> Result<Usable<'v>, Reason> {
    if let Some(hash) = already_hashed(raw) {
        return Ok(Usable::Hashed(hash));
    }
    if looks_like_md5(raw) {
        return Err("an MD5, not a SHA-256");
    }
    rule(raw).map(Usable::Normalised).ok_or(reason)
}
