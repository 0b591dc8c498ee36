//! The ad platform's bad days, one dataset at a time and for all.

use serde_json::{Value, json};

use super::super::{Fault, Quirks, Summary};
use super::{Caller, event, sandbox};

fn second(summary: &Summary) -> Summary {
    Summary { dataset: summary.datasets[1].clone(), ..summary.clone() }
}

#[tokio::test]
async fn one_dataset_hangs_and_the_others_work() {
    let (sandbox, summary) = sandbox().await;
    let caller = Caller::new();
    let other = second(&summary);
    let path = format!("/faults/{}", summary.dataset);
    assert_eq!(caller.control(&summary, "PUT", &path, &json!({ "hold": true })).await.0, 200);
    let hanging = {
        let summary = summary.clone();
        tokio::spawn(async move { Caller::new().send(&summary, json!([event(&summary, "held")])).await })
    };
    assert_eq!(caller.send(&other, json!([event(&summary, "free")])).await.map(|answer| answer.0), Some(200));
    assert_eq!(sandbox.accepted_count(), 1);
    assert!(!hanging.is_finished());
    // Another dataset's fault lets nobody go.
    sandbox.set_fault_of(&other.dataset, Some(Fault { code: Some(4), ..Fault::default() }));
    let (_, shown) = caller.control(&summary, "GET", "/faults", &Value::Null).await;
    assert_eq!(shown["objects"][&summary.dataset]["hold"], true);
    assert_eq!(shown["objects"][&other.dataset]["code"], 4);
    assert!(!hanging.is_finished());
    assert_eq!(caller.control(&summary, "PUT", &path, &Value::Null).await.0, 200);
    assert_eq!(hanging.await.expect("released").map(|answer| answer.0), Some(200));
    assert_eq!(caller.send(&other, json!([event(&summary, "b")])).await.expect("an answer").2["error"]["code"], 4);
    for (path, body) in [("/faults/42", json!({ "hold": true })), (path.as_str(), json!({ "rate_limit": true }))] {
        assert_eq!(caller.control(&summary, "PUT", path, &body).await.0, 400, "{path} {body}");
    }
}

#[tokio::test]
async fn seven_of_a_thousand_are_bad_and_only_the_platform_knows_which() {
    let (sandbox, summary) = sandbox().await;
    let caller = Caller::new();
    let bad: Vec<String> = [3, 140, 141, 500, 777, 998, 999].iter().map(|turn| format!("e{turn}")).collect();
    sandbox.set_fault_of(&summary.dataset, Some(Fault { reject_event_ids: bad.clone(), ..Fault::default() }));
    let batch = |ids: &[String]| ids.iter().map(|id| event(&summary, id)).collect::<Vec<_>>().into();
    let all: Vec<String> = (0..1_000).map(|turn| format!("e{turn}")).collect();
    let (status, _, body) = caller.send(&summary, batch(&all)).await.expect("an answer");
    let error = &body["error"];
    assert_eq!((status, &error["code"], &error["error_subcode"]), (400, &json!(100), &json!(2_804_036)));
    assert_eq!((&error["is_transient"], &error["type"]), (&json!(false), &json!("OAuthException")));
    assert!(!body.to_string().contains("e3") && error["fbtrace_id"].is_string(), "it does not say which: {body}");
    let good: Vec<String> = all.iter().filter(|id| !bad.contains(id)).cloned().collect();
    assert_eq!(caller.send(&summary, batch(&good)).await.map(|answer| answer.0), Some(200));
    for id in &bad {
        assert_eq!(caller.send(&summary, batch(std::slice::from_ref(id))).await.map(|answer| answer.0), Some(400));
    }
    assert_eq!(sandbox.accepted_count(), 993);
}

#[tokio::test]
async fn throttling_says_in_its_headers_when_there_is_room_again() {
    let (sandbox, summary) = sandbox().await;
    let caller = Caller::new();
    let usage = |headers: &axum::http::HeaderMap, name: &str| -> Value {
        serde_json::from_slice(headers[name].as_bytes()).expect("JSON")
    };
    for (code, name) in [
        (4, "x-app-usage"),
        (17, "x-business-use-case-usage"),
        (613, "x-business-use-case-usage"),
        (80_004, "x-business-use-case-usage"),
    ] {
        let regain_access_min = (code != 4).then_some(12);
        let fault = Fault { code: Some(code), regain_access_min, times: Some(1), ..Fault::default() };
        sandbox.set_fault_of(&summary.dataset, Some(fault));
        let (status, headers, body) = caller.send(&summary, json!([event(&summary, "a")])).await.expect("an answer");
        assert_eq!((status, &body["error"]["code"], &body["error"]["is_transient"]), (400, &json!(code), &json!(true)));
        let told = usage(&headers, name);
        let gauge = if code == 4 { &told } else { &told[&summary.dataset][0] };
        assert_eq!(gauge["call_count"], 100);
        assert_eq!(gauge["estimated_time_to_regain_access"].as_u64(), regain_access_min);
    }
    sandbox.set_fault_of(&summary.dataset, Some(Fault { used: Some(91), ..Fault::default() }));
    let (status, headers, _) = caller.send(&summary, json!([event(&summary, "a")])).await.expect("an answer");
    assert_eq!((status, &usage(&headers, "x-app-usage")["call_count"]), (200, &json!(91)));
}

#[tokio::test]
async fn what_was_done_may_look_as_if_it_was_not() {
    let (sandbox, summary) = sandbox().await;
    let caller = Caller::new();
    let with = |fault: Fault| sandbox.set_fault_of(&summary.dataset, Some(Fault { obey: true, ..fault }));
    with(Fault { code: Some(2), status: Some(503), ..Fault::default() });
    let (status, _, body) = caller.send(&summary, json!([event(&summary, "a")])).await.expect("an answer");
    assert_eq!((status, &body["error"]["is_transient"], sandbox.accepted_count()), (503, &json!(true), 1));
    with(Fault { html: true, ..Fault::default() });
    assert_eq!(caller.send(&summary, json!([event(&summary, "b")])).await.map(|answer| answer.0), Some(503));
    with(Fault { empty: true, retry_after_s: Some(9), ..Fault::default() });
    let (status, headers, _) = caller.send(&summary, json!([event(&summary, "c")])).await.expect("an answer");
    assert_eq!((status, headers["retry-after"].to_str().expect("ASCII")), (502, "9"));
    assert_eq!(sandbox.accepted_count(), 3);
}

#[tokio::test]
async fn people_are_told_in_their_own_language_and_programs_by_number() {
    let (sandbox, summary) = sandbox().await;
    let caller = Caller::new();
    let bearer = format!("Bearer {}", summary.ads_token);
    let mut old = event(&summary, "old");
    old["event_time"] = 1_600_000_000.into();
    let body = json!({ "data": [old] }).to_string();
    let url = format!("{}/v26.0/{}/events", summary.ads, summary.dataset);
    let titles = async |url: &str, language: &str| {
        let headers =
            [("authorization", bearer.as_str()), ("accept-language", language), ("content-type", "application/json")];
        let (_, _, answer) = caller.call("POST", url, &headers, body.clone()).await.expect("an answer");
        assert_eq!(answer["error"]["error_subcode"], 2_804_003);
        answer["error"]["error_user_title"].as_str().unwrap_or_default().to_owned()
    };
    assert_eq!(titles(&url, "en").await, "Event Timestamp Too Old");
    assert_eq!(titles(&url, "fr-FR,fr;q=0.9").await, titles(&format!("{url}?locale=fr_FR"), "en").await);
    assert_ne!(titles(&url, "fr-FR").await, titles(&url, "en").await);
    sandbox.set_quirks(Quirks { store_events_62_days: true, ..Quirks::default() });
    assert_eq!(titles(&url, "en").await, "Event Timestamp Too Old", "that switch is about shops");
}
