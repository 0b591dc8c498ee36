//! The only way out: granted? → attach the credential → take a slot → send. A guest's request passes here or nowhere.

mod allow;
mod answer;
mod book;
mod client;
mod credential;
mod daily;
mod error;
mod limit;
mod log;
pub mod oauth;
mod pattern;
mod rate;
mod ticket;

#[cfg(test)]
mod tests;

pub use allow::{Allow, Grant};
pub use book::Own;
pub use client::{Egress, Limits};
pub use credential::{Credential, Proof};
pub use error::EgressError;
pub use limit::{Limiter, Limiters, Reservation, Slot, Snapshot};
pub use pattern::Pattern;
pub use rate::{RateHeaders, RateLimit};
pub use ticket::{Stop, Ticket, Trouble};
