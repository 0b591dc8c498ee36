//! The platform's error envelope and the errors it is used for (Graph API, Handle Errors; Conversions API, Error Codes).

use axum::Json;
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use super::super::ids;
use super::super::world::World;

/// One error, as the envelope carries it.
#[derive(Debug)]
pub struct GraphError {
    /// HTTP status: not what a client should decide by.
    pub status: StatusCode,
    /// What a client decides by.
    pub code: i64,
    /// More of that.
    pub subcode: Option<i64>,
    kind: &'static str,
    message: String,
    /// Title and text for people.
    user: Option<(&'static str, String)>,
    transient: bool,
}

impl GraphError {
    fn oauth(status: StatusCode, code: i64, message: impl Into<String>) -> Self {
        let message = message.into();
        Self { status, code, subcode: None, kind: "OAuthException", message, user: None, transient: false }
    }

    /// No token at all.
    pub fn no_token() -> Self {
        Self::oauth(StatusCode::BAD_REQUEST, 104, "An access token is required to request this resource.")
    }

    /// A token that opens nothing. The newest version says so with 401, the ones before with 400.
    pub fn bad_token(newest: bool) -> Self {
        let status = if newest { StatusCode::UNAUTHORIZED } else { StatusCode::BAD_REQUEST };
        Self::oauth(status, 190, "Invalid OAuth access token - Cannot parse access token")
    }

    /// An object that does not exist, or is out of this token's sight: the same words for both.
    pub fn no_object(verb: &str, id: &str) -> Self {
        let message = format!(
            "Unsupported {verb} request. Object with ID '{id}' does not exist, cannot be loaded due to missing permissions, \
             or does not support this operation"
        );
        Self { subcode: Some(33), kind: "GraphMethodException", ..Self::oauth(StatusCode::BAD_REQUEST, 100, message) }
    }

    /// A version that is no longer, or not yet, served.
    pub fn version(asked: &str, newest: u32) -> Self {
        let message =
            format!("(#2635) You are calling a version of the API that is not served: {asked}. Use v{newest}.0");
        Self::oauth(StatusCode::BAD_REQUEST, 2635, message)
    }

    /// A path without a route.
    pub fn unknown_path(path: &str) -> Self {
        Self::oauth(StatusCode::BAD_REQUEST, 2500, format!("Unknown path components: {path}"))
    }

    /// A parameter of the request as a whole.
    pub fn parameter(message: &str) -> Self {
        Self::oauth(StatusCode::BAD_REQUEST, 100, format!("(#100) {message}"))
    }

    /// A parameter of one event; the text says which.
    pub fn event(subcode: Option<i64>, title: &'static str, text: String) -> Self {
        let error = Self::oauth(StatusCode::BAD_REQUEST, 100, "Invalid parameter");
        Self { subcode, user: Some((title, text)), ..error }
    }

    /// What was asked for as a fault: by its code, or by its status alone.
    pub fn fault(status: StatusCode, code: Option<i64>, subcode: Option<i64>) -> Self {
        let code = code.unwrap_or(match status.as_u16() {
            401 => 190,
            403 => 200,
            429 => 4,
            500.. => 2,
            _ => 100,
        });
        let message = match code {
            1 => "An unknown error occurred",
            2 => "Service temporarily unavailable",
            10 | 200..=299 => "(#200) Permissions error",
            102 | 190 => "Error validating access token: The session has been invalidated",
            368 => "The action attempted has been deemed abusive or is otherwise disallowed",
            _ if throttled(code) => "(#4) Application request limit reached",
            _ => "Invalid parameter",
        };
        let transient = matches!(code, 1 | 2) || throttled(code);
        Self { subcode, transient, ..Self::oauth(status, code, message) }
    }

    /// The answer: the envelope, with a trace id of its own.
    pub fn answer(self, world: &World) -> Response {
        let mut error = json!({
            "message": self.message, "type": self.kind, "code": self.code, "is_transient": self.transient,
            "fbtrace_id": trace(world),
        });
        if let Some(subcode) = self.subcode {
            error["error_subcode"] = subcode.into();
        }
        if let Some((title, text)) = self.user {
            error["error_user_title"] = title.into();
            error["error_user_msg"] = text.into();
        }
        reply(self.status, json!({ "error": error }), if throttled(self.code) { 100 } else { 1 })
    }
}

/// Whether a code tells that too much was asked.
fn throttled(code: i64) -> bool {
    matches!(code, 4 | 17 | 32 | 341 | 613 | 80_000..=80_014)
}

/// A trace id as the platform writes them.
pub fn trace(world: &World) -> String {
    format!("A{}", ids::alphanumeric(&mut world.trace(), 22))
}

/// An answer with the platform's usage header; `used` is the share of the allowance, in percent.
pub fn reply(status: StatusCode, body: Value, used: u32) -> Response {
    let mut response = (status, Json(body)).into_response();
    let usage = format!(r#"{{"call_count":{used},"total_cputime":0,"total_time":{used}}}"#);
    if let Ok(usage) = HeaderValue::try_from(usage) {
        response.headers_mut().insert("x-app-usage", usage);
    }
    response
}
