//! Credentials on their way onto a request: a secret that is read at every use, so that a rotated one needs no restart, or a token that a holder
//! keeps fresh. Made ready once a value.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use http::HeaderValue;
use ring::hmac;

use super::oauth::Holder;
use crate::contract::lower_hex;
use crate::vault::{Scrubber, Secret, SecretRef, VaultError};

/// In whose name a ticket's requests are made.
#[derive(Clone, Debug)]
pub enum Credential {
    /// A secret that a person put somewhere.
    Secret(SecretRef),
    /// The same, with the proof that whoever sends it knows another secret as well.
    Proven(SecretRef, Proof),
    /// An OAuth token, and who keeps it fresh.
    Held(Arc<Holder>),
}

/// What goes with a credential: its HMAC-SHA256 (RFC 2104) under a second secret, in hex, as a query parameter.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Proof {
    parameter: String,
    key: SecretRef,
}

impl Proof {
    /// A proof by the secret at `key`. `None` if `parameter` is no name that a query can hold as it is.
    pub fn new(parameter: &str, key: SecretRef) -> Option<Self> {
        let plain = |letter: char| letter.is_ascii_alphanumeric() || letter == '_' || letter == '-';
        let named = !parameter.is_empty() && parameter.chars().all(plain);
        named.then(|| Self { parameter: parameter.to_owned(), key })
    }
}

impl From<SecretRef> for Credential {
    fn from(place: SecretRef) -> Self {
        Self::Secret(place)
    }
}

/// One credential's present value, ready to attach and to be recognised when it comes back.
pub(super) struct Ready {
    secret: Secret,
    /// The secret that the proof was made with.
    key: Option<Secret>,
    /// `Bearer …` (RFC 6750), marked as sensitive.
    pub header: HeaderValue,
    /// The proof, as a part of a query: `parameter=hex`.
    pub proof: Option<Secret>,
    /// Knows the value in every form a server might repeat it in.
    pub scrubber: Scrubber,
}

impl Ready {
    /// Makes `secret` ready; what comes back is scrubbed of `kin` as well. `None` if no header can carry it.
    pub(super) fn new(secret: &Secret, kin: Option<&Secret>) -> Option<Self> {
        let mut header = HeaderValue::from_str(&format!("Bearer {}", secret.expose())).ok()?;
        header.set_sensitive(true);
        let scrubber = Scrubber::new(std::iter::once(secret).chain(kin));
        Some(Self { header, scrubber, secret: secret.clone(), key: None, proof: None })
    }

    /// As [`Self::new`], with the proof by `key`; what comes back is scrubbed of all three.
    fn proven(secret: &Secret, parameter: &str, key: &Secret) -> Option<Self> {
        let by = hmac::Key::new(hmac::HMAC_SHA256, key.expose().as_bytes());
        let signed = hmac::sign(&by, secret.expose().as_bytes());
        let hex = Secret::new(lower_hex(signed.as_ref()));
        let proof = Secret::new(format!("{parameter}={}", hex.expose()));
        let ready = Self::new(secret, None)?;
        Some(Self { scrubber: Scrubber::new([secret, key, &hex]), key: Some(key.clone()), proof: Some(proof), ..ready })
    }

    fn is_of(&self, secret: &Secret, key: Option<&Secret>) -> bool {
        self.secret.expose() == secret.expose() && self.key.as_ref().map(Secret::expose) == key.map(Secret::expose)
    }
}

/// Where a credential stands, and the proof that goes with it.
type At = (SecretRef, Option<Proof>);

/// The secrets used so far, by place.
#[derive(Default)]
pub(super) struct Credentials(Mutex<HashMap<At, Arc<Ready>>>);

impl Credentials {
    /// The value that stands at `place` now, with the proof of it where there is one.
    pub(super) fn ready(&self, place: &SecretRef, proof: Option<&Proof>) -> Result<Arc<Ready>, VaultError> {
        let secret = place.read()?;
        let key = proof.map(|proof| proof.key.read()).transpose()?;
        let at = (place.clone(), proof.cloned());
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(ready) = known.get(&at).filter(|ready| ready.is_of(&secret, key.as_ref())) {
            return Ok(ready.clone());
        }
        let ready = match proof.zip(key.as_ref()) {
            Some((proof, key)) => Ready::proven(&secret, &proof.parameter, key),
            None => Ready::new(&secret, None),
        };
        let ready = Arc::new(ready.ok_or_else(|| place.unusable("holds characters that no HTTP header can carry"))?);
        known.insert(at, ready.clone());
        Ok(ready)
    }
}

#[cfg(test)]
mod tests {
    use super::{Proof, Ready};
    use crate::vault::{Secret, SecretRef};

    #[test]
    fn a_proof_is_the_hmac_of_the_credential_and_is_scrubbed_like_it() {
        // RFC 4231, test case 2.
        let (token, key) = (Secret::new("what do ya want for nothing?".into()), Secret::new("Jefe".into()));
        let ready = Ready::proven(&token, "proof", &key).expect("a header can carry it");
        let hex = "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843";
        let proof = ready.proof.as_ref().map(Secret::expose);
        assert_eq!(proof, Some(format!("proof={hex}").as_str()));
        assert_eq!(ready.scrubber.scrub_text(&format!("no: {hex}")), "no: [secret]");
        assert!(ready.is_of(&token, Some(&key)) && !ready.is_of(&token, None) && !ready.is_of(&token, Some(&token)));
    }

    #[test]
    fn a_proof_has_a_name_that_a_query_takes() {
        let by = |name: &str| Proof::new(name, SecretRef::Env("A".into()));
        assert!(by("appsecret_proof").is_some());
        for name in ["", "a=b", "a&b", "a b", "ä"] {
            assert!(by(name).is_none(), "{name}");
        }
    }
}
