//! Webhooks on their way: signed, doubled, lost, overtaken, sent again.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use ring::signature::{ED25519, UnparsedPublicKey};
use serde_json::Value;
use tokio::net::TcpListener;

use super::super::world::lock;
use super::super::{Kind, Play};
use super::{Caller, Receiver, sandbox};

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
