//! Egress against a vendor on this machine: tokens that run out, refresh tokens that are used up by use, an allowance.

mod allowance;
mod company;
mod tokens;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard};

use axum::Router;
use axum::extract::{Query, Request, State};
use axum::response::IntoResponse;
use bytes::Bytes;
use http::{HeaderMap, Response, StatusCode};
use tokio::sync::Semaphore;

use super::oauth::{Client, Described, GrantWord, Holder, Scheme};
use super::{Credential, Egress, EgressError, Grant, Limits, Ticket};
use crate::clock::{Clock, Millis};
use crate::contract::Operation;
use crate::store::{HeldToken, NewToken, Store};
use crate::vault::{Secret, SecretRef, Vault};

const NOW: Millis = 1_700_000_000_000;
/// How long the vendor's tokens live.
const LIFE_S: u64 = 86_399;

/// A vendor that can be told how to behave.
struct Vendor {
    base: String,
    heard: Mutex<Heard>,
    /// Calls of the token address that may be answered.
    gate: Semaphore,
}

#[derive(Default)]
struct Heard {
    /// Access tokens that it takes.
    good: Vec<String>,
    /// Refresh tokens that it takes, once each.
    refreshes: Vec<String>,
    /// What it answers the token address instead, if set.
    refusal: Option<(u16, &'static str)>,
    /// What it answers an API request that carries no good token.
    no: &'static str,
    /// API requests, by token.
    calls: Vec<String>,
    /// Token requests, by path and fields.
    forms: Vec<(String, HashMap<String, String>)>,
    given: u32,
    headers: HeaderMap,
}

impl Vendor {
    async fn start() -> Arc<Self> {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        let heard = Mutex::new(Heard { no: r#"{"message":"Invalid JWT"}"#, ..Heard::default() });
        let vendor = Arc::new(Self { base, heard, gate: Semaphore::new(Semaphore::MAX_PERMITS) });
        let app = Router::new().fallback(answer).with_state(vendor.clone());
        tokio::spawn(async move { axum::serve(listener, app).await });
        vendor
    }

    fn heard(&self) -> MutexGuard<'_, Heard> {
        self.heard.lock().unwrap()
    }

    fn refuses(&self, refusal: Option<(u16, &'static str)>) {
        self.heard().refusal = refusal;
    }

    fn refreshes(&self) -> usize {
        self.heard().forms.iter().filter(|(path, _)| path == "/oauth/token").count()
    }
}

impl Heard {
    /// A new pair; the old ones stay as they are.
    fn give(&mut self) -> (String, String) {
        self.given += 1;
        let pair = (format!("access-token-{}", self.given), format!("refresh-token-{}", self.given));
        self.good.push(pair.0.clone());
        self.refreshes.push(pair.1.clone());
        pair
    }
}

async fn answer(State(vendor): State<Arc<Vendor>>, request: Request) -> axum::response::Response {
    let (parts, body) = request.into_parts();
    let path = parts.uri.path().to_owned();
    let bearer = parts.headers.get("authorization").and_then(|value| value.to_str().ok()?.strip_prefix("Bearer "));
    let bearer = bearer.unwrap_or_default().to_owned();
    if !path.starts_with("/oauth/") {
        let mut heard = vendor.heard();
        heard.calls.push(bearer.clone());
        let (status, body) = if heard.good.contains(&bearer) {
            (StatusCode::OK, format!(r#"{{"id":"1","you_sent":"{bearer}"}}"#))
        } else {
            (StatusCode::UNAUTHORIZED, heard.no.to_owned())
        };
        return (status, heard.headers.clone(), body).into_response();
    }
    let body = axum::body::to_bytes(body, 64 * 1024).await.unwrap();
    let query = format!("/?{}", String::from_utf8_lossy(&body)).parse().unwrap();
    let Query(form) = Query::<HashMap<String, String>>::try_from_uri(&query).unwrap();
    vendor.heard().forms.push((path.clone(), form.clone()));
    vendor.gate.acquire().await.unwrap().forget();
    vendor.gate.add_permits(1);
    let mut heard = vendor.heard();
    if let Some((status, body)) = heard.refusal {
        return (StatusCode::from_u16(status).unwrap(), body).into_response();
    }
    if path == "/oauth/locationToken" {
        if !heard.good.contains(&bearer) {
            return (StatusCode::UNAUTHORIZED, heard.no).into_response();
        }
        let (access, refresh) = heard.give();
        let body = format!(
            r#"{{"access_token":"{access}","refresh_token":"{refresh}","expires_in":{LIFE_S},"locationId":"{}"}}"#,
            form["locationId"]
        );
        return (StatusCode::CREATED, body).into_response();
    }
    let Some(at) = heard.refreshes.iter().position(|known| form.get("refresh_token") == Some(known)) else {
        return (StatusCode::BAD_REQUEST, r#"{"message":"Invalid grant: refresh token is invalid"}"#).into_response();
    };
    heard.refreshes.remove(at);
    let (access, refresh) = heard.give();
    let body = format!(
        r#"{{"access_token":"{access}","refresh_token":"{refresh}","expires_in":{LIFE_S},"scope":"a.read b.write"}}"#
    );
    (StatusCode::OK, body).into_response()
}

/// All that a holder needs, and what a guest's request needs.
struct Place {
    vendor: Arc<Vendor>,
    clock: Clock,
    store: Store,
    egress: Egress,
    client: Arc<Client>,
    grant: Arc<Grant>,
    _dir: tempfile::TempDir,
}

impl Place {
    async fn new() -> Self {
        let vendor = Vendor::start().await;
        let dir = tempfile::tempdir().unwrap();
        let (vault, _) = Vault::open(dir.path(), None).unwrap();
        let store = Store::open(dir.path().to_owned(), Arc::new(vault)).await.unwrap();
        let secret = dir.path().join("client");
        std::fs::write(&secret, "the-client-secret").unwrap();
        let upstream = vendor.base.parse().unwrap();
        let words =
            [("refresh token is invalid", GrantWord::Revoked), ("Location is not active", GrantWord::Suspended)];
        let names = [("kind", "userType"), ("location", "locationId"), ("company", "companyId")];
        let described = Described {
            authorize_url: "https://crm.example/agree".into(),
            token_url: "https://api.crm.example/oauth/token".into(),
            exchange_url: Some("https://api.crm.example/oauth/locationToken".into()),
            parameters: vec![("user_type".into(), "Location".into())],
            names: names.map(|(ours, theirs)| (ours.into(), theirs.into())).into(),
            states: words.map(|(word, means)| (word.into(), means)).into(),
            expired: vec!["Invalid JWT".into()],
        };
        let clock = Clock::manual(NOW);
        let client = Client {
            scheme: Scheme::new(described, "https://api.crm.example", Some(&upstream)).unwrap(),
            client_id: "app-1".into(),
            client_secret: SecretRef::File(secret),
            redirect_uri: Some("https://convey.example/back".into()),
            headers: HeaderMap::from_iter([(http::HeaderName::from_static("version"), "1".parse().unwrap())]),
            clock: clock.clone(),
        };
        let get =
            Operation { name: "contact".into(), method: "GET".into(), path: "/contacts/{id}".into(), scope: None };
        let grant = Grant::new("https://api.crm.example", &[get], Some(upstream), Vec::new()).unwrap();
        let limits = Limits { request_timeout_ms: 20_000, response_max_bytes: 65_536, request_max_bytes: 65_536 };
        let (egress, client, grant) = (Egress::new(limits), Arc::new(client), Arc::new(grant));
        Self { vendor, clock, store, egress, client, grant, _dir: dir }
    }

    fn holder(&self, name: &str, company: Option<Arc<Holder>>) -> Arc<Holder> {
        let location = name.strip_prefix("connection:").map(|name| format!("location-of-{name}"));
        let (store, egress) = (self.store.clone(), self.egress.clone());
        Holder::new(name.into(), self.client.clone(), store, egress, self.clock.clone(), location, company)
    }

    /// Puts a pair that the vendor gave into the store, with all its life before it.
    async fn connect(&self, name: &str) -> NewToken {
        let (access, refresh) = self.vendor.heard().give();
        let token = NewToken {
            access: Secret::new(access),
            refresh: Some(Secret::new(refresh)),
            expires_at: Some(self.clock.now_ms() + LIFE_S * 1_000),
            obtained_at: self.clock.now_ms(),
            scopes: vec!["a.read".into()],
            kind: name.starts_with("company:").then(|| "Company".into()),
            location: None,
            company: None,
        };
        assert!(self.store.put_token(name, token.clone(), None).await.unwrap());
        token
    }

    async fn stands(&self, name: &str) -> HeldToken {
        self.store.token(name).await.unwrap().expect("a token in the store")
    }

    fn ticket(&self, credential: impl Into<Option<Credential>>) -> Ticket {
        Ticket::new("source.crm".into(), self.grant.clone(), credential.into(), HeaderMap::new())
    }

    async fn get(&self, ticket: &Ticket) -> Result<Response<Bytes>, EgressError> {
        let request = http::Request::get("https://api.crm.example/contacts/1").body(Bytes::new()).unwrap();
        self.egress.send(ticket, request, None).await
    }
}

fn no_secret_in(text: &str) {
    for secret in ["access-token", "refresh-token", "the-client-secret"] {
        assert!(!text.contains(secret), "{text}");
    }
}
