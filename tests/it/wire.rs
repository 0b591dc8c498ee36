//! HTTP as a test needs it: a client, and a door that catches the webhooks a sandbox fires so that a test can send them as it likes.

use std::sync::{Arc, Mutex};

use axum::Router;
use axum::extract::State;
use axum::routing::post;
use bytes::Bytes;
use convey::sandbox::{Kind, Play, Sandbox};
use http::{HeaderMap, Method, Request};
use http_body_util::{BodyExt, Full};
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use serde_json::Value;
use tokio::net::TcpListener;

use crate::rig::eventually;

/// The header that carries a webhook's signature.
pub const SIGNATURE: &str = "x-ghl-signature";

/// What came back.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub headers: HeaderMap,
    pub body: Bytes,
}

impl Answer {
    /// The body as JSON.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|_| panic!("{self:?}"))
    }
}

/// GET; none without an answer.
pub async fn get(url: &str, headers: &[(&str, &str)]) -> Option<Answer> {
    send(Method::GET, url, headers, Bytes::new()).await
}

/// POST; none without an answer.
pub async fn deliver(url: &str, headers: &[(&str, &str)], body: Bytes) -> Option<Answer> {
    send(Method::POST, url, headers, body).await
}

/// Any request; none without an answer.
pub async fn send(method: Method, url: &str, headers: &[(&str, &str)], body: Bytes) -> Option<Answer> {
    let mut request = Request::builder().method(method).uri(url);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let client = Client::builder(TokioExecutor::new()).build_http::<Full<Bytes>>();
    let response = client.request(request.body(Full::new(body)).unwrap()).await.ok()?;
    let (parts, body) = response.into_parts();
    let body = body.collect().await.ok()?.to_bytes();
    Some(Answer { status: parts.status.as_u16(), headers: parts.headers, body })
}

/// A webhook as the CRM sends it.
#[derive(Clone, Debug)]
pub struct Letter {
    pub id: String,
    pub body: Bytes,
    pub signature: String,
}

impl Letter {
    /// Sends it once.
    pub async fn send(&self, hook: &str) -> Option<Answer> {
        deliver(hook, &[(SIGNATURE, &self.signature)], self.body.clone()).await
    }

    /// Sends it until it is taken, as the CRM does.
    pub async fn insist(&self, hook: &str) {
        eventually("the webhook is taken", async || {
            let answer = self.send(hook).await?;
            assert!(matches!(answer.status, 200 | 429), "{answer:?}");
            (answer.status == 200).then_some(())
        })
        .await;
    }

    /// The body as JSON.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }
}

type Caught = Arc<Mutex<Vec<Letter>>>;

async fn caught(State(letters): State<Caught>, headers: HeaderMap, body: Bytes) {
    let said: Value = serde_json::from_slice(&body).unwrap();
    let id = said["webhookId"].as_str().unwrap().to_owned();
    let signature = headers[SIGNATURE].to_str().unwrap().to_owned();
    letters.lock().unwrap().push(Letter { id, body, signature });
}

/// Lets changes happen in the sandbox's CRM and catches their webhooks, in the order they happened; nobody else hears of them.
pub async fn letters(sandbox: &Sandbox, play: Play) -> Vec<Letter> {
    let letters = Caught::default();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let target = format!("http://{}/", listener.local_addr().unwrap());
    let router = Router::new().route("/", post(caught)).with_state(letters.clone());
    let door = tokio::spawn(async move { axum::serve(listener, router).await });
    let played = sandbox.play(Play { target, ..play }).await.unwrap();
    door.abort();
    let caught = letters.lock().unwrap();
    let by_id = |id: &str| caught.iter().find(|letter| letter.id == id).unwrap().clone();
    played.fired.iter().map(|fired| by_id(&fired.webhook_id)).collect()
}

/// As [`letters`], for so many changes of one kind.
pub async fn letters_of(sandbox: &Sandbox, kind: Kind, changes: usize) -> Vec<Letter> {
    letters(sandbox, Play { changes, kinds: vec![kind], ..Play::default() }).await
}
