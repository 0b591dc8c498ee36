//! Room in a location's allowance, and the lanes that wait for it: no call waits inside, the host claims no more than may leave now.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use super::Flow;
use super::lanes::Step;
use super::plan::Connection;
use crate::clock::Millis;
use crate::egress::Reservation;
use crate::store::{self, StoreError, Use};

/// The most deliveries one call carries over the border: sixty-four lanes of as many contacts each are what memory is bounded by.
const BATCH: usize = 64;

/// Lanes that are left alone until a time.
#[derive(Default)]
pub(super) struct Naps(Mutex<HashMap<(Step, String), Millis>>);

impl Naps {
    /// Leaves a lane alone until `until`, or longer if it is already.
    pub(super) fn nap(&self, step: Step, name: &str, until: Millis) {
        let mut naps = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let nap = naps.entry((step, name.to_owned())).or_default();
        *nap = until.max(*nap);
    }

    /// Whether a lane is left alone now.
    pub(super) fn sleeps(&self, step: Step, name: &str, now: Millis) -> bool {
        let naps = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        naps.get(&(step, name.to_owned())).is_some_and(|until| *until > now)
    }

    /// Wakes every lane: what it waited for may have changed.
    pub(super) fn end(&self) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    /// When the next lane of a step may go on. Naps that are over are forgotten: their lanes may have nothing more to do, and would be waited for in vain.
    pub(super) fn next(&self, step: Step, now: Millis) -> Option<Millis> {
        let mut naps = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        naps.retain(|_, until| *until > now);
        naps.iter().filter(|((of, _), _)| *of == step).map(|(_, until)| *until).min()
    }
}

/// When each location's use was last written down.
#[derive(Default)]
pub(super) struct Marks(Mutex<HashMap<(String, String), Millis>>);

impl Flow {
    /// Room for `n` requests to the connection's location, or `None`: then the lane naps until there may be some. That the allowance is in use is durable
    /// before anything leaves, so that after a crash it is known to be spent.
    pub(super) async fn reserve(
        &self,
        step: Step,
        connection: &Connection,
        n: u32,
    ) -> Result<Option<Reservation>, StoreError> {
        let Some(reserved) = connection.limiter.reserve(n) else {
            self.nap_for_room(step, connection, n);
            return Ok(None);
        };
        self.mark_use(connection).await?;
        Ok(Some(reserved))
    }

    /// Leaves a lane alone until there may be room for `n` requests.
    pub(super) fn nap_for_room(&self, step: Step, connection: &Connection, n: u32) {
        if connection.limiter.snapshot().daily_left == Some(0) {
            tracing::warn!(connection = %connection.name, ?step, "the day's allowance of the location is spent: what waits goes on when the next day begins");
        }
        self.naps.nap(step, &connection.name, connection.limiter.free_at(n));
    }

    /// Writes down how much of each allowance was spent, once nothing is under way any more: the next start need not take it for all.
    ///
    /// # Errors
    /// As the disk has it.
    pub async fn rest(&self) -> Result<(), StoreError> {
        let plan = self.plan();
        for connection in plan.connections.values() {
            let (source, location) = (connection.origin.clone(), connection.location.clone());
            let marked = {
                let mut marks = self.marks.0.lock().unwrap_or_else(PoisonError::into_inner);
                marks.remove(&(source.clone(), location.clone())).is_some()
            };
            if marked {
                let (at, spent) = (self.clock.now_ms(), Some(connection.limiter.taken()));
                let today = connection.limiter.used_today();
                self.store.mark_use(Use { source, location, at, spent, today }).await?;
            }
        }
        Ok(())
    }

    /// Writes down that a location's allowance is in use, once in a window.
    pub(super) async fn mark_use(&self, connection: &Connection) -> Result<(), StoreError> {
        let now = self.clock.now_ms();
        let key = (connection.origin.clone(), connection.location.clone());
        {
            let marks = self.marks.0.lock().unwrap_or_else(PoisonError::into_inner);
            if marks.get(&key).is_some_and(|at| now < at + connection.limiter.snapshot().per_ms) {
                return Ok(());
            }
        }
        let (source, location) = key.clone();
        let today = connection.limiter.used_today();
        self.store.mark_use(Use { source, location, at: now, spent: None, today }).await?;
        self.marks.0.lock().unwrap_or_else(PoisonError::into_inner).insert(key, now);
        Ok(())
    }
}

/// The most requests it takes to read one contact, and those that come once a call; together never more than the allowance, or nothing would ever be read.
pub(super) fn cost(connection: &Connection, catalogued: bool) -> (u32, u32) {
    let (needs, requests) = (&connection.needs, connection.limiter.snapshot().requests);
    let each = if connection.sync.is_some() { needs.per_contact.max(needs.per_swept) } else { needs.per_contact };
    let each = each.clamp(1, requests.max(1));
    (each, if catalogued { 0 } else { needs.per_catalogue.min(requests.saturating_sub(each)) })
}

/// How many deliveries the location's allowance has room for now. A sweep leaves a fifth of it to webhooks, which need not wait for a window then.
pub(super) fn room(connection: &Connection, catalogued: bool) -> store::Room {
    let (each, once) = cost(connection, catalogued);
    let room = connection.limiter.room().saturating_sub(once);
    let spare = connection.limiter.snapshot().requests / 5;
    let deliveries = |requests: u32| BATCH.min((requests / each) as usize);
    store::Room { deliveries: deliveries(room), swept: deliveries(room.saturating_sub(spare)) }
}

#[cfg(test)]
mod tests {
    use super::{Naps, Step};

    #[test]
    fn a_nap_that_is_over_is_waited_for_no_more() {
        let naps = Naps::default();
        naps.nap(Step::Ship, "main", 10);
        naps.nap(Step::Ship, "main", 5);
        assert!(naps.sleeps(Step::Ship, "main", 9) && !naps.sleeps(Step::Ship, "main", 10));
        assert!(!naps.sleeps(Step::Read, "main", 9), "another step's lane");
        assert_eq!(naps.next(Step::Ship, 9), Some(10));
        assert_eq!(naps.next(Step::Ship, 10), None, "nobody came to look, and it is over all the same");
        naps.nap(Step::Read, "acme", 20);
        naps.end();
        assert_eq!(naps.next(Step::Read, 11), None);
    }
}
