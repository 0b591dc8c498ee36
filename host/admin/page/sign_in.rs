//! Signing in and out: a token or a one-time code becomes a session, which lives in a cookie.

use std::sync::Arc;

use axum::extract::State;
use axum::http::uri::Authority;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Redirect, Response};
use axum::{Extension, Json};
use maud::html;
use serde::{Deserialize, Serialize};

use super::fields::Fields;
use super::layout::outside;
use crate::admin::gate::{COOKIE, cookie, is_secure};
use crate::admin::role::Role;
use crate::admin::session::{SESSION_MS, SignInCode};
use crate::admin::{Admin, Failed};
use crate::store::AuditRow;
use crate::vault::VaultError;

/// The longest name that somebody gives themselves, in letters.
const NAME: usize = 60;

/// A request for a code that begins a session.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AskForCode {
    /// Whose session it is to begin.
    pub role: Role,
}

impl From<VaultError> for Failed {
    fn from(error: VaultError) -> Self {
        Self(StatusCode::INTERNAL_SERVER_ERROR, error.to_string())
    }
}

pub(in crate::admin) async fn sign_in() -> Response {
    sign_in_page(StatusCode::OK, "")
}

/// The page that asks for a code or a token; `why` it is shown now.
pub(in crate::admin) fn sign_in_page(status: StatusCode, why: &str) -> Response {
    let body = html! {
        @if !why.is_empty() { p.reason role="alert" { (why) } }
        form.stack method="post" action="/sign-in" id="sign-in" {
            label for="key" { "Code or token" }
            input id="key" name="key" type="password" autocomplete="off" required autofocus aria-describedby="where";
            p.hint id="where" {
                "On the machine where convey runs, " code { "convey page" } " prints a link that signs you in once. The tokens stand in the state \
                 directory: " code { "admin.token" } " for an operator, " code { "viewer.token" } " for who only looks."
            }
            label for="by" { "Your name, for the audit (optional)" }
            input id="by" name="by" autocomplete="name" maxlength=(NAME);
            button.main { "Sign in" }
        }
    };
    outside(status, "Sign in", body)
}

pub(in crate::admin) async fn signed_in(
    State(admin): State<Arc<Admin>>,
    Extension(host): Extension<Authority>,
    fields: Fields,
) -> Result<Response, Failed> {
    let now = admin.flow.clock.now_ms();
    let key = fields.text("key");
    let by_token = || admin.tokens.role_of(format!("Bearer {key}").as_bytes());
    let Some(role) = admin.sessions.take_code(key, now).or_else(by_token) else {
        let why = "that is no token of this convey, nor a code that is still good: a code works once, for five minutes";
        return Ok(sign_in_page(StatusCode::UNAUTHORIZED, why));
    };
    let by: String = fields.text("by").chars().filter(|letter| !letter.is_control()).take(NAME).collect();
    let by = if by.is_empty() { role.to_string() } else { by };
    admin.flow.store.note(AuditRow::act(now, &by, "page".to_owned(), format!("signed in as {role}")));
    let id = admin.sessions.begin(role, by, now)?;
    let secure = if is_secure(&host, admin.public_url.as_ref()) { "; Secure" } else { "" };
    let cookie = format!("{COOKIE}={id}; Path=/; HttpOnly; SameSite=Strict; Max-Age={}{secure}", SESSION_MS / 1_000);
    Ok(([(header::SET_COOKIE, cookie)], Redirect::to("/")).into_response())
}

pub(in crate::admin) async fn sign_out(State(admin): State<Arc<Admin>>, headers: HeaderMap) -> Response {
    if let Some(id) = cookie(&headers) {
        admin.sessions.end(&id);
    }
    let cookie = format!("{COOKIE}=; Path=/; HttpOnly; SameSite=Strict; Max-Age=0");
    ([(header::SET_COOKIE, cookie)], Redirect::to("/sign-in")).into_response()
}

pub(in crate::admin) async fn sign_in_code(
    State(admin): State<Arc<Admin>>,
    Json(AskForCode { role }): Json<AskForCode>,
) -> Result<Json<SignInCode>, Failed> {
    Ok(Json(admin.sessions.make_code(role, admin.flow.clock.now_ms())?))
}
