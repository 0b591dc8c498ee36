//! The operator's page: HTML made here, live by server-sent events, with one style sheet and one script of our own. It works through the same
//! functions of the flow as the command line.

mod assets;
mod audiences;
mod audit;
mod build;
mod chart;
mod connections;
mod deliveries;
mod fields;
mod health;
mod layout;
mod live;
mod mapping;
mod overview;
mod parked;
mod preview;
mod pulse;
mod rules;
mod seen;
mod shadow;
mod sign_in;
mod tests_view;
mod why;

pub(super) use assets::asset;
pub(super) use audiences::audiences;
pub(super) use audit::audit;
pub(super) use build::{build, live as build_live, preview as build_preview};
pub(super) use connections::{connections, look, pause, reconnect, resume};
pub(super) use deliveries::deliveries;
pub(super) use health::health;
pub(super) use layout::refusal;
pub(super) use live::live;
pub(super) use mapping::{act as mapping_act, mapping, mappings, preview as mapping_preview};
pub(super) use overview::overview;
pub(super) use parked::{drop_parked, parked, retry};
pub(super) use pulse::Pulse;
pub(super) use seen::Seen;
pub use sign_in::AskForCode;
pub(super) use sign_in::{sign_in, sign_in_code, sign_in_page, sign_out, signed_in};
pub(super) use tests_view::{off as tests_off, on as tests_on, tests_view};
pub(super) use why::{content, why};
