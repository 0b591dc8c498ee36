//! Talking to a running convey through its admin door.

use std::path::Path;

use anyhow::{Context as _, anyhow};
use bytes::Bytes;
use http::{Method, Request, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::admin::{Token, read_address};

/// A door that answered, and said no.
#[derive(Debug, thiserror::Error)]
#[error("{text}")]
pub struct Refused {
    /// The status it answered with.
    pub status: StatusCode,
    /// What it said.
    pub text: String,
}

/// The admin door of the convey that runs on a state directory.
pub struct Door {
    base: String,
    token: Token,
}

impl Door {
    /// The door, or `None` if no convey runs there.
    pub fn find(state_dir: &Path) -> anyhow::Result<Option<Self>> {
        let (Ok(address), Ok(token)) = (read_address(state_dir), Token::read(state_dir)) else { return Ok(None) };
        // A stale file is told from a running convey by knocking.
        if std::net::TcpStream::connect_timeout(&address, std::time::Duration::from_secs(2)).is_err() {
            return Ok(None);
        }
        Ok(Some(Self { base: format!("http://{address}"), token }))
    }

    /// The door of a convey that must be running.
    pub fn running(state_dir: &Path) -> anyhow::Result<Self> {
        let door = Self::find(state_dir)?;
        door.ok_or_else(|| anyhow!("no convey runs on {}: start it with `convey run`", state_dir.display()))
    }

    /// Its address: `http://` and so on.
    pub(super) fn base(&self) -> &str {
        &self.base
    }

    /// Asks for something.
    pub async fn get<A: DeserializeOwned>(&self, path: &str) -> anyhow::Result<A> {
        self.send(Method::GET, path, Vec::new()).await
    }

    /// Asks to do something.
    pub async fn post<A: DeserializeOwned>(&self, path: &str, body: &impl Serialize) -> anyhow::Result<A> {
        self.send(Method::POST, path, serde_json::to_vec(body)?).await
    }

    /// The text of an answer that is no JSON.
    pub async fn text(&self, path: &str) -> anyhow::Result<String> {
        let answer = self.ask(path).await?;
        let body = answer.into_body().collect().await.context("the running convey broke off its answer")?.to_bytes();
        String::from_utf8(body.to_vec()).context("the running convey answers what is no text")
    }

    /// The objects of a stream of server-sent events, as they come.
    pub async fn follow(&self, path: &str) -> anyhow::Result<Stream> {
        Ok(Stream { body: self.ask(path).await?.into_body(), read: Vec::new() })
    }

    async fn ask(&self, path: &str) -> anyhow::Result<http::Response<Incoming>> {
        let request = Request::get(format!("{}{path}", self.base))
            .header(http::header::AUTHORIZATION, self.token.header())
            .body(Full::new(Bytes::new()))?;
        let client = Client::builder(TokioExecutor::new()).build_http();
        let answer = client.request(request).await.context("the running convey does not answer")?;
        if answer.status() == StatusCode::OK {
            return Ok(answer);
        }
        let (parts, body) = answer.into_parts();
        let body = body.collect().await.context("the running convey broke off its answer")?.to_bytes();
        Err(refused(parts.status, &body, "the running convey").into())
    }

    async fn send<A: DeserializeOwned>(&self, method: Method, path: &str, body: Vec<u8>) -> anyhow::Result<A> {
        let request = Request::builder()
            .method(method)
            .uri(format!("{}{path}", self.base))
            .header(http::header::AUTHORIZATION, self.token.header());
        exchange(request, body, "the running convey").await
    }
}

/// Asks a door that needs no token, by plain HTTP, to do something; `who` it is stands in errors.
pub async fn post_to<A: DeserializeOwned>(url: &str, body: &impl Serialize, who: &str) -> anyhow::Result<A> {
    exchange(Request::post(url), serde_json::to_vec(body)?, who).await
}

/// Sends a webhook as its sender would, with its signature in `header`.
pub async fn send_webhook(url: &str, header: (&str, &str), body: String) -> anyhow::Result<Value> {
    exchange(Request::post(url).header(header.0, header.1), body.into_bytes(), "the ingress").await
}

async fn exchange<A: DeserializeOwned>(request: http::request::Builder, body: Vec<u8>, who: &str) -> anyhow::Result<A> {
    let request = request.header(http::header::CONTENT_TYPE, "application/json").body(Full::new(Bytes::from(body)))?;
    let client = Client::builder(TokioExecutor::new()).build_http();
    let answer = client.request(request).await.with_context(|| format!("{who} does not answer"))?;
    let status = answer.status();
    let body = answer.into_body().collect().await.with_context(|| format!("{who} broke off its answer"))?.to_bytes();
    if status == StatusCode::OK {
        return serde_json::from_slice(&body)
            .with_context(|| format!("{who} answers what this convey does not understand"));
    }
    Err(refused(status, &body, who).into())
}

fn refused(status: StatusCode, body: &[u8], who: &str) -> Refused {
    let said: Value = serde_json::from_slice(body).unwrap_or_default();
    let text = said["error"].as_str().map_or_else(|| format!("{who} answers {status}"), str::to_owned);
    Refused { status, text }
}

/// A stream of server-sent events whose text is JSON.
pub struct Stream {
    body: Incoming,
    read: Vec<u8>,
}

impl Stream {
    /// The next object; none once the stream has ended.
    pub async fn next(&mut self) -> anyhow::Result<Option<Value>> {
        loop {
            while let Some(end) = self.read.iter().position(|byte| *byte == b'\n') {
                let line: Vec<u8> = self.read.drain(..=end).collect();
                if let Some(text) = line.strip_prefix(b"data: ") {
                    return Ok(Some(
                        serde_json::from_slice(text)
                            .context("the running convey tells what this one does not understand")?,
                    ));
                }
            }
            match self.body.frame().await {
                None => return Ok(None),
                // It stopped while we listened.
                Some(Err(error)) if error.is_incomplete_message() => return Ok(None),
                Some(Err(error)) => return Err(anyhow::Error::from(error).context("the running convey broke off")),
                Some(Ok(frame)) => self.read.extend_from_slice(frame.data_ref().map_or(&[][..], |part| part)),
            }
        }
    }
}
