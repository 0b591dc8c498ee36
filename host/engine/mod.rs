//! Guests as typed functions. One engine; components are loaded, checked against their world, and called through bounded pools of instances.

mod bulk;
mod cache;
mod compile;
mod error;
mod fault;
mod hooks;
mod lines;
mod load;
mod mapper;
mod meter;
mod pool;
mod sink;
mod smuggle;
mod source;
mod state;
pub mod worlds;

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Semaphore;
use wasmtime::{Config, Inlining, InstanceAllocationStrategy, PoolingAllocationConfig};

pub use cache::CodeCache;
pub use error::LoadError;
pub use fault::{Fault, FaultKind};
pub use lines::Lines;
pub use load::{Loaded, World};
pub use mapper::{Mapper, Placed, Translation};
pub use meter::Meter;
pub use sink::{ApiVersion, Destination as SinkDestination, Outcome, Profile as SinkProfile, Shipment, Sink};
pub use source::{
    Answer, BusinessFilter, ContactFilter, Encoding, Envelope, Execution, Gap, GrantState, Identity, Installation,
    Lifecycle, Needs, Oauth, Page, Profile as SourceProfile, Query, RateHeaders, RateLimit, Reading, Readings, Row,
    Signature, SignatureAlgorithm, Silence, Source, SourceError, Subject, Sweep, Telling, Work,
};

use crate::clock::Clock;
use crate::egress::Egress;
use crate::metrics::Metrics;

/// How often a running guest's clock is looked at.
const TICK: Duration = Duration::from_millis(5);

/// What a guest may use.
#[derive(Clone, Copy, Debug)]
pub struct GuestLimits {
    /// Linear memory of one instance, in bytes.
    pub memory_bytes: usize,
    /// CPU time of one call of a source or sink.
    pub call_cpu: Duration,
    /// Wall time of one call of a source or sink, its requests included.
    pub call_wall: Duration,
    /// CPU time of one batch of a mapper.
    pub mapper_cpu: Duration,
    /// Calls of sources and sinks in flight at once.
    pub calls_in_flight: usize,
}

/// The one engine of the process. Cheap to clone.
#[derive(Clone)]
pub struct Engine {
    pub(crate) wasm: wasmtime::Engine,
    cache: Option<CodeCache>,
    egress: Egress,
    limits: GuestLimits,
    calls: Arc<Semaphore>,
    clock: Clock,
    /// Whether a guest that computes for too long is stopped.
    interrupts: bool,
}

impl Engine {
    /// An engine whose guests go out through `egress`. `cache` keeps compiled code between runs.
    pub fn new(limits: GuestLimits, egress: Egress, cache: Option<CodeCache>) -> Result<Self, LoadError> {
        Self::with(limits, egress, cache, true)
    }

    /// An engine for nothing but what ships with convey, in a seventh less time: its code looks at no epoch in every loop and function. Nothing
    /// stops a guest, so whoever has this engine watches the time and ends the program.
    pub fn of_builtins(limits: GuestLimits, egress: Egress, cache: Option<CodeCache>) -> Result<Self, LoadError> {
        Self::with(limits, egress, cache, false)
    }

    fn with(
        limits: GuestLimits,
        egress: Egress,
        cache: Option<CodeCache>,
        interrupts: bool,
    ) -> Result<Self, LoadError> {
        let wasm = new_wasm_engine(&limits, ADDRESSABLE, interrupts).or_else(|error| {
            tracing::warn!("guests run slower: the system grants too little address space (`ulimit -v`?): {error:#}");
            new_wasm_engine(&limits, limits.memory_bytes as u64, interrupts)
        });
        let wasm = wasm.map_err(|error| LoadError::Engine(format!("{error:#}")))?;
        if interrupts {
            tick(&wasm);
        }
        let calls = Arc::new(Semaphore::new(limits.calls_in_flight));
        Ok(Self { wasm, cache, egress, limits, calls, clock: Clock::system(), interrupts })
    }

    /// The same, its guests told the time by `clock` instead of the machine's: what a guest takes for now is what the host does.
    pub fn on_clock(self, clock: Clock) -> Self {
        Self { clock, ..self }
    }

    /// What its guests and their requests are counted by.
    pub fn metrics(&self) -> &Arc<Metrics> {
        self.egress.metrics()
    }

    /// The way out that guests take, for the host's own requests.
    pub fn egress(&self) -> &Egress {
        &self.egress
    }
}

/// What 32 bits address. Where all of it is reserved (addresses, not memory), compiled code compares no address with a bound: what a guest may not
/// touch is not mapped.
const ADDRESSABLE: u64 = 4 << 30;

fn new_wasm_engine(limits: &GuestLimits, reservation: u64, interrupts: bool) -> wasmtime::Result<wasmtime::Engine> {
    // Beside the calls in flight, every component keeps a few idle instances, and every mapper generation (the live one, a candidate, those
    // still finishing a batch) has some. A source or sink built with wstd has three core instances.
    // Each has its place reserved when the program starts, which takes time: a command that makes one call at a time asks for little.
    let instances = u32::try_from(limits.calls_in_flight.saturating_mul(5).saturating_add(32)).unwrap_or(u32::MAX);
    let mut pool = PoolingAllocationConfig::new();
    pool.total_component_instances(instances)
        .total_core_instances(instances * 3)
        .total_memories(instances)
        .total_tables(instances * 3)
        .total_stacks(instances)
        .max_memory_size(limits.memory_bytes)
        .linear_memory_keep_resident(256 * 1024);
    let mut config = Config::new();
    config
        .allocation_strategy(InstanceAllocationStrategy::Pooling(pool))
        .epoch_interruption(interrupts)
        .concurrency_support(false)
        // Inlined, the built-ins take 3 GB to compile: every function's intermediate form is held at once.
        .compiler_inlining(Inlining::No)
        .cranelift_nan_canonicalization(true)
        .wasm_backtrace_max_frames(std::num::NonZeroUsize::new(16))
        .memory_reservation(reservation);
    #[expect(clippy::disallowed_methods, reason = "this is the one engine")]
    wasmtime::Engine::new(&config)
}

/// A thread that moves the epoch on for as long as the engine lives.
fn tick(wasm: &wasmtime::Engine) {
    let weak = wasm.weak();
    let ticker = std::thread::Builder::new().name("epoch".to_owned()).spawn(move || {
        while let Some(engine) = weak.upgrade() {
            engine.increment_epoch();
            drop(engine);
            #[expect(clippy::disallowed_methods, reason = "the ticker is what everything else awaits")]
            std::thread::sleep(TICK);
        }
    });
    // Without a ticker no guest could be stopped.
    ticker.expect("a thread can be started");
}
