//! SHA-256 as the contract carries it: eight words, so that a raw value has no room.

use sha2::{Digest, Sha256};

use crate::types::Hashed;

/// The SHA-256 of an already normalised value.
pub fn sha256(normalised: &str) -> Hashed {
    let digest = Sha256::digest(normalised.as_bytes());
    let mut words = [0_u32; 8];
    for (word, bytes) in words.iter_mut().zip(digest.chunks_exact(4)) {
        *word = bytes.iter().fold(0, |word, byte| word << 8 | u32::from(*byte));
    }
    from_words(words)
}

/// A value that is a SHA-256 already: 64 hex digits in any case. Hashing it again would match nobody.
pub fn already_hashed(raw: &str) -> Option<Hashed> {
    let hex = raw.trim().as_bytes();
    if hex.len() != 64 {
        return None;
    }
    let mut words = [0_u32; 8];
    for (word, digits) in words.iter_mut().zip(hex.chunks_exact(8)) {
        for digit in digits {
            *word = *word << 4 | char::from(*digit).to_digit(16)?;
        }
    }
    Some(from_words(words))
}

/// 32 hex digits: an MD5, which the platform does not take and which must not be hashed as if it were a name.
pub fn looks_like_md5(raw: &str) -> bool {
    let hex = raw.trim();
    hex.len() == 32 && hex.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// The first `digits` hex digits of the SHA-256 of the parts, each closed by a zero byte so that parts cannot run
/// together.
pub fn fingerprint(parts: &[&str], digits: usize) -> String {
    let mut hasher = Sha256::new();
    for part in parts {
        hasher.update(part.as_bytes());
        hasher.update([0]);
    }
    let digest = hasher.finalize();
    let nibbles = digest.iter().flat_map(|byte| [byte >> 4, byte & 15]);
    nibbles.take(digits).filter_map(|nibble| char::from_digit(u32::from(nibble), 16)).collect()
}

fn from_words([a, b, c, d, e, f, g, h]: [u32; 8]) -> Hashed {
    Hashed { a, b, c, d, e, f, g, h }
}

/// As 64 lowercase hex digits.
pub fn to_hex(hashed: Hashed) -> String {
    let Hashed { a, b, c, d, e, f, g, h } = hashed;
    [a, b, c, d, e, f, g, h].iter().map(|word| format!("{word:08x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const JOHN: &str = "62a14e44f765419d10fea99367361a727c12365e2520f32218d505ed9aa0f62f";

    #[test]
    fn hashes_metas_documented_example() {
        assert_eq!(to_hex(sha256("john_smith@gmail.com")), JOHN);
    }

    #[test]
    fn a_hash_passes_in_any_case_and_is_never_hashed_twice() {
        assert_eq!(already_hashed(&format!(" {} ", JOHN.to_uppercase())), Some(sha256("john_smith@gmail.com")));
        assert_eq!(already_hashed(&JOHN[1..]), None);
        assert_eq!(already_hashed(&JOHN.replace('6', "g")), None);
        assert!(looks_like_md5("5d41402abc4b2a76b9719d911017c592"));
    }

    #[test]
    fn parts_of_a_fingerprint_do_not_run_together() {
        assert_eq!(fingerprint(&["a", "b"], 32).len(), 32);
        assert_ne!(fingerprint(&["ab", ""], 32), fingerprint(&["a", "b"], 32));
    }
}
