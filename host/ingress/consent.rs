//! Where the CRM sends a person back to after they agreed: a short page that says what came of it.

use std::sync::Arc;

use axum::extract::{Path, Query, State};
use axum::http::{HeaderName, StatusCode, header};
use axum::response::{Html, IntoResponse, Response};
use serde::Deserialize;

use super::Ingress;
use crate::flow::{LoginError, Redirected};

/// What the redirect brings (RFC 6749 §4.1.2 and §4.1.2.1).
#[derive(Deserialize)]
pub(super) struct Brought {
    code: Option<String>,
    state: Option<String>,
    error: Option<String>,
}

/// Takes the code at once: it lives for minutes.
pub(super) async fn redirected(
    State(ingress): State<Arc<Ingress>>,
    Path(source): Path<String>,
    Query(brought): Query<Brought>,
) -> Response {
    let Some(code) = brought.code.filter(|code| !code.is_empty()) else {
        // The vendor's word for it is a code of the RFC, but it came from outside: it is not repeated.
        let said =
            if brought.error.is_some() { "The CRM says that access was not given." } else { "There is no code here." };
        return page(StatusCode::BAD_REQUEST, "Not connected", said);
    };
    let state = brought.state.filter(|state| !state.is_empty());
    match ingress.flow.close_login(&source, Redirected { code, state }, None).await {
        Ok(connected) => {
            page(StatusCode::OK, "Connected", &format!("{connected} is connected. This window can be closed."))
        }
        Err(LoginError::NoState(_)) => page(
            StatusCode::BAD_REQUEST,
            "One more step",
            "The CRM did not send back what proves that this answers your login. If it does, copy this page's address and paste it where convey auth login waits.",
        ),
        Err(error) => {
            tracing::warn!(source, %error, "a login did not end well");
            page(StatusCode::BAD_REQUEST, "Not connected", &error.to_string())
        }
    }
}

fn page(status: StatusCode, title: &str, text: &str) -> Response {
    let body = format!(
        "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width\"><title>{title}</title>\
         <style>body{{font:1.1rem/1.5 system-ui,sans-serif;max-width:34rem;margin:15vh auto;padding:0 1rem;color-scheme:light dark}}</style>\
         <h1>{title}</h1><p>{}</p></html>",
        escaped(text)
    );
    let headers = [
        (header::CONTENT_SECURITY_POLICY, "default-src 'none'; style-src 'unsafe-inline'"),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::CACHE_CONTROL, "no-store"),
        (HeaderName::from_static("x-content-type-options"), "nosniff"),
    ];
    (status, headers, Html(body)).into_response()
}

/// Text as it may stand in a page.
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::escaped;

    #[test]
    fn nothing_in_a_text_is_markup() {
        assert_eq!(escaped("<b a=\"1\">&</b>"), "&lt;b a=&quot;1&quot;&gt;&amp;&lt;/b&gt;");
    }
}
