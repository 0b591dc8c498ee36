//! Tokens in the shape of the vendor's: a JSON Web Token (RFC 7519) with its claims and a signature that is noise.

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use fastrand::Rng;
use serde_json::{Value, json};

/// Bytes of an RS256 signature with a 2048-bit key.
const SIGNATURE_BYTES: usize = 256;

/// A token with these claims. The noise makes it unlike every other one.
pub fn token(rng: &mut Rng, claims: &Value) -> String {
    let mut noise = [0; SIGNATURE_BYTES];
    rng.fill(&mut noise);
    let part = |bytes: &[u8]| BASE64_URL_SAFE_NO_PAD.encode(bytes);
    let header = json!({ "alg": "RS256", "typ": "JWT" }).to_string();
    format!("{}.{}.{}", part(header.as_bytes()), part(claims.to_string().as_bytes()), part(&noise))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_has_three_parts_and_shows_its_claims() {
        let mut rng = Rng::with_seed(1);
        let claims = json!({ "authClass": "Location" });
        let (first, second) = (token(&mut rng, &claims), token(&mut rng, &claims));
        assert_ne!(first, second);
        let parts: Vec<&str> = first.split('.').collect();
        assert_eq!(parts.len(), 3);
        let shown = BASE64_URL_SAFE_NO_PAD.decode(parts[1]).expect("base64url");
        assert_eq!(serde_json::from_slice::<Value>(&shown).expect("JSON"), claims);
    }
}
