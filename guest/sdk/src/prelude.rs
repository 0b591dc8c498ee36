//! Everything a mapper usually names, by one `use`.

pub use crate::bindings::convey::pipeline::types::*;
pub use crate::{Event, Mapper, Person, Understanding, no_settings};
