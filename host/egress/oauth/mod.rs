//! OAuth 2.0 (RFC 6749) as a source's profile describes its vendor's: asking a person, exchanging codes, refreshing, and holding a token so that
//! whoever needs it finds it fresh.

mod answer;
mod client;
mod error;
mod form;
mod holder;
mod scheme;
mod turn;

pub use client::Client;
pub use error::OauthError;
pub use holder::{Bearer, Holder};
pub use scheme::{Described, GrantWord, Scheme};
