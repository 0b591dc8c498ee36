//! A secret and where it is kept. The value is read at every use, so rotating it needs no restart.

use std::fmt;
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use super::VaultError;
use super::keyring::{self, Unread};

/// A secret's text. It prints as `[secret]` and its memory is wiped when it goes.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct Secret(String);

impl Secret {
    /// Takes the text over.
    pub fn new(text: String) -> Self {
        Self(text)
    }

    /// The text itself. Call this where it is used, never earlier, and keep no copy.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("[secret]")
    }
}

impl fmt::Display for Secret {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("[secret]")
    }
}

/// Where a secret is kept: `{ env = "NAME" }`, `{ file = "PATH" }` or `{ keyring = "NAME" }` in the configuration, never
/// the value itself.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Deserialize, Serialize)]
#[serde(try_from = "Written", rename_all = "lowercase")]
pub enum SecretRef {
    /// An environment variable, by name.
    Env(String),
    /// A file, by path; a line break at its end is not part of the secret.
    File(PathBuf),
    /// An entry of the service `convey` in the operating system's keyring, by name.
    Keyring(String),
}

/// The reference as it is written, so that a wrong or missing key gets a plain error.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    env: Option<String>,
    file: Option<PathBuf>,
    keyring: Option<String>,
}

impl TryFrom<Written> for SecretRef {
    type Error = &'static str;

    fn try_from(written: Written) -> Result<Self, Self::Error> {
        match (written.env, written.file, written.keyring) {
            (Some(name), None, None) if is_variable(&name) => Ok(Self::Env(name)),
            (None, Some(path), None) if !path.as_os_str().is_empty() => Ok(Self::File(path)),
            (None, None, Some(name)) if is_entry(&name) => Ok(Self::Keyring(name)),
            (Some(_), None, None) => Err("`env` must be the name of an environment variable, as in { env = \"NAME\" }"),
            (None, Some(_), None) => Err("`file` must be a path, as in { file = \"PATH\" }"),
            (None, None, Some(_)) => {
                Err("`keyring` must be a name of at most 64 letters, digits and `-_.`, as in { keyring = \"NAME\" }")
            }
            (None, None, None) => {
                Err("say where the secret is: { env = \"NAME\" }, { file = \"PATH\" } or { keyring = \"NAME\" }")
            }
            _ => Err("a secret stands in one place: give `env`, `file` or `keyring`, not several"),
        }
    }
}

/// POSIX names only: whatever else stands there is more likely the secret itself, pasted into the wrong place.
fn is_variable(name: &str) -> bool {
    let mut letters = name.chars();
    letters.next().is_some_and(|first| first.is_ascii_alphabetic() || first == '_')
        && letters.all(|next| next.is_ascii_alphanumeric() || next == '_')
}

/// Names that a shell takes without quotes.
fn is_entry(name: &str) -> bool {
    let plain = |letter: char| letter.is_ascii_alphanumeric() || "-_.".contains(letter);
    (1..=64).contains(&name.len()) && !name.starts_with('-') && name.chars().all(plain)
}

impl fmt::Display for SecretRef {
    /// The place, for people: `environment variable NAME`, `file PATH` or `keyring entry NAME`.
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Env(name) => write!(out, "environment variable {name}"),
            Self::File(path) => write!(out, "file {}", path.display()),
            Self::Keyring(name) => write!(out, "keyring entry {name}"),
        }
    }
}

impl SecretRef {
    /// Reads the secret as it is now.
    ///
    /// # Errors
    /// [`VaultError::Absent`] and [`VaultError::Unusable`] name the place and the line to type;
    /// [`VaultError::Denied`] says that the file may not be read.
    pub fn read(&self) -> Result<Secret, VaultError> {
        let text = match self {
            Self::Env(name) => self.variable(name)?,
            Self::File(path) => self.contents(path)?,
            Self::Keyring(name) => self.entry(name)?,
        };
        if text.0.is_empty() {
            return Err(VaultError::Absent { place: self.to_string(), fix: self.fix() });
        }
        Ok(text)
    }

    #[expect(clippy::disallowed_methods, reason = "the one place that reads a secret from the environment")]
    fn variable(&self, name: &str) -> Result<Secret, VaultError> {
        match std::env::var(name) {
            Ok(text) => Ok(Secret(text)),
            Err(std::env::VarError::NotPresent) => Err(VaultError::Absent { place: self.to_string(), fix: self.fix() }),
            Err(std::env::VarError::NotUnicode(_)) => Err(self.unusable("is not UTF-8 text")),
        }
    }

    fn contents(&self, path: &Path) -> Result<Secret, VaultError> {
        let bytes = match fs::read(path) {
            Ok(bytes) => Zeroizing::new(bytes),
            Err(cause) if cause.kind() == ErrorKind::NotFound => {
                return Err(VaultError::Absent { place: self.to_string(), fix: self.fix() });
            }
            Err(cause) => return Err(VaultError::Denied { path: path.to_owned(), source: Arc::new(cause) }),
        };
        let text = str::from_utf8(&bytes).map_err(|_| self.unusable("is not UTF-8 text"))?;
        Ok(Secret(text.trim_end_matches(['\r', '\n']).to_owned()))
    }

    fn entry(&self, name: &str) -> Result<Secret, VaultError> {
        keyring::read(name).map_err(|unread| match unread {
            Unread::Absent => VaultError::Absent { place: self.to_string(), fix: self.fix() },
            Unread::NoText => self.unusable("is not UTF-8 text"),
            Unread::Refused => self.unusable("cannot be read: the system's keyring is locked or not there"),
        })
    }

    /// An error that names this place and says how to put a secret there.
    pub fn unusable(&self, fault: &'static str) -> VaultError {
        VaultError::Unusable { place: self.to_string(), fault, fix: self.fix() }
    }

    fn fix(&self) -> String {
        match self {
            Self::Env(name) => format!("export {name}=… in the shell or service that starts convey"),
            Self::File(path) => format!("write the secret to {} and chmod 600 it", path.display()),
            Self::Keyring(name) => keyring::fix(name),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Secret, SecretRef};
    use crate::vault::VaultError;

    #[derive(serde::Deserialize, Debug)]
    struct Holder {
        token: SecretRef,
    }

    #[test]
    fn a_secret_prints_as_a_word() {
        let secret = Secret::new("hunter2".to_owned());
        assert_eq!(format!("{secret} {secret:?} {:?}", Some(&secret)), "[secret] [secret] Some([secret])");
    }

    #[test]
    fn references_are_one_place_and_nothing_else() {
        let read = |text: &str| toml::from_str::<Holder>(text);
        assert_eq!(read("token = { env = 'A_B' }").unwrap().token, SecretRef::Env("A_B".into()));
        assert_eq!(read("token = { file = '/run/x' }").unwrap().token, SecretRef::File("/run/x".into()));
        assert_eq!(read("token = { keyring = 'ghl-main' }").unwrap().token, SecretRef::Keyring("ghl-main".into()));
        for wrong in [
            "{ env = 'A', file = 'b' }",
            "{ keyring = 'a b' }",
            "{ keyring = 'A', env = 'A' }",
            "{ keyring = '-x' }",
            "{ }",
            "{ value = 'x' }",
            "{ env = 'sk-live 12' }",
            "'plain'",
        ] {
            let error = read(&format!("token = {wrong}")).unwrap_err().to_string();
            assert!(error.contains("line 1"), "{error}");
        }
    }

    #[test]
    fn a_file_is_read_at_every_use_without_its_line_break() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("token");
        let place = SecretRef::File(path.clone());
        assert!(matches!(place.read(), Err(VaultError::Absent { .. })));
        std::fs::write(&path, "one\r\n").unwrap();
        assert_eq!(place.read().unwrap().expose(), "one");
        std::fs::write(&path, "two").unwrap();
        assert_eq!(place.read().unwrap().expose(), "two");
        std::fs::write(&path, "\n").unwrap();
        assert!(matches!(place.read(), Err(VaultError::Absent { .. })));
    }

    #[test]
    fn a_missing_variable_names_the_line_to_type() {
        let error = SecretRef::Env("CONVEY_NO_SUCH_SECRET".into()).read().unwrap_err().to_string();
        assert!(error.contains("environment variable CONVEY_NO_SUCH_SECRET"), "{error}");
        assert!(error.contains("export CONVEY_NO_SUCH_SECRET=…"), "{error}");
    }
}
