//! A sink that misbehaves on request, to show that the host survives it and that the guest sees no more than it should.
//!
//! A destination's settings are the behaviour; see [`behaviour::Behaviour`].

pub mod behaviour;
pub mod bindings;
#[cfg(target_family = "wasm")]
mod component;
pub mod describe;
