//! Secrets in the operating system's keyring: the kernel's key retention service on Linux (keyrings(7)), the login keychain on macOS. An entry of
//! convey's belongs to the service `convey` and bears the name that the configuration gives.

use zeroize::Zeroizing;

use super::Secret;

/// The service that convey's entries belong to.
const SERVICE: &str = "convey";

/// Why an entry could not be read. What the keyring says of it is left out: it may hold the secret's bytes.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Unread {
    /// There is no such entry.
    Absent,
    /// What is there is no text.
    NoText,
    /// The keyring is locked, or this system has none that convey knows.
    Refused,
}

/// The secret of one entry, as it is now.
pub(super) fn read(name: &str) -> Result<Secret, Unread> {
    let bytes = entry(name).and_then(|entry| entry.get_secret()).map(Zeroizing::new);
    let bytes = bytes.map_err(|error| match error {
        keyring_core::Error::NoEntry => Unread::Absent,
        _ => Unread::Refused,
    })?;
    let text = str::from_utf8(&bytes).map_err(|_| Unread::NoText)?;
    Ok(Secret::new(text.trim_end_matches(['\r', '\n']).to_owned()))
}

/// The command that puts a secret there, reading it from where a shell's history does not.
pub(super) fn fix(name: &str) -> String {
    if cfg!(target_os = "macos") {
        format!("security add-generic-password -U -s {SERVICE} -a {name} -w")
    } else {
        format!("keyctl padd user keyring:{name}@{SERVICE} @s < FILE, in the session or service that starts convey")
    }
}

#[cfg(target_os = "linux")]
fn entry(name: &str) -> keyring_core::Result<keyring_core::Entry> {
    use keyring_core::api::CredentialStoreApi;
    linux_keyutils_keyring_store::Store::new()?.build(SERVICE, name, None)
}

#[cfg(target_os = "macos")]
fn entry(name: &str) -> keyring_core::Result<keyring_core::Entry> {
    use keyring_core::api::CredentialStoreApi;
    apple_native_keyring_store::keychain::Store::new()?.build(SERVICE, name, None)
}

#[cfg(not(any(target_os = "linux", target_os = "macos")))]
fn entry(_name: &str) -> keyring_core::Result<keyring_core::Entry> {
    Err(keyring_core::Error::NotSupportedByStore("no keyring".to_owned()))
}

#[cfg(test)]
mod tests {
    use super::{Unread, entry, fix, read};
    use crate::vault::{SecretRef, VaultError};

    /// An entry of this test alone, or `None`, with a word why, where the system lets nobody keep any.
    #[expect(clippy::print_stderr, reason = "whoever runs the tests should know that one did not")]
    fn planted(name: &str, secret: &[u8]) -> Option<keyring_core::Entry> {
        let entry = entry(name).and_then(|entry| entry.set_secret(secret).map(|()| entry));
        entry.inspect_err(|error| eprintln!("skipped: this system keeps no keys: {error}")).ok()
    }

    #[test]
    fn an_entry_is_read_as_it_is_now() {
        let name = format!("test-{}-read", std::process::id());
        let Some(entry) = planted(&name, b"one\n") else { return };
        let place = SecretRef::Keyring(name.clone());
        assert_eq!(place.read().unwrap().expose(), "one");
        entry.set_secret(b"two").unwrap();
        assert_eq!(place.read().unwrap().expose(), "two");
        entry.set_secret(&[0xff, 0xfe]).unwrap();
        assert_eq!(read(&name).unwrap_err(), Unread::NoText);
        entry.delete_credential().unwrap();
        let error = place.read().unwrap_err();
        assert!(matches!(&error, VaultError::Absent { .. }), "{error}");
        assert!(error.to_string().contains(&fix(&name)), "{error}");
    }

    #[test]
    fn the_command_names_the_entry_and_reads_the_secret_elsewhere() {
        assert!(fix("ghl").contains("ghl") && fix("ghl").contains("convey"));
    }
}
