//! The only floor that knows the order of steps: read, translate, ship, over three durable lines.

mod alert;
mod at_once;
mod audience;
mod bell;
mod blank;
mod case;
mod compare;
mod contacts;
mod crm;
mod effects;
mod execute;
mod export;
mod figures;
mod foresee;
mod generation;
mod happening;
mod heal;
pub mod judge;
mod lanes;
mod lines;
mod location;
mod login;
mod made;
mod meet;
mod operate;
mod otherwise;
mod partial;
mod pauses;
mod plan;
mod poll;
mod prepare;
mod preview;
mod quality;
mod read;
mod readiness;
mod replay;
mod retry;
mod room;
mod sample;
mod shadow;
mod ship;
mod sunset;
mod tale;
mod traces;
mod translate;
mod trial;
mod trouble;
mod turns;
mod variants;
mod verify;

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use arc_swap::ArcSwap;
use tokio::sync::{Mutex, Notify, Semaphore};
use tokio_util::sync::CancellationToken;

pub use alert::{Alert, Message, Said, Severity, State as AlertState};
pub use bell::Bell;
pub use case::{Case, CaseError, alone};
pub use compare::{Changed, Difference, How, Turn, difference};
pub use crm::{CrmError, Executed};
pub use effects::{effects_json, event_json};
pub use export::Exported;
pub use figures::EXPIRING_MS;
pub use foresee::ForeseeError;
pub use generation::{Beside, Generation, Reason, RolledBack, SwapError};
pub use happening::{Filter, Following, Happening, What};
pub use location::Location;
pub use login::{GrantStatus, LoginError, Opened, Redirected};
pub use meet::{company_holder, holder_name};
pub use operate::{Operation, operate};
pub use otherwise::ToldOtherwise;
pub use plan::{Connection, Crm, Destination, Plan, Right, is_used};
pub use prepare::{Candidate, Diff, Otherwise, PrepareError, Prepared, prepare};
pub use preview::{Help, LeftOut, Preview, Row, Totals, preview_of, supposed};
pub use quality::{Missing, Quality, Remedy, quality};
pub use readiness::{Intake, Readiness};
pub use replay::{Replay, Replayed};
pub use retry::backoff;
pub use sample::changes as sample_changes;
pub use shadow::{Asked as ShadowAsked, Gate, Promoted, Promotion, Scope, ShadowError, ShadowReport, Stage, Tally};
pub use sunset::{Sunset, sunsets};
pub use traces::{Environment as OtlpEnvironment, Otlp};
pub use translate::translate_each;
pub use trial::{TrialWebhook, Untried};
pub use variants::{Overlays, Variants};
pub use verify::{Proof, Unequal, Verify};

use happening::Happenings;
use lanes::Step;
pub use lanes::{Left, Worked};
use pauses::Pauses;
use room::{Marks, Naps};
use trouble::Troubles;
use turns::Turns;

use crate::clock::Clock;
use crate::egress::Ticket;
use crate::engine::{Engine, SinkDestination};
use crate::metrics::Metrics;
use crate::store::{GrantState, Pause, PauseScope, PollState, Store, StoreError, Sweep, TestMode};

/// Lanes that compute on what they read at the same time; those that wait for the CRM are not counted.
const READ_PLACES: usize = 4;

/// Signals between the steps: what one settles the next one looks for.
#[derive(Default)]
pub struct Wake {
    /// Deliveries were put that no connection takes.
    pub meet: Arc<Bell>,
    /// Somebody asks for a poll.
    pub poll: Arc<Bell>,
    /// Connections came or went: the plan is to be made anew.
    pub replan: Arc<Notify>,
    /// Deliveries were put.
    pub read: Arc<Bell>,
    /// Changes were settled.
    pub translate: Arc<Bell>,
    /// Events were settled, or a destination was resumed.
    pub ship: Arc<Bell>,
    /// Rules asked for commands.
    pub execute: Arc<Bell>,
    /// A destination rests until its credential works.
    pub heal: Arc<Notify>,
    /// Wishes for audiences were settled, or a destination was resumed.
    pub audience: Arc<Bell>,
}

/// The steps and what they share.
pub struct Flow {
    /// What has happened.
    pub store: Store,
    /// What time it is.
    pub clock: Clock,
    /// Who wakes whom.
    pub wake: Wake,
    /// Whether more may come in.
    pub intake: Intake,
    /// What is counted.
    pub metrics: Arc<Metrics>,
    happenings: Happenings,
    /// Whether traces are sent: requests carry theirs then.
    traced: AtomicBool,
    watch: alert::Watch,
    engine: Engine,
    plan: ArcSwap<Plan>,
    generations: ArcSwap<HashMap<String, Arc<Generation>>>,
    pauses: Pauses,
    test_modes: ArcSwap<Vec<TestMode>>,
    /// Whether the steps run; at rest a person's command stands alone.
    running: AtomicBool,
    shadows: shadow::Shadows,
    staged: ArcSwap<HashMap<String, Arc<shadow::Staged>>>,
    turns: Turns,
    /// Places for lanes that read and compute: a few at once take what waits in larger batches than many would.
    places: Semaphore,
    naps: Naps,
    marks: Marks,
    troubles: Troubles,
    /// Where each sweep stands, as it was last stored.
    polls: Mutex<HashMap<(String, Sweep), Option<PollState>>>,
    /// Sweeps that a person asked for.
    asked: Mutex<HashSet<(String, Sweep)>>,
    /// Test webhooks that may come.
    trials: trial::Trials,
    /// The day on which versions that end were last spoken of.
    warned_on: AtomicU64,
    stop: CancellationToken,
}

impl Flow {
    /// A flow at rest.
    pub fn new(store: Store, clock: Clock, engine: Engine, stop: CancellationToken) -> Arc<Self> {
        Arc::new(Self {
            store,
            clock,
            wake: Wake::default(),
            intake: Intake::default(),
            metrics: engine.metrics().clone(),
            happenings: Happenings::default(),
            traced: AtomicBool::new(false),
            watch: alert::Watch::default(),
            engine,
            plan: ArcSwap::default(),
            generations: ArcSwap::default(),
            pauses: Pauses::default(),
            test_modes: ArcSwap::default(),
            running: AtomicBool::new(false),
            shadows: shadow::Shadows::default(),
            staged: ArcSwap::default(),
            turns: Turns::default(),
            places: Semaphore::new(READ_PLACES),
            naps: Naps::default(),
            marks: Marks::default(),
            troubles: Troubles::default(),
            polls: Mutex::default(),
            asked: Mutex::default(),
            trials: trial::Trials::default(),
            warned_on: AtomicU64::new(0),
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
        self.naps.end();
        let wake = &self.wake;
        for step in [&wake.meet, &wake.poll, &wake.read, &wake.ship, &wake.execute, &wake.audience] {
            step.ring_all();
        }
        wake.heal.notify_one();
    }

    /// The engine, for who prepares a mapper.
    pub fn engine(&self) -> &Engine {
        &self.engine
    }

    /// Waits until the flow is told to stop.
    pub async fn stopped(&self) {
        self.stop.cancelled().await;
    }

    fn stopping(&self) -> bool {
        self.stop.is_cancelled()
    }

    /// Runs every step until the flow is stopped, then until what is under way has ended.
    pub async fn run(self: Arc<Self>) {
        self.running.store(true, Ordering::Release);
        let steps = [Step::Meet, Step::Poll, Step::Read, Step::Translate, Step::Ship, Step::Execute, Step::Audience]
            .map(|step| tokio::spawn(self.clone().work(step)));
        let (healing, watching) = (tokio::spawn(self.clone().heal()), tokio::spawn(self.clone().watch()));
        for step in steps.into_iter().chain([healing, watching]) {
            if let Err(error) = step.await {
                tracing::error!(%error, "a step broke");
            }
        }
        self.note_shadows().await;
        self.running.store(false, Ordering::Release);
        if let Err(error) = self.rest().await {
            tracing::warn!(%error, "cannot write down what was spent: the next start takes it for all");
        }
    }

    /// Stops what `pause` names, durably. Nothing is claimed for sending once this returns, and no request leaves: what was claimed before and has not left waits
    /// again, what is under way is answered.
    pub async fn pause(&self, pause: Pause) -> Result<(), StoreError> {
        self.store.pause(pause.clone()).await?;
        self.tell_paused(&pause);
        self.look_at_pauses().await
    }

    fn tell_paused(&self, Pause { scope, reason, by, .. }: &Pause) {
        self.tell(|| What::Paused {
            scope: scope.to_string(),
            reason: happening::reason(reason).unwrap_or_default(),
            by: by.clone(),
        });
    }

    /// Lets it go on.
    pub async fn resume(&self, scope: PauseScope) -> Result<(), StoreError> {
        let resumed = scope.to_string();
        self.store.resume(scope).await?;
        self.tell(|| What::Resumed { scope: resumed });
        self.look_at_pauses().await?;
        self.naps.end();
        let wake = &self.wake;
        for step in [&wake.poll, &wake.read, &wake.translate, &wake.ship, &wake.execute, &wake.audience] {
            step.ring_all();
        }
        Ok(())
    }

    /// Marks a destination's events as tests until `mode` ends, durably.
    pub async fn begin_test_mode(&self, mode: TestMode) -> Result<(), StoreError> {
        self.store.begin_test_mode(mode).await?;
        self.look_at_pauses().await
    }

    /// Ends a destination's test mode. Whether it was on.
    pub async fn end_test_mode(&self, destination: &str) -> Result<bool, StoreError> {
        let on = self.store.end_test_mode(destination, self.clock.now_ms()).await?;
        self.look_at_pauses().await?;
        Ok(on)
    }

    /// What the sink is told of a destination now: marked as a test while test mode lasts.
    fn words(&self, destination: &Destination) -> SinkDestination {
        let now = self.clock.now_ms();
        let modes = self.test_modes.load();
        let on = modes.iter().find(|mode| mode.destination == destination.name && mode.until > now);
        SinkDestination { test_code: on.map(|mode| mode.code.clone()), ..destination.words.clone() }
    }

    /// Takes over what the store says is paused, and whose events are tests.
    pub async fn look_at_pauses(&self) -> Result<(), StoreError> {
        self.test_modes.store(Arc::new(self.store.test_modes(self.clock.now_ms()).await?));
        self.pauses.follow(self.store.pauses().await?);
        Ok(())
    }

    /// Whether a connection rests. `pause --all` rests the destinations and what rules ask of the CRM: reading and translating go on, nothing is sent.
    fn is_paused(&self, connection: &str) -> bool {
        let pauses = self.pauses.all();
        pauses.iter().any(|pause| matches!(&pause.scope, PauseScope::Connection(name) if name == connection))
    }

    /// Whether everything is paused.
    fn is_all_paused(&self) -> bool {
        self.pauses.all().iter().any(|pause| pause.scope == PauseScope::All)
    }

    /// Rests a connection whose grant is gone: asking on would only be refused. A location that sleeps is tried again with growing pauses.
    async fn note_trouble(&self, connection: &Connection, ticket: &Ticket) -> Result<(), StoreError> {
        let Some(trouble) = ticket.trouble() else { return Ok(()) };
        if trouble.state == GrantState::Suspended || self.is_paused(&connection.name) {
            return Ok(());
        }
        tracing::warn!(connection = %connection.name, state = %trouble.state, "{}", trouble.text);
        let scope = PauseScope::Connection(connection.name.clone());
        self.pause(Pause {
            scope,
            reason: trouble.text,
            at: self.clock.now_ms(),
            by: "convey".to_owned(),
            heals: false,
        })
        .await
    }
}
