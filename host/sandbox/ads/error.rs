//! The platform's error envelope and the errors it is used for (Graph API, Handle Errors; Conversions API, Error Codes).

use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use super::super::faults::throttles;
use super::super::ids;
use super::super::world::World;
use super::texts::{self, Language};
use super::usage::Throttled;

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
    language: Language,
    transient: bool,
}

impl GraphError {
    fn new(status: StatusCode, code: i64, message: impl Into<String>) -> Self {
        let (kind, language) = ("OAuthException", Language::default());
        let transient = matches!(code, 1 | 2) || throttles(code);
        Self { status, code, subcode: None, kind, message: message.into(), user: None, language, transient }
    }

    /// No token at all.
    pub fn no_token() -> Self {
        Self::new(StatusCode::BAD_REQUEST, 104, "An access token is required to request this resource.")
    }

    /// A token that opens nothing. The newest version says so with 401, the ones before with 400.
    pub fn bad_token(newest: bool) -> Self {
        let status = if newest { StatusCode::UNAUTHORIZED } else { StatusCode::BAD_REQUEST };
        Self::new(status, 190, "Invalid OAuth access token - Cannot parse access token")
    }

    /// A call without the proof that it needs.
    pub fn no_proof() -> Self {
        let text = "API calls from the server require an appsecret_proof argument";
        Self { kind: "GraphMethodException", ..Self::new(StatusCode::BAD_REQUEST, 104, text) }
    }

    /// A proof that was made with another secret, of another token or too long ago.
    pub fn bad_proof() -> Self {
        let text = "Invalid appsecret_proof provided in the API argument";
        Self { kind: "GraphMethodException", ..Self::new(StatusCode::BAD_REQUEST, 104, text) }
    }

    /// An object that does not exist, or is out of this token's sight: the same words for both.
    pub fn no_object(verb: &str, id: &str) -> Self {
        let message = format!(
            "Unsupported {verb} request. Object with ID '{id}' does not exist, cannot be loaded due to missing permissions, \
             or does not support this operation"
        );
        Self { subcode: Some(33), kind: "GraphMethodException", ..Self::new(StatusCode::BAD_REQUEST, 100, message) }
    }

    /// A version that is no longer, or not yet, served.
    pub fn version(asked: &str, newest: u32) -> Self {
        let message =
            format!("(#2635) You are calling a version of the API that is not served: {asked}. Use v{newest}.0");
        Self::new(StatusCode::BAD_REQUEST, 2635, message)
    }

    /// A path without a route.
    pub fn unknown_path(path: &str) -> Self {
        Self::new(StatusCode::BAD_REQUEST, 2500, format!("Unknown path components: {path}"))
    }

    /// A parameter of the request as a whole.
    pub fn parameter(message: &str) -> Self {
        Self::new(StatusCode::BAD_REQUEST, 100, format!("(#100) {message}"))
    }

    /// An error whose words are known by its code and subcode. It does not say which event it is about.
    pub fn known(code: i64, subcode: i64) -> Self {
        Self::fault(StatusCode::BAD_REQUEST, Some(code), Some(subcode))
    }

    /// A parameter of one event, named by its place in the request.
    pub fn place(subcode: i64, text: String) -> Self {
        let error = Self::new(StatusCode::BAD_REQUEST, 100, "Invalid parameter");
        Self { subcode: Some(subcode), user: Some(("Invalid Parameter", text)), ..error }
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
        let user = subcode.and_then(|subcode| texts::of(code, subcode)).map(|(title, text)| (title, text.to_owned()));
        Self { subcode, user, ..Self::new(status, code, message(code)) }
    }

    /// The same error for a reader of this language.
    pub fn spoken(self, language: Language) -> Self {
        Self { language, ..self }
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
        if let Some((title, text)) = &self.user {
            let (title, text) = texts::in_language(self.language, title, text);
            error["error_user_title"] = title.into();
            error["error_user_msg"] = text.into();
        }
        let mut response = (self.status, Json(json!({ "error": error }))).into_response();
        if let Some(throttled) = Throttled::by(self.code) {
            response.extensions_mut().insert(throttled);
        }
        response
    }
}

/// The message for developers of a code.
fn message(code: i64) -> String {
    match code {
        1 => "An unknown error occurred".to_owned(),
        2 => "Service temporarily unavailable".to_owned(),
        4 => "(#4) Application request limit reached".to_owned(),
        17 => "(#17) User request limit reached".to_owned(),
        613 => "(#613) Calls to this api have exceeded the rate limit.".to_owned(),
        80_000..=80_014 => {
            format!("(#{code}) There have been too many calls to this ad-account. Wait a bit and try again.")
        }
        _ if throttles(code) => format!("(#{code}) Application request limit reached"),
        10 | 200..=299 => format!("(#{code}) Permissions error"),
        102 | 190 => "Error validating access token: The session has been invalidated".to_owned(),
        368 => "The action attempted has been deemed abusive or is otherwise disallowed".to_owned(),
        2_650 => "(#2650) Failed to update the custom audience".to_owned(),
        _ => "Invalid parameter".to_owned(),
    }
}

/// A trace id as the platform writes them.
pub fn trace(world: &World) -> String {
    format!("A{}", ids::alphanumeric(&mut world.trace(), 22))
}

/// A good answer, or the error.
pub fn answer(world: &World, answer: Result<Value, GraphError>) -> Response {
    match answer {
        Ok(body) => Json(body).into_response(),
        Err(error) => error.answer(world),
    }
}
