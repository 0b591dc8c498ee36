//! Attempts: requests that may have left. One without an answer is ambiguous, and the store says which events that
//! touches.

use std::collections::HashMap;

use rusqlite::params;
use serde::Serialize;

use super::forget::FORGOTTEN;
use super::pause::Pause;
use super::rows::{Rows, int, nat};
use super::{Store, StoreError};
use crate::clock::Millis;

/// What to do with events whose attempt has no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Ambiguity {
    /// Send them again with the same ids: nothing is lost, the platform removes repeats.
    #[default]
    Resend,
    /// Keep them dead until a person decides.
    Hold,
}

/// What became of an attempt.
#[derive(Clone)]
pub struct ShipSettlement {
    /// The attempt.
    pub attempt: i64,
    /// When it was judged.
    pub now: Millis,
    /// One word for the attempt's row.
    pub outcome: String,
    /// The verdict on each event, by row.
    pub items: Vec<(i64, Verdict)>,
    /// A pause that the answer calls for, in the same transaction.
    pub pause: Option<Pause>,
}

/// What the host does next with an event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// The platform has it.
    Done {
        /// The platform's own word for the request.
        trace: Option<String>,
    },
    /// It goes again.
    Retry {
        /// When.
        at: Millis,
        /// Why.
        reason: String,
    },
    /// It goes no more, until a person replays it.
    Dead {
        /// Why.
        reason: String,
        /// Whether its deadline has passed.
        expired: bool,
    },
    /// It may have arrived.
    Ambiguous {
        /// When it goes again; `None` holds it dead until a person decides.
        resend_at: Option<Millis>,
    },
}

/// An attempt that may have arrived without our knowing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct AmbiguousAttempt {
    /// The attempt.
    pub attempt: i64,
    /// Where to.
    pub destination: String,
    /// When it left.
    pub at: Millis,
    /// The events that a repeat can touch.
    pub event_ids: Vec<String>,
}

/// Why a held event is dead.
const AMBIGUOUS: &str = "ambiguous";

/// What an event row becomes.
struct Next<'a> {
    word: &'static str,
    state: &'static str,
    due_at: Option<Millis>,
    reason: Option<&'a str>,
    trace: Option<&'a str>,
}

impl Verdict {
    fn next(&self) -> Next<'_> {
        let next = |word, state| Next { word, state, due_at: None, reason: None, trace: None };
        match self {
            Self::Done { trace } => Next { trace: trace.as_deref(), ..next("done", "done") },
            Self::Retry { at, reason } => Next { due_at: Some(*at), reason: Some(reason), ..next("retry", "waiting") },
            Self::Dead { reason, expired: true } => Next { reason: Some(reason), ..next("expired", "expired") },
            Self::Dead { reason, expired: false } => Next { reason: Some(reason), ..next("dead", "dead") },
            Self::Ambiguous { resend_at: None } => Next { reason: Some(AMBIGUOUS), ..next(AMBIGUOUS, "dead") },
            Self::Ambiguous { resend_at } => {
                Next { due_at: *resend_at, reason: Some(AMBIGUOUS), ..next(AMBIGUOUS, "waiting") }
            }
        }
    }
}

impl Store {
    /// Settles an attempt. An attempt that is settled already is left as it is, so the step may be repeated. Events of
    /// the attempt without a verdict are held as ambiguous: no event is ever forgotten in flight.
    ///
    /// # Errors
    /// As the disk has it; then the attempt is still open.
    pub async fn settle_shipped(&self, settlement: ShipSettlement) -> Result<(), StoreError> {
        self.write("settle_shipped", 0, move |rows| rows.settle_shipped(&settlement)).await
    }

    /// Lets members that an earlier run left in flight go again, and closes the attempts it left open: they are ambiguous, and their events go again or are held, as
    /// `policy` says of their destination (resend where it says nothing). Returns how many attempts. Call it before any
    /// claim.
    ///
    /// # Errors
    /// As the disk has it; then nothing was closed.
    pub async fn recover(&self, now: Millis, policy: &HashMap<String, Ambiguity>) -> Result<u64, StoreError> {
        let policy = policy.clone();
        self.write("recover", 0, move |rows| rows.recover(now, &policy)).await
    }

    /// Every attempt with ambiguous events, oldest first.
    ///
    /// # Errors
    /// As the database has it.
    pub async fn ambiguous(&self) -> Result<Vec<AmbiguousAttempt>, StoreError> {
        self.read(|rows| rows.ambiguous()).await
    }
}

impl Rows<'_> {
    fn settle_shipped(&self, settlement: &ShipSettlement) -> Result<(), StoreError> {
        let ShipSettlement { attempt, now, outcome, items, pause } = settlement;
        let closed = self
            .db
            .prepare_cached("UPDATE attempt SET outcome = ?2, settled_at = ?3 WHERE row = ?1 AND outcome IS NULL")?
            .execute(params![attempt, outcome, int(*now)])?;
        if closed == 0 {
            return Ok(());
        }
        if let Some(pause) = pause {
            self.pause(pause)?;
        }
        for (event, verdict) in items {
            self.settle_event(*attempt, *event, *now, verdict)?;
        }
        for event in self.unjudged(*attempt)? {
            tracing::error!(attempt, event, "an event of the attempt has no verdict and is held");
            self.settle_event(*attempt, event, *now, &Verdict::Ambiguous { resend_at: None })?;
        }
        self.release_commands(*attempt, *now)
    }

    fn settle_event(&self, attempt: i64, event: i64, now: Millis, verdict: &Verdict) -> Result<(), StoreError> {
        let next = verdict.next();
        let ours = self
            .db
            .prepare_cached(
                "UPDATE attempt_item SET verdict = ?3 WHERE attempt = ?1 AND event = ?2 AND verdict IS NULL",
            )?
            .execute(params![attempt, event, next.word])?;
        if ours == 0 {
            return Ok(());
        }
        // Nothing is left to send again of a contact that was forgotten meanwhile.
        let next = match next.state {
            "waiting" | "dead" if self.is_blank(event)? => {
                Next { state: "dropped", due_at: None, reason: Some(FORGOTTEN), ..next }
            }
            _ => next,
        };
        self.db
            .prepare_cached(
                "UPDATE outbox SET state = ?2, due_at = coalesce(?3, due_at), reason = ?4, trace = ?5,
                        done_at = CASE WHEN ?2 = 'waiting' THEN NULL ELSE ?6 END, ambiguous = max(ambiguous, ?7)
                 WHERE row = ?1 AND state = 'in_flight'",
            )?
            .execute(params![
                event,
                next.state,
                next.due_at.map(int),
                next.reason,
                next.trace,
                int(now),
                next.word == AMBIGUOUS,
            ])?;
        Ok(())
    }

    fn recover(&self, now: Millis, policy: &HashMap<String, Ambiguity>) -> Result<u64, StoreError> {
        self.recover_members()?;
        let open: Vec<(i64, String)> = self
            .db
            .prepare_cached("SELECT row, destination FROM attempt WHERE outcome IS NULL ORDER BY row")?
            .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?
            .collect::<Result<_, _>>()?;
        for (attempt, destination) in &open {
            let resend_at = match policy.get(destination).copied().unwrap_or_default() {
                Ambiguity::Resend => Some(now),
                Ambiguity::Hold => None,
            };
            let events = self.unjudged(*attempt)?;
            self.settle_shipped(&ShipSettlement {
                attempt: *attempt,
                now,
                outcome: AMBIGUOUS.to_owned(),
                items: events.into_iter().map(|event| (event, Verdict::Ambiguous { resend_at })).collect(),
                pause: None,
            })?;
        }
        Ok(open.len() as u64)
    }

    fn ambiguous(&self) -> Result<Vec<AmbiguousAttempt>, StoreError> {
        let mut query = self.db.prepare_cached(
            "SELECT attempt.row, attempt.destination, attempt.at, outbox.event_id
             FROM attempt_item JOIN attempt ON attempt.row = attempt_item.attempt
                  JOIN outbox ON outbox.row = attempt_item.event
             WHERE attempt_item.verdict = 'ambiguous' ORDER BY attempt.row",
        )?;
        let mut found: Vec<AmbiguousAttempt> = Vec::new();
        let mut rows = query.query([])?;
        while let Some(row) = rows.next()? {
            let attempt: i64 = row.get(0)?;
            let event_id: String = row.get(3)?;
            match found.last_mut() {
                Some(last) if last.attempt == attempt => last.event_ids.push(event_id),
                _ => found.push(AmbiguousAttempt {
                    attempt,
                    destination: row.get(1)?,
                    at: nat(row.get(2)?),
                    event_ids: vec![event_id],
                }),
            }
        }
        Ok(found)
    }

    fn unjudged(&self, attempt: i64) -> Result<Vec<i64>, StoreError> {
        let mut query =
            self.db.prepare_cached("SELECT event FROM attempt_item WHERE attempt = ?1 AND verdict IS NULL")?;
        Ok(query.query_map([attempt], |row| row.get(0))?.collect::<Result<_, _>>()?)
    }
}
