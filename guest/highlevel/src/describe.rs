//! What the operator is asked to grant, and how the host reads a HighLevel webhook before any guest runs.

use crate::bindings::convey::pipeline::types::Operation;
use crate::bindings::exports::convey::pipeline::contact_source::{
    Encoding, Envelope, GrantState, Oauth, Profile, RateLimit, Signature, SignatureAlgorithm,
};
use crate::settings::ApiVersion;

/// Where every request goes.
pub const BASE_URL: &str = "https://services.leadconnectorhq.com";

/// HighLevel, Webhook Integration Guide: up to twelve retries with growing, unpublished pauses. A day covers every interval seen;
/// a copy that comes later still is known by what it says.
const RETRY_HORIZON_MS: u64 = 24 * 60 * 60 * 1000;

/// The profile of this source.
pub fn profile() -> Profile {
    Profile {
        name: "highlevel".into(),
        base_url: BASE_URL.into(),
        operations: vec![Operation {
            name: "contact".into(),
            method: "GET".into(),
            path: "/contacts/{id}".into(),
            scope: Some("contacts.readonly".into()),
        }],
        signatures: vec![
            signature(
                "X-GHL-Signature",
                SignatureAlgorithm::Ed25519,
                include_str!("../keys/x-ghl-signature.pem"),
                false,
            ),
            // Announced to end in 2026: opt-in only.
            signature(
                "x-wh-signature",
                SignatureAlgorithm::RsaPkcs1Sha256,
                include_str!("../keys/x-wh-signature.pem"),
                true,
            ),
        ],
        oauth: Some(oauth()),
        // HighLevel, OAuth 2.0 documentation, "rate limits": per app and location.
        limits: Some(RateLimit { requests: 100, per_ms: 10_000, daily: Some(200_000) }),
        envelope: Envelope {
            id: "/webhookId".into(),
            sent_at: Some("/timestamp".into()),
            location: "/locationId".into(),
        },
        // Without a User-Agent of its own a client is answered 403 ("error 1010") by the vendor's proxy.
        headers: pairs(&[
            ("Version", ApiVersion::default().as_str()),
            ("Accept", "application/json"),
            ("User-Agent", "convey"),
        ]),
        retry_horizon_ms: RETRY_HORIZON_MS,
    }
}

fn signature(header: &str, algorithm: SignatureAlgorithm, key: &str, legacy: bool) -> Signature {
    Signature { header: header.into(), algorithm, encoding: Encoding::Base64, public_key: Some(key.into()), legacy }
}

/// HighLevel, OAuth 2.0 documentation: the v2 authorisation page, form-encoded tokens, and the exchange of an agency's token for a location's.
fn oauth() -> Oauth {
    Oauth {
        authorize_url: "https://marketplace.gohighlevel.com/v2/oauth/chooselocation".into(),
        token_url: format!("{BASE_URL}/oauth/token"),
        exchange_url: Some(format!("{BASE_URL}/oauth/locationToken")),
        scopes: vec!["contacts.readonly".into()],
        parameters: pairs(&[("user_type", "Location")]),
        names: pairs(&[
            ("access_token", "access_token"),
            ("refresh_token", "refresh_token"),
            ("expires_in_s", "expires_in"),
            ("scopes", "scope"),
            ("kind", "userType"),
            ("location", "locationId"),
            ("company", "companyId"),
        ]),
        // The words of an answer that is not a token.
        states: vec![
            ("refresh token is invalid".into(), GrantState::Revoked),
            ("Location is not active".into(), GrantState::Suspended),
            // An install webhook may come before its code can be exchanged.
            ("Authorization code not found".into(), GrantState::Wait),
        ],
    }
}

fn pairs(list: &[(&str, &str)]) -> Vec<(String, String)> {
    list.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_whole_and_the_old_one_is_legacy() {
        let signatures = profile().signatures;
        for signature in &signatures {
            let key = signature.public_key.as_deref().unwrap_or_default();
            assert!(
                key.starts_with("-----BEGIN PUBLIC KEY-----\n") && key.trim_end().ends_with("-----END PUBLIC KEY-----")
            );
        }
        let legacy: Vec<_> = signatures.iter().map(|signature| (signature.algorithm, signature.legacy)).collect();
        assert_eq!(legacy, [(SignatureAlgorithm::Ed25519, false), (SignatureAlgorithm::RsaPkcs1Sha256, true)]);
    }

    #[test]
    fn scopes_asked_for_are_those_of_the_operations() {
        let profile = profile();
        let needed: Vec<_> = profile.operations.iter().filter_map(|operation| operation.scope.clone()).collect();
        assert_eq!(profile.oauth.map(|oauth| oauth.scopes), Some(needed));
    }
}
