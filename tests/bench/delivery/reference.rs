//! What is held against convey: the barest handler there is, which says 200 and keeps nothing. It runs in a process of its own.

use std::process::Stdio;

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use ring::signature::{ED25519, UnparsedPublicKey};
use rustix::process::Pid;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};

use crate::wire::SIGNATURE;

/// The word on the command line that makes this program the handler.
pub const WORD: &str = "reference";

/// A running handler.
pub struct Reference {
    child: Child,
    /// Where it takes webhooks.
    pub hook: String,
}

impl Reference {
    /// Starts one: with a public key it verifies the CRM's signature over the raw bytes, as convey does; without one it believes anybody.
    pub async fn start(public_key: Option<&str>) -> Self {
        let program = std::env::current_exe().expect("this program has a path");
        let mut command = Command::new(program);
        command.arg(WORD).args(public_key).stdout(Stdio::piped()).kill_on_drop(true);
        let mut child = command.spawn().expect("it starts");
        let mut lines = BufReader::new(child.stdout.take().expect("a pipe")).lines();
        let hook = lines.next_line().await.expect("it can be read").expect("it says where it listens");
        Self { child, hook }
    }

    /// Its process.
    pub fn pid(&self) -> Pid {
        Pid::from_raw(self.child.id().expect("it runs").cast_signed()).expect("a process")
    }
}

/// Is the handler, until it is killed.
pub async fn serve(public_key: Option<String>) {
    let router = match public_key {
        Some(pem) => Router::new().route("/", post(verified)).with_state(key(&pem)),
        None => Router::new().route("/", post(believed)),
    };
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    println!("http://{}/", listener.local_addr().expect("an address"));
    axum::serve(listener, router).await.expect("it serves");
}

async fn believed(_body: Bytes) -> StatusCode {
    StatusCode::OK
}

async fn verified(State(key): State<UnparsedPublicKey<Vec<u8>>>, headers: HeaderMap, body: Bytes) -> StatusCode {
    let signature = headers.get(SIGNATURE).and_then(|text| BASE64_STANDARD.decode(text.as_bytes()).ok());
    match signature.map(|signature| key.verify(&body, &signature)) {
        Some(Ok(())) => StatusCode::OK,
        _ => StatusCode::UNAUTHORIZED,
    }
}

/// The last 32 bytes of an Ed25519 SubjectPublicKeyInfo are the key (RFC 8410).
fn key(pem: &str) -> UnparsedPublicKey<Vec<u8>> {
    let line = pem.lines().nth(1).expect("a line between the marks");
    let der = BASE64_STANDARD.decode(line).expect("base64");
    UnparsedPublicKey::new(&ED25519, der[der.len() - 32..].to_vec())
}
