//! The vault's own key: given by the operator, found in the state directory, or made there on the first run.

use std::fmt;
use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE, URL_SAFE_NO_PAD};
use ring::hmac;
use zeroize::{Zeroize, Zeroizing};

use super::seal::{self, Lookup, SubjectKey};
use super::{SecretRef, VaultError};

/// The store's file in the state directory. While it exists, a missing key is a loss to report, not a reason to make a
/// new one.
pub const STORE_FILE: &str = "convey.db";

const KEY_FILE: &str = "vault.key";

/// Where the vault's key came from, so that the operator can be told once where to keep a copy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeyOrigin {
    /// The configuration names it.
    Given,
    /// It was in the state directory already.
    Found,
    /// It was made just now, in this file.
    Made(PathBuf),
}

/// Seals subjects' keys and digests look-up values. Both sub-keys are derived from the one key by HMAC-SHA256 (RFC
/// 2104).
pub struct Vault {
    wrapping: SubjectKey,
    lookups: hmac::Key,
    check: [u8; 32],
}

impl fmt::Debug for Vault {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("Vault")
    }
}

impl Vault {
    /// Opens the vault with the key that `key` names (32 bytes written as base64 or hex), else with the state
    /// directory's own, made on the first run (mode 0600, on disk before this returns).
    ///
    /// # Errors
    /// The reference's own errors; [`VaultError::Unusable`] for a key of another length; [`VaultError::Absent`] when a
    /// store is there and its key is not; [`VaultError::Denied`] when the file system refuses.
    pub fn open(state_dir: &Path, key: Option<&SecretRef>) -> Result<(Self, KeyOrigin), VaultError> {
        let path = state_dir.join(KEY_FILE);
        let (place, origin) = match key {
            Some(place) => (place.clone(), KeyOrigin::Given),
            None if path.exists() => (SecretRef::File(path), KeyOrigin::Found),
            None if state_dir.join(STORE_FILE).exists() => {
                return Err(VaultError::Absent {
                    place: format!("file {}", path.display()),
                    fix: format!("put the copy of the key that sealed {} back there", STORE_FILE),
                });
            }
            None => {
                let made = make(state_dir, &path)?;
                (SecretRef::File(path.clone()), if made { KeyOrigin::Made(path) } else { KeyOrigin::Found })
            }
        };
        let text = place.read()?;
        let mut root =
            parse(text.expose()).ok_or_else(|| place.unusable("is not a key of 32 bytes in base64 or hex"))?;
        let vault = Self::from_root(&root);
        root.zeroize();
        Ok((vault, origin))
    }

    fn from_root(root: &[u8; 32]) -> Self {
        let root = hmac::Key::new(hmac::HMAC_SHA256, root);
        let derived = |label: &str| -> [u8; 32] {
            let mut bytes = [0; 32];
            bytes.copy_from_slice(hmac::sign(&root, label.as_bytes()).as_ref());
            bytes
        };
        Self {
            wrapping: SubjectKey::from_bytes(derived("convey wrap 1")),
            lookups: hmac::Key::new(hmac::HMAC_SHA256, &*Zeroizing::new(derived("convey lookup 1"))),
            check: derived("convey check 1"),
        }
    }

    /// A value that depends on the key and gives nothing of it away: a store keeps it to tell a wrong key.
    pub fn check(&self) -> &[u8; 32] {
        &self.check
    }

    /// The digest of a value for a look-up column. The label keeps equal values of different kinds apart; a value made
    /// of parts is given as parts, which cannot run into one another.
    pub fn lookup(&self, label: &str, parts: &[&str]) -> Lookup {
        let mut signed = hmac::Context::with_key(&self.lookups);
        for part in std::iter::once(&label).chain(parts) {
            signed.update(&(part.len() as u64).to_le_bytes());
            signed.update(part.as_bytes());
        }
        let mut short = Lookup::default();
        short.copy_from_slice(&signed.sign().as_ref()[..16]);
        short
    }

    /// Seals a subject's key, bound to the subject.
    ///
    /// # Errors
    /// [`VaultError::Random`] if the operating system gives no random bytes.
    pub fn wrap(&self, subject: &Lookup, key: &SubjectKey) -> Result<Vec<u8>, VaultError> {
        seal::seal(&self.wrapping, subject, key.bytes())
    }

    /// Opens what [`Vault::wrap`] sealed for the same subject.
    ///
    /// # Errors
    /// [`VaultError::Unopened`] for another subject's bytes, another vault's, or damaged ones.
    pub fn unwrap(&self, subject: &Lookup, wrapped: &[u8]) -> Result<SubjectKey, VaultError> {
        let plain = Zeroizing::new(seal::open(&self.wrapping, subject, wrapped, "contact key")?);
        let bytes: [u8; 32] = plain.as_slice().try_into().map_err(|_| VaultError::Unopened { place: "contact key" })?;
        Ok(SubjectKey::from_bytes(bytes))
    }
}

fn parse(text: &str) -> Option<[u8; 32]> {
    let text = text.trim();
    if text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        let mut bytes = [0; 32];
        for (byte, pair) in bytes.iter_mut().zip(text.as_bytes().chunks_exact(2)) {
            *byte = u8::from_str_radix(str::from_utf8(pair).ok()?, 16).ok()?;
        }
        return Some(bytes);
    }
    [STANDARD, STANDARD_NO_PAD, URL_SAFE, URL_SAFE_NO_PAD].iter().find_map(|alphabet| {
        let decoded = Zeroizing::new(alphabet.decode(text).ok()?);
        decoded.as_slice().try_into().ok()
    })
}

/// Makes the key's file whole or not at all: written and synced under another name first, then linked into place, which
/// fails if another convey was quicker. `false` means that it was.
fn make(state_dir: &Path, path: &Path) -> Result<bool, VaultError> {
    let mut bytes = Zeroizing::new([0; 32]);
    seal::random(&mut *bytes)?;
    let text = Zeroizing::new(STANDARD.encode(bytes.as_slice()));
    let half = state_dir.join(format!("{KEY_FILE}.{}", std::process::id()));
    let made = write(state_dir, &half, path, &text);
    let _ = fs::remove_file(&half);
    made.map_err(|cause| VaultError::Denied { path: path.to_owned(), source: Arc::new(cause) })
}

fn write(state_dir: &Path, half: &Path, path: &Path, text: &str) -> io::Result<bool> {
    fs::DirBuilder::new().recursive(true).mode(0o700).create(state_dir)?;
    let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(half)?;
    writeln!(file, "{text}")?;
    file.sync_all()?;
    match fs::hard_link(half, path) {
        Ok(()) => {}
        Err(cause) if cause.kind() == ErrorKind::AlreadyExists => return Ok(false),
        Err(cause) => return Err(cause),
    }
    // The name must be on disk too: rows sealed with a key that a power cut takes away are lost.
    File::open(state_dir)?.sync_all()?;
    Ok(true)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::{KeyOrigin, STORE_FILE, Vault, parse};
    use crate::vault::{SecretRef, SubjectKey, VaultError, seal};

    #[test]
    fn a_key_is_made_once_and_found_again() {
        let dir = tempfile::tempdir().unwrap();
        let state = dir.path().join("state");
        let (first, origin) = Vault::open(&state, None).unwrap();
        let KeyOrigin::Made(path) = origin else { panic!("{origin:?}") };
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(std::fs::read_dir(&state).unwrap().count(), 1);
        let (second, origin) = Vault::open(&state, None).unwrap();
        assert_eq!(origin, KeyOrigin::Found);
        assert_eq!(first.check(), second.check());
        let (given, origin) = Vault::open(&state, Some(&SecretRef::File(path.clone()))).unwrap();
        assert_eq!((origin, given.check()), (KeyOrigin::Given, first.check()));

        std::fs::write(state.join(STORE_FILE), "").unwrap();
        std::fs::remove_file(path).unwrap();
        assert!(matches!(Vault::open(&state, None), Err(VaultError::Absent { .. })));
    }

    #[test]
    fn keys_are_read_as_hex_or_base64_of_32_bytes() {
        assert_eq!(parse(&"0f".repeat(32)), Some([15; 32]));
        assert_eq!(parse("Dw8PDw8PDw8PDw8PDw8PDw8PDw8PDw8PDw8PDw8PDw8="), Some([15; 32]));
        assert_eq!(parse("Dw8PDw8PDw8PDw8PDw8PDw8PDw8PDw8PDw8PDw8PDw8\n"), Some([15; 32]));
        assert_eq!(parse(&"0f".repeat(31)), None);
        assert_eq!(parse("correct horse battery staple"), None);
    }

    #[test]
    fn a_wrapped_key_opens_for_its_subject_only() {
        let vault = Vault::from_root(&[7; 32]);
        let ann = vault.lookup("contact", &["shop", "ann"]);
        let key = SubjectKey::fresh().unwrap();
        let wrapped = vault.wrap(&ann, &key).unwrap();
        let sealed = seal::seal(&key, b"x", b"plain").unwrap();
        let again = vault.unwrap(&ann, &wrapped).unwrap();
        assert_eq!(seal::open(&again, b"x", &sealed, "row").unwrap(), b"plain");
        assert!(vault.unwrap(&vault.lookup("contact", &["shop", "bob"]), &wrapped).is_err());
        assert!(Vault::from_root(&[8; 32]).unwrap(&ann, &wrapped).is_err());
    }

    #[test]
    fn lookups_keep_labels_and_parts_apart() {
        let vault = Vault::from_root(&[7; 32]);
        assert_eq!(vault.lookup("contact", &["a", "b"]), vault.lookup("contact", &["a", "b"]));
        assert_ne!(vault.lookup("contact", &["a", "b"]), vault.lookup("contact", &["ab", ""]));
        assert_ne!(vault.lookup("contact", &["a"]), vault.lookup("location", &["a"]));
    }
}
