//! What a guest is answered: the vendor's answer without secrets, or the host's own word that there is no room.

use bytes::Bytes;
use http::header::{CONTENT_LENGTH, HeaderValue, RETRY_AFTER, SET_COOKIE, TRANSFER_ENCODING};
use http::{Response, StatusCode};

use super::credential::Ready;
use super::limit::Limiter;

/// A server that repeats what it was sent must not hand the guest the host's own credential; and a cookie is a credential too.
pub(super) fn without_secrets(answer: Response<Bytes>, credential: Option<&Ready>) -> Response<Bytes> {
    let (mut parts, mut body) = answer.into_parts();
    if let Some(credential) = credential {
        let repeats = |value: &HeaderValue| credential.scrubber.scrub_bytes(value.as_bytes()).is_some();
        let headers = std::mem::take(&mut parts.headers);
        parts.headers = headers
            .iter()
            .filter(|(_, value)| !repeats(value))
            .map(|(name, value)| (name.clone(), value.clone()))
            .collect();
        if let Some(scrubbed) = credential.scrubber.scrub_bytes(&body) {
            body = scrubbed.into();
        }
    }
    for name in [SET_COOKIE, TRANSFER_ENCODING] {
        parts.headers.remove(name);
    }
    parts.headers.insert(CONTENT_LENGTH, HeaderValue::from(body.len()));
    Response::from_parts(parts, body)
}

/// The answer to a request that was not sent: what the vendor would say if it had been one too many (429, RFC 6585).
pub(super) fn held_back(limiter: &Limiter) -> Response<Bytes> {
    let (wait_ms, interval) = limiter.held_back();
    let mut answer = Response::new(Bytes::new());
    *answer.status_mut() = StatusCode::TOO_MANY_REQUESTS;
    let headers = answer.headers_mut();
    headers.insert(CONTENT_LENGTH, HeaderValue::from(0));
    headers.insert(RETRY_AFTER, HeaderValue::from(wait_ms.div_ceil(1_000).max(1)));
    if let Some((name, interval_ms)) = interval {
        headers.insert(name, HeaderValue::from(interval_ms));
    }
    answer
}
