//! The whole sandbox over real sockets.

use std::sync::Arc;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, Request, StatusCode};
use axum::routing::post;
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use http_body_util::{BodyExt, Full};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use ring::signature::{ED25519, UnparsedPublicKey};
use serde_json::{Value, json};
use tokio::net::TcpListener;

use super::world::lock;
use super::{Fault, Faults, Kind, Locations, Options, Play, Sandbox, SandboxError, Summary};

const HASH: &str = "62a14e44f765419d10fea99367361a727c12365e2520f32218d505ed9aa0f62f";

fn options() -> Options {
    Options { locations: 2, datasets: 2, contacts: 20, seed: 11, listen: None }
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

/// What a receiver saw: signature header and raw body, and what it answers next.
#[derive(Clone, Default)]
struct Receiver {
    seen: Arc<Mutex<Vec<(String, Bytes)>>>,
    refusals: Arc<Mutex<usize>>,
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
            lock(&receiver.seen).push((signature, body));
            StatusCode::OK
        }
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let url = format!("http://{}/hooks/crm", listener.local_addr().expect("bound"));
        let router = Router::new().route("/hooks/crm", post(take)).with_state(self.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        url
    }

    fn bodies(&self) -> Vec<Value> {
        lock(&self.seen).iter().map(|(_, body)| serde_json::from_slice(body).expect("JSON")).collect()
    }
}

#[tokio::test]
async fn webhooks_verify_and_the_crm_agrees_with_them() {
    let (sandbox, summary) = sandbox().await;
    let receiver = Receiver::default();
    let target = receiver.listen().await;
    let played = sandbox.play(Play { changes: 300, target, ..Play::default() }).await.expect("played");
    assert_eq!((played.refused, played.dropped.len()), (0, 0));
    let seen = lock(&receiver.seen).clone();
    assert_eq!(seen.len(), played.fired.len());
    let der = BASE64_STANDARD.decode(summary.webhook_public_key.lines().nth(1).expect("a line")).expect("base64");
    let key = UnparsedPublicKey::new(&ED25519, &der[12..]);
    for (signature, body) in &seen {
        key.verify(body, &BASE64_STANDARD.decode(signature).expect("base64")).expect("a valid signature");
    }
    let created = played.fired.iter().filter(|fired| fired.kind == "ContactCreate").count();
    assert!(created * 100 >= 45 * 300 - 1_500, "{created} of 300");
    let caller = Caller::new();
    for fired in played.fired.iter().take(40) {
        let (status, headers, body) = caller.contact(&summary, &fired.contact_id).await;
        assert_eq!(status, 200);
        assert_eq!(body["contact"]["locationId"], fired.location_id.as_str());
        assert!(body["traceId"].is_string() && headers["x-ratelimit-max"] == "100");
    }
    sandbox.stop().await;
}

#[tokio::test]
async fn duplicates_share_an_id_the_dropped_never_come_and_order_is_lost() {
    let (sandbox, _) = sandbox().await;
    let receiver = Receiver::default();
    let target = receiver.listen().await;
    let kinds = vec![Kind::ContactCreated];
    let play = Play { changes: 400, duplicate: 0.25, drop: 0.1, reorder: 0.3, kinds, target, ..Play::default() };
    let played = sandbox.play(play).await.expect("played");
    let ids: Vec<Value> = receiver.bodies().into_iter().map(|mut body| body["webhookId"].take()).collect();
    let came = |id: &str| ids.iter().filter(|seen| *seen == id).count();
    assert!(played.fired.iter().all(|fired| came(&fired.webhook_id) == fired.copies as usize));
    assert!(played.dropped.iter().all(|dropped| came(&dropped.webhook_id) == 0));
    let doubled = played.fired.iter().filter(|fired| fired.copies == 2).count();
    assert!((50..140).contains(&doubled), "{doubled}");
    assert!((15..80).contains(&played.dropped.len()), "{}", played.dropped.len());
    let planned: Vec<&String> = played.fired.iter().map(|fired| &fired.webhook_id).collect();
    let arrived: Vec<&str> = ids.iter().filter_map(Value::as_str).collect();
    assert_ne!(planned.iter().map(|id| id.as_str()).collect::<Vec<_>>(), arrived);
}

#[tokio::test]
async fn a_refused_webhook_is_sent_again_and_given_up_in_the_end() {
    let (sandbox, _) = sandbox().await;
    let receiver = Receiver::default();
    let target = receiver.listen().await;
    *lock(&receiver.refusals) = 2;
    let play = Play { changes: 1, kinds: vec![Kind::NoteCreated], target, retry_ms: 1, ..Play::default() };
    let played = sandbox.play(play.clone()).await.expect("played");
    assert_eq!((played.fired[0].tries, played.fired[0].status, played.refused), (3, Some(200), 0));
    *lock(&receiver.refusals) = 100;
    let played = sandbox.play(Play { tries: 4, ..play.clone() }).await.expect("played");
    assert_eq!((played.fired[0].tries, played.fired[0].status, played.refused), (4, Some(429), 1));
    let nobody = TcpListener::bind("127.0.0.1:0").await.expect("a free port").local_addr().expect("bound");
    let played = sandbox.play(Play { tries: 2, target: format!("http://{nobody}/"), ..play }).await.expect("played");
    assert_eq!((played.fired[0].tries, played.fired[0].status, played.refused), (2, None, 1));
}

#[tokio::test]
async fn the_crm_refuses_as_the_vendor_does() {
    let (sandbox, summary) = sandbox().await;
    let caller = Caller::new();
    let (status, _, body) = caller.contact(&summary, "nobody").await;
    assert_eq!((status, &body["message"]), (400, &json!("Contact with id nobody not found")));
    let known = caller.control(&summary, "GET", "/contacts", &Value::Null).await.1["contacts"][0].clone();
    let url = format!("{}/contacts/{}", summary.crm, known.as_str().expect("an id"));
    let (status, headers, body) = caller.call("GET", &url, &[], String::new()).await.expect("an answer");
    assert_eq!((status, &body["statusCode"]), (401, &json!(401)));
    assert!(headers.contains_key("x-ratelimit-daily-remaining") && body["traceId"].is_string());
    let (status, _, body) =
        caller.call("GET", &format!("{}/nothing", summary.crm), &[], String::new()).await.expect("an answer");
    assert_eq!((status, &body["message"]), (404, &json!("Cannot GET /nothing")));
    let limit = Faults { crm: Some(Fault { rate_limit: true, ..Fault::default() }), ads: None };
    caller.control(&summary, "POST", "/clock", &json!({ "now_ms": 1_795_305_600_000_u64 })).await;
    sandbox.set_faults(limit);
    let mut statuses = Vec::new();
    for _ in 0..101 {
        statuses.push(caller.contact(&summary, known.as_str().expect("an id")).await.0);
    }
    assert_eq!((statuses[99], statuses[100]), (200, 429));
    caller.control(&summary, "POST", "/clock", &json!({ "advance_ms": 10_000 })).await;
    assert_eq!(caller.contact(&summary, known.as_str().expect("an id")).await.0, 200);
}

#[tokio::test]
async fn a_location_tells_what_its_contacts_refer_to() {
    let (_sandbox, summary) = sandbox().await;
    let caller = Caller::new();
    let bearer = format!("Bearer {}", summary.crm_token);
    let headers = [("authorization", bearer.as_str()), ("version", "2021-07-28")];
    let url = |path: String| format!("{}{path}", summary.crm);
    let at = &summary.location;
    let ask = |path: String| caller.call("GET", path.leak(), &headers, String::new());
    let fields = ask(url(format!("/locations/{at}/customFields"))).await.expect("an answer").2;
    assert_eq!(fields["customFields"][0]["fieldKey"], "contact.budget");
    let stages = ask(url(format!("/opportunities/pipelines?locationId={at}"))).await.expect("an answer").2;
    assert_eq!(stages["pipelines"][0]["stages"].as_array().map(Vec::len), Some(5));
    let location = ask(url(format!("/locations/{at}"))).await.expect("an answer").2;
    assert_eq!(location["location"]["country"], "US");
    assert_eq!(ask(url("/opportunities/pipelines?locationId=other".to_owned())).await.expect("an answer").0, 403);
}

#[tokio::test]
async fn the_platform_takes_all_or_nothing_and_keeps_the_order() {
    let (sandbox, summary) = sandbox().await;
    let caller = Caller::new();
    let bad = json!([event(&summary, "a"), { "event_name": "Lead" }]);
    let (status, _, body) = caller.send(&summary, bad).await.expect("an answer");
    assert_eq!((status, &body["error"]["code"], sandbox.accepted(0).len()), (400, &json!(100), 0));
    for ids in [["a", "b"], ["c", "d"]] {
        let (status, headers, body) =
            caller.send(&summary, ids.map(|id| event(&summary, id)).to_vec().into()).await.expect("one");
        assert_eq!((status, &body["events_received"], &body["messages"]), (200, &json!(2), &json!([])));
        assert!(headers.contains_key("x-app-usage") && body["fbtrace_id"].is_string());
    }
    let next = caller.control(&summary, "GET", "/accepted?after=1", &Value::Null).await.1;
    let ids: Vec<&str> =
        next["events"].as_array().expect("events").iter().filter_map(|e| e["event"]["event_id"].as_str()).collect();
    assert_eq!((ids, &next["next"]), (vec!["b", "c", "d"], &json!(4)));
    let url = |version: &str, object: &str| format!("{}/{version}/{object}/events", summary.ads);
    for (url, token, code) in [
        (url("v19.0", &summary.dataset), summary.ads_token.as_str(), 2635),
        (url("v26.0", &summary.dataset), "EAAwrong", 190),
        (url("v26.0", "42"), summary.ads_token.as_str(), 100),
    ] {
        let bearer = format!("Bearer {token}");
        let (_, _, body) =
            caller.call("POST", &url, &[("authorization", &bearer)], "{".to_owned()).await.expect("an answer");
        assert_eq!(body["error"]["code"], code);
    }
    let (status, _, body) =
        caller.call("POST", &url("v26.0", &summary.dataset), &[], "{}".to_owned()).await.expect("an answer");
    assert_eq!((status, &body["error"]["code"]), (400, &json!(104)));
}

#[tokio::test]
async fn a_poll_waits_for_the_next_event() {
    let (_sandbox, summary) = sandbox().await;
    let waiting = {
        let summary = summary.clone();
        tokio::spawn(async move {
            Caller::new().control(&summary, "GET", "/accepted?after=0&wait_ms=20000", &Value::Null).await.1
        })
    };
    let caller = Caller::new();
    caller.send(&summary, json!([event(&summary, "late")])).await.expect("an answer");
    assert_eq!(waiting.await.expect("polled")["events"][0]["event"]["event_id"], "late");
}

#[tokio::test]
async fn faults_of_the_platform() {
    let (sandbox, summary) = sandbox().await;
    let caller = Caller::new();
    let with = |fault: Fault| sandbox.set_faults(Faults { crm: None, ads: Some(fault) });
    with(Fault { drop_answer: true, times: Some(1), ..Fault::default() });
    assert!(caller.send(&summary, json!([event(&summary, "lost answer")])).await.is_none());
    assert_eq!(sandbox.accepted(0).len(), 1);
    assert_eq!(caller.send(&summary, json!([event(&summary, "next")])).await.map(|answer| answer.0), Some(200));
    with(Fault { reject_event_ids: vec!["evil".to_owned()], subcode: Some(2_804_003), ..Fault::default() });
    let answer =
        caller.send(&summary, json!([event(&summary, "fine"), event(&summary, "evil")])).await.expect("an answer").2;
    assert_eq!(answer["error"]["error_subcode"], 2_804_003);
    assert_eq!(caller.send(&summary, json!([event(&summary, "fine")])).await.map(|answer| answer.0), Some(200));
    with(Fault { code: Some(80_004), ..Fault::default() });
    let (status, headers, body) = caller.send(&summary, json!([])).await.expect("an answer");
    assert_eq!((status, &body["error"]["is_transient"]), (400, &json!(true)));
    assert!(headers["x-app-usage"].to_str().expect("ASCII").contains("100"));
    with(Fault { html: true, ..Fault::default() });
    let (status, headers, _) = caller.send(&summary, json!([])).await.expect("an answer");
    assert_eq!((status, headers["content-type"].to_str().expect("ASCII")), (503, "text/html; charset=utf-8"));
    with(Fault { empty: true, ..Fault::default() });
    assert_eq!(caller.send(&summary, json!([])).await.map(|answer| (answer.0, answer.2)), Some((502, Value::Null)));
    with(Fault { echo: true, ..Fault::default() });
    let (status, headers, body) = caller.send(&summary, json!(["canary"])).await.expect("an answer");
    assert_eq!(status, 500);
    assert!(headers["x-echo-authorization"].to_str().expect("ASCII").contains(&summary.ads_token));
    assert!(body.to_string().contains("canary"));
}

#[tokio::test]
async fn control_refuses_what_it_cannot_do_and_reset_forgets() {
    let (sandbox, summary) = sandbox().await;
    let caller = Caller::new();
    for (path, body) in [
        ("/play", json!({ "changes": 1, "target": "http://example.com/hooks" })),
        ("/play", json!({ "change": 1, "target": "http://127.0.0.1:1/" })),
        ("/play", json!({ "locations": 3, "target": "http://127.0.0.1:1/" })),
        ("/play", json!({ "kinds": ["contact-exploded"], "target": "http://127.0.0.1:1/" })),
        ("/faults", json!({ "crm": { "html": true } })),
        ("/clock", json!({ "tomorrow": 1 })),
    ] {
        let (status, answer) = caller.control(&summary, "POST", path, &body).await;
        assert!(status == 400 && answer["error"].is_string(), "{path} {body}: {status} {answer}");
    }
    let receiver = Receiver::default();
    let target = receiver.listen().await;
    let named = Some(Locations::Named(vec![summary.locations[1].clone()]));
    let played = sandbox
        .play(Play { changes: 10, locations: named, target: target.clone(), ..Play::default() })
        .await
        .expect("played");
    assert!(played.fired.iter().all(|fired| fired.location_id == summary.locations[1]));
    caller.contact(&summary, "nobody").await;
    let book = caller.control(&summary, "GET", "/requests", &Value::Null).await.1;
    assert_eq!(book["counts"]["crm"]["GET /contacts/{id}"], 1);
    caller.control(&summary, "POST", "/reset", &json!({})).await;
    assert_eq!(caller.control(&summary, "GET", "/fired", &Value::Null).await.1["fired"], json!([]));
    let again = sandbox.play(Play { changes: 10, target, ..Play::default() }).await.expect("played");
    let first: Vec<&String> = played.fired.iter().map(|fired| &fired.webhook_id).collect();
    assert!(again.fired.iter().all(|fired| !first.contains(&&fired.webhook_id)));
}

#[tokio::test]
async fn only_loopback_is_listened_on() {
    let listen = Some("0.0.0.0:0".parse().expect("an address"));
    assert!(matches!(Sandbox::start(Options { listen, ..options() }).await, Err(SandboxError::Asked(_))));
    let (_sandbox, summary) = sandbox().await;
    let taken = Some(summary.crm.trim_start_matches("http://").parse().expect("an address"));
    assert!(matches!(Sandbox::start(Options { listen: taken, ..options() }).await, Err(SandboxError::Listen { .. })));
}

#[tokio::test(flavor = "multi_thread")]
async fn two_thousand_requests_a_second() {
    let (sandbox, summary) = sandbox().await;
    let known = Caller::new().control(&summary, "GET", "/contacts", &Value::Null).await.1["contacts"][0].clone();
    let began = Instant::now();
    let callers: Vec<_> = (0..16)
        .map(|_| {
            let (summary, id) = (summary.clone(), known.as_str().expect("an id").to_owned());
            tokio::spawn(async move {
                let caller = Caller::new();
                for _ in 0..125 {
                    assert_eq!(caller.contact(&summary, &id).await.0, 200);
                }
            })
        })
        .collect();
    for caller in callers {
        caller.await.expect("called");
    }
    // A loose bound: a busy machine must not make this fail, a quadratic book of requests must.
    assert!(began.elapsed() < Duration::from_secs(20), "{:?}", began.elapsed());
    sandbox.stop().await;
}
