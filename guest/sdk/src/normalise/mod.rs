//! One pure rule a family of customer information: raw text in, the text to be hashed out, or nothing when the value
//! cannot be trusted. What is doubtful is dropped, never guessed: a wrong hash is another person's.
//!
//! The rules follow Meta's page "Customer Information Parameters" (Conversions API), whose examples are test cases here.
//! Each is idempotent. Values that are hashes already never get here: see [`crate::hash::already_hashed`].

pub mod country;
pub mod currency;
pub mod date;
pub mod email;
mod fold;
pub mod gender;
pub mod name;
pub mod phone;
pub mod place;
mod table;

#[cfg(test)]
mod samples;

/// The CRM's own id of a person: trimmed, case kept, since an id must read the same on every channel ("external_id").
pub fn external_id(raw: &str) -> Option<&str> {
    let id = raw.trim();
    (!id.is_empty()).then_some(id)
}
