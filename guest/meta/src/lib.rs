//! The sink for Meta's Conversions API: it writes events in Meta's form, sends them and says what became of each.
//!
//! Everything but the requests themselves (`http`) and the contract's functions (`component`) is pure and is tested natively.

pub mod audience;
pub mod bindings;
pub mod classify;
#[cfg(target_family = "wasm")]
mod clock;
#[cfg(target_family = "wasm")]
mod component;
pub mod custom_data;
pub mod deliver;
pub mod describe;
pub mod encode;
pub mod endpoint;
pub mod exchange;
pub mod halving;
// The allocator is a mapper's as well; mappers are written outside of this workspace, so it lives with what their authors import.
#[cfg(target_family = "wasm")]
#[expect(dead_code, reason = "a mapper alone is lent what it is handed, and lets go of it whole")]
#[path = "../../sdk/src/heap.rs"]
mod heap;
#[cfg(target_family = "wasm")]
mod http;
mod json;
pub mod members;
pub mod overlap;
pub mod preflight;
pub mod probe;
#[cfg(test)]
mod samples;
pub mod settings;
pub mod subcode;
pub mod throttle;
pub mod user_data;
pub mod version;
