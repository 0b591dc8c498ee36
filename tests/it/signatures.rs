//! What is taken at the door, what is refused, and what is held.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use bytes::Bytes;
use convey::sandbox::{Kind, Sandbox};
use ring::rand::SystemRandom;
use ring::signature::Ed25519KeyPair;
use serde_json::json;

use crate::rig::{Convey, accepted_ids, eventually, sandbox, second_connection};
use crate::wire::{self, Letter, SIGNATURE, deliver, letters, letters_of};

async fn started() -> (Sandbox, Convey, Letter) {
    let sandbox = sandbox(1, 1).await;
    let letter = letters_of(&sandbox, Kind::ContactCreated, 1).await.remove(0);
    let mut convey = Convey::new(&sandbox.summary()).configure(|text| {
        *text = text.replace("[admin]", "max_body_bytes = 65536\n[admin]");
    });
    convey.start().await;
    (sandbox, convey, letter)
}

/// Only the sender's signature over the very bytes opens the door.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn only_the_signature_over_the_very_bytes_is_taken() {
    let (sandbox, mut convey, letter) = started().await;
    let hook = convey.hook();
    let stranger = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new()).unwrap();
    let stranger = Ed25519KeyPair::from_pkcs8(stranger.as_ref()).unwrap();
    let by_stranger = BASE64_STANDARD.encode(stranger.sign(&letter.body));
    let spaced = Bytes::from(serde_json::to_vec_pretty(&letter.json()).unwrap());
    let cut = letter.body.slice(..letter.body.len() - 1);
    let signature = letter.signature.as_str();
    for (what, headers, body, status) in [
        ("no signature", vec![], letter.body.clone(), 401),
        ("the words for none", vec![(SIGNATURE, "N/A")], letter.body.clone(), 401),
        ("an empty one", vec![(SIGNATURE, "")], letter.body.clone(), 401),
        ("no base64", vec![(SIGNATURE, "not base64!")], letter.body.clone(), 401),
        ("another's key", vec![(SIGNATURE, by_stranger.as_str())], letter.body.clone(), 401),
        ("written anew with spaces", vec![(SIGNATURE, signature)], spaced, 401),
        ("the last byte is missing", vec![(SIGNATURE, signature)], cut, 401),
        ("nothing", vec![(SIGNATURE, signature)], Bytes::new(), 401),
        ("the retired header alone", vec![("x-wh-signature", signature)], letter.body.clone(), 401),
        ("as it was sent", vec![(SIGNATURE, signature)], letter.body.clone(), 200),
    ] {
        let answer = deliver(&hook, &headers, body).await.unwrap();
        assert_eq!(answer.status, status, "{what}: {answer:?}");
    }
    let elsewhere = letter.send(&convey.url("/hooks/salesforce")).await.unwrap();
    assert_eq!(elsewhere.status, 404, "{elsewhere:?}");
    let large = deliver(&hook, &[(SIGNATURE, signature)], Bytes::from(vec![b' '; 65_537])).await.unwrap();
    assert_eq!(large.status, 413, "{large:?}");

    convey.drained().await;
    assert!(convey.stop().await.success());
    let book = convey.book().await;
    assert_eq!(book.accounts.len(), 1, "nothing of what was refused was stored");
    assert_eq!(accepted_ids(&sandbox, &sandbox.summary().dataset).len(), 1);
}

/// A webhook that was really signed, but longer ago than any sender tries again, is a replay.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_webhook_from_beyond_the_replay_window_is_refused() {
    let (sandbox, mut convey, _) = started().await;
    let clock = format!("{}/clock", sandbox.summary().control);
    const HOUR_MS: i64 = 3_600_000;
    for (back_hours, status) in [(49, 401), (47, 200)] {
        let moved = json!({"advance_ms": -back_hours * HOUR_MS}).to_string();
        assert_eq!(deliver(&clock, &[], Bytes::from(moved)).await.unwrap().status, 200);
        let letter = letters_of(&sandbox, Kind::ContactCreated, 1).await.remove(0);
        let answer = letter.send(&convey.hook()).await.unwrap();
        assert_eq!(answer.status, status, "{back_hours} hours ago: {answer:?}");
        let back = json!({"advance_ms": back_hours * HOUR_MS}).to_string();
        deliver(&clock, &[], Bytes::from(back)).await.unwrap();
    }
    convey.drained().await;
    assert!(convey.stop().await.success());
    assert_eq!(convey.book().await.accounts.len(), 1);
}

/// A location nobody knows yet is no reason to refuse: its webhooks wait, and go on when a connection claims them after a restart.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_webhook_of_an_unknown_location_is_held_and_then_adopted() {
    let sandbox = sandbox(2, 1).await;
    let summary = sandbox.summary();
    let second = summary.locations[1].clone();
    let play = convey::sandbox::Play {
        changes: 3,
        kinds: vec![Kind::ContactCreated],
        locations: Some(convey::sandbox::Locations::Named(vec![second.clone()])),
        ..Default::default()
    };
    let letters = letters(&sandbox, play).await;
    let mut convey = Convey::new(&summary);
    convey.start().await;
    for letter in &letters {
        assert_eq!(letter.send(&convey.hook()).await.unwrap().status, 200);
    }
    let status = convey.status().await.unwrap();
    assert_eq!(
        (&status["status"]["held"][0]["count"], &status["status"]["held"][0]["location"]),
        (&json!(3), &json!(second))
    );
    assert_eq!(letters[0].send(&convey.hook()).await.unwrap().json(), json!({"known": true}), "known while it is held");
    assert!(convey.stop().await.success());
    assert!(sandbox.accepted(0).is_empty());

    let mut convey = convey.configure(|text| text.push_str(&second_connection(&second)));
    convey.start().await;
    eventually("all that was held has arrived", async || (sandbox.accepted(0).len() >= 3).then_some(())).await;
    convey.drained().await;
    assert!(convey.stop().await.success());
    let book = convey.book().await;
    book.assert_all_told(letters.iter().map(|letter| letter.id.as_str()));
    book.assert_exact(&book.event_ids(), &accepted_ids(&sandbox, &summary.dataset));
}

/// The door says that it lives and that it is ready, to anybody.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_door_says_that_it_lives_and_is_ready() {
    let (_sandbox, convey, _) = started().await;
    for path in ["/healthz", "/readyz"] {
        assert_eq!(wire::get(&convey.url(path), &[]).await.unwrap().status, 200, "{path}");
    }
}
