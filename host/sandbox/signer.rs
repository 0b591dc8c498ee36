//! The CRM's webhook signature: Ed25519 over the raw bytes of the body, base64 (HighLevel, Webhook Integration Guide).

use axum::http::HeaderValue;
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use fastrand::Rng;
use ring::signature::{Ed25519KeyPair, KeyPair};

use super::error::SandboxError;

/// The DER prefix that makes 32 raw bytes an Ed25519 SubjectPublicKeyInfo (RFC 8410).
const SPKI_PREFIX: [u8; 12] = [0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00];

/// The header that carries the signature.
pub const HEADER: &str = "x-ghl-signature";

/// The sandbox's own key pair. It is made from the seed, so it protects nothing.
pub struct Signer(Ed25519KeyPair);

impl Signer {
    /// The key pair this generator leads to.
    pub fn from_rng(rng: &mut Rng) -> Result<Self, SandboxError> {
        let mut seed = [0; 32];
        rng.fill(&mut seed);
        Ed25519KeyPair::from_seed_unchecked(&seed)
            .map(Self)
            .map_err(|_| SandboxError::Asked("this seed gives no signing key: choose another".to_owned()))
    }

    /// The header's value for these bytes.
    pub fn sign(&self, body: &[u8]) -> String {
        BASE64_STANDARD.encode(self.0.sign(body))
    }

    /// The same as a header carries it.
    pub fn header(&self, body: &[u8]) -> HeaderValue {
        HeaderValue::try_from(self.sign(body)).expect("base64 is visible ASCII")
    }

    /// The public key as PEM (SPKI).
    pub fn public_pem(&self) -> String {
        let der: Vec<u8> = SPKI_PREFIX.iter().chain(self.0.public_key().as_ref()).copied().collect();
        format!("-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----\n", BASE64_STANDARD.encode(der))
    }
}

#[cfg(test)]
mod tests {
    use base64::Engine;
    use base64::prelude::BASE64_STANDARD;
    use ring::signature::{ED25519, UnparsedPublicKey};

    use super::Signer;
    use crate::sandbox::ids::seeded;

    #[test]
    fn the_published_key_verifies_the_raw_bytes_and_nothing_else() {
        let signer = Signer::from_rng(&mut seeded(3, 0)).expect("a key");
        let pem = signer.public_pem();
        let der = BASE64_STANDARD.decode(pem.lines().nth(1).expect("a line")).expect("base64");
        assert_eq!(der.len(), 44);
        let key = UnparsedPublicKey::new(&ED25519, &der[12..]);
        let signature = BASE64_STANDARD.decode(signer.sign(b"{\"a\": 1}")).expect("base64");
        assert!(key.verify(b"{\"a\": 1}", &signature).is_ok());
        assert!(key.verify(b"{\"a\":1}", &signature).is_err());
    }
}
