//! Answers as the vendor words them: every one with the six rate headers, and but for the 429 with a trace id.

use axum::Json;
use axum::http::{HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Map, Value, json};

use super::super::ids;
use super::super::world::World;
use super::auth::Entered;
use super::limits::Left;

/// Which location an answer is about, by position: it travels with the answer, not in it.
#[derive(Clone, Copy)]
pub struct About(pub usize);

/// An answer to a request that was let in and counted.
pub fn ok(world: &World, entered: &Entered, status: StatusCode, mut body: Map<String, Value>) -> Response {
    body.insert("traceId".to_owned(), ids::uuid(&mut world.trace()).into());
    about(entered.location, answer(status, body.into(), entered.left))
}

/// The vendor's error envelope for a request that was let in; `message` is text or a list of texts, `extra` stands beside it.
pub fn refused(
    world: &World,
    entered: &Entered,
    status: StatusCode,
    message: Value,
    extra: Map<String, Value>,
) -> Response {
    let mut body = envelope(world, status, message);
    body.extend(extra);
    about(entered.location, answer(status, body.into(), entered.left))
}

/// 422 with the validator's list of complaints, for a request that has no location.
pub fn unprocessable(world: &World, complaints: &[String]) -> Response {
    let body = envelope(world, StatusCode::UNPROCESSABLE_ENTITY, complaints.into());
    answer(StatusCode::UNPROCESSABLE_ENTITY, body.into(), untouched(world))
}

/// 404 for a path that does not exist, or not in the version that was asked.
pub fn unrouted(world: &World, method: &Method, path: &str) -> Response {
    refusal(world, StatusCode::NOT_FOUND, &format!("Cannot {method} {path}"))
}

/// 302 to somewhere else.
pub fn moved(world: &World, target: HeaderValue) -> Response {
    let mut response = StatusCode::FOUND.into_response();
    response.headers_mut().insert(header::LOCATION, target);
    untouched(world).write(response.headers_mut());
    response
}

/// The vendor's error envelope for a request that has no location.
pub fn refusal(world: &World, status: StatusCode, message: &str) -> Response {
    let body = envelope(world, status, message.into());
    answer(status, body.into(), untouched(world))
}

/// 200, or another status, for a request that has no location.
pub fn plain(world: &World, status: StatusCode, mut body: Map<String, Value>) -> Response {
    body.insert("traceId".to_owned(), ids::uuid(&mut world.trace()).into());
    answer(status, body.into(), untouched(world))
}

/// A body exactly as it is, for what does not follow the envelope.
pub fn bare(world: &World, status: StatusCode, body: Value) -> Response {
    answer(status, body, untouched(world))
}

/// 429: the location's allowance is gone.
pub fn too_many(world: &World, location: usize, left: Left) -> Response {
    let status = StatusCode::TOO_MANY_REQUESTS;
    let mut response = about(location, answer(status, busy(), left));
    if world.quirks().retry_after {
        response.headers_mut().insert(header::RETRY_AFTER, left.wait_ms.div_ceil(1_000).into());
    }
    response
}

/// The error the vendor gives with this status when nothing more is known.
pub fn fault(world: &World, status: StatusCode) -> Response {
    let message = match status.as_u16() {
        401 => "Invalid Private Integration token",
        403 => "The token does not have access to this location.",
        // A validator's complaints are a list, even where it has only one.
        422 => return unprocessable(world, &["Unprocessable Entity".to_owned()]),
        429 => return answer(status, busy(), Left::spent(world.allowance(), world.time.now_ms())),
        _ => status.canonical_reason().unwrap_or("Error"),
    };
    refusal(world, status, message)
}

fn busy() -> Value {
    json!({ "statusCode": 429, "message": "Too Many Requests" })
}

fn untouched(world: &World) -> Left {
    Left::untouched(world.allowance(), world.time.now_ms())
}

fn envelope(world: &World, status: StatusCode, message: Value) -> Map<String, Value> {
    let mut body = Map::new();
    body.insert("statusCode".to_owned(), status.as_u16().into());
    body.insert("message".to_owned(), message);
    if let Some(name) = status.canonical_reason() {
        body.insert("error".to_owned(), name.into());
    }
    body.insert("traceId".to_owned(), ids::uuid(&mut world.trace()).into());
    body
}

fn about(location: usize, mut response: Response) -> Response {
    response.extensions_mut().insert(About(location));
    response
}

fn answer(status: StatusCode, body: Value, left: Left) -> Response {
    let mut response = (status, Json(body)).into_response();
    left.write(response.headers_mut());
    response
}
