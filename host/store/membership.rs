//! Memberships of audiences: one wish a destination, audience and contact, the latest by when its fact happened. Joining or leaving again
//! changes nothing at the platform, so an answer that was lost costs a repeat and no doubt.

use std::sync::atomic::Ordering;

use rusqlite::{OptionalExtension, params};

use super::change::TranslationSettlement;
use super::lane::{Lanes, Waiting};
use super::pause::Pause;
use super::rows::{Rows, int, sort_opened};
use super::{Store, StoreError, Verdict};
use crate::clock::Millis;
use crate::vault::Lookup;

/// What a mapper wants of one contact's place in an audience.
#[derive(Clone)]
pub struct Wish {
    /// Where to.
    pub destination: String,
    /// The audience, as the destination's settings or the platform know it.
    pub audience: String,
    /// In or out.
    pub join: bool,
    /// The rule that asked for it.
    pub rule: String,
    /// When the fact happened: of two wishes the later one holds.
    pub occurred_at: Millis,
    /// The person, as the platform takes them; sealed.
    pub bytes: Vec<u8>,
}

/// Members to send now, all for one audience and one way.
pub struct MemberClaim {
    /// The audience.
    pub audience: String,
    /// In or out.
    pub join: bool,
    /// Who, the longest due first.
    pub members: Vec<StoredMember>,
}

/// A claimed member.
pub struct StoredMember {
    /// Its row, by which the settlement names it.
    pub row: i64,
    /// The wish this is, of those there were.
    pub version: i64,
    /// The person as the wish names them.
    pub bytes: Vec<u8>,
    /// The person as the platform has them.
    pub put_in: Option<Vec<u8>>,
    /// How often this wish was sent before.
    pub tries: u32,
}

/// What became of the members of a claim.
pub struct MemberSettlement {
    /// Where to.
    pub destination: String,
    /// The audience.
    pub audience: String,
    /// In or out.
    pub join: bool,
    /// When it was judged.
    pub now: Millis,
    /// Each of them.
    pub items: Vec<SettledMember>,
    /// Rows the platform could make nothing of.
    pub invalid: u32,
    /// A pause that the answer calls for, in the same transaction.
    pub pause: Option<Pause>,
}

/// What became of one of them.
pub struct SettledMember {
    /// Its row.
    pub row: i64,
    /// The wish that was sent.
    pub version: i64,
    /// What is next.
    pub verdict: Verdict,
    /// The person as they were sent.
    pub sent: Vec<u8>,
}

/// The rule a withdrawn consent is shown under.
const WITHDRAWN: &str = "consent withdrawn";

const MEMBER_LANES: Lanes = Lanes { table: "membership", column: "destination" };

const CLAIM: &str = "SELECT row, version, tries, subject, sealed, put_in FROM membership
     WHERE state = 'waiting' AND destination = ?1 AND audience = ?2 AND wanted = ?3 AND due_at <= ?4
     ORDER BY due_at LIMIT ?5";

impl Store {
    /// The destinations with members due at `now`.
    ///
    /// # Errors
    /// As the database has it.
    pub async fn audiences_waiting(&self, now: Millis) -> Result<Vec<Waiting>, StoreError> {
        self.read(move |rows| rows.waiting(MEMBER_LANES, now)).await
    }

    /// Claims at most `limit` due members of one audience, all to join or all to leave: those of the wish that is due longest. `None` if
    /// there are none, or if the destination or everything is paused. A member that does not open becomes dead.
    ///
    /// # Errors
    /// As the disk has it; then nothing was claimed.
    pub async fn claim_members(
        &self,
        destination: &str,
        now: Millis,
        limit: usize,
    ) -> Result<Option<MemberClaim>, StoreError> {
        let destination = destination.to_owned();
        self.write("claim_members", 0, move |rows| rows.claim_members(&destination, now, limit)).await
    }

    /// Settles a claim. A member that is not in flight is left as it is, so the step may be repeated; one of whom something else was
    /// wanted meanwhile waits to be sent again.
    ///
    /// # Errors
    /// As the disk has it; then nothing was settled.
    pub async fn settle_members(&self, settlement: MemberSettlement) -> Result<(), StoreError> {
        if self.write("settle_members", 0, move |rows| rows.settle_members(&settlement)).await? {
            // A key was destroyed: its older pages leave the log with the next look.
            self.0.pulse.forgot.store(true, Ordering::Release);
        }
        Ok(())
    }
}

fn word(join: bool) -> &'static str {
    if join { "join" } else { "leave" }
}

/// A wish as it stands.
struct Standing {
    row: i64,
    wanted: String,
    /// When its fact happened, and the change that told it.
    order: (i64, i64),
    state: String,
    sealed: Vec<u8>,
    put_in: Option<Vec<u8>>,
}

impl Rows<'_> {
    /// Takes a wish of a change. Whether it makes a difference.
    pub(super) fn wish(
        &self,
        settlement: &TranslationSettlement,
        change: i64,
        owner: &Lookup,
        wish: &Wish,
    ) -> Result<bool, StoreError> {
        let id = [wish.destination.as_str(), wish.audience.as_str()];
        let (wanted, order) = (word(wish.join), (int(wish.occurred_at), change));
        let Some(standing) = self.standing_wish(owner, wish)? else {
            let sealed = self.seal("membership", &id, owner, &wish.bytes)?;
            self.db
                .prepare_cached(
                    "INSERT INTO membership (destination, audience, subject, wanted, version, change, generation, rule,
                                             occurred_at, state, due_at, sealed, made_of)
                     VALUES (?1, ?2, ?3, ?4, 1, ?5, ?6, ?7, ?8, 'waiting', ?9, ?10, ?5)",
                )?
                .execute(params![
                    wish.destination,
                    wish.audience,
                    owner,
                    wanted,
                    change,
                    settlement.generation,
                    wish.rule,
                    order.0,
                    int(settlement.now),
                    sealed,
                ])?;
            return Ok(true);
        };
        if standing.order > order {
            return Ok(false);
        }
        if self.is_repeated(&standing, owner, wish)? {
            self.db
                .prepare_cached("UPDATE membership SET occurred_at = ?2, change = ?3 WHERE row = ?1")?
                .execute(params![standing.row, order.0, order.1])?;
            return Ok(false);
        }
        // A leave that has not been sent and is taken back: the platform has them as they are wanted.
        let still_in = match &standing.put_in {
            Some(put_in) if wish.join && standing.state != "in_flight" => self.is_same(put_in, owner, wish)?,
            _ => false,
        };
        let sealed = self.seal("membership", &id, owner, &wish.bytes)?;
        self.db
            .prepare_cached(
                "UPDATE membership SET wanted = ?2, version = version + 1, change = ?3, generation = ?4, rule = ?5,
                        occurred_at = ?6, due_at = ?7, tries = 0, reason = NULL, sealed = ?8, made_of = ?3,
                        state = CASE WHEN state = 'in_flight' THEN state WHEN ?9 THEN 'done' ELSE 'waiting' END,
                        done_at = CASE WHEN ?9 THEN ?7 END
                 WHERE row = ?1",
            )?
            .execute(params![
                standing.row,
                wanted,
                change,
                settlement.generation,
                wish.rule,
                order.0,
                int(settlement.now),
                sealed,
                still_in,
            ])?;
        Ok(true)
    }

    /// Whether a wish would make a difference if it were taken now.
    pub(super) fn would_differ(&self, change: i64, owner: &Lookup, wish: &Wish) -> Result<bool, StoreError> {
        let Some(standing) = self.standing_wish(owner, wish)? else { return Ok(true) };
        Ok(standing.order <= (int(wish.occurred_at), change) && !self.is_repeated(&standing, owner, wish)?)
    }

    fn standing_wish(&self, owner: &Lookup, wish: &Wish) -> Result<Option<Standing>, StoreError> {
        let mut query = self.db.prepare_cached(
            "SELECT row, wanted, occurred_at, change, state, sealed, put_in FROM membership
             WHERE destination = ?1 AND audience = ?2 AND subject = ?3",
        )?;
        let found = query.query_row(params![wish.destination, wish.audience, owner], |row| {
            let order = (row.get(2)?, row.get(3)?);
            let (wanted, state, sealed) = (row.get(1)?, row.get(4)?, row.get(5)?);
            Ok(Standing { row: row.get(0)?, wanted, order, state, sealed, put_in: row.get(6)? })
        });
        Ok(found.optional()?)
    }

    /// Whoever leaves leaves by what they were put in by: another name for them is no news.
    fn is_repeated(&self, standing: &Standing, owner: &Lookup, wish: &Wish) -> Result<bool, StoreError> {
        let as_before = standing.wanted == word(wish.join) && standing.state != "dead";
        Ok(as_before && (!wish.join || self.is_same(&standing.sealed, owner, wish)?))
    }

    fn is_same(&self, sealed: &[u8], owner: &Lookup, wish: &Wish) -> Result<bool, StoreError> {
        Ok(self.open("membership", &[&wish.destination, &wish.audience], owner, sealed)? == wish.bytes)
    }

    /// Takes a contact out of every audience they were put in before `at`, when they said that they do not want to be.
    pub(super) fn withdraw(&self, now: Millis, change: i64, owner: &Lookup, at: Millis) -> Result<(), StoreError> {
        self.db
            .prepare_cached(
                "UPDATE membership SET wanted = 'leave', version = version + 1, change = ?3, rule = ?4, occurred_at = ?2, made_of = NULL,
                        due_at = ?5, tries = 0, reason = NULL, done_at = NULL,
                        state = CASE WHEN state = 'in_flight' THEN state ELSE 'waiting' END
                 WHERE subject = ?1 AND wanted = 'join' AND occurred_at <= ?2",
            )?
            .execute(params![owner, int(at), change, WITHDRAWN, int(now)])?;
        Ok(())
    }

    fn claim_members(&self, destination: &str, now: Millis, limit: usize) -> Result<Option<MemberClaim>, StoreError> {
        if self.is_paused(destination)? {
            return Ok(None);
        }
        let first: Option<(String, String)> = self
            .db
            .prepare_cached(
                "SELECT audience, wanted FROM membership WHERE state = 'waiting' AND destination = ?1 AND due_at <= ?2
                 ORDER BY due_at LIMIT 1",
            )?
            .query_row(params![destination, int(now)], |row| Ok((row.get(0)?, row.get(1)?)))
            .optional()?;
        let Some((audience, wanted)) = first else { return Ok(None) };
        let mut query = self.db.prepare_cached(CLAIM)?;
        let found = query.query_map(params![destination, audience, wanted, int(now), int(limit as u64)], |row| {
            let (bytes, put_in) = (row.get::<_, Vec<u8>>(4)?, row.get(5)?);
            let member = StoredMember { row: row.get(0)?, version: row.get(1)?, tries: row.get(2)?, bytes, put_in };
            Ok((member, row.get::<_, Lookup>(3)?))
        })?;
        let found = found.collect::<Result<Vec<_>, _>>()?;
        let id = [destination, audience.as_str()];
        let (members, closed) = sort_opened(found.into_iter().map(|(mut member, subject)| {
            let open = |sealed: &[u8]| self.open("membership", &id, &subject, sealed);
            let opened = open(&member.bytes).and_then(|bytes| {
                member.put_in = member.put_in.as_deref().map(open).transpose()?;
                member.bytes = bytes;
                Ok(())
            });
            (member.row, opened.map(|()| member))
        }))?;
        self.park("membership", &closed)?;
        let mut leave =
            self.db.prepare_cached("UPDATE membership SET state = 'in_flight', tries = tries + 1 WHERE row = ?1")?;
        for member in &members {
            leave.execute([member.row])?;
        }
        Ok(Some(MemberClaim { audience, join: wanted == "join", members }))
    }

    /// Whether a key was destroyed.
    fn settle_members(&self, settlement: &MemberSettlement) -> Result<bool, StoreError> {
        let MemberSettlement { destination, audience, now, invalid, pause, .. } = settlement;
        if let Some(pause) = pause {
            self.pause(pause)?;
        }
        if *invalid > 0 {
            self.db
                .prepare_cached(
                    "INSERT INTO audience (destination, audience, invalid, at) VALUES (?1, ?2, ?3, ?4)
                     ON CONFLICT (destination, audience) DO UPDATE SET invalid = invalid + ?3, at = ?4",
                )?
                .execute(params![destination, audience, invalid, int(*now)])?;
        }
        settlement.items.iter().try_fold(false, |parted, item| Ok(self.settle_member(settlement, item)? || parted))
    }

    /// Whether that ended the place of somebody who was forgotten.
    fn settle_member(&self, settlement: &MemberSettlement, item: &SettledMember) -> Result<bool, StoreError> {
        let now = int(settlement.now);
        let found: Option<(i64, Lookup)> = self
            .db
            .prepare_cached("SELECT version, subject FROM membership WHERE row = ?1 AND state = 'in_flight'")?
            .query_row([item.row], |row| Ok((row.get(0)?, row.get(1)?)))
            .optional()?;
        let Some((version, subject)) = found else { return Ok(false) };
        // What may have arrived is remembered as arrived: whoever may be in is taken out when they leave.
        if settlement.join && matches!(item.verdict, Verdict::Done { .. } | Verdict::Ambiguous { .. }) {
            let id = [settlement.destination.as_str(), settlement.audience.as_str()];
            let sealed = self.seal("membership", &id, &subject, &item.sent)?;
            self.db
                .prepare_cached("UPDATE membership SET put_in = ?2 WHERE row = ?1")?
                .execute(params![item.row, sealed])?;
        } else if let Verdict::Done { .. } = item.verdict {
            self.db.prepare_cached("UPDATE membership SET put_in = NULL WHERE row = ?1")?.execute([item.row])?;
        }
        let (state, due_at, reason) = match &item.verdict {
            // Something else is wanted since.
            _ if version != item.version => ("waiting", None, None),
            Verdict::Done { .. } => ("done", None, None),
            Verdict::Retry { at, reason } => ("waiting", Some(*at), Some(reason.as_str())),
            Verdict::Dead { reason, .. } => ("dead", None, Some(reason.as_str())),
            Verdict::Ambiguous { resend_at } => ("waiting", *resend_at, Some("no answer came")),
        };
        self.db
            .prepare_cached(
                "UPDATE membership SET state = ?2, due_at = coalesce(?3, due_at), reason = ?4,
                        done_at = CASE WHEN ?2 = 'done' THEN ?5 END
                 WHERE row = ?1",
            )?
            .execute(params![item.row, state, due_at.map(int), reason, now])?;
        self.parted(item.row, &subject)
    }

    /// Members that an earlier run left in flight go again.
    pub(super) fn recover_members(&self) -> Result<(), StoreError> {
        self.db.prepare_cached("UPDATE membership SET state = 'waiting' WHERE state = 'in_flight'")?.execute([])?;
        Ok(())
    }
}
