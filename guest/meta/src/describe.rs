//! What the operator is asked to grant, and the platform's limits.

use crate::bindings::convey::pipeline::types::Operation;
use crate::bindings::exports::convey::pipeline::conversions_sink::Profile;

/// Where the Graph API answers.
pub const BASE_URL: &str = "https://graph.facebook.com";

const DAY_MS: u64 = 86_400_000;

/// The profile of Meta's Conversions API (Meta for Developers, "Conversions API: Parameters" and "Using the API").
pub fn profile() -> Profile {
    let operation = |name: &str, method: &str, path: &str, scope: &str| Operation {
        name: name.into(),
        method: method.into(),
        path: path.into(),
        scope: Some(scope.into()),
    };
    Profile {
        name: "meta".into(),
        base_url: BASE_URL.into(),
        operations: vec![
            operation("send events", "POST", "/{version}/{dataset}/events", "ads_management"),
            operation("look at the dataset", "GET", "/{version}/{dataset}", "ads_management"),
            operation("put people into an audience", "POST", "/{version}/{audience}/users", "ads_management"),
            operation("take people out of an audience", "DELETE", "/{version}/{audience}/users", "ads_management"),
        ],
        headers: vec![("Accept".into(), "application/json".into()), ("User-Agent".into(), "convey".into())],
        max_events: 1000,
        max_members: 10_000,
        // The platform's own number: one older event fails the whole request. The host keeps a margin.
        max_age_ms: 7 * DAY_MS,
        // The documentation lets physical_store events be uploaded within 62 days in the very paragraph that repeats the seven-day
        // failure. Seven for all of them loses a late event at worst; sixty-two could lose a whole batch.
        max_age_by_source: Vec::new(),
        max_ahead_ms: 60_000,
        proof: Some("appsecret_proof".into()),
    }
}
