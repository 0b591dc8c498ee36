//! The requests themselves, over wasi:http. The host checks them against the grant and attaches the credential.

use wstd::http::error::ErrorCode;
use wstd::http::{Body, Client, Error, Request as HttpRequest};

use crate::exchange::{Answer, Request, Unanswered};

/// Sends one request and reads its answer whole.
pub async fn send(request: Request) -> Result<Answer, Unanswered> {
    let body = request.body.map_or_else(Body::empty, Body::from);
    let head =
        HttpRequest::builder().method(request.method).uri(request.url).header("content-type", "application/json");
    let http =
        head.body(body).map_err(|error| Unanswered::NotSent(format!("the request cannot be written: {error}")))?;
    let response = Client::new().send(http).await.map_err(|error| unanswered(&error))?;
    let (head, mut body) = response.into_parts();
    let bytes = body.contents().await.map_err(|_| Unanswered::Lost("the answer broke off".into()))?.to_vec();
    let text = |value: &[u8]| String::from_utf8_lossy(value).into_owned();
    let headers = head.headers.iter().map(|(name, value)| (name.as_str().to_owned(), text(value.as_bytes()))).collect();
    Ok(Answer { status: head.status.as_u16(), headers, body: bytes })
}

/// Which failures happen before anything can have been read by anybody; of all others nobody knows.
fn unanswered(error: &Error) -> Unanswered {
    // The only I/O is writing the body, and a request without its end is no JSON: nobody can have taken it.
    if error.is::<std::io::Error>() {
        return Unanswered::NotSent("the request could not be written to its end".into());
    }
    let Some(code) = error.downcast_ref::<ErrorCode>() else {
        return Unanswered::Lost("the connection broke before an answer came".into());
    };
    match code {
        ErrorCode::HttpRequestDenied => Unanswered::Denied("the host refused the request: it is not granted".into()),
        ErrorCode::ConfigurationError => Unanswered::Denied("the host could not attach the credential".into()),
        ErrorCode::HttpRequestBodySize(_) => Unanswered::TooLarge,
        ErrorCode::DnsTimeout
        | ErrorCode::DnsError(_)
        | ErrorCode::DestinationNotFound
        | ErrorCode::DestinationUnavailable
        | ErrorCode::DestinationIpProhibited
        | ErrorCode::DestinationIpUnroutable
        | ErrorCode::ConnectionRefused
        | ErrorCode::ConnectionTimeout
        | ErrorCode::ConnectionLimitReached
        | ErrorCode::TlsProtocolError
        | ErrorCode::TlsCertificateError => Unanswered::NotSent(format!("no connection: {}", name(code))),
        other => Unanswered::Lost(format!("no answer: {}", name(other))),
    }
}

/// The code's name without its payload, which is the other side's text.
fn name(code: &ErrorCode) -> String {
    let debug = format!("{code:?}");
    let path = debug.split(['(', '{']).next().unwrap_or_default().trim();
    path.rsplit("::").next().unwrap_or_default().to_owned()
}
