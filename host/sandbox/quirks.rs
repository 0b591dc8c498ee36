//! The vendor's oddities, each behind a switch.

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
