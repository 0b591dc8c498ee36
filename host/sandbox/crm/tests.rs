//! The CRM's endpoints over real sockets, each write with the webhook it causes.

mod belongings;
mod contacts;
mod lists;

use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::Request;
use axum::routing::post;
use http_body_util::{BodyExt, Full};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use super::limits::Allowance;
use crate::sandbox::subscription::Subscription;
use crate::sandbox::world::lock;
use crate::sandbox::{Options, Quirks, Sandbox};

/// A sandbox, a client with a token for all of it, and everything its webhooks say.
struct Rig {
    sandbox: Sandbox,
    location: String,
    client: Client<HttpConnector, Full<Bytes>>,
    told: UnboundedReceiver<Value>,
}

async fn listen() -> (String, UnboundedReceiver<Value>) {
    async fn take(State(telling): State<UnboundedSender<Value>>, body: Bytes) {
        telling.send(serde_json::from_slice(&body).expect("JSON")).expect("somebody listens");
    }
    let (telling, told) = unbounded_channel();
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let url = format!("http://{}/hooks/crm", listener.local_addr().expect("bound"));
    let router = Router::new().route("/hooks/crm", post(take)).with_state(telling);
    tokio::spawn(async move { axum::serve(listener, router).await });
    (url, told)
}

async fn rig(contacts: usize, quirks: Quirks) -> Rig {
    let (url, told) = listen().await;
    let allowance = Allowance { requests: 100_000, ..Allowance::default() };
    let options = Options { locations: 2, contacts, quirks, allowance, ..Options::default() };
    let sandbox = Sandbox::start(options).await.expect("free ports");
    lock(&sandbox.world.switches).subscription = Some(Subscription::plain(url));
    let location = sandbox.summary().location;
    Rig { sandbox, location, client: Client::builder(TokioExecutor::new()).build_http(), told }
}

impl Rig {
    async fn spoken(&self, version: &str, method: &str, path: &str, body: &Value) -> (u16, Value) {
        let summary = self.sandbox.summary();
        let request = Request::builder()
            .method(method)
            .uri(format!("{}{path}", summary.crm))
            .header("authorization", format!("Bearer {}", summary.crm_token))
            .header("version", version)
            .header("content-type", "application/json");
        let body = if body.is_null() { String::new() } else { body.to_string() };
        let answer =
            self.client.request(request.body(Full::new(body.into())).expect("a request")).await.expect("an answer");
        let status = answer.status().as_u16();
        let bytes = answer.into_body().collect().await.expect("a body").to_bytes();
        let body: Value = serde_json::from_slice(&bytes).expect("JSON");
        assert!(body["traceId"].is_string(), "{method} {path}: {body}");
        (status, body)
    }

    async fn ask(&self, method: &str, path: &str, body: Value) -> (u16, Value) {
        self.spoken("2021-07-28", method, path, &body).await
    }

    async fn get(&self, path: &str) -> Value {
        let (status, body) = self.ask("GET", path, Value::Null).await;
        assert_eq!(status, 200, "{path}: {body}");
        body
    }

    /// Asks for a refusal: its status and its messages.
    async fn refused(&self, method: &str, path: &str, body: Value) -> (u16, Value) {
        let (status, mut answer) = self.ask(method, path, body).await;
        assert_eq!(answer["statusCode"], status);
        (status, answer["message"].take())
    }

    async fn create(&self, mut body: Value) -> Value {
        body["locationId"] = self.location.as_str().into();
        let (status, mut answer) = self.ask("POST", "/contacts/", body).await;
        assert_eq!(status, 201, "{answer}");
        answer["contact"].take()
    }

    async fn search(&self, mut body: Value) -> (Vec<String>, Value) {
        body["locationId"] = self.location.as_str().into();
        let (status, answer) = self.ask("POST", "/contacts/search", body).await;
        assert_eq!(status, 200, "{answer}");
        (ids(&answer["contacts"]), answer)
    }

    /// The next webhooks, which must be of these types; they may arrive in any order.
    async fn told(&mut self, types: &[&str]) -> Vec<Value> {
        let mut said = Vec::new();
        for _ in types {
            let next = tokio::time::timeout(Duration::from_secs(20), self.told.recv()).await;
            said.push(next.expect("a webhook in time").expect("a webhook"));
        }
        let kind = |body: &Value| body["type"].as_str().unwrap_or_default().to_owned();
        said.sort_by_key(kind);
        assert_eq!(said.iter().map(kind).collect::<Vec<_>>(), types);
        said
    }

    fn silent(&mut self) -> bool {
        self.told.try_recv().is_err()
    }
}

fn ids(rows: &Value) -> Vec<String> {
    rows.as_array().expect("rows").iter().map(|row| row["id"].as_str().expect("an id").to_owned()).collect()
}
