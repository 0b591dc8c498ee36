//! An address that alerts are posted to: it takes them, refuses them or does not answer.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::post;
use serde_json::Value;
use tokio::net::TcpListener;

/// How an address treats what is posted to it.
#[derive(Clone, Copy, Default, PartialEq)]
pub enum Manner {
    #[default]
    Take,
    /// 503.
    Refuse,
    /// No answer, ever.
    Hang,
}

#[derive(Default)]
struct Book {
    manner: Manner,
    heard: Vec<Value>,
    refused: Vec<Value>,
    hanging: usize,
    hung_up: Vec<Duration>,
}

type Shared = Arc<Mutex<Book>>;

/// An address that messages are posted to.
pub struct Ear {
    book: Shared,
    pub url: String,
    door: tokio::task::JoinHandle<()>,
}

impl Drop for Ear {
    fn drop(&mut self) {
        self.door.abort();
    }
}

/// One request that is not answered: notes when its sender gives up.
struct Hanging(Shared, Instant);

impl Drop for Hanging {
    fn drop(&mut self) {
        let mut book = self.0.lock().unwrap();
        book.hanging -= 1;
        book.hung_up.push(self.1.elapsed());
    }
}

async fn take(State(shared): State<Shared>, body: String) -> StatusCode {
    let manner = shared.lock().unwrap().manner;
    let message: Value = serde_json::from_str(&body).unwrap();
    match manner {
        Manner::Take => shared.lock().unwrap().heard.push(message),
        Manner::Refuse => {
            shared.lock().unwrap().refused.push(message);
            return StatusCode::SERVICE_UNAVAILABLE;
        }
        Manner::Hang => {
            shared.lock().unwrap().hanging += 1;
            let _hanging = Hanging(shared.clone(), Instant::now());
            std::future::pending::<()>().await;
        }
    }
    StatusCode::NO_CONTENT
}

impl Ear {
    /// One that takes everything.
    pub async fn new() -> Self {
        let book = Shared::default();
        let router = Router::new().route("/services/{canary}", post(take)).with_state(book.clone());
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/services/alert-canary-7Q", listener.local_addr().unwrap());
        let door = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self { book, url, door }
    }

    /// From now on it treats what comes so.
    pub fn will(&self, manner: Manner) {
        self.book.lock().unwrap().manner = manner;
    }

    /// Everything that was said, in order.
    pub fn heard(&self) -> Vec<Value> {
        self.book.lock().unwrap().heard.clone()
    }

    /// What was said of an alert, in order.
    pub fn of(&self, alert: &str) -> Vec<Value> {
        self.heard().into_iter().filter(|said| said["alert"] == alert).collect()
    }

    /// The states of the messages of an alert that it took, in order.
    pub fn states(&self, alert: &str) -> Vec<String> {
        self.of(alert).iter().map(|said| said["state"].as_str().unwrap().to_owned()).collect()
    }

    /// Whether it refused a message of this alert in this state.
    pub fn refused(&self, alert: &str, state: &str) -> bool {
        self.book.lock().unwrap().refused.iter().any(|said| said["alert"] == alert && said["state"] == state)
    }

    /// How many requests it keeps waiting now.
    pub fn hanging(&self) -> usize {
        self.book.lock().unwrap().hanging
    }

    /// How long those waited whose sender gave up.
    pub fn hung_up(&self) -> Vec<Duration> {
        self.book.lock().unwrap().hung_up.clone()
    }
}
