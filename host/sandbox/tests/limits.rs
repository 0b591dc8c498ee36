//! The allowance, and answers that wait.

use serde_json::{Value, json};

use super::super::{Allowance, Fault, Faults, Quirks};
use super::{Caller, sandbox};

/// A moment in the middle of a day: no count ends at midnight.
const NOON_MS: u64 = 1_795_305_600_000;

#[tokio::test]
async fn a_location_answers_so_many_in_any_span_and_tells_what_came() {
    let (sandbox, summary) = sandbox().await;
    let caller = Caller::new();
    caller.control(&summary, "POST", "/clock", &json!({ "now_ms": NOON_MS })).await;
    // Longer than the test may take: the span moves by hand only.
    let allowance = json!({ "requests": 3, "per_ms": 3_600_000 });
    assert_eq!(caller.control(&summary, "PUT", "/allowance", &allowance).await.0, 200);
    let path = |at: usize| format!("/locations/{}", summary.locations[at]);
    for left in ["2", "1", "0"] {
        let (status, headers, _) = caller.ask(&summary, &summary.crm_token, &path(0)).await;
        assert_eq!((status, headers["x-ratelimit-remaining"].to_str().expect("ASCII")), (200, left));
    }
    let (status, headers, body) = caller.ask(&summary, &summary.crm_token, &path(0)).await;
    assert_eq!((status, body), (429, json!({ "statusCode": 429, "message": "Too Many Requests" })));
    assert!(!headers.contains_key("retry-after"));
    for (name, wanted) in [
        ("x-ratelimit-max", "3"),
        ("x-ratelimit-remaining", "0"),
        ("x-ratelimit-interval-milliseconds", "3600000"),
        ("x-ratelimit-limit-daily", "200000"),
        ("x-ratelimit-daily-remaining", "199997"),
    ] {
        assert_eq!(headers[name].to_str().expect("ASCII"), wanted, "{name}");
    }
    assert_eq!(caller.ask(&summary, &summary.crm_token, &path(1)).await.0, 200);
    sandbox.set_quirks(Quirks { retry_after: true, ..Quirks::default() });
    let headers = caller.ask(&summary, &summary.crm_token, &path(0)).await.1;
    let wait: u64 = headers["retry-after"].to_str().expect("ASCII").parse().expect("seconds");
    assert!((3_000..=3_600).contains(&wait), "{wait}");
    caller.control(&summary, "POST", "/clock", &json!({ "advance_ms": 3_600_000 })).await;
    assert_eq!(caller.ask(&summary, &summary.crm_token, &path(0)).await.0, 200);
    let shown = caller.control(&summary, "GET", "/limits", &Value::Null).await.1;
    let first = &shown["locations"][&summary.locations[0]];
    assert_eq!((&first["total"], &first["refused"], &first["most_in_window"]), (&json!(6), &json!(2), &json!(5)));
    assert_eq!(sandbox.limits()[1].total, 1);
    sandbox.set_allowance(Allowance { daily: 0, ..Allowance::default() });
    assert_eq!(caller.ask(&summary, &summary.crm_token, &path(1)).await.0, 429);
}

#[tokio::test]
async fn a_slow_location_holds_nobody_else() {
    let (sandbox, summary) = sandbox().await;
    let slow = Fault { hold: true, location: Some(summary.locations[1].clone()), ..Fault::default() };
    sandbox.set_faults(Faults { crm: Some(slow), ads: None });
    let waiting = {
        let summary = summary.clone();
        let path = format!("/locations/{}", summary.locations[1]);
        tokio::spawn(async move { Caller::new().ask(&summary, &summary.crm_token, &path).await.0 })
    };
    let caller = Caller::new();
    let path = format!("/locations/{}", summary.locations[0]);
    while sandbox.limits()[1].total == 0 {
        assert_eq!(caller.ask(&summary, &summary.crm_token, &path).await.0, 200);
    }
    assert!(!waiting.is_finished());
    sandbox.set_faults(Faults::default());
    assert_eq!(waiting.await.expect("answered"), 200);
}
