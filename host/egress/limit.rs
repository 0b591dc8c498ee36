//! One allowance a location, shared by everyone who asks it anything: room, reservations, slots.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use http::{HeaderMap, HeaderName, StatusCode};
use tokio::sync::Notify;

use super::daily::Daily;
use super::log::Log;
use super::rate::{RateLimit, Told};
use crate::clock::{Clock, Millis};

/// A sleeper looks again at least this often.
const LONGEST_SLEEP_MS: Millis = 60_000;

/// The limiters of all locations. Cheap to clone.
#[derive(Clone)]
pub struct Limiters {
    clock: Clock,
    known: Arc<Mutex<Known>>,
}

/// By source and location.
type Known = HashMap<(String, String), Arc<Limiter>>;

impl Limiters {
    /// None yet.
    pub fn new(clock: Clock) -> Self {
        Self { clock, known: Arc::default() }
    }

    /// The one limiter of this source's location. A limit that is described differently than before is taken over; what is under way keeps its slots.
    pub fn of(&self, source: &str, location: &str, limit: &RateLimit) -> Arc<Limiter> {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let limiter = known
            .entry((source.to_owned(), location.to_owned()))
            .or_insert_with(|| Arc::new(Limiter::new(limit.clone(), self.clock.clone())));
        limiter.take_over(limit);
        limiter.clone()
    }
}

/// What is left of an allowance now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Snapshot {
    /// Requests that may leave at once.
    pub room: u32,
    /// Requests in any interval, as the vendor last said.
    pub requests: u32,
    /// The interval, in milliseconds.
    pub per_ms: Millis,
    /// Requests left today; `None` if nobody counts them.
    pub daily_left: Option<u32>,
}

/// One location's allowance. It counts; it never sends and, but for [`Limiter::wait`], never waits.
#[derive(Debug)]
pub struct Limiter {
    clock: Clock,
    state: Mutex<State>,
    /// Rings when slots come free that were thought taken.
    freed: Notify,
    /// One sleeper at a time, in the order they came.
    turn: tokio::sync::Mutex<()>,
}

#[derive(Debug)]
struct State {
    described: RateLimit,
    log: Log,
    daily: Daily,
    /// Slots that sleepers want: others leave them alone.
    wanted: u32,
}

impl State {
    fn room(&mut self, now: Millis) -> u32 {
        self.log.room(now).min(self.daily.room(now))
    }

    fn take(&mut self, n: u32, now: Millis) -> bool {
        let fits = self.room(now) >= n && self.log.take(n, now);
        if fits {
            self.daily.take(n);
        }
        fits
    }

    fn free_at(&mut self, n: u32, now: Millis) -> Millis {
        self.log.free_at(n, now).max(self.daily.free_at(n, now))
    }
}

impl Limiter {
    fn new(limit: RateLimit, clock: Clock) -> Self {
        let (log, daily) = (Log::new(limit.requests, limit.per_ms.into()), Daily::new(limit.daily));
        let state = Mutex::new(State { described: limit, log, daily, wanted: 0 });
        Self { clock, state, freed: Notify::new(), turn: tokio::sync::Mutex::default() }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn take_over(&self, limit: &RateLimit) {
        let mut state = self.state();
        if state.described != *limit {
            state.log.become_of(limit.requests, limit.per_ms.into());
            state.daily.become_of(limit.daily);
            state.described = limit.clone();
            self.freed.notify_one();
        }
    }

    /// Requests that may leave now. What sleepers wait for is not counted.
    pub fn room(&self) -> u32 {
        let (mut state, now) = (self.state(), self.clock.now_ms());
        state.room(now).saturating_sub(state.wanted)
    }

    /// Sets `n` slots aside, all or none.
    pub fn reserve(self: &Arc<Self>, n: u32) -> Option<Reservation> {
        let (mut state, now) = (self.state(), self.clock.now_ms());
        let all = n.saturating_add(state.wanted);
        (state.room(now) >= all && state.take(n, now)).then(|| Reservation::new(self, n))
    }

    /// The earliest time at which `n` slots may be free, in milliseconds since the epoch: those under way count as if they ended now.
    /// [`Millis::MAX`] if there never are as many.
    pub fn free_at(&self, n: u32) -> Millis {
        let (mut state, now) = (self.state(), self.clock.now_ms());
        let all = n.saturating_add(state.wanted).min(state.log.requests().max(n));
        state.free_at(all, now)
    }

    /// No room before `until`: after a restart nobody knows what left before it.
    pub fn assume_full(&self, until: Millis) {
        self.state().log.shut(until);
    }

    /// So many slots are taken until `until`: after a restart it is known how many left before it.
    pub fn assume(&self, taken: u32, until: Millis) {
        self.state().log.assume(taken, until);
    }

    /// So many requests left today before this program began.
    pub fn assume_today(&self, used: u32) {
        let now = self.clock.now_ms();
        self.state().daily.assume(used, now);
    }

    /// Requests of today, UTC.
    pub fn used_today(&self) -> u32 {
        let now = self.clock.now_ms();
        self.state().daily.used(now)
    }

    /// Slots that are set aside, under way or not free again yet.
    pub fn taken(&self) -> u32 {
        let now = self.clock.now_ms();
        self.state().log.taken(now)
    }

    /// Waits until `n` slots are free and sets them aside: for people's commands, which go before everyone who does not wait. Ends only with room; the
    /// caller bounds it. More than the allowance holds never comes.
    pub async fn wait(self: &Arc<Self>, n: u32) -> Reservation {
        let _wish = Wish::new(self, n);
        let _turn = self.turn.lock().await;
        loop {
            let span = {
                let (mut state, now) = (self.state(), self.clock.now_ms());
                if state.take(n, now) {
                    return Reservation::new(self, n);
                }
                state.free_at(n, now).saturating_sub(now).clamp(1, LONGEST_SLEEP_MS)
            };
            tokio::select! {
                () = self.freed.notified() => {}
                () = tokio::time::sleep(Duration::from_millis(span)) => {}
            }
        }
    }

    /// What is left now.
    pub fn snapshot(&self) -> Snapshot {
        let (mut state, now) = (self.state(), self.clock.now_ms());
        Snapshot {
            room: state.room(now).saturating_sub(state.wanted),
            requests: state.log.requests(),
            per_ms: state.log.per_ms(),
            daily_left: state.daily.left(now),
        }
    }

    /// One slot, for a request that leaves now.
    pub(super) fn slot(self: &Arc<Self>) -> Option<Slot> {
        self.reserve(1)?.slot()
    }

    /// How long to wait for one slot, in milliseconds, and the header that tells the interval, with the interval: what a request that is held back is told.
    pub(super) fn held_back(&self) -> (Millis, Option<(HeaderName, Millis)>) {
        let wait = self.free_at(1).saturating_sub(self.clock.now_ms());
        let state = self.state();
        (wait, state.described.headers.interval_ms.clone().map(|name| (name, state.log.per_ms())))
    }

    fn give_back(&self, n: u32) {
        if n > 0 {
            let mut state = self.state();
            state.log.give_back(n);
            state.daily.give_back(n);
            self.freed.notify_one();
        }
    }

    fn over(&self, sent_at: Millis, answer: Option<(StatusCode, &HeaderMap)>) {
        let (mut state, now) = (self.state(), self.clock.now_ms());
        let state = &mut *state;
        state.log.over(now);
        let Some((status, headers)) = answer else { return };
        let described = &state.described;
        let told = Told::read(&described.headers, status, headers, now);
        // Never above what was described: an operator may have been granted less than the vendor gives.
        let requests = told.requests.map_or(state.log.requests(), |told| told.min(described.requests));
        let per_ms = told.per_ms.map_or(state.log.per_ms(), |told| told.max(described.per_ms.into()));
        state.log.become_of(requests, per_ms);
        if let Some(remaining) = told.remaining {
            let whole = told.requests.unwrap_or(described.requests);
            state.log.counted(whole.saturating_sub(remaining), sent_at, now);
        }
        if let Some(remaining) = told.daily_remaining {
            state.daily.told(remaining, told.daily_reset_ms, state.log.held(), now);
        }
        if let Some(span) = told.throttled {
            state.log.shut(now + span.unwrap_or(per_ms));
        }
    }
}

/// What a sleeper wants; gone with the sleeper.
struct Wish<'a>(&'a Limiter, u32);

impl<'a> Wish<'a> {
    fn new(limiter: &'a Limiter, n: u32) -> Self {
        let mut state = limiter.state();
        state.wanted = state.wanted.saturating_add(n);
        Self(limiter, n)
    }
}

impl Drop for Wish<'_> {
    fn drop(&mut self) {
        let mut state = self.0.state();
        state.wanted = state.wanted.saturating_sub(self.1);
    }
}

/// Slots set aside. Those that are not used go back when it is dropped.
#[derive(Debug)]
pub struct Reservation {
    limiter: Arc<Limiter>,
    left: AtomicU32,
}

impl Reservation {
    fn new(limiter: &Arc<Limiter>, n: u32) -> Self {
        Self { limiter: limiter.clone(), left: AtomicU32::new(n) }
    }

    /// A slot for a request that leaves now; `None` when all are used.
    pub fn slot(&self) -> Option<Slot> {
        self.left.fetch_update(Ordering::AcqRel, Ordering::Acquire, |left| left.checked_sub(1)).ok()?;
        Some(Slot { sent_at: self.limiter.clock.now_ms(), limiter: Some(self.limiter.clone()) })
    }

    /// Slots not used yet.
    pub fn left(&self) -> u32 {
        self.left.load(Ordering::Acquire)
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        self.limiter.give_back(*self.left.get_mut());
    }
}

/// The right to send one request. Dropped without a word, the request counts as sent and failed.
#[derive(Debug)]
pub struct Slot {
    limiter: Option<Arc<Limiter>>,
    sent_at: Millis,
}

impl Slot {
    /// The answer came; what its headers say of the allowance is taken over.
    pub fn answered(mut self, status: StatusCode, headers: &HeaderMap) {
        if let Some(limiter) = self.limiter.take() {
            limiter.over(self.sent_at, Some((status, headers)));
        }
    }

    /// No connection was made: the vendor saw nothing.
    pub fn unused(mut self) {
        if let Some(limiter) = self.limiter.take() {
            limiter.give_back(1);
        }
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        if let Some(limiter) = self.limiter.take() {
            limiter.over(self.sent_at, None);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use http::{HeaderMap, HeaderName, StatusCode};

    use super::{Limiter, Limiters};
    use crate::clock::Clock;
    use crate::egress::{RateHeaders, RateLimit};

    fn limit(requests: u32) -> RateLimit {
        let name = |text: &'static str| Some(HeaderName::from_static(text));
        let headers = RateHeaders {
            limit: name("x-max"),
            interval_ms: name("x-interval"),
            remaining: name("x-remaining"),
            daily_remaining: name("x-daily"),
            daily_reset_ms: name("x-reset"),
        };
        RateLimit { requests, per_ms: 1_000, daily: Some(50), headers }
    }

    fn limiter(requests: u32) -> (Clock, Arc<Limiter>) {
        let clock = Clock::manual(1_000_000);
        let limiter = Limiters::new(clock.clone()).of("crm", "l1", &limit(requests));
        (clock, limiter)
    }

    fn answer(limiter: &Arc<Limiter>, status: u16, headers: &[(&'static str, &str)]) {
        let headers: HeaderMap =
            headers.iter().map(|(name, value)| (HeaderName::from_static(name), value.parse().unwrap())).collect();
        limiter.slot().expect("room").answered(StatusCode::from_u16(status).unwrap(), &headers);
    }

    #[test]
    fn a_reservation_is_all_or_none_and_what_is_not_used_goes_back() {
        let (clock, limiter) = limiter(4);
        let three = limiter.reserve(3).expect("room for three");
        assert!(limiter.reserve(2).is_none());
        assert_eq!((limiter.room(), limiter.free_at(2)), (1, 1_001_001));
        drop(three.slot().expect("a slot"));
        three.slot().expect("a slot").unused();
        assert_eq!((three.left(), limiter.room()), (1, 2));
        assert!(three.slot().is_some() && three.slot().is_none());
        drop(three);
        assert_eq!((limiter.room(), limiter.snapshot().daily_left), (2, Some(48)));
        clock.advance_ms(1_001);
        assert_eq!(limiter.room(), 4);
    }

    #[test]
    fn a_location_has_one_limiter_and_a_changed_limit_is_taken_over() {
        let limiters = Limiters::new(Clock::manual(0));
        let first = limiters.of("crm", "l1", &limit(4));
        let _kept = first.reserve(2);
        assert!(Arc::ptr_eq(&first, &limiters.of("crm", "l1", &limit(9))));
        assert_eq!(first.room(), 7);
        assert_eq!(limiters.of("crm", "l2", &limit(9)).room(), 9);
    }

    #[test]
    fn answers_correct_what_was_described() {
        let (clock, limiter) = limiter(10);
        answer(&limiter, 200, &[("x-max", "5"), ("x-interval", "2000"), ("x-remaining", "2"), ("x-daily", "30")]);
        let now = limiter.snapshot();
        assert_eq!((now.room, now.requests, now.per_ms, now.daily_left), (2, 5, 2_000, Some(30)));
        clock.advance_ms(2_001);
        answer(&limiter, 200, &[("x-max", "500"), ("x-interval", "10")]);
        assert_eq!((limiter.snapshot().requests, limiter.snapshot().per_ms), (10, 1_000));
        answer(&limiter, 200, &[("x-daily", "0"), ("x-reset", "7000")]);
        assert_eq!((limiter.room(), limiter.free_at(1)), (0, 1_009_001));
    }

    #[test]
    fn a_429_and_a_restart_leave_no_room() {
        let (clock, limiter) = limiter(10);
        answer(&limiter, 429, &[("retry-after", "3")]);
        assert_eq!((limiter.room(), limiter.free_at(1)), (0, 1_003_000));
        clock.advance_ms(3_000);
        answer(&limiter, 429, &[]);
        assert_eq!(limiter.free_at(1), 1_004_000);
        limiter.assume_full(1_009_000);
        clock.set_ms(1_008_999);
        assert_eq!(limiter.room(), 0);
        clock.set_ms(1_009_000);
        assert_eq!(limiter.room(), 10);
    }

    #[tokio::test]
    async fn who_waits_goes_before_who_does_not() {
        let (_, limiter) = limiter(3);
        let all = limiter.reserve(3).expect("room");
        let waiting = tokio::spawn({
            let limiter = limiter.clone();
            async move { limiter.wait(2).await }
        });
        while limiter.state().wanted == 0 {
            tokio::task::yield_now().await;
        }
        all.slot().expect("a slot").unused();
        assert!(limiter.reserve(1).is_none(), "the one that is free is wanted");
        drop(all);
        let two = waiting.await.expect("two slots");
        assert_eq!((two.left(), limiter.room(), limiter.state().wanted), (2, 1, 0));
    }

    #[tokio::test]
    async fn who_gives_up_waiting_leaves_nothing_behind() {
        let (_, limiter) = limiter(1);
        let all = limiter.reserve(1).expect("room");
        let waiting = tokio::spawn({
            let limiter = limiter.clone();
            async move { drop(limiter.wait(1).await) }
        });
        while limiter.state().wanted == 0 {
            tokio::task::yield_now().await;
        }
        waiting.abort();
        assert!(waiting.await.expect_err("aborted").is_cancelled());
        drop(all);
        assert_eq!((limiter.room(), limiter.state().wanted), (1, 0));
    }
}
