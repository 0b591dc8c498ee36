//! `POST /contacts/{contact}/conversions`: a conversion that a program of the operator's reports becomes a delivery like any other.

use std::sync::Arc;
use std::time::Instant;

use axum::body::Body;
use axum::extract::{Path, Request, State};
use axum::http::{HeaderMap, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::json;

use super::conversion::{Conversion, Objection};
use super::reporter::{self, Unproven};
use super::{Ingress, Refusal};
use crate::flow::What;
use crate::metrics::Kind;
use crate::store::{Incoming, Origin, Taken};

/// The header by which a sender says that two requests are one.
const KEY: &str = "idempotency-key";
const LONGEST_KEY: usize = 255;
const LONGEST_CONTACT: usize = 128;

/// Why a report was not taken.
enum Refused {
    Unproven(Unproven),
    /// The contact's id, or the sender's key, is none.
    Unusable(StatusCode, &'static str),
    Objection(Objection),
    /// The key was used for something else.
    Differs,
    /// As a webhook would be.
    Door(Refusal),
}

impl From<Refusal> for Refused {
    fn from(refusal: Refusal) -> Self {
        Self::Door(refusal)
    }
}

/// Answers 202 once the report is durable, and the same again for the same report.
pub(super) async fn report(
    State(ingress): State<Arc<Ingress>>,
    Path(contact): Path<String>,
    request: Request<Body>,
) -> Response {
    // Where nobody may report there is no such place, whatever is asked of it.
    if ingress.reporters.load().is_empty() {
        return StatusCode::NOT_FOUND.into_response();
    }
    if request.method() != Method::POST {
        return (StatusCode::METHOD_NOT_ALLOWED, [(header::ALLOW, "POST")]).into_response();
    }
    let began = Instant::now();
    let (parts, body) = request.into_parts();
    let body = match ingress.whole(body).await {
        Ok(body) => body,
        Err(refusal) => return refusal.into_response(),
    };
    match ingress.take_report(contact, &parts.headers, &body, began).await {
        Ok(Some(delivery)) => (StatusCode::ACCEPTED, axum::Json(json!({"delivery": delivery}))).into_response(),
        Ok(None) => (StatusCode::ACCEPTED, axum::Json(json!({"known": true}))).into_response(),
        Err(refused) => refused.into_response(),
    }
}

impl Ingress {
    /// The delivery that the report is, now or since it came before; none where that one has been swept.
    async fn take_report(
        &self,
        contact: String,
        headers: &HeaderMap,
        body: &[u8],
        began: Instant,
    ) -> Result<Option<String>, Refused> {
        let reporters = self.reporters.load();
        let now = self.flow.clock.now_ms();
        let reporter = reporter::find(&reporters, headers, &contact, body, now).map_err(Refused::Unproven)?;
        if !is_contact(&contact) {
            let text = "the contact's id must be 1 to 128 letters, digits and -_.: characters";
            return Err(Refused::Unusable(StatusCode::UNPROCESSABLE_ENTITY, text));
        }
        let key = key(headers)?;
        if !self.is_open() {
            return Err(Refusal::Full.into());
        }
        let conversion = Conversion::read(body, now).map_err(Refused::Objection)?;
        // What was understood, not what was written: the source reads it as the door did, and two spellings of one report are one.
        let body = serde_json::to_vec(&conversion).map_err(|_| Refused::Objection(Objection::NotJson))?;
        let key = match key {
            Some(key) => format!("key {key}"),
            None => format!("body {contact} {}", String::from_utf8_lossy(&body)),
        };
        let incoming = Incoming {
            source: reporter.source.clone(),
            connection: Some(reporter.connection.clone()),
            webhook_id: key,
            location: reporter.location.clone(),
            kind_hint: None,
            origin: Origin::Reported(contact),
            received_at: now,
            sent_at: None,
            headers: Vec::new(),
            body,
        };
        match self.flow.store.report(incoming).await.map_err(Refusal::Store)? {
            Taken::Stored { delivery } => {
                self.flow.intake.note_one();
                self.flow.intake.note_heard(now);
                self.flow.metrics.received(Kind::Source, &reporter.source, 1);
                self.flow.tell(|| What::Received {
                    source: reporter.source.clone(),
                    connection: Some(reporter.connection.clone()),
                    delivery: delivery.clone(),
                    webhook_id: String::new(),
                    latency_ms: began.elapsed().as_millis() as u64,
                });
                self.flow.wake.read.ring(&reporter.connection);
                Ok(Some(delivery))
            }
            Taken::Known { delivery } => Ok(delivery),
            Taken::Differs => Err(Refused::Differs),
        }
    }
}

/// An id as CRMs write them. It becomes part of an address, and it is signed before a dot and a brace.
fn is_contact(id: &str) -> bool {
    let plain = |letter: u8| letter.is_ascii_alphanumeric() || b"-_.:".contains(&letter);
    (1..=LONGEST_CONTACT).contains(&id.len()) && id.bytes().all(plain) && id.bytes().any(|letter| letter != b'.')
}

/// The sender's key, if it brings one.
fn key(headers: &HeaderMap) -> Result<Option<&str>, Refused> {
    let Some(value) = headers.get(KEY) else { return Ok(None) };
    let key = value.to_str().ok().map(str::trim).filter(|key| (1..=LONGEST_KEY).contains(&key.len()));
    let text = "Idempotency-Key must be 1 to 255 characters of ASCII";
    key.map(Some).ok_or(Refused::Unusable(StatusCode::BAD_REQUEST, text))
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        let (status, error) = match self {
            Refused::Door(refusal) => return refusal.into_response(),
            Refused::Unproven(why) => {
                let text = match why {
                    Unproven::Nothing => {
                        "send Authorization: Bearer TOKEN, or X-Convey-Signature: t=SECONDS,v1=HEX over SECONDS.CONTACT.BODY"
                    }
                    Unproven::Stale => {
                        "the signature's time is more than five minutes from now: sign anew, or set the clock"
                    }
                    Unproven::Wrong => "the token or signature is no connection's",
                    Unproven::Shared => "several connections have this secret: each needs its own",
                };
                let headers = [(header::WWW_AUTHENTICATE, "Bearer")];
                return (StatusCode::UNAUTHORIZED, headers, axum::Json(json!({"error": text}))).into_response();
            }
            Refused::Unusable(status, text) => (status, json!({"error": text})),
            Refused::Objection(Objection::NotJson) => {
                (StatusCode::BAD_REQUEST, json!({"error": "the body is not a JSON object"}))
            }
            Refused::Objection(Objection::Field(field, text)) => {
                (StatusCode::UNPROCESSABLE_ENTITY, json!({"error": text, "field": field}))
            }
            Refused::Differs => {
                (StatusCode::CONFLICT, json!({"error": "this Idempotency-Key came with another report before"}))
            }
        };
        (status, axum::Json(error)).into_response()
    }
}

#[cfg(test)]
mod tests {
    use super::{HeaderMap, KEY, is_contact, key};

    #[test]
    fn ids_are_plain() {
        for good in ["ve9EPM428h8vShlRW1KT", "0b6f-11:x_y.z", &"a".repeat(128)] {
            assert!(is_contact(good), "{good}");
        }
        for bad in ["", ".", "..", "a b", "a/b", "ann@shop.io", "a{", "é", &"a".repeat(129)] {
            assert!(!is_contact(bad), "{bad}");
        }
    }

    #[test]
    fn a_key_is_short_and_plain_or_not_there() {
        let with = |value: &[u8]| {
            let value = axum::http::HeaderValue::from_bytes(value).unwrap();
            key(&HeaderMap::from_iter([(KEY.parse().unwrap(), value)])).map(|key| key.map(str::to_owned)).ok()
        };
        assert_eq!(with(b" order 7 "), Some(Some("order 7".into())));
        for bad in [&b""[..], b" ", "é".as_bytes(), &[b'k'; 256]] {
            assert_eq!(with(bad), None, "{bad:?}");
        }
        assert!(matches!(key(&HeaderMap::new()), Ok(None)));
    }
}
