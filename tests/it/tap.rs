//! A tap on the line to the sandbox's CRM, or its platform: everything passes, and what passed is written down. The sandbox's own book holds neither
//! headers nor bodies.

use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::response::Response;
use bytes::Bytes;
use convey::sandbox::Summary;
use http::{HeaderMap, Method, header};
use http_body_util::BodyExt;
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use crate::wire;

/// One request and what it was answered.
#[derive(Clone, Debug)]
pub struct Passed {
    pub method: String,
    /// With its query.
    pub path: String,
    pub headers: HeaderMap,
    /// Null where it is no JSON.
    pub body: Value,
    pub status: u16,
    pub answer: Value,
}

impl Passed {
    /// `GET /contacts/c1`, without the query.
    pub fn line(&self) -> String {
        format!("{} {}", self.method, self.path.split('?').next().unwrap())
    }

    /// A header's text; empty where there is none.
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }
}

struct Line {
    upstream: String,
    passed: Mutex<Vec<Passed>>,
}

/// The tap. It closes when it is dropped.
pub struct Tap {
    /// Where it listens, in the CRM's place.
    pub url: String,
    line: Arc<Line>,
    door: JoinHandle<()>,
}

impl Tap {
    /// Opens one in front of this sandbox's CRM.
    pub async fn open(summary: &Summary) -> Self {
        Self::to(&summary.crm).await
    }

    /// Opens one in front of this address.
    pub async fn to(upstream: &str) -> Self {
        let line = Arc::new(Line { upstream: upstream.to_owned(), passed: Mutex::default() });
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let router = Router::new().fallback(pass).with_state(line.clone());
        let door = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self { url, line, door }
    }

    /// The same world as seen by who goes through the tap.
    pub fn before(&self, summary: &Summary) -> Summary {
        Summary { crm: self.url.clone(), ..summary.clone() }
    }

    /// What passed since it was asked last, in order of the answers.
    pub fn take(&self) -> Vec<Passed> {
        std::mem::take(&mut *self.line.passed.lock().unwrap())
    }

    /// Method and path of what passed since it was asked last.
    pub fn lines(&self) -> Vec<String> {
        self.take().iter().map(Passed::line).collect()
    }
}

impl Drop for Tap {
    fn drop(&mut self) {
        self.door.abort();
    }
}

async fn pass(State(line): State<Arc<Line>>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let body = body.collect().await.unwrap().to_bytes();
    let path = parts.uri.path_and_query().unwrap().to_string();
    let kept = |name: &&header::HeaderName| ![header::HOST, header::CONTENT_LENGTH].contains(name);
    let headers: Vec<(&str, &str)> = parts
        .headers
        .iter()
        .filter(|(name, _)| kept(name))
        .map(|(name, value)| (name.as_str(), value.to_str().unwrap()))
        .collect();
    let url = format!("{}{path}", line.upstream);
    let answer = wire::send(parts.method.clone(), &url, &headers, body.clone()).await.unwrap();
    note(&line, parts.method, path, parts.headers, &body, &answer);
    let mut response = Response::builder().status(answer.status);
    for (name, value) in &answer.headers {
        if ![header::CONTENT_LENGTH, header::TRANSFER_ENCODING, header::CONNECTION].contains(name) {
            response = response.header(name, value);
        }
    }
    response.body(Body::from(answer.body)).unwrap()
}

fn note(line: &Line, method: Method, path: String, headers: HeaderMap, body: &Bytes, answer: &wire::Answer) {
    let json = |bytes: &Bytes| serde_json::from_slice(bytes).unwrap_or_default();
    let (method, body, status, answer) = (method.to_string(), json(body), answer.status, json(&answer.body));
    line.passed.lock().unwrap().push(Passed { method, path, headers, body, status, answer });
}
