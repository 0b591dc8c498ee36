//! What an error of the API means for what the host does next. Texts are ours: the API's own may name people.

use serde_json::Value;

use crate::bindings::exports::convey::pipeline::contact_source::SourceError;
use crate::json::text;

/// A day's allowance is gone and nothing says when the next day begins.
const DAILY_PAUSE_MS: u32 = 60 * 60 * 1000;
const DAY_MS: u64 = 24 * 60 * 60 * 1000;

/// Classifies an answer that is no success. Header names are in lower case; `scope` is the one that the request needs.
pub fn classify(status: u16, headers: &[(String, String)], body: &[u8], scope: &str) -> SourceError {
    let body: Value =
        serde_json::from_slice(body).unwrap_or_else(|_| Value::String(String::from_utf8_lossy(body).into_owned()));
    let said = message(&body).to_lowercase();
    let has = |words: &str| said.contains(words);
    let told = |what: &str| format!("{status}: {what}{}", trace(&body));
    match status {
        401 if has("version header") => {
            SourceError::Invalid(told("the API version is not accepted; set api_version in the settings"))
        }
        // A 401 all the same, but a new token would not help.
        401 if has("not authorized for this scope") => {
            SourceError::Forbidden(told(&format!("the token lacks the scope {scope}")))
        }
        401 if has("user type mismatch") || has("authclass type") => SourceError::Forbidden(told(&format!(
            "the token is an agency's; a location's token with {scope} is needed"
        ))),
        401 => SourceError::Unauthorized(told("the token is not valid, or no longer")),
        403 if has("1010") => SourceError::Forbidden(told(
            "the vendor's proxy refused the client (error 1010): the User-Agent header is missing",
        )),
        403 if has("location") => SourceError::Forbidden(told("the token has no access to this location")),
        403 => SourceError::Forbidden(told(&format!("the request is not allowed; check the scope {scope}"))),
        404 if has("cannot get") || has("cannot post") || has("cannot put") || has("cannot delete") => {
            SourceError::Invalid(told("no such route in this API version"))
        }
        404 => SourceError::NotFound(told("not found")),
        400 if has("not found") => SourceError::NotFound(told("not found")),
        400 if has("version") => {
            SourceError::Invalid(told("the API version is not accepted; set api_version in the settings"))
        }
        400 if has("duplicated contacts") => {
            SourceError::Invalid(told("the location does not allow duplicated contacts"))
        }
        408 | 425 | 500..=599 => SourceError::Unavailable(told("the API is not available")),
        429 => SourceError::Throttled(pause(headers)),
        422 => {
            SourceError::Invalid(told(&unexpected(&body).unwrap_or_else(|| "the request was not understood".into())))
        }
        _ => SourceError::Invalid(told("the request was refused")),
    }
}

/// `message` is text or, from the validators, a list; v3 wraps it in `error`; the token endpoint says `error_description`.
fn message(body: &Value) -> String {
    match body {
        Value::String(text) => text.clone(),
        Value::Array(items) => items.iter().map(message).collect::<Vec<_>>().join("; "),
        Value::Object(fields) => {
            let parts = ["message", "error_description", "error"].iter().filter_map(|name| fields.get(*name));
            parts.map(message).collect::<Vec<_>>().join("; ")
        }
        _ => String::new(),
    }
}

/// The vendor's support asks for it. Only what looks like one is repeated.
fn trace(body: &Value) -> String {
    let plain = |id: &String| id.len() <= 64 && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    text(body, "traceId").filter(plain).map(|id| format!(" (traceId {id})")).unwrap_or_default()
}

/// "property x should not exist" names a field of the request, never a value.
fn unexpected(body: &Value) -> Option<String> {
    let said = message(body);
    let name = said.split("property ").nth(1)?.split_whitespace().next()?;
    let plain = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.'));
    (plain && said.contains("should not exist")).then(|| format!("the API does not know the field {name}"))
}

/// How long to wait, ms: the day's allowance first, then `Retry-After` (seconds), then the length of the rate interval.
fn pause(headers: &[(String, String)]) -> Option<u32> {
    let number = |name: &str| -> Option<i64> {
        let (_, value) = headers.iter().find(|(header, _)| header.eq_ignore_ascii_case(name))?;
        value.trim().parse().ok()
    };
    let after = number("retry-after").and_then(|seconds| u32::try_from(seconds.checked_mul(1000)?).ok());
    if number("x-ratelimit-daily-remaining").is_some_and(|left| left <= 0) {
        // Whether the reset is a span or a date is not documented; only a span of at most a day can be used without a clock.
        let reset = number("x-ratelimit-daily-reset")
            .and_then(|ms| u64::try_from(ms).ok())
            .filter(|ms| (1..=DAY_MS).contains(ms));
        return after.or(reset.and_then(|ms| u32::try_from(ms).ok())).or(Some(DAILY_PAUSE_MS));
    }
    after.or(number("x-ratelimit-interval-milliseconds").and_then(|ms| u32::try_from(ms).ok()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scope::{CONTACTS_READ, CONTACTS_WRITE};

    fn word(error: &SourceError) -> &'static str {
        match error {
            SourceError::Unauthorized(_) => "unauthorized",
            SourceError::Forbidden(_) => "forbidden",
            SourceError::NotFound(_) => "not-found",
            SourceError::Throttled(_) => "throttled",
            SourceError::Unavailable(_) => "unavailable",
            SourceError::Invalid(_) => "invalid",
        }
    }

    #[test]
    fn every_answer_seen() {
        for (status, body, expected) in [
            (
                401,
                r#"{"statusCode":401,"message":"Invalid token: access token is invalid","error":"Unauthorized"}"#,
                "unauthorized",
            ),
            (401, r#"{"statusCode":401,"message":"Invalid JWT"}"#, "unauthorized"),
            (401, r#"{"statusCode":401,"message":"Invalid Private Integration token"}"#, "unauthorized"),
            (401, r#"{"error":"UnAuthorized!","error_description":"Authorization code not found"}"#, "unauthorized"),
            (401, "", "unauthorized"),
            (401, r#"{"statusCode":401,"message":"The token is not authorized for this scope."}"#, "forbidden"),
            (401, r#"{"statusCode":401,"message":"Token's user type mismatch!"}"#, "forbidden"),
            (
                401,
                r#"{"message":"This authClass type is not allowed to access this scope. Please use an allowed one."}"#,
                "forbidden",
            ),
            (401, r#"{"message":"version header was not found."}"#, "invalid"),
            (401, r#"{"message":"version header is invalid"}"#, "invalid"),
            (403, r#"{"message":"The token does not have access to this location."}"#, "forbidden"),
            (403, "error code: 1010", "forbidden"),
            (403, r#"{"error":{"code":"FORBIDDEN","message":"no"}}"#, "forbidden"),
            (400, r#"{"statusCode":400,"message":"Contact with id abc not found"}"#, "not-found"),
            (400, r#"{"statusCode":400,"message":"Bad Request"}"#, "invalid"),
            (400, r#"{"message":"Invalid API version segment '2' at position 0"}"#, "invalid"),
            (
                400,
                r#"{"message":"This location does not allow duplicated contacts.","meta":{"contactName":"Zoe"}}"#,
                "invalid",
            ),
            (404, r#"{"error":{"code":"NOT_FOUND","message":"Contact not found"}}"#, "not-found"),
            (404, r#"{"message":"Cannot GET /contact/abc","statusCode":404}"#, "invalid"),
            (422, r#"{"message":["property additionalEmails should not exist"],"statusCode":422}"#, "invalid"),
            (429, r#"{"statusCode":429,"message":"Too Many Requests"}"#, "throttled"),
            (500, "<html>", "unavailable"),
            (502, "", "unavailable"),
            (503, "{}", "unavailable"),
            (408, "", "unavailable"),
            (418, "", "invalid"),
            (302, "", "invalid"),
        ] {
            assert_eq!(word(&classify(status, &[], body.as_bytes(), CONTACTS_READ)), expected, "{status} {body}");
        }
    }

    #[test]
    fn a_missing_scope_is_named_and_people_are_not() {
        let SourceError::Forbidden(text) =
            classify(401, &[], br#"{"message":"The token is not authorized for this scope."}"#, CONTACTS_WRITE)
        else {
            panic!("a missing scope is forbidden")
        };
        assert!(text.contains("contacts.write"));
        let body = br#"{"message":"bad email zoe@example.org","meta":{"contactName":"Zoe"},"traceId":"a1-b2"}"#;
        for status in [400, 401, 403, 404, 422, 500] {
            let text = format!("{:?}", classify(status, &[], body, CONTACTS_WRITE));
            assert!(text.contains("traceId a1-b2") && !text.contains("zoe") && !text.contains("Zoe"), "{text}");
        }
        let odd = format!(
            "{:?}",
            classify(422, &[], br#"{"message":["property zoe@example.org should not exist"]}"#, CONTACTS_WRITE)
        );
        assert!(!odd.contains("zoe"), "{odd}");
        let field = format!(
            "{:?}",
            classify(422, &[], br#"{"message":["property additionalEmails should not exist"]}"#, CONTACTS_WRITE)
        );
        assert!(field.contains("additionalEmails"), "{field}");
    }

    #[test]
    fn how_long_to_wait() {
        let headers = |list: &[(&str, &str)]| {
            list.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect::<Vec<_>>()
        };
        let pause = |list: &[(&str, &str)]| super::pause(&headers(list));
        assert_eq!(pause(&[]), None);
        assert_eq!(pause(&[("Retry-After", "3"), ("x-ratelimit-interval-milliseconds", "10000")]), Some(3000));
        assert_eq!(pause(&[("x-ratelimit-interval-milliseconds", "10000")]), Some(10_000));
        assert_eq!(pause(&[("x-ratelimit-daily-remaining", "0")]), Some(DAILY_PAUSE_MS));
        assert_eq!(pause(&[("x-ratelimit-daily-remaining", "0"), ("x-ratelimit-daily-reset", "60000")]), Some(60_000));
        assert_eq!(
            pause(&[("x-ratelimit-daily-remaining", "0"), ("x-ratelimit-daily-reset", "1795305600000")]),
            Some(DAILY_PAUSE_MS)
        );
    }
}
