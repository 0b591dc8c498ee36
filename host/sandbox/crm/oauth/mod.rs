//! OAuth 2.0 for the one app of this world: a person's choice of a location, tokens that rotate, one agency with all locations
//! (HighLevel, OAuth 2.0).

mod authorize;
mod exchange;
mod form;
pub mod grants;
pub mod install;
mod installed;
mod jwt;
mod token;

use axum::routing::{get, post};

use super::super::requests::Route;

/// The routes below `/oauth`.
pub fn routes() -> Vec<Route> {
    vec![
        ("/oauth/chooselocation", get(authorize::choose)),
        ("/v2/oauth/chooselocation", get(authorize::choose)),
        ("/oauth/token", post(token::token)),
        ("/oauth/locationToken", post(exchange::location_token)),
        ("/oauth/location-token", post(exchange::location_token_v3)),
        ("/oauth/installedLocations", get(installed::locations)),
        ("/oauth/installed-locations", get(installed::locations_v3)),
    ]
}
