//! Is this webhook the vendor's? Decided over the raw bytes, by the schemes the source described. Pure.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::HeaderMap;
use ring::signature::{ED25519, RSA_PKCS1_2048_8192_SHA256, UnparsedPublicKey};
use spki::SubjectPublicKeyInfoRef;
use spki::der::{Decode, pem};

use crate::engine::{Encoding, Signature, SignatureAlgorithm};

/// One scheme with its key.
pub struct Verifier {
    header: String,
    encoding: Encoding,
    key: UnparsedPublicKey<Vec<u8>>,
}

/// What a webhook's headers and body say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Judgement {
    /// Signed by the holder of the key.
    Genuine,
    /// Not signed at all.
    Unsigned,
    /// Signed wrongly, by another, or changed on its way.
    Forged,
}

impl Verifier {
    /// The verifiers of a source, in the order they count: the first whose header is there decides. Legacy schemes only by opt-in; an
    /// operator's `key` (PEM) takes the place of the vendor's. The error names what is wrong with the key.
    pub fn of(signatures: &[Signature], key: Option<&str>, legacy: bool) -> Result<Vec<Self>, String> {
        let usable = signatures.iter().filter(|signature| legacy || !signature.legacy);
        usable.map(|signature| Self::new(signature, key.filter(|_| !signature.legacy))).collect()
    }

    fn new(signature: &Signature, key: Option<&str>) -> Result<Self, String> {
        let header = &signature.header;
        let pem = key
            .or(signature.public_key.as_deref())
            .ok_or_else(|| format!("no public key is known for {header}: set `webhook_public_key`"))?;
        let (label, der) = pem::decode_vec(pem.trim().as_bytes())
            .map_err(|error| format!("the public key for {header} is not PEM: {error}"))?;
        let info = SubjectPublicKeyInfoRef::from_der(&der)
            .map_err(|error| format!("the public key for {header} ({label}) is not SPKI: {error}"))?;
        let bytes = info.subject_public_key.raw_bytes().to_vec();
        let key = match signature.algorithm {
            SignatureAlgorithm::Ed25519 => {
                UnparsedPublicKey::new(&ED25519 as &dyn ring::signature::VerificationAlgorithm, bytes)
            }
            SignatureAlgorithm::RsaPkcs1Sha256 => UnparsedPublicKey::new(
                &RSA_PKCS1_2048_8192_SHA256 as &dyn ring::signature::VerificationAlgorithm,
                bytes,
            ),
            SignatureAlgorithm::HmacSha256 => {
                return Err(format!("{header} is signed with a shared secret, which this version does not verify"));
            }
        };
        Ok(Self { header: header.to_ascii_lowercase(), encoding: signature.encoding, key })
    }

    fn judge(&self, text: &str, body: &[u8]) -> Judgement {
        let signature = match self.encoding {
            Encoding::Base64 => STANDARD.decode(text).ok(),
            Encoding::Hex => unhex(text),
        };
        match signature {
            Some(signature) if self.key.verify(body, &signature).is_ok() => Judgement::Genuine,
            _ => Judgement::Forged,
        }
    }
}

/// What the verifiers say of a webhook. Without any verifier nothing is genuine.
pub fn judge(verifiers: &[Verifier], headers: &HeaderMap, body: &[u8]) -> Judgement {
    for verifier in verifiers {
        let text = headers.get(&verifier.header).and_then(|value| value.to_str().ok()).map(str::trim);
        // Some senders write this where they have no signature.
        if let Some(text) = text.filter(|text| !text.is_empty() && *text != "N/A") {
            return verifier.judge(text, body);
        }
    }
    Judgement::Unsigned
}

pub(super) fn unhex(text: &str) -> Option<Vec<u8>> {
    if !text.is_ascii() || !text.len().is_multiple_of(2) {
        return None;
    }
    (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use ring::rand::SystemRandom;
    use ring::signature::{Ed25519KeyPair, KeyPair};

    fn key_pair() -> (Ed25519KeyPair, String) {
        let pkcs8 = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new()).expect("a key pair");
        let pair = Ed25519KeyPair::from_pkcs8(pkcs8.as_ref()).expect("a key pair");
        // RFC 8410: the prefix of every Ed25519 SubjectPublicKeyInfo.
        let mut der = vec![0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00];
        der.extend_from_slice(pair.public_key().as_ref());
        let pem = format!("-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----\n", STANDARD.encode(der));
        (pair, pem)
    }

    fn scheme(legacy: bool) -> Signature {
        Signature {
            header: "X-Sig".into(),
            algorithm: SignatureAlgorithm::Ed25519,
            encoding: Encoding::Base64,
            public_key: None,
            legacy,
        }
    }

    #[test]
    fn only_the_very_bytes_are_genuine() {
        let (pair, pem) = key_pair();
        let verifiers = Verifier::of(&[scheme(false)], Some(&pem), false).expect("a verifier");
        let body = br#"{"a": 1}"#;
        let mut headers = HeaderMap::new();
        assert_eq!(judge(&verifiers, &headers, body), Judgement::Unsigned);
        headers.insert("x-sig", "N/A".parse().expect("a value"));
        assert_eq!(judge(&verifiers, &headers, body), Judgement::Unsigned);
        headers.insert("x-sig", STANDARD.encode(pair.sign(body)).parse().expect("a value"));
        assert_eq!(judge(&verifiers, &headers, body), Judgement::Genuine);
        assert_eq!(judge(&verifiers, &headers, br#"{"a":1}"#), Judgement::Forged);
        assert_eq!(judge(&[], &headers, body), Judgement::Unsigned);
    }

    #[test]
    fn a_legacy_scheme_counts_only_when_asked_for() {
        let with_key = |legacy| Signature { public_key: Some(key_pair().1), ..scheme(legacy) };
        assert_eq!(Verifier::of(&[with_key(true)], None, false).expect("none").len(), 0);
        assert_eq!(Verifier::of(&[with_key(true), with_key(false)], None, true).expect("both").len(), 2);
    }

    #[test]
    fn a_bad_key_is_named() {
        let error = Verifier::of(&[scheme(false)], Some("no key"), false).err().expect("an error");
        assert!(error.contains("X-Sig") && error.contains("PEM"), "{error}");
    }
}
