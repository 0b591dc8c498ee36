//! The only way out: granted? → attach the credential → limit → send. A guest's request passes here or nowhere.

mod allow;
mod client;
mod credential;
mod error;
mod pattern;

pub use allow::{Allow, Grant};
pub use client::{Egress, Limits, Ticket};
pub use error::EgressError;
pub use pattern::Pattern;
