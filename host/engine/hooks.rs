//! wasi:http on top of egress: every request of a guest becomes one of the host's, on the ticket of the call it was made in.

use std::sync::Arc;

use bytes::Bytes;
use http::header::{AUTHORIZATION, COOKIE, HeaderName, PROXY_AUTHORIZATION};
use http::{Request, Response};
use http_body_util::{BodyExt, Full, Limited};
use wasmtime_wasi_http::{
    DEFAULT_FORBIDDEN_HEADERS, Error, ForbiddenHeaderFilter, RequestOptions, WasiBody, WasiHttpHooks,
};

use crate::egress::{Egress, EgressError, Ticket};

/// The hooks of one Store.
pub struct Hooks {
    egress: Egress,
    /// The right to ask, for the length of one call. Between calls there is none.
    pub(super) ticket: Option<Arc<Ticket>>,
}

type Sent = Box<dyn Future<Output = Result<(), Error>> + Send>;

impl Hooks {
    pub(super) fn new(egress: Egress) -> Self {
        Self { egress, ticket: None }
    }
}

/// A guest names neither a credential nor the host it reaches.
fn is_forbidden(name: &HeaderName) -> bool {
    [AUTHORIZATION, COOKIE, PROXY_AUTHORIZATION].contains(name) || DEFAULT_FORBIDDEN_HEADERS.contains(name)
}

impl WasiHttpHooks for Hooks {
    fn is_forbidden_header(&mut self, name: &HeaderName) -> bool {
        is_forbidden(name)
    }

    fn forbidden_header_filter(&mut self) -> ForbiddenHeaderFilter {
        Arc::new(is_forbidden)
    }

    fn send_request(
        &mut self,
        request: Request<WasiBody>,
        options: Option<RequestOptions>,
        _processed: Sent,
    ) -> Box<dyn Future<Output = wasmtime_wasi_http::Result<(Response<WasiBody>, Sent)>> + Send> {
        let (egress, ticket) = (self.egress.clone(), self.ticket.clone());
        Box::new(async move {
            let limit = egress.limits().request_max_bytes;
            let (parts, body) = request.into_parts();
            let body = Limited::new(body, limit).collect().await;
            let body = body.map_err(|_| Error::HttpRequestBodySize(Some(limit as u64)))?.to_bytes();
            // A pure call (describe, identify, encode…) has no ticket: it may ask nothing. Said once the body is read: a guest that is still
            // writing would see a broken pipe instead.
            let ticket = ticket.ok_or(Error::HttpRequestDenied)?;
            let within = options.and_then(|options| options.first_byte_timeout);
            let answer = egress.send(&ticket, Request::from_parts(parts, body), within).await.map_err(in_wasi_words)?;
            Ok((answer.map(whole), Box::new(std::future::ready(Ok(()))) as Sent))
        })
    }
}

fn whole(body: Bytes) -> WasiBody {
    Full::new(body).map_err(|never| match never {}).boxed_unsync()
}

fn in_wasi_words(error: EgressError) -> Error {
    match error {
        EgressError::Denied(_) => Error::HttpRequestDenied,
        EgressError::Credential(_) | EgressError::Grant { .. } | EgressError::Store(_) => Error::ConfigurationError,
        // Nothing left: the next try may find a token.
        EgressError::Tokenless { .. } | EgressError::Paused => Error::ConnectionRefused,
        EgressError::Unreachable { .. } => Error::ConnectionRefused,
        EgressError::TimedOut { .. } => Error::HttpResponseTimeout,
        EgressError::Broken => Error::ConnectionTerminated,
        EgressError::TooLarge { part: "request body", limit } => Error::HttpRequestBodySize(Some(limit as u64)),
        EgressError::TooLarge { limit, .. } => Error::HttpResponseBodySize(Some(limit as u64)),
    }
}
