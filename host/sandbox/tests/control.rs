//! The control door, and what it refuses.

use serde_json::{Value, json};

use super::super::{Locations, Options, Play, Sandbox, SandboxError};
use super::{Caller, Receiver, options, sandbox};

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
        ("/faults", json!({ "crm": { "location": "nowhere", "latency_ms": 5 } })),
        ("/play", json!({ "changes": 1 })),
        ("/simulate", json!({ "type": "ContactUpdate", "contact": {}, "target": "http://example.com/" })),
        ("/simulate", json!({ "type": "ContactUpdate", "contact": {} })),
        ("/simulate", json!({ "type": "ContactExploded", "contact": {}, "target": "http://127.0.0.1:1/" })),
        ("/tokens", json!({ "location": "nowhere", "scopes": [] })),
        ("/oauth/expire", json!({ "location": "nowhere" })),
        ("/oauth/install", json!({ "location": summary.location, "company": true })),
        ("/locations/nowhere/suspend", json!({})),
        ("/clock", json!({ "tomorrow": 1 })),
    ] {
        let (status, answer) = caller.control(&summary, "POST", path, &body).await;
        assert!(status == 400 && answer["error"].is_string(), "{path} {body}: {status} {answer}");
    }
    for (path, body) in [
        ("/subscription", json!({ "url": "http://example.com/" })),
        ("/subscription", json!({ "url": "http://127.0.0.1:1/", "drop": 2 })),
        ("/quirks", json!({ "search_lag": 1 })),
        ("/allowance", json!({ "per_ms": 0 })),
    ] {
        let (status, answer) = caller.control(&summary, "PUT", path, &body).await;
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

#[tokio::test]
async fn switches_show_what_they_are_and_a_reset_puts_them_back() {
    let (_sandbox, summary) = sandbox().await;
    let caller = Caller::new();
    let put = |path: &'static str, body: Value| {
        let (caller, summary) = (&caller, &summary);
        async move { caller.control(summary, "PUT", path, &body).await.0 }
    };
    assert_eq!(put("/quirks", json!({ "search_lag_ms": 5 })).await, 200);
    assert_eq!(put("/allowance", json!({ "requests": 3 })).await, 200);
    assert_eq!(put("/subscription", json!({ "url": "http://127.0.0.1:1/" })).await, 200);
    let get = |path: &'static str| {
        let (caller, summary) = (&caller, &summary);
        async move { caller.control(summary, "GET", path, &Value::Null).await.1 }
    };
    assert_eq!(get("/quirks").await["search_lag_ms"], 5);
    assert_eq!(get("/allowance").await, json!({ "requests": 3, "per_ms": 10_000, "daily": 200_000 }));
    assert_eq!(get("/subscription").await["url"], "http://127.0.0.1:1/");
    caller.control(&summary, "POST", "/reset", &json!({})).await;
    assert_eq!(get("/quirks").await["search_lag_ms"], 0);
    assert_eq!(get("/allowance").await["requests"], 100);
    assert_eq!(get("/subscription").await, Value::Null);
}
