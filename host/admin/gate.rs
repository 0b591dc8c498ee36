//! Who comes in: every request passes here before its route. The name it was sent to, the site it was sent from, a token or a session, a role,
//! and what a form must bring, in this order.

use std::net::IpAddr;
use std::sync::Arc;

use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::http::uri::Authority;
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, Uri, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::role::Role;
use super::routes::Needs;
use super::token::is_same;
use super::{Admin, Failed, page};
use crate::store::AuditRow;

/// What a browser holds of its session.
pub(super) const COOKIE: &str = "convey_session";
/// Where a form says what proves that it is ours; scripts say it in the header.
pub(super) const CSRF_FIELD: &str = "csrf";
const CSRF_HEADER: &str = "x-csrf-token";
/// What a script that loads its own view again says.
const LOOKS_AGAIN: &str = "x-looks-again";
/// The longest form, in bytes.
const FORM_BYTES: usize = 1 << 20;

/// Only our own files run and show, nobody frames the page, and forms go nowhere else.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; form-action 'self'; \
     base-uri 'none'; frame-ancestors 'none'";

/// Who came in.
#[derive(Clone, Debug)]
pub(super) struct Visitor {
    /// What they may do.
    pub(super) role: Role,
    /// How they are written down.
    pub(super) by: String,
    /// Their session, where they came by one.
    pub(super) session: Option<Held>,
    /// Whether a view that is open already is loaded again: what is said once is not for it.
    pub(super) looks_again: bool,
}

/// A session as its browser holds it.
#[derive(Clone, Debug)]
pub(super) struct Held {
    /// What is in the cookie.
    pub(super) id: String,
    /// What forms bring.
    pub(super) csrf: String,
}

impl Visitor {
    /// Whether they may change anything.
    pub(super) fn may_change(&self) -> bool {
        self.role >= Role::Operator
    }
}

/// What a route asks of who comes.
#[derive(Clone)]
pub(super) struct Gate {
    pub(super) admin: Arc<Admin>,
    pub(super) needs: Needs,
    /// The route's path, for the audit.
    pub(super) path: &'static str,
}

/// Lets a request through to its route, or answers it.
pub(super) async fn guard(State(gate): State<Gate>, request: Request, next: Next) -> Response {
    let wants_page = wants_page(request.headers());
    let mut response = match admitted(&gate, request).await {
        Ok((request, act)) => {
            let response = next.run(request).await;
            if let Some(by) = act.filter(|_| !response.status().is_client_error()) {
                let now = gate.admin.flow.clock.now_ms();
                gate.admin.flow.store.note(AuditRow::act(now, &by, "page".to_owned(), format!("POST {}", gate.path)));
            }
            response
        }
        Err(Failed(StatusCode::UNAUTHORIZED, text)) if wants_page => {
            page::sign_in_page(StatusCode::UNAUTHORIZED, &text)
        }
        Err(Failed(status, text)) if wants_page => page::refusal(status, &text),
        Err(failed) => failed.into_response(),
    };
    let headers = response.headers_mut();
    if headers.get(header::CACHE_CONTROL).is_none() {
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    }
    for (name, value) in [
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::X_FRAME_OPTIONS, "DENY"),
        (header::REFERRER_POLICY, "same-origin"),
        (header::HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
        (header::HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    if response.status() == StatusCode::UNAUTHORIZED {
        response.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
    }
    response
}

/// The request with who sent it, and who is to be written down for it.
async fn admitted(gate: &Gate, mut request: Request) -> Result<(Request, Option<String>), Failed> {
    let admin = &gate.admin;
    let refused = |status, text: &str| Err(Failed(status, text.to_owned()));
    if gate.needs == Needs::Itself {
        return Ok((request, None));
    }
    let host = host(&request).filter(|host| is_ours(host, admin.public_url.as_ref()));
    let Some(host) = host else {
        let text = "this door answers to addresses, to localhost, and to the name in `[admin] public_url`";
        return refused(StatusCode::MISDIRECTED_REQUEST, text);
    };
    let changes = !matches!(*request.method(), Method::GET | Method::HEAD);
    if changes && !is_same_site(request.headers(), &host) {
        return refused(StatusCode::FORBIDDEN, "this request was sent from another site");
    }
    let visitor = visitor(admin, request.headers());
    let needed = match (gate.needs, &visitor) {
        (Needs::Nothing | Needs::Itself, _) => {
            request.extensions_mut().insert(host);
            return Ok((request, None));
        }
        (Needs::Role(role), Some(visitor)) if visitor.role >= role => visitor.clone(),
        (Needs::Role(role), Some(visitor)) => {
            return refused(StatusCode::FORBIDDEN, &format!("this takes the role {role}: you are a {}", visitor.role));
        }
        (Needs::Role(_), None) => {
            let text = "this door needs a token of the state directory, `Authorization: Bearer …`, or a session: `convey page` begins one";
            return refused(StatusCode::UNAUTHORIZED, text);
        }
    };
    let mut act = None;
    if let (true, Some(held)) = (changes, &needed.session) {
        let (same, brought) = brings(request, &held.csrf).await?;
        if !brought {
            return refused(StatusCode::FORBIDDEN, "this form is old or not of this page: load the page again");
        }
        (request, act) = (same, Some(needed.by.clone()));
    }
    request.extensions_mut().insert(host);
    request.extensions_mut().insert(needed);
    Ok((request, act))
}

/// Who sent it: by a token, else by a session. A token that is wrong is nobody's, whatever else is sent.
fn visitor(admin: &Admin, headers: &HeaderMap) -> Option<Visitor> {
    if let Some(sent) = headers.get(header::AUTHORIZATION) {
        let role = admin.tokens.role_of(sent.as_bytes())?;
        return Some(Visitor { role, by: role.to_string(), session: None, looks_again: false });
    }
    let id = cookie(headers)?;
    let session = admin.sessions.of(&id, admin.flow.clock.now_ms())?;
    let looks_again = headers.contains_key(LOOKS_AGAIN);
    Some(Visitor { role: session.role, by: session.by, session: Some(Held { id, csrf: session.csrf }), looks_again })
}

/// What our cookie holds.
pub(super) fn cookie(headers: &HeaderMap) -> Option<String> {
    let all = headers.get_all(header::COOKIE).into_iter().filter_map(|sent| sent.to_str().ok());
    let mut pairs = all.flat_map(|sent| sent.split(';')).filter_map(|pair| pair.trim().split_once('='));
    pairs.find(|(name, _)| *name == COOKIE).map(|(_, value)| value.to_owned())
}

/// The name that the request was sent to.
fn host(request: &Request) -> Option<Authority> {
    let named = request.headers().get(header::HOST).and_then(|host| host.to_str().ok()?.parse().ok());
    named.or_else(|| request.uri().authority().cloned())
}

/// Whether a name can only be ours: an address, which no foreign name can be made to mean, `localhost`, or the name of the public address.
fn is_ours(host: &Authority, public_url: Option<&Uri>) -> bool {
    let bare = host.host().trim_start_matches('[').trim_end_matches(']');
    bare.parse::<IpAddr>().is_ok() || bare.eq_ignore_ascii_case("localhost") || is_public(host, public_url)
}

fn is_public(host: &Authority, public_url: Option<&Uri>) -> bool {
    let public = public_url.and_then(Uri::authority);
    public.is_some_and(|public| public.as_str().eq_ignore_ascii_case(host.as_str()))
}

/// Whether a browser that sent it to this name speaks https.
pub(super) fn is_secure(host: &Authority, public_url: Option<&Uri>) -> bool {
    is_public(host, public_url) && public_url.and_then(Uri::scheme_str) == Some("https")
}

/// Whether no other site has sent it, as far as the browser says; a program says nothing.
fn is_same_site(headers: &HeaderMap, host: &Authority) -> bool {
    let text = |name: &str| headers.get(name).map(|value| value.to_str().unwrap_or("?"));
    let site = text("sec-fetch-site").is_none_or(|site| matches!(site, "same-origin" | "none"));
    let of_host = |origin: &str| {
        let origin: Option<Authority> = origin.parse::<Uri>().ok().and_then(|uri| uri.authority().cloned());
        origin.is_some_and(|origin| origin.as_str().eq_ignore_ascii_case(host.as_str()))
    };
    site && text("origin").is_none_or(of_host)
}

/// The request whole again, and whether it brings what only our own pages know.
async fn brings(request: Request, csrf: &str) -> Result<(Request, bool), Failed> {
    if let Some(sent) = request.headers().get(CSRF_HEADER) {
        let same = is_same(csrf.as_bytes(), sent.as_bytes());
        return Ok((request, same));
    }
    let form = HeaderValue::from_static("application/x-www-form-urlencoded");
    if request.headers().get(header::CONTENT_TYPE) != Some(&form) {
        return Ok((request, false));
    }
    let (parts, body) = request.into_parts();
    let too_long = |_| Failed(StatusCode::PAYLOAD_TOO_LARGE, "a form has at most 1 MiB".to_owned());
    let bytes = to_bytes(body, FORM_BYTES).await.map_err(too_long)?;
    let sent = form_urlencoded::parse(&bytes).find(|(name, _)| name == CSRF_FIELD);
    let same = sent.is_some_and(|(_, sent)| is_same(csrf.as_bytes(), sent.as_bytes()));
    Ok((Request::from_parts(parts, Body::from(bytes)), same))
}

fn wants_page(headers: &HeaderMap) -> bool {
    let accepted = headers.get(header::ACCEPT).and_then(|accepted| accepted.to_str().ok());
    accepted.is_some_and(|accepted| accepted.contains("text/html"))
}

#[cfg(test)]
mod tests {
    use axum::body::Body;
    use axum::http::{HeaderMap, HeaderValue, Request, Uri};

    use super::{brings, cookie, is_ours, is_same_site, is_secure};

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        pairs
            .iter()
            .map(|(name, value)| (axum::http::HeaderName::from_static(name), HeaderValue::from_static(value)))
            .collect()
    }

    #[test]
    fn a_foreign_name_that_leads_here_is_refused() {
        let public: Uri = "https://convey.example.com".parse().unwrap();
        let ours = |host: &str| is_ours(&host.parse().unwrap(), Some(&public));
        for host in ["127.0.0.1:8481", "[::1]:8481", "10.0.0.7", "localhost:8481", "LOCALHOST", "Convey.example.com"] {
            assert!(ours(host), "{host}");
        }
        for host in ["evil.example", "localhost.evil.example", "127.0.0.1.evil.example", "convey.example.com:81"] {
            assert!(!ours(host), "{host}");
        }
        assert!(!is_ours(&"convey.example.com".parse().unwrap(), None));
        assert!(is_secure(&"convey.example.com".parse().unwrap(), Some(&public)));
        assert!(!is_secure(&"127.0.0.1:8481".parse().unwrap(), Some(&public)));
    }

    #[test]
    fn another_sites_request_is_told_from_ours() {
        let host = "127.0.0.1:8481".parse().unwrap();
        let same = |pairs: &[(&'static str, &'static str)]| is_same_site(&headers(pairs), &host);
        assert!(same(&[]), "a program says nothing");
        assert!(same(&[("sec-fetch-site", "same-origin"), ("origin", "http://127.0.0.1:8481")]));
        for foreign in [
            [("sec-fetch-site", "cross-site"), ("accept", "*/*")],
            [("sec-fetch-site", "same-site"), ("accept", "*/*")],
            [("origin", "http://127.0.0.1:9000"), ("accept", "*/*")],
            [("origin", "http://evil.example"), ("sec-fetch-site", "same-origin")],
            [("origin", "null"), ("accept", "*/*")],
        ] {
            assert!(!same(&foreign), "{foreign:?}");
        }
    }

    #[test]
    fn our_cookie_is_found_among_others() {
        assert_eq!(cookie(&headers(&[("cookie", "a=b; convey_session=x; c=d")])).as_deref(), Some("x"));
        for other in ["", "convey_sessio=x", "xconvey_session=x", "convey_session"] {
            assert_eq!(cookie(&headers(&[("cookie", other)])), None, "{other}");
        }
    }

    #[tokio::test]
    async fn a_form_brings_its_proof_and_is_whole_behind_the_gate() {
        let form = |body: &'static str| {
            let kind = "application/x-www-form-urlencoded";
            Request::post("/").header("content-type", kind).body(Body::from(body)).unwrap()
        };
        let (request, brought) = brings(form("a=1&csrf=secret"), "secret").await.unwrap();
        assert!(brought);
        let body = axum::body::to_bytes(request.into_body(), 100).await.unwrap();
        assert_eq!(body, "a=1&csrf=secret");
        assert!(!brings(form("a=1&csrf=secre"), "secret").await.unwrap().1);
        assert!(!brings(form("a=1"), "secret").await.unwrap().1);
        let by_header = |sent: &str| Request::post("/").header("x-csrf-token", sent).body(Body::empty()).unwrap();
        assert!(brings(by_header("secret"), "secret").await.unwrap().1);
        assert!(!brings(by_header("other"), "secret").await.unwrap().1);
        let text = Request::post("/").header("content-type", "text/plain").body(Body::from("csrf=secret")).unwrap();
        assert!(!brings(text, "secret").await.unwrap().1, "a form of another site may be sent as plain text");
    }
}
