//! Sealed bytes: XChaCha20-Poly1305 (draft-irtf-cfrg-xchacha) under a key per subject, which is itself sealed by the
//! vault.
//!
//! Layout: one version byte, the 24-byte nonce, then ciphertext and tag. The nonce is random: 192 bits leave no room
//! for a repeat. The context (kind of row and its id) is authenticated, so sealed bytes moved to another row do not
//! open.

use std::fmt;

use chacha20poly1305::aead::{Aead, Payload};
use chacha20poly1305::{Key, KeyInit, XChaCha20Poly1305, XNonce};
use ring::rand::{SecureRandom, SystemRandom};
use zeroize::{Zeroize, ZeroizeOnDrop};

use super::VaultError;
use crate::contract::lower_hex;

/// A keyed digest that stands for a value in a look-up column: the same value gives the same bytes, and only the vault
/// can tell.
pub type Lookup = [u8; 16];

const VERSION: u8 = 1;
const NONCE: usize = 24;

/// The key that seals everything about one subject (a contact, a location). Destroying it is forgetting the subject.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct SubjectKey([u8; 32]);

impl fmt::Debug for SubjectKey {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("[secret]")
    }
}

impl SubjectKey {
    /// A new random key.
    ///
    /// # Errors
    /// [`VaultError::Random`] if the operating system gives no random bytes.
    pub fn fresh() -> Result<Self, VaultError> {
        let mut key = Self([0; 32]);
        random(&mut key.0)?;
        Ok(key)
    }

    /// The key that it takes all of these to make, in this order: without any one of them, what it sealed never opens again.
    pub fn joint(keys: &[Self]) -> Self {
        let mut all = ring::digest::Context::new(&ring::digest::SHA256);
        all.update(b"convey joint 1");
        for key in keys {
            all.update(&key.0);
        }
        let mut joint = Self([0; 32]);
        joint.0.copy_from_slice(all.finish().as_ref());
        joint
    }

    pub(super) fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    pub(super) fn bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

/// Seals `plain` for the place that `context` names.
///
/// # Errors
/// [`VaultError::Random`] if the operating system gives no random bytes.
pub fn seal(key: &SubjectKey, context: &[u8], plain: &[u8]) -> Result<Vec<u8>, VaultError> {
    let mut nonce = [0; NONCE];
    random(&mut nonce)?;
    // The cipher refuses only plain texts beyond 256 GiB; no row comes near, and there is nothing better to say of one.
    let hidden = XChaCha20Poly1305::new(&Key::from(key.0))
        .encrypt(&XNonce::from(nonce), Payload { msg: plain, aad: context })
        .map_err(|_| VaultError::Unopened { place: "row" })?;
    let mut sealed = Vec::with_capacity(1 + NONCE + hidden.len());
    sealed.push(VERSION);
    sealed.extend_from_slice(&nonce);
    sealed.extend_from_slice(&hidden);
    Ok(sealed)
}

/// Opens what [`seal`] made for the same context. `place` names the kind of row in the error.
///
/// # Errors
/// [`VaultError::Unopened`] if key, context or bytes are not those of the sealing.
pub fn open(key: &SubjectKey, context: &[u8], sealed: &[u8], place: &'static str) -> Result<Vec<u8>, VaultError> {
    let unopened = VaultError::Unopened { place };
    let Some((&VERSION, rest)) = sealed.split_first() else { return Err(unopened) };
    let Some((nonce, hidden)) = rest.split_first_chunk::<NONCE>() else { return Err(unopened) };
    XChaCha20Poly1305::new(&Key::from(key.0))
        .decrypt(&XNonce::from(*nonce), Payload { msg: hidden, aad: context })
        .map_err(|_| unopened)
}

/// Fills `out` from the operating system's generator.
///
/// # Errors
/// [`VaultError::Random`] if there is none.
pub fn random(out: &mut [u8]) -> Result<(), VaultError> {
    SystemRandom::new().fill(out).map_err(|_| VaultError::Random)
}

/// `bytes` random bytes as lower-case hex, for what must not be guessed.
///
/// # Errors
/// [`VaultError::Random`] if there is none.
pub fn random_hex(bytes: usize) -> Result<String, VaultError> {
    let mut drawn = vec![0; bytes];
    random(&mut drawn)?;
    Ok(lower_hex(&drawn))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{SubjectKey, open, seal};

    #[test]
    fn another_key_context_or_version_does_not_open() {
        let key = SubjectKey::fresh().unwrap();
        let mut sealed = seal(&key, b"inbox d_1", b"Zo\xc3\xab").unwrap();
        assert!(open(&SubjectKey::fresh().unwrap(), b"inbox d_1", &sealed, "inbox").is_err());
        assert!(open(&key, b"inbox d_2", &sealed, "inbox").is_err());
        sealed[0] = 2;
        assert!(open(&key, b"inbox d_1", &sealed, "inbox").is_err());
    }

    #[test]
    fn a_joint_key_takes_all_of_its_parts() {
        let [one, other, third] = [(); 3].map(|()| SubjectKey::fresh().unwrap());
        let both = SubjectKey::joint(&[one.clone(), other.clone()]);
        let sealed = seal(&both, b"c", b"plain").unwrap();
        let opens = |keys: &[SubjectKey]| open(&SubjectKey::joint(keys), b"c", &sealed, "row").is_ok();
        assert!(opens(&[one.clone(), other.clone()]));
        for keys in [vec![one.clone()], vec![other.clone(), one.clone()], vec![one, third.clone()], vec![other, third]]
        {
            assert!(!opens(&keys));
        }
    }

    proptest! {
        #[test]
        fn what_is_sealed_opens_and_any_flipped_bit_is_noticed(
            plain in prop::collection::vec(any::<u8>(), 0..300), at in any::<prop::sample::Index>(), bit in 0u8..8,
        ) {
            let key = SubjectKey::fresh().unwrap();
            let mut sealed = seal(&key, b"c", &plain).unwrap();
            prop_assert_eq!(&open(&key, b"c", &sealed, "row").unwrap(), &plain);
            let at = at.index(sealed.len());
            sealed[at] ^= 1 << bit;
            prop_assert!(open(&key, b"c", &sealed, "row").is_err());
            prop_assert!(open(&key, b"c", &sealed[..at], "row").is_err());
        }
    }
}
