//! Every misdeed of a sink: it breaks alone, reaches nobody it was not granted, and sees no credential.

use std::fs;
use std::net::TcpListener as Listener;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::extract::{Request, State};
use convey::config;
use convey::contract::Operation;
use convey::egress::{Allow, Credential, Grant, Ticket};
use convey::engine::{Engine, Fault, FaultKind, GuestLimits, Lines, Outcome, Shipment, Sink, SinkDestination};
use convey::vault::SecretRef;
use http::HeaderMap;
use http::header::AUTHORIZATION;
use tempfile::TempDir;

use super::{LIMITS, engine, events};
use crate::guests;
use crate::program::{Folder, good};

const TOKEN: &str = "canary-f00dfeed-token";

/// The sink, with a platform that repeats whatever it is sent.
struct Stage {
    engine: Engine,
    sink: Sink,
    base: String,
    operations: Vec<Operation>,
    address: String,
    seen: Seen,
    folder: TempDir,
}

/// Path and credential of every request that came.
type Seen = Arc<Mutex<Vec<(String, Option<String>)>>>;

async fn repeat(State(seen): State<Seen>, request: Request) -> String {
    let credential = request.headers().get(AUTHORIZATION).map(|value| value.to_str().unwrap().to_owned());
    let path = request.uri().path().to_owned();
    seen.lock().unwrap_or_else(PoisonError::into_inner).push((path, credential));
    format!("{:?}", request.headers())
}

impl Stage {
    async fn set(limits: GuestLimits) -> Self {
        let engine = engine(limits);
        let loaded = engine.load("strange", &guests::component("convey-test-sink", guests::WASI)).unwrap();
        let sink = Sink::new(&engine, loaded).unwrap();
        let profile = sink.describe().await.unwrap();
        let seen = Seen::default();
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let router = Router::new().fallback(repeat).with_state(seen.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("token"), TOKEN).unwrap();
        Self { engine, sink, base: profile.base_url, operations: profile.operations, address, seen, folder }
    }

    /// A ticket for one call, with a credential.
    fn ticket(&self, allow: &[&str]) -> Arc<Ticket> {
        let allow = allow.iter().map(|line| Allow::parse(line).unwrap()).collect();
        let grant = Grant::new(&self.base, &self.operations, Some(self.address.parse().unwrap()), allow).unwrap();
        let credential = Credential::Secret(SecretRef::File(self.folder.path().join("token")));
        Arc::new(Ticket::new("sink.strange".to_owned(), Arc::new(grant), Some(credential), HeaderMap::new()))
    }

    async fn deliver(&self, ticket: &Arc<Ticket>, behaviour: &str) -> Result<Vec<Outcome>, Fault> {
        let destination = SinkDestination { id: "d1".to_owned(), settings: behaviour.to_owned(), test_code: None };
        let events = events(&self.engine, 3).await;
        Ok(self.sink.deliver(ticket.clone(), &destination, &events, &mut None).await?.outcomes)
    }

    /// What the sink writes in a delivery, and how that ends.
    async fn heard(&self, behaviour: &str) -> (Option<Lines>, Result<Shipment, Fault>) {
        let destination = SinkDestination { id: "d1".to_owned(), settings: behaviour.to_owned(), test_code: None };
        let mut lines = None;
        let ended = self.sink.deliver(self.ticket(&[]), &destination, &events(&self.engine, 1).await, &mut lines).await;
        (lines, ended)
    }

    /// The one text that stands in every outcome.
    async fn text(&self, ticket: &Arc<Ticket>, behaviour: &str) -> String {
        let outcomes = self.deliver(ticket, behaviour).await.unwrap();
        match &outcomes[..] {
            [Outcome::Rejected(text), _, _] => text.clone(),
            other => panic!("{other:?}"),
        }
    }

    fn seen(&self) -> Vec<(String, Option<String>)> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_sink_that_breaks_is_named_and_the_next_call_works() {
    let stage = Stage::set(LIMITS).await;
    let misdeeds = [
        ("trap", FaultKind::Trap, "the sink broke on purpose", "convey_test_sink"),
        ("hang", FaultKind::Time, "its CPU time was used up", "convey_test_sink"),
        ("hog", FaultKind::Memory, "it asked for more memory than it may have", "convey_test_sink"),
    ];
    for (behaviour, kind, text, frame) in misdeeds {
        let ticket = stage.ticket(&[]);
        let fault = stage.deliver(&ticket, behaviour).await.unwrap_err();
        assert_eq!((fault.kind, fault.call, ticket.sent()), (kind, "deliver", 0), "{behaviour}: {}", fault.line());
        assert_eq!(fault.guest, stage.sink.loaded().label());
        assert!(fault.line().contains(text), "{behaviour}: {}", fault.line());
        assert!(fault.frames.iter().any(|name| name.contains(frame)), "{behaviour}: {:?}", fault.frames);
        assert!(!fault.frames.iter().any(|name| name.starts_with("function ")), "{behaviour}: {:?}", fault.frames);
        assert_eq!(stage.deliver(&stage.ticket(&[]), "well").await.unwrap(), vec![Outcome::Accepted(None); 3]);
    }
    let sent: Vec<_> = stage.seen();
    assert_eq!(sent, vec![("/v1/events".to_owned(), Some(format!("Bearer {TOKEN}"))); 3], "only the good calls");
}

/// What a guest writes is handed on however its call ends, masked; a log, which has what a Fault displays, has none of it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_sink_writes_is_heard_however_the_call_ends_and_starts_anew_with_the_next() {
    let stage = Stage::set(LIMITS).await;
    let (lines, ended) = stage.heard("chatty:one two").await;
    assert_eq!(ended.unwrap().outcomes, [Outcome::Accepted(None)]);
    let lines = lines.unwrap();
    assert_eq!((lines.guest, lines.call), (stage.sink.loaded().label(), "deliver"));
    assert_eq!(lines.text, "ONE TWO\nasks for [personal]");
    let (lines, ended) = stage.heard("trap").await;
    let fault = ended.unwrap_err();
    assert!(lines.unwrap().text.contains("the sink broke on purpose"));
    assert!(fault.line().contains("the sink broke on purpose") && !fault.to_string().contains("on purpose"), "{fault}");
    assert_eq!(stage.heard("well").await.0, None);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_answer_of_another_length_is_a_fault_that_says_the_request_left() {
    let stage = Stage::set(LIMITS).await;
    let ticket = stage.ticket(&[]);
    let fault = stage.deliver(&ticket, "short").await.unwrap_err();
    assert_eq!((fault.kind, fault.text.as_str()), (FaultKind::Contract, "3 items went in, 2 answers came out"));
    assert_eq!(ticket.sent(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn waiting_costs_no_cpu_time_but_a_call_ends_some_time() {
    let patient = Stage::set(LIMITS).await;
    let wait = LIMITS.call_cpu * 4;
    let slow = format!("slow:{}", wait.as_millis());
    assert_eq!(patient.deliver(&patient.ticket(&[]), &slow).await.unwrap(), vec![Outcome::Accepted(None); 3]);
    let hasty = Stage::set(GuestLimits { call_wall: Duration::from_millis(200), ..LIMITS }).await;
    let fault = hasty.deliver(&hasty.ticket(&[]), "slow:60000").await.unwrap_err();
    assert_eq!((fault.kind, fault.text.as_str()), (FaultKind::Time, "no answer within 200 ms"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_greedy_sink_connects_to_nobody_and_the_refusal_is_the_fix() {
    let stage = Stage::set(LIMITS).await;
    let stranger = Listener::bind("127.0.0.1:0").unwrap();
    stranger.set_nonblocking(true).unwrap();
    let url = format!("http://{}/steal", stranger.local_addr().unwrap());
    let ticket = stage.ticket(&[]);
    let text = stage.text(&ticket, &format!("greedy:{url}?email=jo@example.com")).await;
    assert!(text.starts_with("refused: ") && text.contains("HttpRequestDenied"), "{text}");
    assert_eq!(ticket.sent(), 0);
    // A connection waits in the listener's queue from the moment it is made: there is none.
    assert_eq!(stranger.accept().unwrap_err().kind(), std::io::ErrorKind::WouldBlock);
    let refusals = ticket.refusals();
    let [refusal] = &refusals[..] else { panic!("{refusals:?}") };
    let wanted = format!(
        "sink.strange asked for GET {url}, which it was not granted. If it should be, add to the configuration:\n\n\
         [sink.strange]\nallow = [\"GET {url}\"]\n"
    );
    assert_eq!(*refusal, wanted, "the query, which may be private, is left out");

    // What it prints is pasted, read, and allows exactly that.
    let (_, lines) = refusal.split_once("\n\n").unwrap();
    let folder = Folder::new();
    let text = format!("{}{lines}component = \"builtin:meta\"\n", good(&folder));
    folder.write("convey.toml", text);
    let pasted = config::load(&folder.at("convey.toml")).unwrap().sinks["strange"].allow.clone();
    assert_eq!(pasted, [format!("GET {url}")]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_an_operator_allows_passes_without_the_credential() {
    let stage = Stage::set(LIMITS).await;
    let url = format!("{}/lookup/1010", stage.address);
    let ticket = stage.ticket(&[&format!("GET {}/lookup/{{zip}}", stage.address)]);
    assert_eq!(stage.text(&ticket, &format!("greedy:{url}")).await, "got HTTP 200");
    let text = stage.text(&ticket, &format!("greedy:{}/lookup/", stage.address)).await;
    assert!(text.starts_with("refused: "), "{text}");
    assert_eq!(stage.seen(), [("/lookup/1010".to_owned(), None)]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_sink_that_looks_everywhere_sees_no_credential() {
    let stage = Stage::set(LIMITS).await;
    let seen = stage.text(&stage.ticket(&[]), "peek").await;
    assert!(seen.contains("environment []\narguments []\n"), "{seen}");
    assert!(seen.contains("response 200") && seen.contains("content-type"), "the echo came back: {seen}");
    assert!(!seen.contains("canary") && !seen.contains("f00dfeed"), "{seen}");
    assert_eq!(stage.seen(), [("/v1/echo".to_owned(), Some(format!("Bearer {TOKEN}")))], "it was there on the way out");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_pure_call_has_no_way_out() {
    let stage = Stage::set(LIMITS).await;
    assert_eq!(stage.sink.configure("trap").await.unwrap(), Ok(Vec::new()));
    assert_eq!(stage.sink.configure("tarp").await.unwrap(), Err("no such behaviour: tarp".to_owned()));
    let destination =
        SinkDestination { id: "d1".to_owned(), settings: "greedy:http://127.0.0.1:1/".to_owned(), test_code: None };
    let texts = stage.sink.encode(&destination, &events(&stage.engine, 2).await).await.unwrap();
    assert_eq!(texts.len(), 2);
    assert!(stage.seen().is_empty());
}
