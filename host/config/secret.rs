//! Values that stand for a key: secrets, which are named and never written, and public keys, which may be either.

use std::path::PathBuf;

use serde::Deserialize;
use toml::de::{DeTable, DeValue, ValueDeserializer};

use super::section::{Section, kind};
use crate::vault::SecretRef;

/// A longer name of an environment variable is taken for the secret itself, pasted into the wrong place.
const LONGEST_VARIABLE: usize = 64;

impl<'a> Section<'a, '_> {
    /// Where a secret is kept, if the key is there. `variable` is the environment variable to propose.
    pub(super) fn secret(&mut self, key: &'static str, variable: &str) -> Option<SecretRef> {
        let value = self.value(key)?;
        let fix = format!("{key} = {{ env = \"{variable}\" }}");
        let fault = match value.get_ref() {
            DeValue::Table(table) => match self.reference(table, value) {
                Ok(SecretRef::File(written)) => return Some(SecretRef::File(self.secret_file(key, &written))),
                Ok(named) => return Some(named),
                Err(fault) => fault,
            },
            DeValue::String(_) => "holds the secret itself; name the place where it is kept".to_owned(),
            other => format!("must name the place of a secret, not {}", kind(other)),
        };
        self.found.cover(value.span());
        self.wrong(value.span(), key, &fault, fix);
        None
    }

    /// As [`Self::secret`], for a key that must be there.
    pub(super) fn required_secret(&mut self, key: &'static str, variable: &str) -> SecretRef {
        if !self.has(key) {
            self.missing(key, &format!("{key} = {{ env = \"{variable}\" }}"));
        }
        // Stands in where a problem was just noted; such a configuration is never handed out.
        self.secret(key, variable).unwrap_or(SecretRef::Env(String::new()))
    }

    /// The parser's complaint may quote a value, so it only sees a table whose values are all text.
    fn reference(&self, table: &DeTable<'a>, value: super::section::Value<'a>) -> Result<SecretRef, String> {
        if let Some(other) = table.values().map(|value| value.get_ref()).find(|value| !value.is_str()) {
            return Err(format!("names its place by text in quotes, not {}", kind(other)));
        }
        let named = SecretRef::deserialize(ValueDeserializer::from(value.clone()));
        match named.map_err(|error| format!("does not name a place: {}", error.message()))? {
            SecretRef::Env(name) if name.len() > LONGEST_VARIABLE => {
                Err("looks like the secret itself; `env` takes the name of an environment variable".to_owned())
            }
            named => Ok(named),
        }
    }

    fn secret_file(&mut self, key: &'static str, written: &std::path::Path) -> PathBuf {
        let hint = "write the secret to that file and chmod 600 it".to_owned();
        let path = self.found.resolve(&written.to_string_lossy());
        if !path.is_file() {
            let span = self.found.place(&self.dotted(key)).unwrap_or_default();
            self.wrong(span, key, "names a file that is not there", hint);
        }
        path
    }

    /// A public key's PEM text (RFC 7468), written in place or in a file named by `{ file = "…" }`.
    pub(super) fn public_key(&mut self, key: &'static str) -> Option<String> {
        let value = self.value(key)?;
        let fix = format!("{key} = {{ file = \"key.pem\" }}");
        let pem = match value.get_ref() {
            DeValue::String(pem) => pem.to_string(),
            DeValue::Table(table)
                if table.len() == 1 && table.get("file").is_some_and(|path| path.get_ref().is_str()) =>
            {
                let written = table.get("file").and_then(|path| path.get_ref().as_str()).unwrap_or_default();
                let path = self.file(key, written, &fix);
                if !path.is_file() {
                    return None;
                }
                self.contents(key, value.span(), &path)
            }
            other => {
                self.found.cover(value.span());
                self.wrong(value.span(), key, &format!("must be a public key or its file, not {}", kind(other)), fix);
                return None;
            }
        };
        let fault = match pem.trim() {
            pem if pem.contains("PRIVATE KEY") => "is a private key; the public one belongs here",
            pem if pem.starts_with("-----BEGIN PUBLIC KEY-----") && pem.ends_with("-----END PUBLIC KEY-----") => {
                return Some(format!("{pem}\n"));
            }
            _ => {
                "is not a public key: it begins with -----BEGIN PUBLIC KEY----- and ends with -----END PUBLIC KEY-----"
            }
        };
        self.found.cover(value.span());
        self.wrong(value.span(), key, fault, fix);
        None
    }
}
