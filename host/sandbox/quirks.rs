//! The vendors' oddities, each behind a switch.

use serde::{Deserialize, Serialize};

/// Which oddities are on. Set with the options, and at run time through the control door.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Quirks {
    /// Lists and searches show a write only this much later, in milliseconds; a fetch by id is always fresh.
    pub search_lag_ms: u64,
    /// `TaskCreate` webhooks come without `contactId` and `body`.
    pub task_without_contact: bool,
    /// Creating a contact answers 422 although the contact was created.
    pub create_answers_422: bool,
    /// The INSTALL webhook is sent before the authorization code is exchanged, not after.
    pub install_before_code: bool,
    /// The authorization page's redirect does not carry `state` back.
    pub drop_state: bool,
    /// The same refresh within this time of its first use gives the same new pair again, in milliseconds; 0: never.
    pub refresh_grace_ms: u64,
    /// A 429 carries `Retry-After`.
    pub retry_after: bool,
    /// Ads: every call needs `appsecret_proof`. Without it a proof is checked where one is sent.
    pub proof_required: bool,
    /// Ads: the newest version answers a bad token with 400, as the ones before do, and not with 401.
    pub bad_token_answers_400: bool,
    /// Ads: website events need `client_user_agent`, as documented.
    pub website_needs_user_agent: bool,
    /// Ads: `physical_store` events may be 62 days old.
    pub store_events_62_days: bool,
    /// Ads: nobody has accepted the terms of custom audiences yet: error 200 with subcode 1870034.
    pub audience_terms_open: bool,
}

impl Default for Quirks {
    fn default() -> Self {
        Self {
            search_lag_ms: 0,
            task_without_contact: false,
            create_answers_422: false,
            install_before_code: false,
            drop_state: false,
            refresh_grace_ms: 30_000,
            retry_after: false,
            proof_required: false,
            bad_token_answers_400: false,
            website_needs_user_agent: false,
            store_events_62_days: false,
            audience_terms_open: false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Quirks;

    #[test]
    fn what_is_not_named_keeps_its_default_and_what_is_unknown_is_refused() {
        let quirks: Quirks = serde_json::from_str(r#"{"drop_state":true}"#).expect("good");
        assert_eq!(quirks, Quirks { drop_state: true, ..Quirks::default() });
        assert_eq!(quirks.refresh_grace_ms, 30_000);
        assert!(serde_json::from_str::<Quirks>(r#"{"search_lag":5}"#).is_err());
    }
}
