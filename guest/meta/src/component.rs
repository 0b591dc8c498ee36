//! The component: the contract's functions, each one line to the module that knows.

use wstd::runtime::block_on;

use crate::bindings::convey::pipeline::types::{ConversionEvent, Membership, UserData};
use crate::bindings::exports::convey::pipeline::conversions_sink::{
    ApiVersion, Destination, Guest, Outcome, Profile, Session, Shipment,
};
use crate::settings::Settings;
use crate::{audience, clock, deliver, describe, encode, http, probe, version};

/// What the contract is exported by.
pub struct Meta;

impl Guest for Meta {
    fn describe() -> Profile {
        describe::profile()
    }

    fn configure(settings: String) -> Result<Vec<ApiVersion>, String> {
        Settings::parse(&settings).map(|settings| version::used(&settings))
    }

    fn encode(_: Destination, events: Vec<ConversionEvent>) -> Vec<String> {
        events.iter().map(encode::event).collect()
    }

    fn probe(destination: Destination) -> Outcome {
        block_on(probe::probe(&destination, http::send))
    }

    fn deliver(destination: Destination, events: Vec<ConversionEvent>) -> Shipment {
        block_on(deliver::deliver(&destination, &events, clock::now_ms(), http::send))
    }

    fn update_audience(
        destination: Destination,
        audience: String,
        membership: Membership,
        members: Vec<UserData>,
        session: Option<Session>,
    ) -> Shipment {
        block_on(audience::update(&destination, &audience, membership, &members, session, http::send))
    }
}
