//! The HighLevel contact source: webhooks and contacts of the HighLevel API v2 become changes.
//!
//! A delivery's way through this crate: [`webhook`] parses it, [`read`] puts a contact's deliveries in order and fetches the contact once,
//! [`answer`] decides against [`memory`] what is new, [`fact`] gives it an id that any other road to the same fact would give too.
//! [`query`] answers questions, [`execute`] writes, [`probe`] asks what a token may do; each request they make is a [`call`] and one of [`operations`].
//! Everything but [`component`] and [`http`] is plain functions over values and is tested natively.

pub mod answer;
pub mod attribution;
pub mod belonging;
pub mod beside;
pub mod bindings;
pub mod call;
pub mod catalogue;
pub mod classify;
#[cfg(target_family = "wasm")]
pub mod component;
pub mod consent;
pub mod contact;
pub mod describe;
pub mod digest;
pub mod execute;
pub mod fact;
pub mod fetch;
pub mod fields;
pub mod gaps;
// The allocator is a mapper's as well; mappers are written outside of this workspace, so it lives with what their authors import.
#[cfg(target_family = "wasm")]
#[expect(dead_code, reason = "a mapper alone is lent what it is handed, and lets go of it whole")]
#[path = "../../sdk/src/heap.rs"]
mod heap;
#[cfg(target_family = "wasm")]
pub mod http;
pub mod identify;
pub mod interpret;
pub mod iso;
pub mod join;
pub mod json;
pub mod memory;
pub mod needs;
pub mod operations;
pub mod orphan;
pub mod own;
pub mod path;
pub mod poll;
pub mod probe;
pub mod query;
pub mod read;
pub mod reply;
pub mod scope;
pub mod settings;
pub mod sight;
pub mod tags;
pub mod time;
pub mod told;
pub mod webhook;

#[cfg(test)]
mod crm;
#[cfg(test)]
mod samples;
