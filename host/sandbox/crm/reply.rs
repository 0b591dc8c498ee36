//! Answers as the vendor words them: every one with a trace id and the six rate headers.

use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde_json::{Map, Value, json};

use super::super::ids;
use super::super::world::{World, lock};
use super::limits::Allowance;

/// 200 with this body, counted against the location's allowance; 429 when that is spent and the limit is on.
pub fn granted(world: &World, location: usize, mut body: Map<String, Value>) -> Response {
    let (now, enforced) = (world.time.now_ms(), world.faults.rate_limit());
    let taken = lock(&world.crm).locations[location].usage.take(now, enforced);
    match taken {
        Some(allowance) => {
            body.insert("traceId".to_owned(), ids::uuid(&mut world.trace()).into());
            answer(StatusCode::OK, Value::Object(body), allowance)
        }
        None => fault(world, StatusCode::TOO_MANY_REQUESTS),
    }
}

/// An error with the vendor's envelope.
pub fn refusal(world: &World, status: StatusCode, message: &str) -> Response {
    let mut body =
        json!({ "statusCode": status.as_u16(), "message": message, "traceId": ids::uuid(&mut world.trace()) });
    if let Some(name) = named(status) {
        body["error"] = name.into();
    }
    let now = world.time.now_ms();
    let spent = status == StatusCode::TOO_MANY_REQUESTS;
    answer(status, body, if spent { Allowance::spent(now) } else { Allowance::untouched(now) })
}

/// The error the vendor gives with this status when nothing more is known.
pub fn fault(world: &World, status: StatusCode) -> Response {
    let message = match status.as_u16() {
        401 => "Invalid Private Integration token",
        403 => "The token does not have access to this location.",
        429 => "Too Many Requests",
        _ => status.canonical_reason().unwrap_or("Error"),
    };
    refusal(world, status, message)
}

/// Some of the vendor's errors are named, some are not.
fn named(status: StatusCode) -> Option<&'static str> {
    match status {
        StatusCode::TOO_MANY_REQUESTS => None,
        _ => status.canonical_reason(),
    }
}

fn answer(status: StatusCode, body: Value, allowance: Allowance) -> Response {
    let mut response = (status, Json(body)).into_response();
    allowance.write(response.headers_mut());
    response
}
