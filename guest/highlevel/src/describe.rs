//! What the operator is asked to grant, and how the host reads a HighLevel webhook before any guest runs.

use crate::bindings::exports::convey::pipeline::contact_source::{
    Encoding, Envelope, GrantState, Oauth, Profile, RateHeaders, RateLimit, Signature, SignatureAlgorithm,
};
use crate::operations;
use crate::scope::EXCHANGE;
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
        operations: operations::operations(),
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
        limits: Some(RateLimit { requests: 100, per_ms: 10_000, daily: Some(200_000), headers: rate_headers() }),
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
        // What an app may ever be asked for; a location's own login asks for less.
        scopes: operations::scopes().into_iter().chain([EXCHANGE.into()]).collect(),
        parameters: pairs(&[("user_type", "Location")]),
        names: pairs(&[
            ("client_id", "client_id"),
            ("client_secret", "client_secret"),
            ("grant_type", "grant_type"),
            ("code", "code"),
            ("redirect_uri", "redirect_uri"),
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
        // The other 401s (a scope, a kind of token, a version header) are the same with a new token.
        expired: ["Invalid JWT", "access token is invalid", "expired"].map(String::from).to_vec(),
    }
}

/// HighLevel, OAuth 2.0 documentation, "rate limits"; the last is not documented there and parsed by the vendor's own SDK.
fn rate_headers() -> RateHeaders {
    RateHeaders {
        limit: Some("x-ratelimit-max".into()),
        interval_ms: Some("x-ratelimit-interval-milliseconds".into()),
        remaining: Some("x-ratelimit-remaining".into()),
        daily_remaining: Some("x-ratelimit-daily-remaining".into()),
        daily_reset_ms: Some("x-ratelimit-daily-reset".into()),
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
        let scopes = profile().oauth.map(|oauth| oauth.scopes).unwrap_or_default();
        for operation in profile().operations {
            assert!(operation.scope.is_some_and(|scope| scopes.contains(&scope)), "{}", operation.name);
        }
        assert_eq!(scopes.len(), 7);
        assert!(scopes.iter().any(|scope| scope == "oauth.write"), "an agency's token is traded with it");
    }

    #[test]
    fn a_401_that_no_token_cures_is_not_called_expired() {
        let expired = oauth().expired;
        let cured = |said: &str| expired.iter().any(|words| said.contains(words));
        assert!(cured("Invalid JWT") && cured("Invalid token: access token is invalid"));
        for said in [
            "The token is not authorized for this scope.",
            "Token's user type mismatch!",
            "Invalid Private Integration token",
            "version header was not found.",
        ] {
            assert!(!cured(said), "{said}");
        }
    }
}
