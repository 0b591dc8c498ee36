//! The brake: a rule that suddenly asks for far more events than in its usual hour is held up. A bulk change in the CRM looks just like this, and
//! what was sent cannot be recalled.

use rusqlite::params;

use super::StoreError;
use super::outbox::NewEvent;
use super::rows::{Rows, int};
use crate::clock::Millis;

const HOUR_MS: Millis = 60 * 60 * 1_000;
/// The usual hour is that of the last week.
const WEEK: u64 = 7 * 24;

/// Why an event beyond the brake is dead.
pub const BRAKE: &str = "brake";

/// How many events of one rule a destination is told in an hour before the rest is parked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Brake {
    /// So many times the rule's usual hour: the mean of the last week's hours in which it told something. 0: there is no brake.
    pub times: u32,
    /// So many are told in any hour.
    pub floor: u32,
}

impl Brake {
    /// Everything is told.
    pub const OFF: Self = Self { times: 0, floor: 0 };

    /// The most an hour may hold.
    fn most(self, usual: f64) -> u64 {
        if self.times == 0 { u64::MAX } else { (f64::from(self.times) * usual).max(f64::from(self.floor)) as u64 }
    }
}

/// A rule that was held up for the first time in this hour.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Braked {
    /// Where to.
    pub destination: String,
    /// The rule.
    pub rule: String,
    /// How many events an hour may hold.
    pub most: u64,
}

/// What one settlement adds to the hour's counts, by destination and rule: few, so they stand in a row.
#[derive(Default)]
pub(super) struct Pace(Vec<Counted>);

struct Counted {
    destination: String,
    rule: String,
    most: u64,
    /// Before this settlement.
    told: u64,
    braked: u64,
    /// By this settlement.
    more_told: u64,
    more_braked: u64,
}

impl Pace {
    /// Whether the event may be told; otherwise it is to be parked. Nothing is counted yet.
    pub(super) fn passes(&mut self, rows: &Rows<'_>, event: &NewEvent, now: Millis) -> Result<bool, StoreError> {
        let at = match self.0.iter().position(|known| known.is_of(event)) {
            Some(at) => at,
            None => {
                self.0.push(rows.counted(event, now)?);
                self.0.len() - 1
            }
        };
        let counted = &self.0[at];
        Ok(counted.told + counted.more_told < counted.most)
    }

    /// Counts an event that was stored.
    pub(super) fn count(&mut self, event: &NewEvent, passed: bool) {
        if let Some(counted) = self.0.iter_mut().find(|known| known.is_of(event)) {
            if passed { counted.more_told += 1 } else { counted.more_braked += 1 }
        }
    }

    /// Writes the counts down; the rules that were held up for the first time in this hour.
    pub(super) fn keep(self, rows: &Rows<'_>, now: Millis) -> Result<Vec<Braked>, StoreError> {
        let hour = now / HOUR_MS;
        let mut braked = Vec::new();
        for counted in self.0.into_iter().filter(|counted| counted.more_told + counted.more_braked > 0) {
            let Counted { destination, rule, most, .. } = counted;
            rows.db
                .prepare_cached(
                    "INSERT INTO pace (destination, rule, hour, told, braked) VALUES (?1, ?2, ?3, ?4, ?5)
                     ON CONFLICT (destination, rule, hour)
                     DO UPDATE SET told = told + excluded.told, braked = braked + excluded.braked",
                )?
                .execute(params![destination, rule, int(hour), int(counted.more_told), int(counted.more_braked)])?;
            if counted.told + counted.braked == 0 {
                rows.db
                    .prepare_cached("DELETE FROM pace WHERE destination = ?1 AND rule = ?2 AND hour < ?3")?
                    .execute(params![destination, rule, int(hour.saturating_sub(WEEK))])?;
            }
            if counted.braked == 0 && counted.more_braked > 0 {
                braked.push(Braked { destination, rule, most });
            }
        }
        Ok(braked)
    }
}

impl Counted {
    fn is_of(&self, event: &NewEvent) -> bool {
        self.destination == event.destination && self.rule == event.rule
    }
}

impl Rows<'_> {
    fn counted(&self, event: &NewEvent, now: Millis) -> Result<Counted, StoreError> {
        let hour = now / HOUR_MS;
        let (usual, told, braked) = self
            .db
            .prepare_cached(
                "SELECT coalesce(avg(told) FILTER (WHERE hour < ?3 AND told > 0), 0.0),
                        coalesce(sum(told) FILTER (WHERE hour = ?3), 0), coalesce(sum(braked) FILTER (WHERE hour = ?3), 0)
                 FROM pace WHERE destination = ?1 AND rule = ?2 AND hour >= ?4",
            )?
            .query_row(params![event.destination, event.rule, int(hour), int(hour.saturating_sub(WEEK))], |row| {
                Ok((row.get::<_, f64>(0)?, row.get::<_, u32>(1)?, row.get::<_, u32>(2)?))
            })?;
        Ok(Counted {
            destination: event.destination.clone(),
            rule: event.rule.clone(),
            most: event.brake.most(usual),
            told: told.into(),
            braked: braked.into(),
            more_told: 0,
            more_braked: 0,
        })
    }
}
