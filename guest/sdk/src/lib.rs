//! What the author of a mapper imports: the contract's types, the platform's normalising and hashing, and one line that makes a component.
//!
//! A mapper built with it imports nothing but the contract's types, so it runs wherever a component runs.
//!
//! ```
//! use convey_sdk::prelude::*;
//!
//! struct Leads;
//! convey_sdk::export!(Leads);
//!
//! impl Mapper for Leads {
//!     fn configure(settings: &str) -> Result<Self, Vec<Problem>> {
//!         no_settings(settings).map(|()| Leads)
//!     }
//!
//!     fn translate(&self, change: &Change) -> Result<Vec<Proposal>, Skip> {
//!         if !matches!(change.trigger, Trigger::ContactCreated) {
//!             return Err(Skip::no_rule("not a new contact"));
//!         }
//!         let person = Person::of(change, None);
//!         Ok(vec![Event::new(change, "Lead").told_of(person, "new-contact")?])
//!     }
//! }
//! ```

pub mod bindings;
pub mod click;
mod event;
mod export;
pub mod hash;
#[cfg(any(target_family = "wasm", test))]
#[cfg_attr(target_env = "p2", expect(dead_code, reason = "WASI's own part asks for what the host hands over"))]
mod heap;
pub mod identity;
pub mod normalise;
pub mod prelude;
pub mod samples;
mod scan;
mod settings;
mod short;
mod skip;
pub mod trigger;
pub mod user_data;

pub use bindings::convey::pipeline::types;
pub use event::{Event, event_id};
#[cfg(not(target_family = "wasm"))]
#[doc(hidden)]
pub use export::with_received;
pub use export::{Held, Mapper, Understanding};
#[cfg(target_family = "wasm")]
#[doc(hidden)]
pub use heap::with_received;
pub use settings::no_settings;
pub use user_data::Person;
