//! How much of its allowance a caller has used, as the headers of every answer say it (Graph API, Rate Limits).

use axum::http::HeaderValue;
use axum::response::Response;
use serde_json::json;

use super::super::faults::Fault;

/// Usage of a caller who asks little, in percent.
const CALM: u32 = 1;
/// Usage of one who asked too much.
const SPENT: u32 = 100;
/// Minutes until there is room again, unless the fault says otherwise.
const REGAIN_MIN: u64 = 1;

/// An answer that says that too much was asked, and of what: which header it is told in depends on that.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Throttled {
    /// Of the app: `X-App-Usage`.
    App,
    /// Of the business: `X-Business-Use-Case-Usage`, with a time.
    Business,
}

impl Throttled {
    /// What an error code is about; none: not about usage.
    pub fn by(code: i64) -> Option<Self> {
        match code {
            4 | 32 | 341 => Some(Self::App),
            17 | 613 | 80_000..=80_014 => Some(Self::Business),
            _ => None,
        }
    }
}

/// Writes the headers on an answer about `object`: a dataset's id, an audience's or an account's.
pub fn tell(response: &mut Response, object: &str, fault: Option<&Fault>) {
    let throttled = response.extensions().get::<Throttled>().copied();
    let calm = fault.and_then(|fault| fault.used).unwrap_or(CALM);
    let used = |what| if throttled == Some(what) { SPENT } else { calm };
    let app = used(Throttled::App);
    let app = json!({ "call_count": app, "total_cputime": 0, "total_time": app });
    let regain_min = match throttled {
        Some(Throttled::Business) => fault.and_then(|fault| fault.regain_access_min).unwrap_or(REGAIN_MIN),
        _ => 0,
    };
    let spent = used(Throttled::Business);
    let business = json!({
        object.trim_start_matches("act_"): [{
            "type": "ads_management", "call_count": spent, "total_cputime": 0, "total_time": spent,
            "estimated_time_to_regain_access": regain_min, "ads_api_access_tier": "standard_access",
        }],
    });
    for (name, value) in [("x-app-usage", app), ("x-business-use-case-usage", business)] {
        // An object's name that no header can carry was no object's id.
        if let Ok(value) = HeaderValue::try_from(value.to_string()) {
            response.headers_mut().insert(name, value);
        }
    }
}

#[cfg(test)]
mod tests {
    use axum::response::{IntoResponse, Response};
    use serde_json::{Value, json};

    use super::super::super::faults::{Fault, throttles};
    use super::{Throttled, tell};

    fn told(mut response: Response, fault: Option<&Fault>) -> (Value, Value) {
        tell(&mut response, "act_12", fault);
        let header = |name| serde_json::from_slice(response.headers()[name].as_bytes()).expect("JSON");
        (header("x-app-usage"), header("x-business-use-case-usage"))
    }

    #[test]
    fn usage_is_told_where_the_code_belongs() {
        let throttled = |code: i64, fault: Fault| {
            let mut response = "".into_response();
            response.extensions_mut().insert(Throttled::by(code).expect("a code that throttles"));
            told(response, Some(&fault))
        };
        let (app, business) = throttled(4, Fault::default());
        assert_eq!((&app["call_count"], &business["12"][0]["call_count"]), (&json!(100), &json!(1)));
        let (app, business) = throttled(80_004, Fault { regain_access_min: Some(7), ..Fault::default() });
        assert_eq!((&app["call_count"], &business["12"][0]["call_count"]), (&json!(1), &json!(100)));
        assert_eq!(business["12"][0]["estimated_time_to_regain_access"], 7);
        let (app, business) = told("".into_response(), Some(&Fault { used: Some(83), ..Fault::default() }));
        assert_eq!((&app["total_time"], &business["12"][0]["total_time"]), (&json!(83), &json!(83)));
        assert_eq!(business["12"][0]["estimated_time_to_regain_access"], 0);
        for code in [4, 17, 32, 341, 613, 80_000, 80_014, 80_015, 1, 100] {
            assert_eq!(Throttled::by(code).is_some(), throttles(code), "{code}");
        }
    }
}
