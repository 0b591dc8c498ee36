//! The whole sandbox over real sockets: a client, a receiver of webhooks, and one file a family of questions.

mod ads;
mod announced;
mod audiences;
mod control;
mod crm;
mod limits;
mod oauth;
mod travel;
mod weather;

use std::sync::Arc;
use std::sync::Mutex;

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, Request, StatusCode};
use axum::routing::post;
use http_body_util::{BodyExt, Full};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::watch;

use super::world::lock;
use super::{Options, Sandbox, Summary};

const HASH: &str = "62a14e44f765419d10fea99367361a727c12365e2520f32218d505ed9aa0f62f";

fn options() -> Options {
    Options { locations: 2, datasets: 2, seed: 11, ..Options::default() }
}

async fn sandbox() -> (Sandbox, Summary) {
    let sandbox = Sandbox::start(options()).await.expect("free ports");
    let summary = sandbox.summary();
    (sandbox, summary)
}

struct Caller(Client<HttpConnector, Full<Bytes>>);

impl Caller {
    fn new() -> Self {
        Self(Client::builder(TokioExecutor::new()).build_http())
    }

    /// None: the connection broke without an answer.
    async fn call(
        &self,
        method: &str,
        url: &str,
        headers: &[(&str, &str)],
        body: String,
    ) -> Option<(u16, HeaderMap, Value)> {
        let mut request = Request::builder().method(method).uri(url);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let response = self.0.request(request.body(Full::new(body.into())).expect("a request")).await.ok()?;
        let (parts, body) = response.into_parts();
        let bytes = body.collect().await.ok()?.to_bytes();
        Some((parts.status.as_u16(), parts.headers, serde_json::from_slice(&bytes).unwrap_or(Value::Null)))
    }

    async fn contact(&self, summary: &Summary, id: &str) -> (u16, HeaderMap, Value) {
        let bearer = format!("Bearer {}", summary.crm_token);
        let headers = [("authorization", bearer.as_str()), ("version", "2021-07-28")];
        self.call("GET", &format!("{}/contacts/{id}", summary.crm), &headers, String::new()).await.expect("an answer")
    }

    /// Asks the CRM with this token.
    async fn ask(&self, summary: &Summary, token: &str, path: &str) -> (u16, HeaderMap, Value) {
        let bearer = format!("Bearer {token}");
        let headers = [("authorization", bearer.as_str()), ("version", "2021-07-28")];
        self.call("GET", &format!("{}{path}", summary.crm), &headers, String::new()).await.expect("an answer")
    }

    /// Posts a form to the CRM.
    async fn form(&self, summary: &Summary, path: &str, headers: &[(&str, &str)], form: &str) -> (u16, Value) {
        let kind = ("content-type", "application/x-www-form-urlencoded");
        let headers: Vec<(&str, &str)> = headers.iter().copied().chain([kind]).collect();
        let url = format!("{}{path}", summary.crm);
        let (status, _, body) = self.call("POST", &url, &headers, form.to_owned()).await.expect("an answer");
        (status, body)
    }

    async fn control(&self, summary: &Summary, method: &str, path: &str, body: &Value) -> (u16, Value) {
        let url = format!("{}{path}", summary.control);
        let (status, _, body) = self.call(method, &url, &[], body.to_string()).await.expect("an answer");
        (status, body)
    }

    async fn send(&self, summary: &Summary, events: Value) -> Option<(u16, HeaderMap, Value)> {
        let bearer = format!("Bearer {}", summary.ads_token);
        let headers = [("authorization", bearer.as_str()), ("content-type", "application/json")];
        let url = format!("{}/v26.0/{}/events", summary.ads, summary.dataset);
        self.call("POST", &url, &headers, json!({ "data": events }).to_string()).await
    }
}

fn event(summary: &Summary, id: &str) -> Value {
    // A second ago by the machine's time, which the sandbox keeps unless it was moved.
    let now = crate::clock::Clock::system().now_ms() / 1_000 - 1;
    assert!(!summary.dataset.is_empty());
    json!({
        "event_name": "Lead", "event_time": now, "event_id": id, "action_source": "system_generated", "user_data": { "em": [HASH] },
    })
}

/// The proof that whoever sends `message` knows the app's secret.
fn proof(summary: &Summary, message: &str) -> String {
    let key = ring::hmac::Key::new(ring::hmac::HMAC_SHA256, summary.ads_app_secret.as_bytes());
    ring::hmac::sign(&key, message.as_bytes()).as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Text as a query or a form carries it.
fn urlencoded(text: &str) -> String {
    text.bytes()
        .map(|byte| if byte.is_ascii_alphanumeric() { (byte as char).to_string() } else { format!("%{byte:02X}") })
        .collect()
}

/// What a receiver saw: signature header and raw body, and what it answers next.
#[derive(Clone, Default)]
struct Receiver {
    seen: Arc<Mutex<Vec<(String, Bytes)>>>,
    refusals: Arc<Mutex<usize>>,
    count: Arc<watch::Sender<usize>>,
}

impl Receiver {
    async fn listen(&self) -> String {
        async fn take(State(receiver): State<Receiver>, headers: HeaderMap, body: Bytes) -> StatusCode {
            let mut refusals = lock(&receiver.refusals);
            if *refusals > 0 {
                *refusals -= 1;
                return StatusCode::TOO_MANY_REQUESTS;
            }
            let signature = headers["x-ghl-signature"].to_str().expect("ASCII").to_owned();
            let count = {
                let mut seen = lock(&receiver.seen);
                seen.push((signature, body));
                seen.len()
            };
            receiver.count.send_replace(count);
            StatusCode::OK
        }
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let url = format!("http://{}/hooks/crm", listener.local_addr().expect("bound"));
        let router = Router::new().route("/hooks/crm", post(take)).with_state(self.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        url
    }

    /// The bodies, once there are so many.
    async fn come(&self, count: usize) -> Vec<Value> {
        self.count.subscribe().wait_for(|seen| *seen >= count).await.expect("the sender is ours");
        self.bodies()
    }

    fn bodies(&self) -> Vec<Value> {
        lock(&self.seen).iter().map(|(_, body)| serde_json::from_slice(body).expect("JSON")).collect()
    }
}
