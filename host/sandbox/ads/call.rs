//! One request as the platform reads it, and what it checks first: version, token, proof of the app's secret, object, in this order.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{FromRequest, Request};
use axum::http::header;
use ring::hmac;
use serde_json::{Map, Value};

use super::super::faults::Fault;
use super::super::quirks::Quirks;
use super::super::world::World;
use super::body::Said;
use super::error::GraphError;
use super::texts::Language;

const OLDEST: u32 = 20;
const NEWEST: u32 = 26;
/// How long a proof that names its time is taken, in seconds: the platform's own span is not known.
const PROOF_LIFE_S: u64 = 300;

/// A request that was let in.
pub struct Call {
    /// The id in the path.
    pub object: String,
    /// What the object is.
    pub kind: Kind,
    /// The language for people.
    pub language: Language,
    /// The fault it met, as far as the operation has a part in it.
    pub fault: Option<Arc<Fault>>,
    /// The oddities that are on.
    pub quirks: Quirks,
    said: Said,
}

/// What an id stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Takes events.
    Dataset,
    /// Holds audiences: `act_` and digits.
    Account,
    /// Holds people.
    Audience,
}

impl Call {
    /// Reads a request and lets it in.
    pub async fn read(world: &World, request: Request) -> Result<Self, GraphError> {
        let (parts, body) = request.into_parts();
        let header = |name| parts.headers.get(name).and_then(|value| value.to_str().ok());
        let content_type = header(header::CONTENT_TYPE).unwrap_or_default().to_owned();
        let limited = Request::from_parts(parts.clone(), body);
        let bytes = Bytes::from_request(limited, &()).await;
        let bytes = bytes.map_err(|_| GraphError::parameter("The request body is too large or broke off"))?;
        let said = Said::read(&content_type, parts.uri.query(), &bytes);
        let mut path = parts.uri.path().split('/').skip(1);
        let (version, object) = (path.next().unwrap_or_default(), path.next().unwrap_or_default().to_owned());
        let quirks = world.quirks();
        let number = number(version)?;
        let bearer = header(header::AUTHORIZATION).and_then(|value| value.strip_prefix("Bearer "));
        let token = bearer.or(said.text("access_token")).ok_or_else(GraphError::no_token)?;
        if token != world.summary.ads_token {
            return Err(GraphError::bad_token(number == NEWEST && !quirks.bad_token_answers_400));
        }
        proven(world, &said, token, quirks.proof_required)?;
        let kind = kind(world, &object)
            .ok_or_else(|| GraphError::no_object(&parts.method.as_str().to_ascii_lowercase(), &object))?;
        let language = Language::of(said.text("locale").or(header(header::ACCEPT_LANGUAGE)));
        let fault = parts.extensions.get::<Arc<Fault>>().cloned();
        Ok(Self { object, kind, language, fault, quirks, said })
    }

    /// An error unless the object is of this kind, in the words for one that does not exist.
    pub fn must_be(&self, kind: Kind, verb: &str) -> Result<(), GraphError> {
        if self.kind == kind { Ok(()) } else { Err(GraphError::no_object(verb, &self.object)) }
    }

    /// All parameters.
    pub fn parameters(self) -> Result<Map<String, Value>, GraphError> {
        self.said.parameters().ok_or_else(|| GraphError::parameter("The request body is not valid JSON"))
    }
}

fn number(version: &str) -> Result<u32, GraphError> {
    let digits = version.strip_prefix('v').and_then(|text| text.strip_suffix(".0"));
    let number = digits.and_then(|text| text.parse::<u32>().ok());
    number.filter(|number| (OLDEST..=NEWEST).contains(number)).ok_or_else(|| GraphError::version(version, NEWEST))
}

/// What this id stands for, if anything.
pub fn kind(world: &World, id: &str) -> Option<Kind> {
    if world.summary.datasets.iter().any(|known| known == id) {
        Some(Kind::Dataset)
    } else if id == world.summary.ad_account {
        Some(Kind::Account)
    } else if world.platform.has_audience(id) {
        Some(Kind::Audience)
    } else {
        None
    }
}

/// The proof that the caller knows the app's secret: of the token, or of the token and a time (`appsecret_time`).
fn proven(world: &World, said: &Said, token: &str, required: bool) -> Result<(), GraphError> {
    let Some(proof) = said.text("appsecret_proof") else {
        return if required { Err(GraphError::no_proof()) } else { Ok(()) };
    };
    let message = match said.text("appsecret_time") {
        None => token.to_owned(),
        Some(time) => {
            let now_s = world.time.now_ms() / 1_000;
            let fresh = time.parse::<u64>().is_ok_and(|time| time.abs_diff(now_s) <= PROOF_LIFE_S);
            if !fresh {
                return Err(GraphError::bad_proof());
            }
            format!("{token}|{time}")
        }
    };
    let key = hmac::Key::new(hmac::HMAC_SHA256, world.summary.ads_app_secret.as_bytes());
    let wanted = hex(hmac::sign(&key, message.as_bytes()).as_ref());
    if proof.eq_ignore_ascii_case(&wanted) { Ok(()) } else { Err(GraphError::bad_proof()) }
}

/// Lower-case hex.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
