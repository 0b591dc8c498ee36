//! Traces: a collector is sent one a delivery, with every step and what made each; requests carry it. Without a collector nothing is sent.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use axum::{Json, Router};
use convey::sandbox::Kind;
use serde_json::Value;
use tokio::net::TcpListener;

use crate::rig::{Convey, eventually, sandbox};
use crate::tap::Tap;
use crate::wire::letters_of;

type Sent = Arc<Mutex<Vec<(HeaderMap, Value)>>>;

/// A collector that takes OTLP over HTTP in JSON.
struct Collector {
    sent: Sent,
    url: String,
    door: tokio::task::JoinHandle<()>,
}

impl Drop for Collector {
    fn drop(&mut self) {
        self.door.abort();
    }
}

impl Collector {
    async fn new() -> Self {
        let sent = Sent::default();
        let take = async |State(sent): State<Sent>, headers: HeaderMap, Json(body): Json<Value>| {
            sent.lock().unwrap().push((headers, body));
            (StatusCode::OK, Json(serde_json::json!({})))
        };
        let router = Router::new().route("/v1/traces", post(take)).with_state(sent.clone());
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let door = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self { sent, url, door }
    }

    /// Every span, by its trace.
    fn traces(&self) -> BTreeMap<String, Vec<Value>> {
        let mut traces: BTreeMap<String, Vec<Value>> = BTreeMap::new();
        for (_, body) in self.sent.lock().unwrap().iter() {
            for span in body["resourceSpans"][0]["scopeSpans"][0]["spans"].as_array().unwrap() {
                traces.entry(span["traceId"].as_str().unwrap().to_owned()).or_default().push(span.clone());
            }
        }
        traces
    }
}

fn attribute<'a>(span: &'a Value, key: &str) -> Option<&'a str> {
    let all = span["attributes"].as_array().unwrap();
    all.iter().find(|attribute| attribute["key"] == key)?["value"]["stringValue"].as_str()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_collector_is_sent_one_trace_a_delivery_with_what_made_each_step() {
    let sandbox = sandbox(1, 1).await;
    let letters = letters_of(&sandbox, Kind::ContactCreated, 4).await;
    let collector = Collector::new().await;
    let tap = Tap::to(&sandbox.summary().ads).await;
    let mut convey = Convey::new(&sandbox.summary()).configure(|text| {
        *text = text.replace(&sandbox.summary().ads, &tap.url);
    });
    convey = convey
        .variable("OTEL_EXPORTER_OTLP_ENDPOINT", &collector.url)
        .variable("OTEL_EXPORTER_OTLP_HEADERS", "authorization=Bearer%20collector-canary")
        .variable("OTEL_SERVICE_NAME", "convey-under-test")
        .variable("OTEL_RESOURCE_ATTRIBUTES", "deployment.environment=tests");
    convey.start().await;
    let mut deliveries = BTreeSet::new();
    for letter in &letters {
        let answer = letter.send(&convey.hook()).await.unwrap().json();
        deliveries.insert(answer["delivery"].as_str().unwrap().to_owned());
    }
    convey.drained().await;
    let live = convey.status().await.unwrap()["mappers"]["default"].clone();
    eventually("every delivery has its trace", async || {
        let traces = collector.traces();
        let whole = |spans: &Vec<Value>| {
            ["receive", "read", "translate"].iter().all(|step| spans.iter().any(|span| span["name"] == *step))
        };
        (traces.len() == letters.len() && traces.values().all(whole)).then_some(())
    })
    .await;
    assert!(convey.stop().await.success());
    let traces = collector.traces();
    let mut told = 0;
    for spans in traces.values() {
        let root: Vec<&Value> = spans.iter().filter(|span| span["name"] == "receive").collect();
        assert_eq!(root.len(), 1);
        let delivery = attribute(root[0], "convey.delivery.id").unwrap();
        assert!(deliveries.remove(delivery), "one trace a delivery");
        for span in spans.iter().filter(|span| span["name"] != "receive") {
            assert_eq!(span["parentSpanId"], root[0]["spanId"]);
            assert_eq!(attribute(span, "convey.delivery.id"), Some(delivery));
            let (began, ended) =
                (span["startTimeUnixNano"].as_str().unwrap(), span["endTimeUnixNano"].as_str().unwrap());
            assert!(began.parse::<u64>().unwrap() <= ended.parse::<u64>().unwrap());
            let digest = match span["name"].as_str().unwrap() {
                "read" => attribute(span, "convey.source.digest"),
                "translate" => {
                    assert_eq!(attribute(span, "convey.mapper.digest"), live["digest"].as_str());
                    attribute(span, "convey.mapper.digest")
                }
                "ship" => {
                    told += 1;
                    assert!(attribute(span, "convey.event.id").is_some());
                    attribute(span, "convey.sink.digest")
                }
                other => panic!("{other}"),
            };
            assert_eq!(digest.map(str::len), Some(64), "{span}");
        }
    }
    assert!(deliveries.is_empty());
    assert_eq!(told, sandbox.accepted(0).len(), "what was told last is in a trace too");
    let (headers, body) = collector.sent.lock().unwrap()[0].clone();
    assert_eq!(headers["authorization"], "Bearer collector-canary");
    let resource = body["resourceSpans"][0]["resource"].to_string();
    assert!(resource.contains("convey-under-test") && resource.contains("deployment.environment"), "{resource}");
    // What was sent to the platform says which trace it belongs to.
    let posts: Vec<_> = tap.take().into_iter().filter(|passed| passed.method == "POST").collect();
    assert!(!posts.is_empty());
    for passed in &posts {
        let parent = passed.headers["traceparent"].to_str().unwrap();
        let trace = parent.split('-').nth(1).unwrap();
        assert!(traces.contains_key(trace), "{parent}");
    }
    let all = serde_json::to_string(&traces).unwrap();
    for letter in &letters {
        if let Some(email) = letter.json()["email"].as_str() {
            assert!(!all.to_lowercase().contains(&email.to_lowercase()));
        }
    }
    assert!(!convey.spoken().contains("collector-canary"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_a_collector_no_request_carries_a_trace() {
    let sandbox = sandbox(1, 1).await;
    let letter = letters_of(&sandbox, Kind::ContactCreated, 1).await.remove(0);
    let tap = Tap::to(&sandbox.summary().ads).await;
    let mut convey = Convey::new(&sandbox.summary()).configure(|text| {
        *text = text.replace(&sandbox.summary().ads, &tap.url);
    });
    convey.start().await;
    letter.insist(&convey.hook()).await;
    convey.drained().await;
    assert!(convey.stop().await.success());
    let passed = tap.take();
    assert!(!passed.is_empty() && passed.iter().all(|passed| !passed.headers.contains_key("traceparent")));
}
