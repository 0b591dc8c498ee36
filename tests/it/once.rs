//! `convey run --once`: one delivery from a file, with every hop shown, against both vendors.

use std::sync::{Arc, Mutex, PoisonError};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use convey::sandbox::{Kind, Options, Play, Sandbox};
use serde_json::json;

use crate::program::Folder;
use crate::rig::options;

type Caught = Arc<Mutex<Vec<Bytes>>>;

async fn catch(State(caught): State<Caught>, body: Bytes) {
    caught.lock().unwrap_or_else(PoisonError::into_inner).push(body);
}

/// The bodies of so many webhooks about somebody new, as the sandbox signs and sends them.
async fn webhooks(sandbox: &Sandbox, count: usize) -> Vec<Bytes> {
    let caught = Caught::default();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let target = format!("http://{}/hooks/highlevel", listener.local_addr().unwrap());
    let router = Router::new().fallback(catch).with_state(caught.clone());
    let server = tokio::spawn(async move { axum::serve(listener, router).await });
    let kinds = vec![Kind::ContactCreated];
    sandbox.play(Play { changes: count, kinds, target, ..Play::default() }).await.unwrap();
    server.abort();
    caught.lock().unwrap_or_else(PoisonError::into_inner).clone()
}

/// A folder that `convey init` set up for the sandbox, on free ports.
fn set_up(sandbox: &Sandbox) -> Folder {
    let folder = Folder::new();
    folder.write("sandbox.json", serde_json::to_string(&sandbox.summary()).unwrap());
    folder.run(&["init", "--sandbox", "sandbox.json"]).ended(0);
    let text =
        folder.read("convey.toml").replace("127.0.0.1:8480", "127.0.0.1:0").replace("127.0.0.1:8481", "127.0.0.1:0");
    folder.write("convey.toml", text).with_state();
    folder
}

#[tokio::test(flavor = "multi_thread", worker_threads = 3)]
async fn one_delivery_goes_the_whole_way_once() {
    let sandbox = Sandbox::start(Options { contacts: 5, ..options() }).await.unwrap();
    let bodies = webhooks(&sandbox, 2).await;
    assert_eq!(bodies.len(), 2);
    tokio::task::block_in_place(|| {
        let folder = set_up(&sandbox);
        folder.write("one.json", &bodies[0]).write("two.json", &bodies[1]);
        let once = folder.run(&["run", "--once", "--fixture", "one.json", "--format", "json"]).ended(0).json();
        let steps: Vec<_> =
            once["hops"].as_array().unwrap().iter().map(|hop| (hop["step"].clone(), hop["what"].clone())).collect();
        let wanted = [
            ("put", "stored"),
            ("read", "1 delivery(s)"),
            ("translate", "1 change(s)"),
            ("ship", "1 event(s) to main"),
        ];
        assert_eq!(steps, wanted.map(|(step, what)| (json!(step), json!(what))));
        assert!(once["hops"].as_array().unwrap().iter().all(|hop| hop["latency_ms"].is_number()));
        let event = &once["deliveries"][0]["changes"][0]["events"][0];
        assert_eq!((&event["state"], &event["destination"]), (&json!("done"), &json!("main")));
        let accepted = sandbox.accepted(0);
        assert_eq!(accepted.len(), 1);
        assert_eq!(accepted[0].event["event_id"], event["event_id"]);

        // The same delivery again is known, and nothing is told twice.
        let again = folder.run(&["run", "--once", "--fixture", "one.json"]).ended(0);
        assert!(again.out.contains("known already"), "{}", again.out);
        assert_eq!(sandbox.accepted(0).len(), 1);

        // A way that is not open ends with 1, and says where it ends.
        folder.write("location.token", "pit-wrong\n");
        let refused = folder.run(&["run", "--once", "--fixture", "two.json"]).ended(1);
        assert!(refused.out.contains("the CRM refuses the token"), "{}", refused.out);
        assert!(refused.err.contains("it did not arrive"), "{}", refused.err);
        assert!(!refused.out.contains("pit-wrong") && !refused.err.contains("pit-wrong"));
        assert_eq!(sandbox.accepted(0).len(), 1);

        folder.write("stranger.json", json!({"locationId": "elsewhere", "webhookId": "w"}).to_string());
        let stranger = folder.run(&["run", "--once", "--fixture", "stranger.json"]).ended(1);
        assert!(stranger.err.contains("names no location that a connection"), "{}", stranger.err);
    });
    sandbox.stop().await;
}
