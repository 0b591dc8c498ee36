//! Faults on request: what the CRM or the ad platform does wrong, how often and for how long.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Json;
use axum::extract::{Request, State};
use axum::http::{HeaderName, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use fastrand::Rng;
use serde::{Deserialize, Serialize};
use serde_json::json;
use tokio::sync::watch;

use super::crm::reply::About;
use super::error::SandboxError;
use super::requests::Side;
use super::world::{World, lock};

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
    /// Ads: the subcode that goes with `code` or `reject_event_ids`.
    pub subcode: Option<i64>,
    /// Ads: events with these ids are invalid, and so is the request that holds one.
    pub reject_event_ids: Vec<String>,
    /// Ads: accept the events, then cut the connection without an answer.
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
            drop_answer: false,
            html: false,
            empty: false,
        }
    }
}

impl Faults {
    /// Refuses what the named platform could not do: a key that nothing enforces would be a lie.
    pub fn check(&self) -> Result<(), SandboxError> {
        for fault in [&self.crm, &self.ads].into_iter().flatten() {
            if !(0.0..=1.0).contains(&fault.share) {
                return Err(SandboxError::Asked("share is a part of 1: use 0 to 1".to_owned()));
            }
            if fault.status.is_some_and(|status| !(400..=599).contains(&status)) {
                return Err(SandboxError::Asked("status is the status of an error: use 400 to 599".to_owned()));
            }
        }
        if self.crm.as_ref().is_some_and(|fault| {
            fault.code.is_some()
                || fault.subcode.is_some()
                || !fault.reject_event_ids.is_empty()
                || fault.drop_answer
                || fault.html
                || fault.empty
        }) {
            let keys = "code, subcode, reject_event_ids, drop_answer, html and empty";
            return Err(SandboxError::Asked(format!("{keys} are faults of the ad platform: name them under ads")));
        }
        if self.ads.as_ref().is_some_and(|fault| fault.rate_limit || fault.location.is_some() || fault.unauthorized > 0)
        {
            let keys = "rate_limit, location and unauthorized";
            return Err(SandboxError::Asked(format!("{keys} are faults of the CRM: name them under crm")));
        }
        if self.crm.as_ref().is_some_and(|fault| fault.location.is_some() && (fault.status.is_some() || fault.echo)) {
            let text = "a location is known only once it was asked: with location use latency_ms and hold";
            return Err(SandboxError::Asked(text.to_owned()));
        }
        Ok(())
    }
}

/// The faults in force.
pub struct FaultBook {
    armed: Mutex<Armed>,
    released: watch::Sender<u64>,
}

struct Armed {
    crm: Option<Arc<Fault>>,
    ads: Option<Arc<Fault>>,
    left: [Option<u64>; 2],
    unauthorized: u64,
    rng: Rng,
}

/// A fault that one request met.
pub struct Met {
    /// What happens to it.
    pub fault: Arc<Fault>,
    released: watch::Receiver<u64>,
}

impl FaultBook {
    /// No fault; `rng` decides which requests meet one that has a share.
    pub fn new(rng: Rng) -> Self {
        let armed = Armed { crm: None, ads: None, left: [None; 2], unauthorized: 0, rng };
        Self { armed: Mutex::new(armed), released: watch::Sender::new(0) }
    }

    /// Replaces all faults and lets go of every request that was held.
    pub fn set(&self, faults: Faults) {
        let mut armed = lock(&self.armed);
        armed.left = [&faults.crm, &faults.ads].map(|fault| fault.as_ref().and_then(|fault| fault.times));
        armed.unauthorized = faults.crm.as_ref().map_or(0, |fault| fault.unauthorized);
        armed.crm = faults.crm.map(Arc::new);
        armed.ads = faults.ads.map(Arc::new);
        // Under the lock: whoever drew the old fault is subscribed already and hears this.
        self.released.send_modify(|turn| *turn += 1);
    }

    /// Whether the CRM enforces its own allowance.
    pub fn rate_limit(&self) -> bool {
        lock(&self.armed).crm.as_ref().is_some_and(|fault| fault.rate_limit)
    }

    /// Whether this request's good token is to be called bad; counts it.
    pub fn unauthorized(&self) -> bool {
        let mut armed = lock(&self.armed);
        let met = armed.unauthorized > 0;
        armed.unauthorized = armed.unauthorized.saturating_sub(1);
        met
    }

    /// The fault the next request to `side` meets before anything is known of it.
    pub fn draw(&self, side: Side) -> Option<Met> {
        self.draw_at(side, None)
    }

    /// The fault that the answer about this location meets, by its id.
    pub fn draw_about(&self, location: &str) -> Option<Met> {
        self.draw_at(Side::Crm, Some(location))
    }

    fn draw_at(&self, side: Side, location: Option<&str>) -> Option<Met> {
        let mut guard = lock(&self.armed);
        let armed = &mut *guard;
        let fault = match side {
            Side::Crm => armed.crm.clone()?,
            Side::Ads => armed.ads.clone()?,
        };
        if fault.location.as_deref() != location {
            return None;
        }
        let left = &mut armed.left[side as usize];
        if *left == Some(0) || (fault.share < 1.0 && armed.rng.f64() >= fault.share) {
            return None;
        }
        *left = left.map(|times| times - 1);
        Some(Met { fault, released: self.released.subscribe() })
    }
}

impl Met {
    /// Waits as long as the fault says.
    pub async fn wait(&mut self) {
        if self.fault.latency_ms > 0 {
            tokio::time::sleep(Duration::from_millis(self.fault.latency_ms)).await;
        }
        if self.fault.hold {
            // An error means that the sandbox is going away, and that lets go as well.
            let _ = self.released.changed().await;
        }
    }
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
    use super::{Fault, FaultBook, Faults};
    use crate::sandbox::requests::Side;

    fn crm(fault: Fault) -> Faults {
        Faults { crm: Some(fault), ads: None }
    }

    #[test]
    fn a_fault_ends_after_its_times_and_keeps_to_its_side() {
        let book = FaultBook::new(fastrand::Rng::with_seed(1));
        book.set(crm(Fault { status: Some(503), times: Some(2), ..Fault::default() }));
        let met: Vec<bool> = (0..4).map(|_| book.draw(Side::Crm).is_some()).collect();
        assert_eq!(met, [true, true, false, false]);
        assert!(book.draw(Side::Ads).is_none());
    }

    #[test]
    fn a_fault_of_one_location_is_met_by_its_answers_only() {
        let book = FaultBook::new(fastrand::Rng::with_seed(1));
        book.set(crm(Fault { latency_ms: 5, location: Some("a".to_owned()), times: Some(1), ..Fault::default() }));
        assert!(book.draw(Side::Crm).is_none() && book.draw_about("b").is_none());
        assert!(book.draw_about("a").is_some() && book.draw_about("a").is_none());
        book.set(crm(Fault { latency_ms: 5, ..Fault::default() }));
        assert!(book.draw(Side::Crm).is_some() && book.draw_about("a").is_none());
    }

    #[test]
    fn so_many_good_tokens_are_called_bad() {
        let book = FaultBook::new(fastrand::Rng::with_seed(1));
        book.set(crm(Fault { unauthorized: 2, ..Fault::default() }));
        assert_eq!([(); 3].map(|()| book.unauthorized()), [true, true, false]);
    }

    #[test]
    fn a_share_is_met_by_about_its_part() {
        let book = FaultBook::new(fastrand::Rng::with_seed(1));
        book.set(crm(Fault { share: 0.2, ..Fault::default() }));
        let met = (0..2_000).filter(|_| book.draw(Side::Crm).is_some()).count();
        assert!((300..500).contains(&met), "{met}");
    }

    #[test]
    fn a_key_the_platform_cannot_enforce_is_refused() {
        assert!(crm(Fault { html: true, ..Fault::default() }).check().is_err());
        assert!(crm(Fault { share: 2.0, ..Fault::default() }).check().is_err());
        assert!(Faults { ads: Some(Fault { rate_limit: true, ..Fault::default() }), crm: None }.check().is_err());
        assert!(Faults { ads: Some(Fault { unauthorized: 1, ..Fault::default() }), crm: None }.check().is_err());
        let one = Fault { location: Some("a".to_owned()), status: Some(503), ..Fault::default() };
        assert!(crm(one).check().is_err());
        assert!(serde_json::from_str::<Faults>(r#"{"crm":{"latency":5}}"#).is_err());
        let good: Faults =
            serde_json::from_str(r#"{"crm":{"latency_ms":5,"status":503},"ads":{"code":190}}"#).expect("good");
        assert!(good.check().is_ok());
    }

    #[tokio::test]
    async fn a_held_request_goes_on_when_faults_are_set_again() {
        let book = FaultBook::new(fastrand::Rng::with_seed(1));
        book.set(crm(Fault { hold: true, ..Fault::default() }));
        let mut met = book.draw(Side::Crm).expect("a fault");
        let waiting = tokio::spawn(async move { met.wait().await });
        book.set(Faults::default());
        waiting.await.expect("released");
    }
}
