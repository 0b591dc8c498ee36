//! The CRM as a client meets it.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::super::{Allowance, Fault, Faults};
use super::{Caller, sandbox};

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
    caller.control(&summary, "PUT", "/allowance", &json!({ "requests": 7 })).await;
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

#[tokio::test(flavor = "multi_thread")]
async fn two_thousand_requests_a_second() {
    let (sandbox, summary) = sandbox().await;
    sandbox.set_allowance(Allowance { requests: 1_000_000, daily: 1_000_000, ..Allowance::default() });
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
