//! Several calls in one request (Graph API, Batch Requests), as the official SDKs' batches send them: each is answered by itself.

use std::sync::Arc;

use axum::body::{Body, to_bytes};
use axum::extract::{ConnectInfo, Request, State};
use axum::http::{HeaderName, HeaderValue, header};
use axum::response::Response;
use serde_json::{Value, json};

use super::super::door::Cut;
use super::super::world::World;
use super::body::{Said, unwrapped};
use super::error::{self, GraphError};
use super::operations::performed;
use super::weather::met;

/// Calls in one request.
const MOST: usize = 50;
/// Of one answer, in bytes.
const LARGEST: usize = 16 << 20;
const FORM: &str = "application/x-www-form-urlencoded";

/// What the calls have in common.
struct Common {
    version: String,
    /// Token and proof, as a query: for calls that have no token of their own.
    credentials: String,
    line: Option<ConnectInfo<Cut>>,
}

/// `POST /{version}/`.
pub async fn batch(State(world): State<Arc<World>>, request: Request) -> Response {
    let (common, calls) = match read(request).await {
        Ok(read) => read,
        Err(error) => return error.answer(&world),
    };
    let mut answers = Vec::with_capacity(calls.len());
    for call in &calls {
        answers.push(match single(&common, call) {
            Ok(request) => shown(met(&world, request, |request| performed(&world, request)).await).await,
            Err(error) => shown(error.answer(&world)).await,
        });
    }
    error::answer(&world, Ok(answers.into()))
}

async fn read(request: Request) -> Result<(Common, Vec<Value>), GraphError> {
    let (parts, body) = request.into_parts();
    let broken = |_| GraphError::parameter("The request body is too large or broke off");
    let bytes = to_bytes(body, LARGEST).await.map_err(broken)?;
    let header = |name| parts.headers.get(name).and_then(|value| value.to_str().ok());
    let said = Said::read(header(header::CONTENT_TYPE).unwrap_or_default(), parts.uri.query(), &bytes);
    let bearer = header(header::AUTHORIZATION).and_then(|value| value.strip_prefix("Bearer "));
    let of = |key: &str, value: Option<&str>| value.map(|value| format!("&{key}={value}")).unwrap_or_default();
    let token = of("access_token", bearer.or(said.text("access_token")));
    let proof = ["appsecret_proof", "appsecret_time"].map(|key| of(key, said.text(key))).concat();
    let credentials = token + &proof;
    let version = parts.uri.path().trim_matches('/').to_owned();
    let line = parts.extensions.get::<ConnectInfo<Cut>>().cloned();
    let unreadable = || GraphError::parameter("The request body is not valid JSON");
    match said.parameters().ok_or_else(unreadable)?.remove("batch").map(unwrapped) {
        Some(Value::Array(calls)) if calls.len() <= MOST => Ok((Common { version, credentials, line }, calls)),
        Some(Value::Array(_)) => {
            Err(GraphError::parameter(&format!("Too many requests in batch message. Maximum batch size is {MOST}")))
        }
        _ => Err(GraphError::parameter("The parameter batch is required, and must be an array")),
    }
}

/// One call as a request of its own.
fn single(common: &Common, call: &Value) -> Result<Request, GraphError> {
    let text = |key: &str| call.get(key).and_then(Value::as_str).unwrap_or_default();
    let relative = text("relative_url").trim_start_matches('/');
    let version = if relative.starts_with(&format!("{}/", common.version)) { "" } else { common.version.as_str() };
    let path = format!("{version}/{relative}");
    let mut uri = format!("/{}", path.trim_start_matches('/'));
    let body = text("body").to_owned();
    let own = Said::read(FORM, relative.split_once('?').map(|(_, query)| query), body.as_bytes());
    if own.text("access_token").is_none() && !common.credentials.is_empty() {
        uri.push(if uri.contains('?') { '&' } else { '?' });
        uri.push_str(common.credentials.trim_start_matches('&'));
    }
    let mut request = Request::builder()
        .method(text("method"))
        .uri(uri)
        .header(header::CONTENT_TYPE, FORM)
        .body(Body::from(body))
        .map_err(|_| GraphError::parameter("each of batch must have a method and a relative_url"))?;
    if let Some(line) = &common.line {
        request.extensions_mut().insert(line.clone());
    }
    Ok(request)
}

/// One answer, as a batch shows it.
async fn shown(response: Response) -> Value {
    let (parts, body) = response.into_parts();
    // It is one of ours, in memory and whole.
    let body = to_bytes(body, LARGEST).await.unwrap_or_default();
    let header = |(name, value): (&HeaderName, &HeaderValue)| json!({ "name": name.as_str(), "value": String::from_utf8_lossy(value.as_bytes()) });
    let headers: Vec<Value> = parts.headers.iter().map(header).collect();
    json!({ "code": parts.status.as_u16(), "headers": headers, "body": String::from_utf8_lossy(&body) })
}
