//! Credentials on their way onto a request: a secret that is read at every use, so that a rotated one needs no restart, or a token that a holder
//! keeps fresh. Made ready once a value.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use http::HeaderValue;

use super::oauth::Holder;
use crate::vault::{Scrubber, Secret, SecretRef, VaultError};

/// In whose name a ticket's requests are made.
#[derive(Clone, Debug)]
pub enum Credential {
    /// A secret that a person put somewhere.
    Secret(SecretRef),
    /// An OAuth token, and who keeps it fresh.
    Held(Arc<Holder>),
}

impl From<SecretRef> for Credential {
    fn from(place: SecretRef) -> Self {
        Self::Secret(place)
    }
}

/// One credential's present value, ready to attach and to be recognised when it comes back.
pub(super) struct Ready {
    secret: Secret,
    /// `Bearer …` (RFC 6750), marked as sensitive.
    pub header: HeaderValue,
    /// Knows the value in every form a server might repeat it in.
    pub scrubber: Scrubber,
}

impl Ready {
    /// Makes `secret` ready; what comes back is scrubbed of `kin` as well. `None` if no header can carry it.
    pub(super) fn new(secret: &Secret, kin: Option<&Secret>) -> Option<Self> {
        let mut header = HeaderValue::from_str(&format!("Bearer {}", secret.expose())).ok()?;
        header.set_sensitive(true);
        Some(Self { header, scrubber: Scrubber::new(std::iter::once(secret).chain(kin)), secret: secret.clone() })
    }
}

/// The secrets used so far, by place.
#[derive(Default)]
pub(super) struct Credentials(Mutex<HashMap<SecretRef, Arc<Ready>>>);

impl Credentials {
    /// The value that stands at `place` now.
    pub(super) fn ready(&self, place: &SecretRef) -> Result<Arc<Ready>, VaultError> {
        let secret = place.read()?;
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(ready) = known.get(place).filter(|ready| ready.secret.expose() == secret.expose()) {
            return Ok(ready.clone());
        }
        let ready = Ready::new(&secret, None);
        let ready = Arc::new(ready.ok_or_else(|| place.unusable("holds characters that no HTTP header can carry"))?);
        known.insert(place.clone(), ready.clone());
        Ok(ready)
    }
}
