//! What a token address answers: a token, or why there is none. Pure.

use http::{HeaderMap, StatusCode};
use serde_json::{Map, Value};

use super::super::rate::retry_after_ms;
use super::{GrantWord, OauthError, Scheme};
use crate::clock::Millis;
use crate::store::NewToken;
use crate::vault::Secret;

/// A vendor that says 429 and not for how long is left alone as long.
const THROTTLED_MS: Millis = 10_000;

/// The codes of RFC 6749, section 5.2: safe to repeat, whoever wrote them.
const CODES: [&str; 6] = [
    "invalid_grant",
    "invalid_client",
    "invalid_request",
    "invalid_scope",
    "unauthorized_client",
    "unsupported_grant_type",
];

/// The token in an answer to a request that left at `asked_at`: it lives from then at the latest. The body's own copy is the caller's to wipe.
pub(super) fn token(scheme: &Scheme, body: &[u8], asked_at: Millis) -> Result<NewToken, OauthError> {
    let wrong = || OauthError::Invalid("the vendor's answer holds no token".to_owned());
    let mut fields: Map<String, Value> = serde_json::from_slice(body).map_err(|_| wrong())?;
    let mut text = |ours: &str| match fields.remove(scheme.name(ours)) {
        Some(Value::String(text)) if !text.is_empty() => Some(text),
        _ => None,
    };
    let access = text("access_token").map(Secret::new).ok_or_else(wrong)?;
    let refresh = text("refresh_token").map(Secret::new);
    let (kind, location, company) = (text("kind"), text("location"), text("company"));
    let lives_s = fields.get(scheme.name("expires_in_s")).and_then(seconds);
    Ok(NewToken {
        access,
        refresh,
        expires_at: lives_s.map(|lives_s| asked_at.saturating_add(lives_s.saturating_mul(1_000))),
        obtained_at: asked_at,
        scopes: fields.get(scheme.name("scopes")).map(scopes).unwrap_or_default(),
        kind,
        location,
        company,
    })
}

fn seconds(value: &Value) -> Option<u64> {
    value.as_u64().or_else(|| value.as_str()?.trim().parse().ok())
}

/// A text with blanks between (RFC 6749, section 3.3), or a list.
fn scopes(value: &Value) -> Vec<String> {
    match value {
        Value::Array(items) => items.iter().filter_map(Value::as_str).map(str::to_owned).collect(),
        other => other.as_str().unwrap_or_default().split_ascii_whitespace().map(str::to_owned).collect(),
    }
}

/// Why there is no token, by status, the profile's words and RFC 6749's codes, in that order.
pub(super) fn refusal(
    scheme: &Scheme,
    status: StatusCode,
    headers: &HeaderMap,
    body: &[u8],
    now: Millis,
) -> OauthError {
    if status == StatusCode::TOO_MANY_REQUESTS {
        return OauthError::Throttled { after_ms: retry_after_ms(headers, now).unwrap_or(THROTTLED_MS) };
    }
    if status.is_server_error() || status == StatusCode::REQUEST_TIMEOUT {
        return OauthError::Unavailable(format!("the vendor's token address answered {status}"));
    }
    match scheme.word(body) {
        Some((word, GrantWord::Wait)) => return OauthError::Unavailable(format!("the vendor answered \"{word}\"")),
        Some((word, means)) => {
            return OauthError::Refused { word: means, text: format!("the vendor answered \"{word}\"") };
        }
        None => {}
    }
    let said: Option<Value> = serde_json::from_slice(body).ok();
    let said = said.as_ref().and_then(|said| said.get("error")?.as_str());
    match CODES.iter().find(|code| said == Some(**code)) {
        Some(code @ &"invalid_grant") => {
            OauthError::Refused { word: GrantWord::Revoked, text: format!("the vendor answered {code}") }
        }
        Some(code) => OauthError::Invalid(format!("the vendor's token address answered {status}, {code}")),
        None => OauthError::Invalid(format!("the vendor's token address answered {status}")),
    }
}

#[cfg(test)]
mod tests {
    use http::{HeaderMap, StatusCode};
    use proptest::prelude::*;

    use super::super::{Described, GrantWord, OauthError, Scheme};
    use super::{refusal, token};

    fn scheme() -> Scheme {
        let pairs = [("kind", "userType"), ("location", "locationId"), ("company", "companyId")];
        let described = Described {
            token_url: "https://crm.example/token".into(),
            names: pairs.map(|(ours, theirs)| (ours.to_owned(), theirs.to_owned())).into(),
            states: vec![
                ("Token is being made".into(), GrantWord::Wait),
                ("is not active".into(), GrantWord::Suspended),
            ],
            ..Described::default()
        };
        Scheme::new(described, "https://crm.example", None).unwrap()
    }

    #[test]
    fn a_token_is_read_by_the_vendors_names() {
        let body = br#"{"access_token":"aaa","refresh_token":"rrr","expires_in":86399,"scope":"a.read b.write",
            "userType":"Location","locationId":"l1","companyId":"c1","userId":"u"}"#;
        let found = token(&scheme(), body, 1_000).unwrap();
        assert_eq!((found.access.expose(), found.refresh.unwrap().expose()), ("aaa", "rrr"));
        assert_eq!((found.expires_at, found.obtained_at), (Some(86_400_000), 1_000));
        assert_eq!(found.scopes, ["a.read", "b.write"]);
        assert_eq!(
            (found.kind.as_deref(), found.location.as_deref(), found.company.as_deref()),
            (Some("Location"), Some("l1"), Some("c1"))
        );
        let found = token(&scheme(), br#"{"access_token":"aaa","expires_in":"60","scope":["a"]}"#, 0).unwrap();
        assert_eq!(
            (found.refresh.is_none(), found.expires_at, found.scopes),
            (true, Some(60_000), vec!["a".to_owned()])
        );
        assert!(token(&scheme(), br#"{"access_token":""}"#, 0).is_err());
    }

    #[test]
    fn a_refusal_says_what_happens_next_and_nothing_of_the_body() {
        let read = |status: u16, body: &str| {
            refusal(&scheme(), StatusCode::from_u16(status).unwrap(), &HeaderMap::new(), body.as_bytes(), 0)
        };
        assert!(matches!(read(429, ""), OauthError::Throttled { after_ms: 10_000 }));
        assert!(matches!(read(502, "is not active"), OauthError::Unavailable(_)));
        assert!(matches!(read(400, r#"{"message":"token is being made"}"#), OauthError::Unavailable(_)));
        let asleep = read(400, r#"{"message":["Location is not active, ann@shop.io"]}"#);
        assert_eq!(asleep.to_string(), "the vendor answered \"is not active\"");
        assert!(matches!(asleep, OauthError::Refused { word: GrantWord::Suspended, .. }));
        let gone = read(400, r#"{"error":"invalid_grant","error_description":"code 1234 of ann@shop.io"}"#);
        assert!(matches!(gone, OauthError::Refused { word: GrantWord::Revoked, .. }), "{gone}");
        let wrong = read(401, r#"{"error":"invalid_client","error_description":"secret s3cret"}"#).to_string();
        assert_eq!(wrong, "the vendor's token address answered 401 Unauthorized, invalid_client");
        assert_eq!(read(422, "ann").to_string(), "the vendor's token address answered 422 Unprocessable Entity");
    }

    proptest! {
        #[test]
        fn no_refusal_repeats_what_the_vendor_wrote(status in 400u16..600, planted in "[a-z]{12}") {
            let body = format!(r#"{{"message":"{planted}","error":"{planted}","error_description":["{planted}"]}}"#);
            let status = StatusCode::from_u16(status).unwrap();
            prop_assert!(!refusal(&scheme(), status, &HeaderMap::new(), body.as_bytes(), 0).to_string().contains(&planted));
        }
    }
}
