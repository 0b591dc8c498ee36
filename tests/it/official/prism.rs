//! Prism, which answers by an API description and refuses what the description does not allow; and one address for several of them.

use std::path::Path;
use std::process::Stdio;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::response::Response;
use bytes::Bytes;
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE};
use http_body_util::BodyExt;
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, BufReader, sink};
use tokio::net::TcpListener;
use tokio::process::{Child, Command};
use tokio::task::JoinHandle;
use tokio::time::timeout;

use crate::rig::PATIENCE;
use crate::wire;

/// What no description here has: opportunities are in a third one. Asked for all the same, and answered with nothing.
const ELSEWHERE: &str = "/opportunities/";
/// The contact that a search finds.
pub const FOUND: &str = "found1";

/// A running Prism; it ends when it is dropped.
struct Prism {
    url: String,
    _child: Child,
}

impl Prism {
    async fn mock(scripts: &Path, description: &Path) -> Self {
        let mut command = Command::new("node");
        command.arg(scripts.join("node_modules/@stoplight/prism-cli/dist/index.js"));
        command.args(["mock", "--host", "127.0.0.1", "--port", "0"]).arg(description);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null()).kill_on_drop(true);
        let mut child = command.spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let ready = async {
            loop {
                let line = lines.next_line().await.unwrap().expect("Prism says where it listens");
                if let Some((_, url)) = line.split_once("Prism is listening on ") {
                    return url.trim().to_owned();
                }
            }
        };
        let url = timeout(PATIENCE, ready).await.expect("Prism starts");
        // What it says of every request is of no use, and must not fill the pipe.
        tokio::spawn(async move { tokio::io::copy(lines.get_mut(), &mut sink()).await });
        Self { url, _child: child }
    }
}

/// One request and its answer.
struct Asked {
    method: String,
    path: String,
    status: u16,
    body: Bytes,
}

struct Descriptions {
    contacts: Prism,
    locations: Prism,
    asked: Mutex<Vec<Asked>>,
}

/// The CRM as described: one address for everything. It closes when it is dropped.
pub struct Described {
    pub url: String,
    descriptions: Arc<Descriptions>,
    door: JoinHandle<()>,
}

impl Described {
    /// Starts a Prism for each description.
    pub async fn open(scripts: &Path, folder: &Path) -> Self {
        let mock = async |name: &str| Prism::mock(scripts, &folder.join(name)).await;
        let (contacts, locations) = tokio::join!(mock("contacts.patched.json"), mock("locations.patched.json"));
        let descriptions = Arc::new(Descriptions { contacts, locations, asked: Mutex::default() });
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let router = Router::new().fallback(answer).with_state(descriptions.clone());
        let door = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self { url, descriptions, door }
    }

    /// Everything that was not answered with success, and why.
    pub fn refused(&self) -> Vec<String> {
        let asked = self.descriptions.asked.lock().unwrap();
        let refused = asked.iter().filter(|asked| !(200..300).contains(&asked.status));
        refused
            .map(|Asked { method, path, status, body }| {
                format!("{method} {path}: {status} {}", String::from_utf8_lossy(body))
            })
            .collect()
    }

    /// The operations of a source's profile that nobody has asked for yet.
    pub fn unasked(&self, operations: &Value) -> Vec<String> {
        let asked = self.descriptions.asked.lock().unwrap();
        let operations = operations.as_array().unwrap().iter().map(|operation| {
            let text = |key: &str| operation[key].as_str().unwrap();
            (text("method"), text("path"))
        });
        operations
            .filter(|(method, pattern)| !asked.iter().any(|one| one.method == *method && fits(pattern, &one.path)))
            .map(|(method, pattern)| format!("{method} {pattern}"))
            .collect()
    }
}

impl Drop for Described {
    fn drop(&mut self) {
        self.door.abort();
    }
}

/// Whether a path is of this pattern; the longer name wins: `search` is no id.
fn fits(pattern: &str, path: &str) -> bool {
    let path = path.split('?').next().unwrap_or_default();
    let same = |(wanted, given): (&str, &str)| match wanted.starts_with('{') {
        true => !given.is_empty() && given != "search",
        false => wanted == given,
    };
    pattern.split('/').count() == path.split('/').count() && pattern.split('/').zip(path.split('/')).all(same)
}

/// The example's body. Of what a search finds the description says nothing, and so has no example.
fn told(path: &str, example: Bytes) -> Bytes {
    match path.split('?').next() {
        Some("/contacts/search") => json!({ "contacts": [{ "id": FOUND }], "total": 1 }).to_string().into(),
        Some("/contacts/search/duplicate") => json!({ "contact": null }).to_string().into(),
        _ => example,
    }
}

async fn answer(State(descriptions): State<Arc<Descriptions>>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let body = body.collect().await.unwrap().to_bytes();
    let path = parts.uri.path_and_query().unwrap().to_string();
    let (status, body) = if path.starts_with(ELSEWHERE) {
        (200, Bytes::from_static(br#"{"pipelines":[],"opportunities":[]}"#))
    } else {
        let prism = match path.starts_with("/locations/") {
            true => &descriptions.locations,
            false => &descriptions.contacts,
        };
        let named = [AUTHORIZATION.as_str(), "version", CONTENT_TYPE.as_str(), ACCEPT.as_str()];
        let headers = named.into_iter().filter_map(|name| Some((name, parts.headers.get(name)?.to_str().ok()?)));
        let headers: Vec<(&str, &str)> = headers.collect();
        let url = format!("{}{path}", prism.url);
        let answer = wire::send(parts.method.clone(), &url, &headers, body).await.unwrap();
        (answer.status, if answer.status == 200 { told(&path, answer.body) } else { answer.body })
    };
    let asked = Asked { method: parts.method.to_string(), path, status, body: body.clone() };
    descriptions.asked.lock().unwrap().push(asked);
    let response = Response::builder().status(status).header(CONTENT_TYPE, "application/json");
    response.body(Body::from(body)).unwrap()
}
