//! One pooled client for every guest: keep-alive, rustls, limits on both bodies, and a look at every answer for secrets that came back.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::header::{AUTHORIZATION, HeaderName};
use http::request::Parts;
use http::uri::PathAndQuery;
use http::{HeaderMap, Method, Request, Response, StatusCode, Uri};
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};

use super::answer::{held_back, without_secrets};
use super::book::{Book, Called, Own};
use super::credential::{Credentials, Ready};
use super::limit::Slot;
use super::oauth::Holder;
use super::{Credential, EgressError, Proof, Ticket};
use crate::clock::Clock;
use crate::metrics::Metrics;
use crate::store::Store;
use crate::vault::{Secret, SecretRef};

type Message = (Parts, Bytes);
type Answer = Result<Response<Bytes>, EgressError>;

/// What one request may cost.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// From sending to the last byte of the answer.
    pub request_timeout_ms: u64,
    /// The largest answer that is read.
    pub response_max_bytes: usize,
    /// The largest body that is sent.
    pub request_max_bytes: usize,
}

/// An address of the operator's has this long to take what it is told.
const TOLD_WITHIN: Duration = Duration::from_secs(10);

/// The shared client. Cheap to clone.
#[derive(Clone)]
pub struct Egress {
    client: Client<HttpsConnector<HttpConnector>, Full<Bytes>>,
    limits: Limits,
    credentials: Arc<Credentials>,
    book: Book,
    metrics: Arc<Metrics>,
}

impl Egress {
    /// A client with its own connection pool.
    pub fn new(limits: Limits) -> Self {
        let mut http = HttpConnector::new();
        http.set_nodelay(true);
        http.enforce_http(false);
        http.set_connect_timeout(Some(Duration::from_millis(limits.request_timeout_ms)));
        let https =
            HttpsConnectorBuilder::new().with_webpki_roots().https_or_http().enable_http1().wrap_connector(http);
        let client = Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(Duration::from_secs(30))
            .http1_max_buf_size(256 * 1024)
            .build(https);
        Self { client, limits, credentials: Arc::default(), book: Book::default(), metrics: Arc::default() }
    }

    /// What is larger than this is not sent.
    pub fn limits(&self) -> Limits {
        self.limits
    }

    /// What requests are counted by, and whatever is built on this client.
    pub fn metrics(&self) -> &Arc<Metrics> {
        &self.metrics
    }

    /// Every request is in the audit of `store` from now on.
    pub fn keep_book(&self, store: Store, clock: Clock) {
        self.book.open(store, clock);
    }

    /// Sends a guest's request if its ticket allows it. `within` may shorten the host's time limit, never lengthen it. Nothing waits for room: a request
    /// that has no slot is answered 429 by the host. A token that the vendor says has run out is renewed, and that request sent once more.
    ///
    /// # Errors
    /// [`EgressError`], by what the caller does next.
    pub async fn send(
        &self,
        ticket: &Ticket,
        request: Request<Bytes>,
        within: Option<Duration>,
    ) -> Result<Response<Bytes>, EgressError> {
        let (mut parts, body) = request.into_parts();
        let Some(route) = ticket.grant.route(&parts.method, &parts.uri) else {
            let refusal = refusal(&ticket.component, &parts.method, &parts.uri);
            ticket.refuse(refusal.clone());
            return Err(EgressError::Denied(refusal));
        };
        if ticket.stop.as_ref().is_some_and(|stop| stop.is_on()) {
            return Err(EgressError::Paused);
        }
        if body.len() > self.limits.request_max_bytes {
            return Err(EgressError::TooLarge { part: "request body", limit: self.limits.request_max_bytes });
        }
        for (name, value) in &ticket.headers {
            if !parts.headers.contains_key(name) {
                parts.headers.insert(name.clone(), value.clone());
            }
        }
        if let Some(parent) = ticket.trace() {
            parts.headers.insert(HeaderName::from_static("traceparent"), parent.clone());
        }
        // The guest's own are gone already (its hooks forbid them); what remains of them must not pass for the host's.
        for name in [
            AUTHORIZATION,
            HeaderName::from_static("cookie"),
            HeaderName::from_static("proxy-authorization"),
            http::header::HOST,
        ] {
            parts.headers.remove(name);
        }
        parts.extensions.insert(Called::from(&route));
        parts.uri = route.uri;
        let within = within.unwrap_or(Duration::MAX);
        if !route.credential {
            // An extra request goes to somebody else: it carries no credential and counts against nobody's allowance.
            let answer = self.exchange(Some(ticket), None, (parts, body), within).await?;
            return Ok(without_secrets(answer, None));
        }
        match &ticket.credential {
            None => Ok(without_secrets(self.counted(ticket, (parts, body), None, within).await?, None)),
            Some(Credential::Secret(place)) => self.with(ticket, place, None, (parts, body), within).await,
            Some(Credential::Proven(place, proof)) => {
                self.with(ticket, place, Some(proof), (parts, body), within).await
            }
            Some(Credential::Held(holder)) => self.held(ticket, holder, (parts, body), within).await,
        }
    }

    async fn with(
        &self,
        ticket: &Ticket,
        place: &SecretRef,
        proof: Option<&Proof>,
        message: Message,
        within: Duration,
    ) -> Answer {
        let ready = self.credentials.ready(place, proof)?;
        let answer = self.counted(ticket, message, Some(&ready), within).await?;
        Ok(without_secrets(answer, Some(&ready)))
    }

    async fn held(&self, ticket: &Ticket, holder: &Arc<Holder>, message: Message, within: Duration) -> Answer {
        let bearer = holder.bearer().await.map_err(|error| ticket.noting(error))?;
        let answer = self.counted(ticket, message.clone(), Some(&bearer.ready), within).await?;
        if answer.status() != StatusCode::UNAUTHORIZED || !holder.is_expired(answer.body()) {
            return Ok(without_secrets(answer, Some(&bearer.ready)));
        }
        let renewed = match holder.renew(&bearer).await.map_err(|error| ticket.noting(error)) {
            Ok(renewed) => renewed,
            // The vendor's own no is the truth; the ticket tells why nothing cures it.
            Err(EgressError::Grant { .. }) => return Ok(without_secrets(answer, Some(&bearer.ready))),
            Err(error) => return Err(error),
        };
        let answer = self.counted(ticket, message, Some(&renewed.ready), within).await?;
        Ok(without_secrets(without_secrets(answer, Some(&renewed.ready)), Some(&bearer.ready)))
    }

    /// One request of the profile's own operations: with a slot, or not at all.
    async fn counted(
        &self,
        ticket: &Ticket,
        (mut parts, body): Message,
        credential: Option<&Ready>,
        within: Duration,
    ) -> Answer {
        let slot = match ticket.slot() {
            Ok(slot) => slot,
            Err(limiter) => return Ok(held_back(limiter)),
        };
        if let Some(credential) = credential {
            parts.headers.insert(AUTHORIZATION, credential.header.clone());
            if let Some(proof) = &credential.proof {
                parts.uri = proven(&parts.uri, proof).ok_or(EgressError::Broken)?;
            }
        }
        self.exchange(Some(ticket), slot, (parts, body), within).await
    }

    /// The host's own request, to an address that no guest chose: on no ticket, and no allowance counts it.
    pub(super) async fn post(&self, uri: Uri, headers: HeaderMap, body: Bytes) -> Answer {
        let mut request = Request::new(());
        (*request.method_mut(), *request.uri_mut(), *request.headers_mut()) = (Method::POST, uri, headers);
        self.exchange(None, None, (request.into_parts().0, body), Duration::MAX).await
    }

    /// Tells an address of the operator's something, once. It may be a secret itself: no more than what the request is called and the host are
    /// written down.
    ///
    /// # Errors
    /// [`EgressError`], by what happened on the way.
    pub async fn tell(
        &self,
        called: Own,
        uri: Uri,
        headers: HeaderMap,
        body: Bytes,
    ) -> Result<StatusCode, EgressError> {
        let mut request = Request::new(());
        (*request.method_mut(), *request.uri_mut(), *request.headers_mut()) = (Method::POST, uri, headers);
        request.extensions_mut().insert(Called::from(called));
        Ok(self.exchange(None, None, (request.into_parts().0, body), TOLD_WITHIN).await?.status())
    }

    async fn exchange(
        &self,
        ticket: Option<&Ticket>,
        slot: Option<Slot>,
        message: Message,
        within: Duration,
    ) -> Answer {
        let limit = within.min(Duration::from_millis(self.limits.request_timeout_ms));
        let (began, operation) = (Instant::now(), Called::operation(&message.0));
        let component = ticket.map_or("convey", |ticket| ticket.component.as_str());
        let call = match ticket {
            Some(ticket) => self.book.guests(ticket, message.0.extensions.get::<Called>()),
            None if Called::is_unbooked(&message.0) => None,
            None => self.book.own(&message.0.uri, &operation),
        };
        let answer = tokio::time::timeout(limit, self.unbounded(ticket, slot, message)).await;
        let answer = answer.unwrap_or(Err(EgressError::TimedOut { limit_ms: limit.as_millis() as u64 }));
        let status = answer.as_ref().map(|answer| answer.status().as_u16());
        self.metrics.requested(component, &operation, status.as_ref().ok().copied(), began.elapsed());
        if let Some(call) = call {
            call.ended(status);
        }
        answer
    }

    /// A slot that is dropped on the way, by the time limit or a break, counts as used.
    async fn unbounded(&self, ticket: Option<&Ticket>, slot: Option<Slot>, (parts, body): Message) -> Answer {
        let authority = parts.uri.authority().map(ToString::to_string).unwrap_or_default();
        if let Some(ticket) = ticket {
            ticket.leaves();
        }
        let answer = match self.client.request(Request::from_parts(parts, Full::new(body))).await {
            Ok(answer) => answer,
            Err(error) if error.is_connect() => {
                if let Some(ticket) = ticket {
                    ticket.never_left();
                }
                if let Some(slot) = slot {
                    slot.unused();
                }
                return Err(EgressError::Unreachable { authority });
            }
            Err(_) => return Err(EgressError::Broken),
        };
        let (parts, body) = answer.into_parts();
        if let Some(slot) = slot {
            slot.answered(parts.status, &parts.headers);
        }
        let body = Limited::new(body, self.limits.response_max_bytes).collect().await.map_err(|error| {
            if error.is::<LengthLimitError>() {
                EgressError::TooLarge { part: "response body", limit: self.limits.response_max_bytes }
            } else {
                EgressError::Broken
            }
        })?;
        Ok(Response::from_parts(parts, body.to_bytes()))
    }
}

/// The address with the proof in its query. Nothing keeps it: the audit and the logs name operations, not addresses.
fn proven(uri: &Uri, proof: &Secret) -> Option<Uri> {
    let mut parts = uri.clone().into_parts();
    let mark = if uri.query().is_some() { '&' } else { '?' };
    let path = parts.path_and_query.as_ref().map_or("/", PathAndQuery::as_str);
    parts.path_and_query = Some(format!("{path}{mark}{}", proof.expose()).parse().ok()?);
    Uri::from_parts(parts).ok()
}

/// The refusal says whose fault it is and prints what to paste. The query is left out: it may hold what must stay private.
fn refusal(component: &str, method: &Method, uri: &Uri) -> String {
    let scheme = uri.scheme_str().unwrap_or("https");
    let authority = uri.authority().map_or("", |authority| authority.as_str());
    let url = format!("{scheme}://{}{}", authority.rsplit('@').next().unwrap_or_default(), uri.path());
    format!(
        "{component} asked for {method} {url}, which it was not granted. If it should be, add to the configuration:\n\n[{component}]\nallow = [\"{method} {url}\"]\n"
    )
}

#[cfg(test)]
mod tests {
    use super::{proven, refusal};
    use crate::vault::Secret;

    #[test]
    fn a_proof_joins_whatever_the_address_asks() {
        let of = |uri: &str| proven(&uri.parse().expect("an address"), &Secret::new("p=1".into()));
        for (uri, wanted) in [
            ("https://a.example/x", "https://a.example/x?p=1"),
            ("https://a.example/x?y=z", "https://a.example/x?y=z&p=1"),
        ] {
            assert_eq!(of(uri).map(|uri| uri.to_string()).as_deref(), Some(wanted));
        }
    }

    #[test]
    fn a_refusal_prints_the_lines_to_add_and_nothing_private() {
        let uri = "https://user:pw@evil.example/x?email=jo@example.com".parse().expect("an address");
        let text = refusal("sink.meta", &"GET".parse().expect("a method"), &uri);
        assert!(text.contains("[sink.meta]\nallow = [\"GET https://evil.example/x\"]"), "{text}");
        assert!(!text.contains("pw") && !text.contains("jo@"), "{text}");
    }
}
