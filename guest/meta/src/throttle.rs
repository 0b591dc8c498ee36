//! How much of the allowance is used and when it comes back (Graph API, "Rate Limits", headers; RFC 9110 §10.2.3).

use serde_json::Value;

use crate::bindings::exports::convey::pipeline::conversions_sink::Usage;
use crate::exchange::Answer;

const MINUTE_MS: u64 = 60_000;

/// How long to wait before the next request, in milliseconds: what `Retry-After` says, else what the usage headers estimate.
pub fn wait_ms(answer: &Answer) -> Option<u32> {
    let seconds = answer.header("retry-after").and_then(|text| text.trim().parse::<u64>().ok());
    seconds.map(|seconds| capped(seconds.saturating_mul(1000))).or_else(|| usage(answer)?.regain_ms)
}

/// The fullest of all gauges the answer shows, in per cent; over 100 is possible. None if it shows none.
pub fn usage(answer: &Answer) -> Option<Usage> {
    let gauges = |name: &str| answer.header(name).and_then(|text| serde_json::from_str::<Value>(text).ok());
    let app = gauges("x-app-usage").into_iter();
    let account = gauges("x-ad-account-usage").into_iter();
    // One list of use cases for each business.
    let business = gauges("x-business-use-case-usage").into_iter().flat_map(|all| {
        let lists = all.as_object().map(|map| map.values().cloned().collect::<Vec<_>>()).unwrap_or_default();
        lists.into_iter().flat_map(|list| list.as_array().cloned().unwrap_or_default())
    });
    app.chain(account).chain(business).filter_map(|gauge| gauge_usage(&gauge)).reduce(|one, other| Usage {
        percent: one.percent.max(other.percent),
        regain_ms: one.regain_ms.max(other.regain_ms),
    })
}

fn gauge_usage(gauge: &Value) -> Option<Usage> {
    let read = |key: &str| gauge[key].as_f64().filter(|number| *number >= 0.0);
    let parts = ["call_count", "total_cputime", "total_time", "acc_id_util_pct"];
    let percent = parts
        .into_iter()
        .filter_map(read)
        .fold(None, |top: Option<f64>, part| Some(top.map_or(part, |top| top.max(part))))?;
    let minutes = read("estimated_time_to_regain_access").filter(|minutes| *minutes > 0.0);
    // The account's reset time is always there; it only means a wait once the account is full.
    let seconds = read("reset_time_duration").filter(|_| percent >= 100.0);
    let regain = minutes.map(|minutes| minutes * MINUTE_MS as f64).or(seconds.map(|seconds| seconds * 1000.0));
    Some(Usage {
        percent: percent.ceil().min(f64::from(u32::MAX)) as u32,
        regain_ms: regain.map(|ms| capped(ms as u64)),
    })
}

/// A day at most: a wait that outlives the events would be a pause nobody ordered.
fn capped(ms: u64) -> u32 {
    u32::try_from(ms.min(1440 * MINUTE_MS)).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::{usage, wait_ms};
    use crate::exchange::Answer;

    fn answer(headers: &[(&str, &str)]) -> Answer {
        let headers = headers.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect();
        Answer { status: 200, headers, body: Vec::new() }
    }

    const BUSINESS: &str = r#"{"77":[{"type":"ads_management","call_count":95,"total_cputime":20,"total_time":96.2,"estimated_time_to_regain_access":3}],
        "78":[{"type":"custom_audience","call_count":1,"total_cputime":1,"total_time":1,"estimated_time_to_regain_access":0}]}"#;

    #[test]
    fn the_fullest_gauge_counts() {
        let given = answer(&[
            ("x-app-usage", r#"{"call_count":28,"total_time":25,"total_cputime":25}"#),
            ("x-business-use-case-usage", BUSINESS),
        ]);
        let usage = usage(&given).expect("two gauges");
        assert_eq!((usage.percent, usage.regain_ms), (97, Some(180_000)));
    }

    #[test]
    fn an_account_waits_only_when_it_is_full() {
        let half = usage(&answer(&[("x-ad-account-usage", r#"{"acc_id_util_pct":50.5,"reset_time_duration":100}"#)]))
            .expect("a gauge");
        assert_eq!((half.percent, half.regain_ms), (51, None));
        let full = usage(&answer(&[("x-ad-account-usage", r#"{"acc_id_util_pct":100,"reset_time_duration":100}"#)]))
            .expect("a gauge");
        assert_eq!((full.percent, full.regain_ms), (100, Some(100_000)));
    }

    #[test]
    fn retry_after_wins_and_nonsense_is_nothing() {
        assert_eq!(wait_ms(&answer(&[("retry-after", "30"), ("x-business-use-case-usage", BUSINESS)])), Some(30_000));
        assert_eq!(
            wait_ms(&answer(&[("retry-after", "99999999999999999999"), ("x-business-use-case-usage", BUSINESS)])),
            Some(180_000)
        );
        assert_eq!(wait_ms(&answer(&[("retry-after", "9999999999")])), Some(86_400_000));
        assert_eq!(wait_ms(&answer(&[("x-app-usage", "[]")])), None);
        assert!(usage(&answer(&[("x-app-usage", "{broken"), ("x-business-use-case-usage", "[1]")])).is_none());
    }
}
