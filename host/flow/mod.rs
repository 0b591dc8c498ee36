//! The only floor that knows the order of steps: read, translate, ship, over three durable lines.

mod case;
mod effects;
mod generation;
pub mod judge;
mod lanes;
mod plan;
mod prepare;
mod read;
mod retry;
mod sample;
mod ship;
mod translate;

use std::collections::HashMap;
use std::sync::Arc;

use arc_swap::ArcSwap;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

pub use case::{Case, CaseError, alone};
pub use effects::effects_json;
pub use generation::{Generation, Reason, SwapError};
pub use plan::{Connection, Destination, Plan, Right};
pub use prepare::{Candidate, Diff, PrepareError, Prepared, prepare};
pub use retry::backoff;
pub use sample::changes as sample_changes;
pub use translate::translate_each;

use lanes::Step;

use crate::clock::Clock;
use crate::engine::Engine;
use crate::store::{Pause, PauseScope, Store, StoreError};

/// Signals between the steps: what one settles the next one looks for.
#[derive(Default)]
pub struct Wake {
    /// Deliveries were put.
    pub read: Arc<Notify>,
    /// Changes were settled.
    pub translate: Arc<Notify>,
    /// Events were settled, or a destination was resumed.
    pub ship: Arc<Notify>,
}

/// The steps and what they share.
pub struct Flow {
    /// What has happened.
    pub store: Store,
    /// What time it is.
    pub clock: Clock,
    /// Who wakes whom.
    pub wake: Wake,
    engine: Engine,
    plan: ArcSwap<Plan>,
    generations: ArcSwap<HashMap<String, Arc<Generation>>>,
    pauses: ArcSwap<Vec<Pause>>,
    stop: CancellationToken,
}

impl Flow {
    /// A flow at rest.
    pub fn new(store: Store, clock: Clock, engine: Engine, stop: CancellationToken) -> Arc<Self> {
        Arc::new(Self {
            store,
            clock,
            wake: Wake::default(),
            engine,
            plan: ArcSwap::default(),
            generations: ArcSwap::default(),
            pauses: ArcSwap::default(),
            stop,
        })
    }

    /// The plan that is in force.
    pub fn plan(&self) -> Arc<Plan> {
        self.plan.load_full()
    }

    /// Puts another plan in force: what is under way ends by the old one.
    pub fn replan(&self, plan: Plan) {
        self.plan.store(Arc::new(plan));
        self.wake.read.notify_one();
        self.wake.ship.notify_one();
    }

    /// The engine, for who prepares a mapper.
    pub fn engine(&self) -> &Engine {
        &self.engine
    }

    fn stopping(&self) -> bool {
        self.stop.is_cancelled()
    }

    /// Runs every step until the flow is stopped, then until what is under way has ended.
    pub async fn run(self: Arc<Self>) {
        let steps = [Step::Read, Step::Translate, Step::Ship].map(|step| tokio::spawn(self.clone().work(step)));
        for step in steps {
            if let Err(error) = step.await {
                tracing::error!(%error, "a step broke");
            }
        }
    }

    /// Stops what `pause` names, durably. Nothing is claimed for sending once this returns; a batch that was claimed before goes out.
    pub async fn pause(&self, pause: Pause) -> Result<(), StoreError> {
        self.store.pause(pause).await?;
        self.look_at_pauses().await
    }

    /// Lets it go on.
    pub async fn resume(&self, scope: PauseScope) -> Result<(), StoreError> {
        self.store.resume(scope).await?;
        self.look_at_pauses().await?;
        for step in [&self.wake.read, &self.wake.translate, &self.wake.ship] {
            step.notify_one();
        }
        Ok(())
    }

    /// Takes over what the store says is paused.
    pub async fn look_at_pauses(&self) -> Result<(), StoreError> {
        self.pauses.store(Arc::new(self.store.pauses().await?));
        Ok(())
    }

    /// Whether a connection rests. `pause --all` rests the destinations: reading and translating go on, nothing is sent.
    fn is_paused(&self, connection: &str) -> bool {
        self.pauses
            .load()
            .iter()
            .any(|pause| matches!(&pause.scope, PauseScope::Connection(name) if name == connection))
    }
}
