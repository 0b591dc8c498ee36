//! Refreshing: one at a time, durable before it is used, and only for a token that has run out.

use bytes::Bytes;
use convey::admin::{Token, read_address};
use convey::engine::Query;
use convey::sandbox::Quirks;
use http::Method;
use serde_json::json;
use tokio::task::JoinSet;

use super::{by_app, calls, grant, killed_while_refreshing, log_in, opened, said};
use crate::rig::{Convey, eventually, sandbox};
use crate::tap::Tap;
use crate::vendor::Vendor;
use crate::wire;

/// Asks a running convey for a contact, so many times at once; the statuses.
async fn asked_at_once(convey: &Convey, id: &str, times: usize) -> Vec<u16> {
    let url = format!("http://{}/crm/acme/ask", read_address(&convey.state()).unwrap());
    let token = Token::read(&convey.state()).unwrap().header();
    let body = Bytes::from(serde_json::to_vec(&Query::Contact(id.to_owned())).unwrap());
    let mut all = JoinSet::new();
    for _ in 0..times {
        let (url, token, body) = (url.clone(), token.clone(), body.clone());
        all.spawn(async move {
            let headers = [("authorization", token.as_str()), ("content-type", "application/json")];
            wire::deliver(&url, &headers, body).await.unwrap().status
        });
    }
    all.join_all().await
}

/// Fifty calls find their token expired, by the CRM's word and by its age: one refresh each time, and all are answered.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fifty_calls_on_an_expired_token_refresh_it_once() {
    let sandbox = sandbox(1, 1).await;
    let (summary, vendor) = (sandbox.summary(), Vendor::of(&sandbox));
    let id = vendor.contacts().await.remove(0);
    let mut convey = by_app(Convey::new(&summary), &summary);
    convey.start().await;
    log_in(&convey).await;
    assert_eq!(asked_at_once(&convey, &id, 3).await, [200; 3]);
    vendor.control(Method::POST, "/oauth/expire", &json!({})).await;
    assert_eq!(asked_at_once(&convey, &id, 50).await, [200; 50]);
    assert_eq!(calls(&sandbox, "refresh_token"), ["issued"]);

    vendor.control(Method::PUT, "/oauth/life", &json!({"token_life_s": 2})).await;
    // A token that was refused as soon as it was given is not renewed within the second.
    eventually("it is refreshed by hand", async || {
        (convey.command(&["auth", "refresh", "acme"]).await.code == Some(0)).then_some(())
    })
    .await;
    vendor.control(Method::PUT, "/oauth/life", &json!({"token_life_s": 86_399})).await;
    assert_eq!(calls(&sandbox, "refresh_token"), ["issued"; 2], "asked for by hand");
    let end = grant(&convey, "acme").await["expires_at"].as_i64().unwrap();
    eventually("its life is over", async || (jiff::Timestamp::now().as_millisecond() > end).then_some(())).await;
    assert_eq!(asked_at_once(&convey, &id, 50).await, [200; 50]);
    assert_eq!(calls(&sandbox, "refresh_token"), ["issued"; 3]);
    assert!(convey.stop().await.success());
}

/// A 401 in the middle of a command: the token is refreshed, and only the request that was refused is sent again.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_401_replays_the_one_request_that_it_refused() {
    let sandbox = sandbox(1, 1).await;
    let (summary, vendor) = (sandbox.summary(), Vendor::of(&sandbox));
    let tap = Tap::open(&summary).await;
    let before = tap.before(&summary);
    let mut convey = by_app(Convey::new(&before), &before)
        .configure(|text| *text = text.replace("[connection.acme]\n", "[connection.acme]\naccess = \"write\"\n"));
    convey.start().await;
    log_in(&convey).await;
    let id = vendor.contacts().await.remove(0);
    tap.take();
    vendor.control(Method::POST, "/oauth/expire", &json!({})).await;
    let tagged = convey.command(&["crm", "tag", "add", &id, "seen"]).await;
    assert_eq!(tagged.json()["changed"], true);
    let passed: Vec<(String, u16)> = tap.take().iter().map(|passed| (passed.line(), passed.status)).collect();
    let line = |line: String, status: u16| (line, status);
    assert_eq!(
        passed,
        [
            line(format!("GET /contacts/{id}"), 401),
            line("POST /oauth/token".to_owned(), 200),
            line(format!("GET /contacts/{id}"), 200),
            line(format!("POST /contacts/{id}/tags"), 201),
        ]
    );
    // A 401 that no new token would cure is no reason to ask for one.
    let narrow = json!({"location": summary.location, "scopes": ["contacts.readonly"]});
    let code = vendor.control(Method::POST, "/oauth/install", &narrow).await["code"].as_str().unwrap().to_owned();
    opened(&convey, "acme").await;
    let login = ["auth", "login", "acme", "--redirected", &code, "--accept-no-state"];
    assert_eq!(convey.command(&login).await.code, Some(0));
    tap.take();
    let refused = convey.command(&["crm", "tag", "add", &id, "again"]).await;
    said(&refused, 1, "contacts.write");
    let catalogue = convey.command(&["crm", "catalogue"]).await.json();
    assert_eq!(catalogue["missing"].as_array().unwrap().len(), 3, "{catalogue}");
    assert!(tap.take().iter().all(|passed| passed.line() != "POST /oauth/token"));
    assert!(convey.stop().await.success());
}

/// Killed with the answer in hand and nothing on disk: within the vendor's grace the same refresh gives the same pair again.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refresh_that_was_cut_off_is_repeated_within_the_grace() {
    let sandbox = sandbox(1, 1).await;
    // A busy machine may take longer than the vendor's half minute.
    sandbox.set_quirks(Quirks { refresh_grace_ms: 600_000, ..Quirks::default() });
    let (mut convey, letter) = killed_while_refreshing(&sandbox, "after-refresh-answer:1").await;
    convey.start().await;
    convey.drained().await;
    assert_eq!(grant(&convey, "acme").await["state"], "live");
    assert_eq!(calls(&sandbox, "refresh_token"), ["issued", "repeated"]);
    assert!(convey.stop().await.success());
    convey.book().await.assert_all_told([letter.id.as_str()]);
}

/// Killed once the new token is durable: nothing is asked again.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refresh_that_was_kept_is_not_repeated() {
    let sandbox = sandbox(1, 1).await;
    sandbox.set_quirks(Quirks { refresh_grace_ms: 0, ..Quirks::default() });
    let (mut convey, letter) = killed_while_refreshing(&sandbox, "after-token-put:1").await;
    convey.start().await;
    convey.drained().await;
    assert_eq!(grant(&convey, "acme").await["state"], "live");
    assert_eq!(calls(&sandbox, "refresh_token"), ["issued"]);
    assert!(convey.stop().await.success());
    convey.book().await.assert_all_told([letter.id.as_str()]);
}
