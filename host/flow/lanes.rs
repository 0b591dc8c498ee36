//! Lanes: what waits is taken a batch at a time, the longest waiting name first and a few at once for each, so that a slow or deep lane holds nobody.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::task::{JoinError, JoinSet};

use super::Flow;
use super::bell::Bell;
use crate::clock::Millis;
use crate::store::{StoreError, Waiting};

/// What waits for a time is looked for this often; what arrives is signalled.
pub(super) const LOOK: Duration = Duration::from_millis(250);

/// A lane that could take nothing (another was quicker, a command is under way) is left alone for this long.
const BREATH: Duration = Duration::from_millis(5);

/// A lane that cannot go on, because the disk is full say, is left alone for this long.
const FAILED: Duration = Duration::from_secs(1);

/// A step of the flow.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Step {
    /// What speaks of no connection yet is looked at.
    Meet,
    /// The CRM is asked.
    Poll,
    /// Deliveries become changes.
    Read,
    /// Changes become events.
    Translate,
    /// Events leave.
    Ship,
    /// Commands of rules are carried out.
    Execute,
    /// People are put into audiences and taken out.
    Audience,
}

impl Step {
    /// The step as the log names it.
    fn word(self) -> &'static str {
        match self {
            Step::Meet => "meet",
            Step::Poll => "poll",
            Step::Read => "read",
            Step::Translate => "translate",
            Step::Ship => "ship",
            Step::Execute => "execute",
            Step::Audience => "audience",
        }
    }

    /// Lanes at once: reading waits for the CRM and shipping for the platform; translating computes.
    fn lanes(self) -> usize {
        match self {
            Step::Meet => 1,
            Step::Poll | Step::Execute => 16,
            Step::Read | Step::Ship => 64,
            Step::Audience => 8,
            Step::Translate => 4,
        }
    }
}

/// What one batch came to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Worked {
    /// How many items it held.
    pub items: usize,
    /// What waits behind it.
    pub left: Left,
}

/// What waits behind a batch in its lane.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Left {
    /// Nothing that was there when it was taken: what came since has rung.
    #[default]
    Nothing,
    /// More than it could hold.
    More,
    /// The store has to be asked.
    Unknown,
}

/// A lane's name, and what its batch left.
type Ended = (String, Left);

impl Flow {
    /// Runs a step's lanes until the flow is stopped, then waits for those under way. The store is asked who waits where nobody said so: when all is rung for, and
    /// now and then for what waits for a time.
    pub(super) async fn work(self: Arc<Self>, step: Step) {
        let bell = self.bell(step);
        let mut busy: HashMap<String, usize> = HashMap::new();
        let mut lanes: JoinSet<Ended> = JoinSet::new();
        let mut looked: Option<Instant> = None;
        while !self.stopping() {
            // Asked for before looking, so that what arrives in between wakes the loop.
            let rung = bell.rung();
            if bell.was_rung_for_all() || looked.is_none_or(|looked| looked.elapsed() >= LOOK) {
                looked = Some(Instant::now());
                match self.waiting(step).await {
                    Ok(names) => names.iter().for_each(|name| bell.add(name)),
                    Err(error) => tracing::error!(?step, %error, "cannot look for work"),
                }
            }
            // One moment for the look and for the sleep behind it: a nap that ended between two would be slept through.
            let now = self.clock.now_ms();
            bell.take_if(|name| {
                let running = busy.get(name).copied().unwrap_or_default();
                let may = !self.naps.sleeps(step, name, now)
                    && running < self.width(step, name)
                    && lanes.len() < step.lanes();
                if may {
                    *busy.entry(name.to_owned()).or_default() += 1;
                    lanes.spawn(self.clone().lane(step, name.to_owned()));
                }
                may
            });
            let mut ended = Vec::new();
            tokio::select! {
                () = rung => {}
                Some(one) = lanes.join_next() => ended.push(one),
                // A nap is over, or what waited for a time may be due.
                () = tokio::time::sleep(self.until_next(step, now)) => looked = None,
                () = self.stop.cancelled() => {}
            }
            // Those that ended meanwhile make one look, not one each.
            while let Some(one) = lanes.try_join_next() {
                ended.push(one);
            }
            for one in ended {
                match ended_one(step, &mut busy, one) {
                    Some((name, Left::More)) => bell.add(&name),
                    Some((_, Left::Nothing)) => {}
                    Some((_, Left::Unknown)) | None => looked = None,
                }
            }
        }
        while let Some(ended) = lanes.join_next().await {
            ended_one(step, &mut busy, ended);
        }
    }

    fn bell(&self, step: Step) -> Arc<Bell> {
        match step {
            Step::Meet => self.wake.meet.clone(),
            Step::Poll => self.wake.poll.clone(),
            Step::Read => self.wake.read.clone(),
            Step::Translate => self.wake.translate.clone(),
            Step::Ship => self.wake.ship.clone(),
            Step::Execute => self.wake.execute.clone(),
            Step::Audience => self.wake.audience.clone(),
        }
    }

    async fn waiting(&self, step: Step) -> Result<Vec<String>, StoreError> {
        let now = self.clock.now_ms();
        let lanes = match step {
            Step::Meet => return Ok(vec![String::new()]),
            Step::Poll => return self.polls_due(now).await,
            Step::Read => self.store.connections_waiting(now).await,
            Step::Translate => self.store.changes_waiting(now).await,
            Step::Ship => self.store.destinations_waiting(now).await,
            Step::Execute => self.store.commands_waiting(now).await,
            Step::Audience => self.store.audiences_waiting(now).await,
        }?;
        Ok(lanes.into_iter().map(|Waiting { name, .. }| name).collect())
    }

    /// How long until something may be due that nobody signals, seen from a look at `now`.
    fn until_next(&self, step: Step, now: Millis) -> Duration {
        let left = |until: Millis| Duration::from_millis(until.saturating_sub(self.clock.now_ms()).max(1));
        let nap = self.naps.next(step, now).map(left);
        nap.map_or(LOOK, |nap| nap.min(LOOK))
    }

    /// How many lanes a name may have: a connection one, because its memory has one writer; a destination its requests in
    /// flight, one while it is in trouble, and one for its audiences: a platform takes changes of an audience one after another.
    fn width(&self, step: Step, name: &str) -> usize {
        match step {
            Step::Meet => 1,
            Step::Execute if self.is_all_paused() => 0,
            Step::Poll | Step::Read | Step::Translate | Step::Execute => {
                usize::from(self.plan().connections.contains_key(name) && !self.is_paused(name))
            }
            Step::Ship => match self.plan().destinations.get(name) {
                Some(destination) if !self.troubles.is_in(name) => destination.in_flight,
                known => usize::from(known.is_some()),
            },
            Step::Audience => usize::from(self.plan().destinations.contains_key(name)),
        }
    }

    /// Works off one batch of a lane. Only one: then who has waited longest is next, so that a lane that never runs dry holds nobody.
    async fn lane(self: Arc<Self>, step: Step, name: String) -> Ended {
        let began = Instant::now();
        let some = |items: usize| Worked { items, left: Left::Unknown };
        let worked = match step {
            Step::Meet => self.meet_once().await.map(some),
            Step::Poll => self.poll_once(&name).await.map(some),
            Step::Read => self.read_once(&name).await,
            Step::Translate => self.translate_once(&name).await.map(some),
            Step::Ship => self.ship_once(&name).await,
            Step::Execute => self.execute_once(&name).await.map(some),
            Step::Audience => self.update_audience_once(&name).await.map(some),
        };
        if let Ok(Worked { items: items @ 1.., .. }) = worked {
            ended(&self, step, &name, items, began.elapsed());
        }
        let rest = match worked {
            // Nothing tells whether there is something to meet: it is looked for.
            Ok(Worked { items: 0, .. }) if step == Step::Meet => LOOK,
            Ok(Worked { items: 0, left: Left::Unknown }) => BREATH,
            Ok(Worked { left, .. }) => return (name, left),
            Err(error) => {
                tracing::error!(?step, lane = %name, %error, "cannot go on now");
                FAILED
            }
        };
        self.naps.nap(step, &name, self.clock.now_ms() + rest.as_millis() as Millis);
        (name, Left::Nothing)
    }
}

/// A batch of a step is done: it is timed, and logged.
pub(super) fn ended(flow: &Flow, step: Step, lane: &str, items: usize, took: Duration) {
    flow.metrics.stepped(step.word(), took);
    tracing::debug!(step = step.word(), lane, items, latency_ms = took.as_millis() as u64, "a batch is done");
}

/// Takes note that a lane has ended: which one, and what it left; none if it broke.
fn ended_one(step: Step, busy: &mut HashMap<String, usize>, ended: Result<Ended, JoinError>) -> Option<Ended> {
    match ended {
        Ok((name, left)) => {
            if let Some(running) = busy.get_mut(&name) {
                *running -= 1;
                if *running == 0 {
                    busy.remove(&name);
                }
            }
            Some((name, left))
        }
        // The name is lost with the panic: start counting anew rather than hold a lane for ever.
        Err(error) => {
            tracing::error!(?step, %error, "a lane broke");
            busy.clear();
            None
        }
    }
}
