//! Faults on request: what the CRM or the ad platform does wrong, how often and for how long.

mod book;

use std::sync::Arc;

use axum::Json;
use axum::extract::{Request, State};
use axum::http::{HeaderName, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::crm::reply::About;
use super::error::SandboxError;
use super::world::World;
pub use book::FaultBook;

/// What either platform does wrong from now on; absent: nothing.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Faults {
    /// The CRM's.
    pub crm: Option<Fault>,
    /// The ad platform's.
    pub ads: Option<Fault>,
}

/// One platform's fault.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Fault {
    /// Every answer waits this long first, in milliseconds.
    pub latency_ms: u64,
    /// Answer with this HTTP status and the vendor's body for it, instead of the answer.
    pub status: Option<u16>,
    /// With `status` or `code`: a `Retry-After` header of this many seconds.
    pub retry_after_s: Option<u64>,
    /// The share of requests that meet the fault, 0 to 1.
    pub share: f64,
    /// For this many requests, then no more.
    pub times: Option<u64>,
    /// Keep requests waiting until faults are set again.
    pub hold: bool,
    /// Answer 500 with every header and the body of the request in headers and body.
    pub echo: bool,
    /// CRM: the vendor's own 100 requests in 10 s for each location, whatever allowance is set and whatever `share` and `times` say.
    pub rate_limit: bool,
    /// CRM: only answers about this location wait. Goes with `latency_ms` and `hold`.
    pub location: Option<String>,
    /// CRM: this many requests with a good token are told that it is none, whatever `share` and `times` say.
    pub unauthorized: u64,
    /// Ads: answer with this error code (HTTP 400 unless `status` says otherwise).
    pub code: Option<i64>,
    /// Ads: the subcode that goes with `code`, `reject_event_ids` or `reject_share`.
    pub subcode: Option<i64>,
    /// Ads: events with these ids are invalid in a way only the platform sees, and so is the request that holds one.
    pub reject_event_ids: Vec<String>,
    /// Ads: so are events by a hash of their id, this share of all ids, 0 to 1: the same id is always judged the same.
    pub reject_share: f64,
    /// Ads: with a `code` that throttles: the minutes until there is room again, as the usage headers say them; 1 unless said.
    pub regain_access_min: Option<u64>,
    /// Ads: the usage headers say that this much of the allowance is used, in percent.
    pub used: Option<u32>,
    /// Ads: do what was asked first; what else the fault does comes in place of the answer.
    pub obey: bool,
    /// Ads: do what was asked, then cut the connection without an answer.
    pub drop_answer: bool,
    /// Ads: answer an HTML page (HTTP 503 unless `status` says otherwise).
    pub html: bool,
    /// Ads: answer without a body (HTTP 502 unless `status` says otherwise).
    pub empty: bool,
}

impl Default for Fault {
    fn default() -> Self {
        Self {
            latency_ms: 0,
            status: None,
            retry_after_s: None,
            share: 1.0,
            times: None,
            hold: false,
            echo: false,
            rate_limit: false,
            location: None,
            unauthorized: 0,
            code: None,
            subcode: None,
            reject_event_ids: Vec::new(),
            reject_share: 0.0,
            regain_access_min: None,
            used: None,
            obey: false,
            drop_answer: false,
            html: false,
            empty: false,
        }
    }
}

impl Faults {
    /// Refuses what the named platform could not do: a key that nothing enforces would be a lie.
    pub fn check(&self) -> Result<(), SandboxError> {
        self.crm.as_ref().map_or(Ok(()), Fault::check_crm)?;
        self.ads.as_ref().map_or(Ok(()), Fault::check_ads)
    }
}

impl Fault {
    /// Refuses what the ad platform could not do.
    pub fn check_ads(&self) -> Result<(), SandboxError> {
        self.check_shape()?;
        if self.rate_limit || self.location.is_some() || self.unauthorized > 0 {
            let keys = "rate_limit, location and unauthorized";
            return Err(SandboxError::Asked(format!("{keys} are faults of the CRM: name them under crm")));
        }
        if self.regain_access_min.is_some() && !self.code.is_some_and(throttles) {
            let text = "regain_access_min goes with a code that throttles: 4, 17, 32, 341, 613 or 80000 to 80014";
            return Err(SandboxError::Asked(text.to_owned()));
        }
        Ok(())
    }

    /// Whether an event with this id is one that `reject_event_ids` or `reject_share` makes invalid.
    pub fn rejects(&self, event_id: &str) -> bool {
        self.reject_event_ids.iter().any(|rejected| rejected == event_id) || placed(event_id) < self.reject_share
    }

    fn check_crm(&self) -> Result<(), SandboxError> {
        self.check_shape()?;
        if self.of_ads() {
            let keys = "code, subcode, reject_event_ids, reject_share, regain_access_min, used, obey, drop_answer, html and empty";
            return Err(SandboxError::Asked(format!("{keys} are faults of the ad platform: name them under ads")));
        }
        if self.location.is_some() && (self.status.is_some() || self.echo) {
            let text = "a location is known only once it was asked: with location use latency_ms and hold";
            return Err(SandboxError::Asked(text.to_owned()));
        }
        Ok(())
    }

    /// Whether it has a key that only the ad platform enforces.
    fn of_ads(&self) -> bool {
        let numbers =
            self.code.is_some() || self.subcode.is_some() || self.regain_access_min.is_some() || self.used.is_some();
        let events = !self.reject_event_ids.is_empty() || self.reject_share > 0.0;
        numbers || events || self.obey || self.drop_answer || self.html || self.empty
    }

    fn check_shape(&self) -> Result<(), SandboxError> {
        for (key, share) in [("share", self.share), ("reject_share", self.reject_share)] {
            if !(0.0..=1.0).contains(&share) {
                return Err(SandboxError::Asked(format!("{key} is a part of 1: use 0 to 1")));
            }
        }
        if self.status.is_some_and(|status| !(400..=599).contains(&status)) {
            return Err(SandboxError::Asked("status is the status of an error: use 400 to 599".to_owned()));
        }
        Ok(())
    }
}

/// Whether an error code of the ad platform tells that too much was asked.
pub fn throttles(code: i64) -> bool {
    matches!(code, 4 | 17 | 32 | 341 | 613 | 80_000..=80_014)
}

/// Where between 0 and 1 a text falls: FNV-1a, whose high bits are mixed once more because the last letters hardly reach them.
fn placed(text: &str) -> f64 {
    let hash = text
        .bytes()
        .fold(0xcbf2_9ce4_8422_2325, |hash: u64, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3));
    let mixed = (hash ^ (hash >> 32)).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    mixed as f64 / u64::MAX as f64
}

/// Lets the answer wait where it is about the location a fault names.
pub async fn slowed(State(world): State<Arc<World>>, request: Request, next: Next) -> Response {
    let response = next.run(request).await;
    let about = response.extensions().get::<About>().and_then(|About(at)| world.summary.locations.get(*at));
    if let Some(mut met) = about.and_then(|location| world.faults.draw_about(location)) {
        met.wait().await;
    }
    response
}

/// 500 with everything the request said: what a careless server's error page does with a credential.
pub async fn echo(request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let body = axum::body::to_bytes(body, 16 << 20).await.unwrap_or_default();
    let said: Vec<(String, String)> = parts
        .headers
        .iter()
        .map(|(name, value)| (name.to_string(), String::from_utf8_lossy(value.as_bytes()).into_owned()))
        .collect();
    let text = String::from_utf8_lossy(&body);
    let page = json!({ "error": "echo", "uri": parts.uri.to_string(), "headers": said, "body": text });
    let mut response = (StatusCode::INTERNAL_SERVER_ERROR, Json(page)).into_response();
    for (name, value) in &parts.headers {
        if let Ok(name) = HeaderName::try_from(format!("x-echo-{name}")) {
            response.headers_mut().append(name, value.clone());
        }
    }
    response
}

/// Adds `Retry-After` where the fault asks for it.
pub fn retry_after(mut response: Response, fault: &Fault) -> Response {
    if let Some(seconds) = fault.retry_after_s {
        response.headers_mut().insert(header::RETRY_AFTER, seconds.into());
    }
    response
}

#[cfg(test)]
mod tests {
    use super::{Fault, Faults};

    fn crm(fault: Fault) -> Faults {
        Faults { crm: Some(fault), ads: None }
    }

    #[test]
    fn a_key_the_platform_cannot_enforce_is_refused() {
        let ads = |fault: Fault| Faults { ads: Some(fault), crm: None }.check();
        assert!(crm(Fault { html: true, ..Fault::default() }).check().is_err());
        assert!(crm(Fault { reject_share: 0.1, ..Fault::default() }).check().is_err());
        assert!(crm(Fault { share: 2.0, ..Fault::default() }).check().is_err());
        assert!(ads(Fault { rate_limit: true, ..Fault::default() }).is_err());
        assert!(ads(Fault { unauthorized: 1, ..Fault::default() }).is_err());
        assert!(ads(Fault { reject_share: 1.1, ..Fault::default() }).is_err());
        assert!(ads(Fault { regain_access_min: Some(5), code: Some(100), ..Fault::default() }).is_err());
        assert!(ads(Fault { regain_access_min: Some(5), code: Some(80_004), ..Fault::default() }).is_ok());
        let one = Fault { location: Some("a".to_owned()), status: Some(503), ..Fault::default() };
        assert!(crm(one).check().is_err());
        assert!(serde_json::from_str::<Faults>(r#"{"crm":{"latency":5}}"#).is_err());
        let good: Faults =
            serde_json::from_str(r#"{"crm":{"latency_ms":5,"status":503},"ads":{"code":190}}"#).expect("good");
        assert!(good.check().is_ok());
    }

    #[test]
    fn events_are_refused_by_name_or_by_a_share_of_all_names() {
        let named = Fault { reject_event_ids: vec!["evil".to_owned()], ..Fault::default() };
        assert!(named.rejects("evil") && !named.rejects("good"));
        let share = Fault { reject_share: 0.1, ..Fault::default() };
        let rejected: Vec<bool> = (0..5_000).map(|turn| share.rejects(&format!("e{turn}"))).collect();
        let count = rejected.iter().filter(|rejected| **rejected).count();
        assert!((400..600).contains(&count), "{count}");
        assert_eq!(share.rejects("e17"), rejected[17]);
        assert!((0..5_000).all(|turn| !Fault::default().rejects(&format!("e{turn}"))));
    }
}
