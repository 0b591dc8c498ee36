//! The HighLevel contact source: webhooks and contacts of the HighLevel API v2 become changes.
//!
//! A delivery's way through this crate: [`webhook`] parses it, [`read`] puts a contact's deliveries in order and fetches the contact once,
//! [`answer`] decides against [`memory`] what is new, [`fact`] gives it an id that any other road to the same fact would give too.
//! Everything but [`component`] and [`http`] is plain functions over values and is tested natively.

pub mod answer;
pub mod ask;
pub mod attribution;
pub mod bindings;
pub mod classify;
#[cfg(target_family = "wasm")]
pub mod component;
pub mod consent;
pub mod contact;
pub mod describe;
pub mod digest;
pub mod fact;
pub mod fields;
#[cfg(target_family = "wasm")]
pub mod http;
pub mod identify;
pub mod interpret;
pub mod join;
pub mod json;
pub mod memory;
pub mod read;
pub mod reply;
pub mod settings;
pub mod tags;
pub mod time;
pub mod told;
pub mod webhook;

#[cfg(test)]
mod samples;
