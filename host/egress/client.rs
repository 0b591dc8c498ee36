//! One pooled client for every guest: keep-alive, rustls, limits on both bodies, and a look at every answer for secrets that came back.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http::header::{AUTHORIZATION, HeaderName, HeaderValue, SET_COOKIE};
use http::{HeaderMap, Method, Request, Response, Uri};
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};

use super::credential::{Credentials, Ready};
use super::{EgressError, Grant};
use crate::vault::SecretRef;

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

/// Who asks, with what right and in whose name: made by the host for one call of a guest.
#[derive(Debug)]
pub struct Ticket {
    /// The component as people know it: `source.highlevel`.
    pub component: String,
    /// What it was granted.
    pub grant: Arc<Grant>,
    /// Attached as a bearer token to the profile's own operations.
    pub credential: Option<SecretRef>,
    /// The profile's headers, added where the guest set none.
    pub headers: HeaderMap,
    sent: AtomicU32,
    refusals: Mutex<Vec<String>>,
}

impl Ticket {
    /// A ticket that has not been used.
    pub fn new(component: String, grant: Arc<Grant>, credential: Option<SecretRef>, headers: HeaderMap) -> Self {
        Self { component, grant, credential, headers, sent: AtomicU32::new(0), refusals: Mutex::default() }
    }

    /// How many requests may have left on this ticket.
    pub fn sent(&self) -> u32 {
        self.sent.load(Ordering::Acquire)
    }

    /// The refusals on this ticket, each with the lines that would allow it.
    pub fn refusals(&self) -> Vec<String> {
        self.refusals.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// The shared client. Cheap to clone.
#[derive(Clone)]
pub struct Egress {
    client: Client<HttpsConnector<HttpConnector>, Full<Bytes>>,
    limits: Limits,
    credentials: Arc<Credentials>,
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
        Self { client, limits, credentials: Arc::default() }
    }

    /// What is larger than this is not sent.
    pub fn limits(&self) -> Limits {
        self.limits
    }

    /// Sends a guest's request if its ticket allows it. `within` may shorten the host's time limit, never lengthen it.
    pub async fn send(
        &self,
        ticket: &Ticket,
        request: Request<Bytes>,
        within: Option<Duration>,
    ) -> Result<Response<Bytes>, EgressError> {
        let (mut parts, body) = request.into_parts();
        let Some(route) = ticket.grant.route(&parts.method, &parts.uri) else {
            let refusal = refusal(&ticket.component, &parts.method, &parts.uri);
            ticket.refusals.lock().unwrap_or_else(PoisonError::into_inner).push(refusal.clone());
            return Err(EgressError::Denied(refusal));
        };
        if body.len() > self.limits.request_max_bytes {
            return Err(EgressError::TooLarge { part: "request body", limit: self.limits.request_max_bytes });
        }
        for (name, value) in &ticket.headers {
            if !parts.headers.contains_key(name) {
                parts.headers.insert(name.clone(), value.clone());
            }
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
        let credential = ticket.credential.as_ref().filter(|_| route.credential);
        let credential = credential.map(|place| self.credentials.ready(place)).transpose()?;
        if let Some(credential) = &credential {
            parts.headers.insert(AUTHORIZATION, credential.header.clone());
        }
        let authority = route.uri.authority().map(ToString::to_string).unwrap_or_default();
        parts.uri = route.uri;
        let ceiling = Duration::from_millis(self.limits.request_timeout_ms);
        let limit = within.map_or(ceiling, |within| within.min(ceiling));
        let exchange = self.exchange(ticket, Request::from_parts(parts, Full::new(body)), authority);
        let answer = tokio::time::timeout(limit, exchange).await;
        let answer = answer.unwrap_or(Err(EgressError::TimedOut { limit_ms: limit.as_millis() as u64 }))?;
        Ok(without_secrets(answer, credential.as_deref()))
    }

    async fn exchange(
        &self,
        ticket: &Ticket,
        request: Request<Full<Bytes>>,
        authority: String,
    ) -> Result<Response<Bytes>, EgressError> {
        ticket.sent.fetch_add(1, Ordering::AcqRel);
        let answer = self.client.request(request).await.map_err(|error| {
            if error.is_connect() {
                ticket.sent.fetch_sub(1, Ordering::AcqRel);
                EgressError::Unreachable { authority }
            } else {
                EgressError::Broken
            }
        })?;
        let (parts, body) = answer.into_parts();
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

/// A server that repeats what it was sent must not hand the guest the host's own credential; and a cookie is a credential too.
fn without_secrets(answer: Response<Bytes>, credential: Option<&Ready>) -> Response<Bytes> {
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
    for name in [SET_COOKIE, http::header::TRANSFER_ENCODING] {
        parts.headers.remove(name);
    }
    parts.headers.insert(http::header::CONTENT_LENGTH, HeaderValue::from(body.len()));
    Response::from_parts(parts, body)
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
    use super::refusal;

    #[test]
    fn a_refusal_prints_the_lines_to_add_and_nothing_private() {
        let uri = "https://user:pw@evil.example/x?email=jo@example.com".parse().expect("an address");
        let text = refusal("sink.meta", &"GET".parse().expect("a method"), &uri);
        assert!(text.contains("[sink.meta]\nallow = [\"GET https://evil.example/x\"]"), "{text}");
        assert!(!text.contains("pw") && !text.contains("jo@"), "{text}");
    }
}
