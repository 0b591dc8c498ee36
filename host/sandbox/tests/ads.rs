//! The ad platform as a client meets it.

use serde_json::{Value, json};

use super::super::{Fault, Faults};
use super::{Caller, event, sandbox};

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
