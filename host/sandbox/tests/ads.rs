//! The ad platform as a client meets it.

use serde_json::{Value, json};

use super::super::{Fault, Faults, Quirks};
use super::{Caller, event, proof, sandbox, urlencoded};

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
    assert!(headers["x-business-use-case-usage"].to_str().expect("ASCII").contains("100"));
    with(Fault { code: Some(4), ..Fault::default() });
    let (_, headers, _) = caller.send(&summary, json!([])).await.expect("an answer");
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
async fn every_encoding_of_the_platform_s_own_programs_is_read() {
    let (sandbox, summary) = sandbox().await;
    let caller = Caller::new();
    let url = format!("{}/v26.0/{}/events", summary.ads, summary.dataset);
    let (token, signed) = (&summary.ads_token, proof(&summary, &summary.ads_token));
    let one = |id: &str| event(&summary, id);
    let (form, text) = ("application/x-www-form-urlencoded", |value: Value| urlencoded(&value.to_string()));
    let in_query = format!("{url}?access_token={token}&appsecret_proof={signed}");
    let multipart = format!(
        "--b\r\nContent-Disposition: form-data; name=\"data\"\r\n\r\n{}\r\n--b\r\n\
         Content-Disposition: form-data; name=\"access_token\"\r\n\r\n{token}\r\n--b--\r\n",
        json!([one("e")])
    );
    for (url, kind, body) in [
        (&url, "application/json", json!({ "data": [one("a")], "access_token": token }).to_string()),
        (&in_query, form, format!("data={}", text(json!([one("b").to_string()])))),
        (&url, form, format!("data={}&access_token={token}&appsecret_proof={signed}", text(json!([one("c")])))),
        (&in_query, "application/json", json!({ "data": [one("d").to_string()] }).to_string()),
        (&url, "multipart/form-data; boundary=b", multipart),
    ] {
        let (status, _, answer) = caller.call("POST", url, &[("content-type", kind)], body).await.expect("an answer");
        assert_eq!((status, &answer["messages"]), (200, &json!([])), "{kind}: {answer}");
    }
    let ids: Vec<Value> = sandbox.accepted(0).iter().map(|accepted| accepted.event["event_id"].clone()).collect();
    assert_eq!(ids, ["a", "b", "c", "d", "e"]);
}

#[tokio::test]
async fn a_proof_is_checked_after_the_token_and_before_everything_else() {
    let (sandbox, summary) = sandbox().await;
    let caller = Caller::new();
    let now = crate::clock::Clock::system().now_ms() / 1_000;
    let timed = proof(&summary, &format!("{}|{now}", summary.ads_token));
    let asked = async |object: &str, query: &str| {
        let url = format!("{}/v25.0/{object}/events?{query}", summary.ads);
        let (status, _, body) = caller
            .call("POST", &url, &[("content-type", "application/json")], "{".to_owned())
            .await
            .expect("an answer");
        assert_eq!(status, 400);
        (body["error"]["code"].as_i64().unwrap_or_default(), body["error"]["error_subcode"].as_i64())
    };
    let dataset = summary.dataset.as_str();
    let token = format!("access_token={}", summary.ads_token);
    let good = format!("{token}&appsecret_proof={}", proof(&summary, &summary.ads_token));
    assert_eq!(asked("1", "access_token=x&appsecret_proof=y").await, (190, None));
    assert_eq!(asked("1", &format!("{token}&appsecret_proof=y")).await, (104, None));
    assert_eq!(asked("1", &good).await, (100, Some(33)));
    assert_eq!(asked(dataset, &good).await, (100, None), "the JSON comes last");
    assert_eq!(asked(dataset, &format!("{token}&appsecret_proof={timed}&appsecret_time={now}")).await, (100, None));
    assert_eq!(
        asked(dataset, &format!("{token}&appsecret_proof={timed}&appsecret_time={}", now - 1)).await,
        (104, None)
    );
    assert_eq!(asked(dataset, &token).await, (100, None), "none is needed");
    sandbox.set_quirks(Quirks { proof_required: true, bad_token_answers_400: true, ..Quirks::default() });
    assert_eq!(asked(dataset, &token).await, (104, None));
    let newest = format!("{}/v26.0/{dataset}?access_token=x", summary.ads);
    assert_eq!(caller.call("GET", &newest, &[], String::new()).await.map(|answer| answer.0), Some(400));
    sandbox.set_quirks(Quirks::default());
    assert_eq!(caller.call("GET", &newest, &[], String::new()).await.map(|answer| answer.0), Some(401));
}

#[tokio::test]
async fn a_repeat_is_taken_and_counted() {
    let (sandbox, summary) = sandbox().await;
    let caller = Caller::new();
    for ids in [["a", "b"], ["b", "c"]] {
        caller.send(&summary, ids.map(|id| event(&summary, id)).to_vec().into()).await.expect("an answer");
    }
    let told: Vec<Option<usize>> = sandbox.accepted(0).iter().map(|accepted| accepted.repeat_of).collect();
    assert_eq!(told, [None, None, Some(2), None]);
    let (_, repeats) = caller.control(&summary, "GET", "/repeats", &Value::Null).await;
    assert_eq!(repeats["datasets"][&summary.dataset], json!({ "events": 3, "repeats": 1 }));
    assert_eq!((&repeats["repeated"][0]["event_id"], &repeats["repeated"][0]["times"]), (&json!("b"), &json!(2)));
    assert_eq!((sandbox.repeated().len(), sandbox.accepted_count()), (1, 4));
    let (_, part) = caller.control(&summary, "GET", "/accepted?after=1&limit=2", &Value::Null).await;
    assert_eq!((part["events"].as_array().map(Vec::len), &part["next"]), (Some(2), &json!(3)));
    sandbox.reset();
    assert_eq!((sandbox.repeated().len(), sandbox.accepted_count()), (0, 0));
}

#[tokio::test]
async fn calls_in_a_batch_are_answered_one_by_one() {
    let (sandbox, summary) = sandbox().await;
    let caller = Caller::new();
    sandbox.set_quirks(Quirks { proof_required: true, ..Quirks::default() });
    sandbox.set_fault_of(&summary.datasets[1], Some(Fault { code: Some(80_004), ..Fault::default() }));
    let send = |dataset: &str, id: &str| {
        let data = urlencoded(&json!([event(&summary, id)]).to_string());
        json!({ "method": "POST", "relative_url": format!("{dataset}/events"), "body": format!("data={data}") })
    };
    let own = json!({ "method": "GET", "relative_url": format!("v26.0/{}?access_token=x", summary.dataset) });
    let calls = json!([
        send(&summary.dataset, "a"),
        send(&summary.datasets[1], "b"),
        { "method": "GET", "relative_url": summary.audience },
        own,
        { "method": "GET" },
        { "method": "G T", "relative_url": "1" },
    ]);
    let signed = proof(&summary, &summary.ads_token);
    let url = format!("{}/v26.0/?access_token={}&appsecret_proof={signed}", summary.ads, summary.ads_token);
    let batch = async |calls: &Value| {
        let form = format!("batch={}", urlencoded(&calls.to_string()));
        let kind = [("content-type", "application/x-www-form-urlencoded")];
        caller.call("POST", &url, &kind, form).await.expect("an answer")
    };
    let (status, _, answers) = batch(&calls).await;
    let answers = answers.as_array().expect("a list");
    let codes: Vec<&Value> = answers.iter().map(|answer| &answer["code"]).collect();
    assert_eq!((status, codes), (200, [200, 400, 200, 401, 400, 400].map(Value::from).iter().collect()));
    let said: Value = serde_json::from_str(answers[1]["body"].as_str().expect("text")).expect("JSON");
    assert_eq!(said["error"]["code"], 80_004);
    let names: Vec<&Value> =
        answers[1]["headers"].as_array().expect("a list").iter().map(|pair| &pair["name"]).collect();
    assert!(names.contains(&&json!("x-business-use-case-usage")), "{names:?}");
    assert_eq!(sandbox.accepted_count(), 1);
    assert_eq!(batch(&json!(vec![json!({}); 51])).await.0, 400);
    assert_eq!(batch(&json!("x")).await.0, 400);
}
