//! Both ends tried without carrying anything: a webhook of our own that the ingress takes and does not keep, and an event that the platform takes as a test.

use std::sync::{Mutex, PoisonError};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ring::rand::SystemRandom;
use ring::signature::{Ed25519KeyPair, KeyPair};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::plan::Destination;
use super::{Flow, blank};
use crate::contract::{ActionSource, ConversionEvent, Digest, Hashed, UserData, lower_hex};
use crate::engine::{Encoding, Envelope, Outcome, Signature, SignatureAlgorithm};
use crate::vault::random_hex;

/// The DER prefix that makes 32 raw bytes an Ed25519 SubjectPublicKeyInfo (RFC 8410).
const SPKI_PREFIX: [u8; 12] = [0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00];

/// A webhook to send to the own ingress.
#[derive(Debug, Serialize, Deserialize)]
pub struct TrialWebhook {
    /// The header that carries its signature.
    pub header: String,
    /// The signature.
    pub signature: String,
    /// Its body.
    pub body: String,
}

/// What makes one webhook a trial: these bytes, signed with a key that is in no file and is good for them alone.
struct Expected {
    source: String,
    digest: Digest,
    scheme: Signature,
}

/// The trials that may come; one a source, each once.
#[derive(Default)]
pub(super) struct Trials(Mutex<Vec<Expected>>);

/// Why nothing can be tried, in words that say what to do.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct Untried(String);

impl Flow {
    /// A webhook as `source` describes its own, for one of its locations. It is signed with a key made for it: only the vendor has the vendor's.
    ///
    /// # Errors
    /// [`Untried`] where the source has no connection, or signs in a way that nobody else can.
    pub fn try_webhook(&self, source: &str) -> Result<TrialWebhook, Untried> {
        let plan = self.plan();
        let mut known: Vec<_> = plan.connections.values().filter(|known| known.origin == source).collect();
        known.sort_by(|one, other| one.name.cmp(&other.name));
        let connection = known.first().ok_or_else(|| Untried(format!("no connection has the source {source}")))?;
        let signatures = &connection.profile.signatures;
        let scheme =
            signatures.iter().find(|scheme| scheme.algorithm == SignatureAlgorithm::Ed25519).ok_or_else(|| {
                Untried(format!("{source} signs its webhooks in a way that only the vendor can: let it send one"))
            })?;
        let unmade = |_| Untried("no key can be made for a test webhook now: the machine has no randomness".to_owned());
        let pkcs8 = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new()).map_err(unmade)?;
        let pair = Ed25519KeyPair::from_pkcs8(pkcs8.as_ref());
        let pair = pair.map_err(|error| Untried(format!("no key can be made for a test webhook: {error}")))?;
        let id = random_hex(8).map_err(|error| Untried(error.to_string()))?;
        let body = body(&connection.profile.envelope, &id, &connection.location, self.clock.now_ms()).to_string();
        let signed = pair.sign(body.as_bytes());
        let signature = match scheme.encoding {
            Encoding::Base64 => STANDARD.encode(signed.as_ref()),
            Encoding::Hex => lower_hex(signed.as_ref()),
        };
        let der: Vec<u8> = SPKI_PREFIX.iter().chain(pair.public_key().as_ref()).copied().collect();
        let pem = format!("-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----\n", STANDARD.encode(der));
        let scheme = Signature { public_key: Some(pem), legacy: false, ..scheme.clone() };
        let header = scheme.header.clone();
        let mut trials = self.trials.0.lock().unwrap_or_else(PoisonError::into_inner);
        trials.retain(|trial| trial.source != source);
        trials.push(Expected { source: source.to_owned(), digest: Digest::of(body.as_bytes()), scheme });
        Ok(TrialWebhook { header, signature, body })
    }

    /// The scheme that these bytes are to be verified by, if they are the trial that was made last for `source`. Asked once.
    pub fn trial_of(&self, source: &str, body: &[u8]) -> Option<Signature> {
        let mut trials = self.trials.0.lock().unwrap_or_else(PoisonError::into_inner);
        let at = trials.iter().position(|trial| trial.source == source)?;
        // Only what was asked for a moment ago costs the time of a digest.
        (trials[at].digest == Digest::of(body)).then(|| trials.swap_remove(at).scheme)
    }

    /// Asks a destination whether its credential works; with a test code sends it one event, marked as a test, of a person who does not exist.
    ///
    /// # Errors
    /// [`Untried`] with the platform's word or what else is wrong.
    pub async fn try_destination(&self, name: &str, test_code: Option<&str>) -> Result<(), Untried> {
        let destination = self.plan().destinations.get(name).cloned();
        let destination = destination.ok_or_else(|| Untried(format!("there is no destination {name}")))?;
        let ticket = destination.ticket(None, None);
        let said = match test_code {
            None => destination.sink.probe(ticket, &destination.words).await,
            Some(code) => self.send_test(&destination, code).await?,
        };
        match said.map_err(|fault| Untried(fault.line()))? {
            Outcome::Accepted(_) => Ok(()),
            Outcome::Throttled(_) => Err(Untried("too many requests for now: try again in a while".to_owned())),
            Outcome::Rejected(why)
            | Outcome::Expired(why)
            | Outcome::Unauthorized(why)
            | Outcome::Unavailable(why)
            | Outcome::Blocked(why)
            | Outcome::Unknown(why) => Err(Untried(why)),
        }
    }

    async fn send_test(
        &self,
        destination: &Destination,
        code: &str,
    ) -> Result<Result<Outcome, crate::engine::Fault>, Untried> {
        let words = crate::engine::SinkDestination { test_code: Some(code.to_owned()), ..destination.words.clone() };
        let id = random_hex(8).map_err(|error| Untried(error.to_string()))?;
        let event = event(&format!("convey-doctor-{id}"), self.clock.now_ms());
        let sent = destination
            .sink
            .deliver(destination.ticket(None, Some(self.pauses.stop(&destination.name))), &words, &[event], &mut None)
            .await;
        Ok(sent.map(|shipment| {
            let one = shipment.outcomes.into_iter().next();
            one.unwrap_or_else(|| Outcome::Unknown("the sink said nothing of the event".to_owned()))
        }))
    }
}

/// An event of nobody: the address is one that no mailbox can have (RFC 2606).
fn event(id: &str, now: u64) -> ConversionEvent {
    let person = UserData { emails: vec![hashed("doctor@convey.example")], ..blank::user_data() };
    ConversionEvent {
        id: id.to_owned(),
        name: "ConveyDoctor".to_owned(),
        occurred_at: now,
        action_source: ActionSource::SystemGenerated,
        source_url: None,
        user_data: person,
        value: None,
        currency: None,
        custom_data: Vec::new(),
        limited_data_use: false,
    }
}

fn hashed(text: &str) -> Hashed {
    let digest = ring::digest::digest(&ring::digest::SHA256, text.as_bytes());
    let mut words =
        digest.as_ref().chunks_exact(4).map(|word| word.iter().fold(0, |all, byte| all << 8 | u32::from(*byte)));
    let mut next = || words.next().unwrap_or_default();
    Hashed { a: next(), b: next(), c: next(), d: next(), e: next(), f: next(), g: next(), h: next() }
}

/// A body that holds what the envelope points at, and says what it is.
fn body(envelope: &Envelope, id: &str, location: &str, now: u64) -> Value {
    let mut body = json!({"convey": "a test webhook of `convey doctor`: taken, and not kept"});
    set(&mut body, &envelope.id, format!("convey-doctor-{id}").into());
    set(&mut body, &envelope.location, location.into());
    if let Some(pointer) = &envelope.sent_at {
        set(&mut body, pointer, now.into());
    }
    body
}

/// Puts a value where a JSON pointer (RFC 6901) points, making the objects on the way.
fn set(body: &mut Value, pointer: &str, value: Value) {
    let mut at = body;
    for part in pointer.split('/').skip(1) {
        let part = part.replace("~1", "/").replace("~0", "~");
        if !at.is_object() {
            *at = Value::Object(Map::new());
        }
        at = &mut at[part];
    }
    *at = value;
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{hashed, set};
    use crate::contract::{Digest, hex};

    #[test]
    fn a_value_stands_where_the_pointer_points() {
        let mut body = json!({});
        set(&mut body, "/a/b~1c", 1.into());
        set(&mut body, "/d", "e".into());
        assert_eq!(body, json!({"a": {"b/c": 1}, "d": "e"}));
        assert_eq!(body.pointer("/a/b~1c"), Some(&json!(1)));
    }

    #[test]
    fn the_made_up_person_is_hashed_as_everybody_is() {
        assert_eq!(hex(&hashed("x")), Digest::of(b"x").to_string());
    }
}
