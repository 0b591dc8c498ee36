//! Webhooks without a target of their own: the subscription, and those somebody wrote down.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use ring::signature::{ED25519, UnparsedPublicKey};
use serde_json::{Value, json};

use super::super::world::lock;
use super::super::{Kind, Options, Play, Sandbox, SandboxError, Subscription};
use super::{Caller, Receiver, options, sandbox};

#[tokio::test]
async fn a_play_without_a_target_goes_where_the_app_listens() {
    let receiver = Receiver::default();
    let webhooks = Some(receiver.listen().await);
    let sandbox = Sandbox::start(Options { webhooks, ..options() }).await.expect("free ports");
    let summary = sandbox.summary();
    let kinds = vec![Kind::ContactCreated, Kind::NoteCreated];
    let play = Play { changes: 200, drop: 0.2, kinds, ..Play::default() };
    let played = sandbox.play(play.clone()).await.expect("played");
    assert_eq!(receiver.bodies().len(), played.fired.len());
    assert!(!played.dropped.is_empty() && played.fired.len() + played.dropped.len() == 200);
    assert_eq!(played.dropped_by_type.values().sum::<usize>(), played.dropped.len());
    let lost = played.dropped.iter().filter(|lost| lost.kind == "NoteCreate").count();
    assert_eq!(played.dropped_by_type.get("NoteCreate").copied().unwrap_or_default(), lost);
    let shown = Caller::new().control(&summary, "GET", "/dropped", &Value::Null).await.1;
    let shown: Vec<&str> = shown["dropped"]
        .as_array()
        .expect("rows")
        .iter()
        .filter_map(|row| row["type"].as_str().and(row["contact"].as_str()).and(row["webhookId"].as_str()))
        .collect();
    assert_eq!(shown, played.dropped.iter().map(|lost| lost.webhook_id.as_str()).collect::<Vec<_>>());
    let url = sandbox.world.subscription().expect("subscribed").url;
    sandbox.subscribe(Some(Subscription { drop: 1.0, ..Subscription::plain(url) })).expect("a good one");
    let played = sandbox.play(Play { drop: 0.0, ..play.clone() }).await.expect("played");
    assert_eq!((played.fired.len(), played.dropped.len()), (0, 200));
    sandbox.subscribe(None).expect("none");
    assert!(matches!(sandbox.play(play).await, Err(SandboxError::Asked(_))));
}

#[tokio::test]
async fn an_announced_webhook_is_doubled_lost_or_sent_again_as_the_subscription_says() {
    let (sandbox, summary) = sandbox().await;
    let caller = Caller::new();
    let receiver = Receiver::default();
    let plain = Subscription::plain(receiver.listen().await);
    *lock(&receiver.refusals) = 1;
    sandbox.subscribe(Some(Subscription { duplicate: 1.0, retries: 1, ..plain.clone() })).expect("a good one");
    caller.control(&summary, "POST", "/oauth/install", &json!({})).await;
    let bodies = receiver.come(2).await;
    assert_eq!((&bodies[0]["type"], &bodies[0]["locationId"]), (&json!("INSTALL"), &json!(summary.location)));
    assert_eq!(bodies[0]["webhookId"], bodies[1]["webhookId"]);
    sandbox.subscribe(Some(Subscription { drop: 1.0, ..plain })).expect("a good one");
    caller.control(&summary, "POST", "/oauth/uninstall", &json!({})).await;
    let dropped = caller.control(&summary, "GET", "/dropped", &Value::Null).await.1;
    assert_eq!((dropped["dropped"][0]["type"].as_str(), receiver.bodies().len()), (Some("UNINSTALL"), 2));
}

#[tokio::test]
async fn a_fixture_is_signed_and_sent_as_a_webhook() {
    let (_sandbox, summary) = sandbox().await;
    let caller = Caller::new();
    let receiver = Receiver::default();
    let target = receiver.listen().await;
    let fixture = json!({ "id": "c1", "firstName": "Änne", "tags": ["vip"], "webhookId": "theirs" });
    let asked = json!({ "type": "ContactUpdate", "contact": fixture, "target": target });
    let (status, answer) = caller.control(&summary, "POST", "/simulate", &asked).await;
    assert_eq!((status, &answer["status"]), (200, &json!(200)));
    let (signature, body) = lock(&receiver.seen)[0].clone();
    let der = BASE64_STANDARD.decode(summary.webhook_public_key.lines().nth(1).expect("a line")).expect("base64");
    let signature = BASE64_STANDARD.decode(signature).expect("base64");
    UnparsedPublicKey::new(&ED25519, &der[12..]).verify(&body, &signature).expect("a valid signature");
    let body: Value = serde_json::from_slice(&body).expect("JSON");
    assert_eq!(
        (&body["type"], &body["firstName"], &body["id"]),
        (&json!("ContactUpdate"), &json!("Änne"), &json!("c1"))
    );
    assert_eq!((&body["webhookId"], &body["locationId"]), (&answer["webhookId"], &json!(summary.location)));
    assert!(body["timestamp"].is_string() && body["appId"].is_string() && body["versionId"].is_string());
    caller.control(&summary, "PUT", "/subscription", &json!({ "url": target })).await;
    let asked = json!({ "type": "NoteCreate", "contact": { "id": "n1", "locationId": "elsewhere" } });
    assert_eq!(caller.control(&summary, "POST", "/simulate", &asked).await.1["status"], 200);
    assert_eq!(receiver.bodies()[1]["locationId"], "elsewhere");
}
