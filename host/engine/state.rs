//! What one Store holds: an empty WASI, a door to egress, and the guest's limits.

use std::sync::Arc;
use std::time::Duration;

use wasmtime::ResourceLimiter;
use wasmtime::component::ResourceTable;
use wasmtime_wasi::p2::pipe::MemoryOutputPipe;
use wasmtime_wasi::{HostWallClock, WasiCtx, WasiCtxView, WasiView};
use wasmtime_wasi_http::{WasiHttpCtx, WasiHttpCtxView, WasiHttpView};

use super::hooks::Hooks;
use super::meter::Meter;
use crate::clock::Clock;

/// The most a guest may write to its stderr in one call; more is a trap.
const STDERR_BYTES: usize = 64 * 1024;

/// One instance's surroundings. No files, no environment, no arguments, no sockets.
pub struct State {
    wasi: WasiCtx,
    http: WasiHttpCtx,
    table: ResourceTable,
    /// The guest's only way out.
    pub(super) hooks: Hooks,
    /// The guest's memory.
    pub(super) memory: Memory,
    /// The guest's CPU time.
    pub(super) meter: Arc<Meter>,
    /// Whether a mapper has read its settings.
    pub(super) configured: bool,
    stderr: MemoryOutputPipe,
}

impl State {
    pub(super) fn new(hooks: Hooks, clock: Clock, memory_bytes: usize) -> Self {
        let stderr = MemoryOutputPipe::new(STDERR_BYTES);
        let wasi = WasiCtx::builder().stderr(stderr.clone()).wall_clock(Wall(clock)).build();
        Self {
            wasi,
            http: WasiHttpCtx::new(),
            table: ResourceTable::new(),
            hooks,
            memory: Memory { limit: memory_bytes, bytes: 0, reached: false },
            meter: Arc::default(),
            configured: false,
            stderr,
        }
    }

    /// What the guest wrote to its stderr.
    pub(super) fn stderr(&self) -> bytes::Bytes {
        self.stderr.contents()
    }
}

/// The host's clock on a guest's wall.
struct Wall(Clock);

impl HostWallClock for Wall {
    fn resolution(&self) -> Duration {
        Duration::from_millis(1)
    }

    fn now(&self) -> Duration {
        Duration::from_millis(self.0.now_ms())
    }
}

impl WasiView for State {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        WasiCtxView { ctx: &mut self.wasi, table: &mut self.table }
    }
}

impl WasiHttpView for State {
    fn http(&mut self) -> WasiHttpCtxView<'_> {
        WasiHttpCtxView { ctx: &mut self.http, table: &mut self.table, hooks: &mut self.hooks }
    }
}

/// A bound on linear memory. Growing past it traps, so that a guest cannot go on as if nothing happened.
pub(super) struct Memory {
    limit: usize,
    /// What all memories of the instance hold, in bytes.
    pub(super) bytes: usize,
    /// Whether the bound was hit: tells a memory Fault from another trap.
    pub(super) reached: bool,
}

/// The largest table of functions a guest may have.
const TABLE_ELEMENTS: usize = 20_000;

impl ResourceLimiter for Memory {
    fn memory_growing(&mut self, current: usize, desired: usize, _maximum: Option<usize>) -> wasmtime::Result<bool> {
        if desired > self.limit {
            self.reached = true;
            return Err(wasmtime::Error::msg("the guest's memory is used up"));
        }
        self.bytes = self.bytes.saturating_add(desired.saturating_sub(current));
        Ok(true)
    }

    fn table_growing(&mut self, _current: usize, desired: usize, _maximum: Option<usize>) -> wasmtime::Result<bool> {
        Ok(desired <= TABLE_ELEMENTS)
    }
}
