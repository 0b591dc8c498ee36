//! Instances, one a Store: taken for a call, given back if it went well, dropped if it did not. After a trap a Store is dead.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::Semaphore;
use wasmtime::component::{Instance, InstancePre, Linker};
use wasmtime::{Store, UpdateDeadline};

use super::hooks::Hooks;
use super::lines::Lines;
use super::state::State;
use super::{Engine, Fault, FaultKind, GuestLimits, LoadError, Loaded};
use crate::clock::Clock;
use crate::egress::{Egress, Ticket};
use crate::metrics::{Guest, Instance as Counted};

/// How many calls an instance serves before a fresh one takes its place: what a guest leaks is bounded.
const CALLS: u32 = 1_000;

/// How many idle instances of one component are kept for the next calls.
const IDLE: usize = 8;

/// The instances of one component whose exports are `B`.
pub(super) struct Pool<B> {
    label: String,
    wasm: wasmtime::Engine,
    pre: InstancePre<State>,
    bind: fn(&mut Store<State>, &Instance) -> wasmtime::Result<B>,
    idle: Mutex<Vec<Live<B>>>,
    egress: Egress,
    clock: Clock,
    limits: GuestLimits,
    calls: Arc<Semaphore>,
    counts: Guest,
}

/// One live instance, for the length of one call when it is leased.
pub(super) struct Live<B> {
    pub store: Store<State>,
    pub bindings: B,
    served: u32,
    began: Instant,
    _counted: Counted,
}

/// Whether a pool's guest may reach the network, and by what its calls are bounded.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// Nothing is linked; calls are bounded by CPU time alone.
    Pure,
    /// WASI and HTTP are linked; calls take a place among those in flight and have a wall time.
    Connected,
}

impl<B> Pool<B> {
    pub(super) fn new(
        engine: &Engine,
        loaded: &Loaded,
        kind: Kind,
        bind: fn(&mut Store<State>, &Instance) -> wasmtime::Result<B>,
    ) -> Result<Self, LoadError> {
        let mut linker = Linker::new(&engine.wasm);
        let linked = match kind {
            Kind::Pure => Ok(()),
            Kind::Connected => wasmtime_wasi::p2::add_to_linker_async(&mut linker)
                .and_then(|()| wasmtime_wasi_http::p2::add_only_http_to_linker_async(&mut linker)),
        };
        let pre = linked.and_then(|()| linker.instantiate_pre(&loaded.component));
        let pre = pre
            .map_err(|error| LoadError::NotAComponent { name: loaded.name.to_string(), text: format!("{error:#}") })?;
        Ok(Self {
            label: loaded.label(),
            wasm: engine.wasm.clone(),
            pre,
            bind,
            idle: Mutex::default(),
            egress: engine.egress.clone(),
            clock: engine.clock.clone(),
            limits: engine.limits,
            calls: engine.calls.clone(),
            counts: engine.metrics().guest(&loaded.name, &loaded.digest.short()),
        })
    }

    /// One call of a source or sink, on `ticket`. Waits for a place among the calls in flight; bounded by CPU and wall time.
    pub(super) async fn call<R>(
        &self,
        name: &'static str,
        ticket: Option<Arc<Ticket>>,
        call: impl AsyncFnOnce(&mut Store<State>, &B) -> wasmtime::Result<R>,
    ) -> Result<R, Fault> {
        self.call_heard(name, ticket, &mut None, call).await
    }

    /// The same where somebody keeps what the guest writes: it stands in `lines` however the call ends.
    pub(super) async fn call_heard<R>(
        &self,
        name: &'static str,
        ticket: Option<Arc<Ticket>>,
        lines: &mut Option<Lines>,
        call: impl AsyncFnOnce(&mut Store<State>, &B) -> wasmtime::Result<R>,
    ) -> Result<R, Fault> {
        let _place = self.calls.acquire().await;
        let mut lease = self.lease(self.limits.call_cpu).await?;
        lease.store.data_mut().hooks.ticket = ticket;
        let meter = lease.store.data().meter.clone();
        let wall = self.limits.call_wall;
        let called = meter.measure(call(&mut lease.store, &lease.bindings));
        let ended = tokio::time::timeout(wall, called).await;
        let written = lease.store.data().stderr();
        if !written.is_empty() {
            *lines = Lines::of(&self.label, name, &written);
        }
        match ended {
            Ok(outcome) => self.settle(lease, name, outcome),
            Err(_) => {
                self.counts.broke(FaultKind::Time.word());
                Err(Fault::stuck(&self.label, name, wall.as_millis() as u64))
            }
        }
    }

    /// An instance for one call that may use `cpu` of CPU time.
    pub(super) async fn lease(&self, cpu: Duration) -> Result<Live<B>, Fault> {
        let idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let mut live = match idle {
            Some(live) => live,
            None => self.instantiate(cpu).await?,
        };
        live.began = Instant::now();
        live.store.data().meter.start(cpu);
        live.store.set_epoch_deadline(1);
        Ok(live)
    }

    /// How many instances wait for a call.
    pub(super) fn idle(&self) -> usize {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).len()
    }

    async fn instantiate(&self, cpu: Duration) -> Result<Live<B>, Fault> {
        let hooks = Hooks::new(self.egress.clone());
        let mut store = Store::new(&self.wasm, State::new(hooks, self.clock.clone(), self.limits.memory_bytes));
        store.limiter(|state| &mut state.memory);
        // Every few milliseconds a busy guest lets others run, until its CPU time is used up.
        store.epoch_deadline_callback(|store| {
            Ok(if store.data().meter.is_over() { UpdateDeadline::Interrupt } else { UpdateDeadline::Yield(1) })
        });
        store.set_epoch_deadline(1);
        let meter = store.data().meter.clone();
        meter.start(cpu);
        let made = meter.measure(self.pre.instantiate_async(&mut store)).await;
        match made.and_then(|instance| (self.bind)(&mut store, &instance)) {
            Ok(bindings) => {
                Ok(Live { store, bindings, served: 0, began: Instant::now(), _counted: self.counts.instance() })
            }
            Err(error) => Err(self.fault("instantiate", &error, &store)),
        }
    }

    /// Ends a call: the instance goes back, or is dropped with its Store and the error becomes a Fault.
    pub(super) fn settle<R>(
        &self,
        mut live: Live<B>,
        call: &'static str,
        outcome: wasmtime::Result<R>,
    ) -> Result<R, Fault> {
        live.store.data_mut().hooks.ticket = None;
        let state = live.store.data();
        self.counts.called(call, live.began.elapsed(), state.meter.spent(), state.memory.bytes);
        let answer = outcome.map_err(|error| self.fault(call, &error, &live.store))?;
        let written = live.store.data().stderr().len();
        if written > 0 {
            tracing::debug!(guest = %self.label, call, bytes = written, "the guest wrote to its stderr");
        }
        live.served += 1;
        // What was written stays in the Store: a fresh one starts empty.
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        if live.served < CALLS && written == 0 && idle.len() < IDLE {
            idle.push(live);
        }
        Ok(answer)
    }

    fn fault(&self, call: &'static str, error: &wasmtime::Error, store: &Store<State>) -> Fault {
        let state = store.data();
        let fault =
            Fault::from_engine(&self.label, call, error, &state.stderr(), state.meter.is_over(), state.memory.reached);
        self.counts.broke(fault.kind.word());
        fault
    }

    /// A Fault that the host found in an answer.
    pub(super) fn broken(&self, call: &'static str, text: impl Into<String>) -> Fault {
        self.counts.broke(FaultKind::Contract.word());
        Fault::contract(&self.label, call, text)
    }
}
