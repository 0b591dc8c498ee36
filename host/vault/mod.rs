//! What must stay secret: secrets read at use, the vault's key, sealed rows, the scrubbing of what leaves the
//! program as text, and no core dumps.

mod core_dump;
pub mod error;
pub mod key;
mod keyring;
pub mod scrub;
pub mod seal;
pub mod secret;

pub use core_dump::forbid_core_dumps;
pub use error::VaultError;
pub use key::{KeyOrigin, STORE_FILE, Vault};
pub use scrub::{Scrubber, mask_personal};
pub use seal::{Lookup, SubjectKey, random_hex};
pub use secret::{Secret, SecretRef};
