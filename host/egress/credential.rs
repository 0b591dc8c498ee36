//! Credentials on their way onto a request: read at every use, so that a rotated one needs no restart; made ready once a value.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use http::HeaderValue;

use crate::vault::{Scrubber, Secret, SecretRef, VaultError};

/// One credential's present value, ready to attach and to be recognised when it comes back.
pub(super) struct Ready {
    secret: Secret,
    /// `Bearer …`, marked as sensitive.
    pub header: HeaderValue,
    /// Knows the value in every form a server might repeat it in.
    pub scrubber: Scrubber,
}

/// The credentials used so far, by place.
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
        let header = HeaderValue::from_str(&format!("Bearer {}", secret.expose()));
        let mut header = header.map_err(|_| place.unusable("holds characters that no HTTP header can carry"))?;
        header.set_sensitive(true);
        let ready = Arc::new(Ready { header, scrubber: Scrubber::new([&secret]), secret });
        known.insert(place.clone(), ready.clone());
        Ok(ready)
    }
}
