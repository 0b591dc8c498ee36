//! SHA-256 as the contract carries it: eight words, so that a raw value has no room.

use sha2::block_api::compress256;

use crate::types::Hashed;

/// The hash of nothing yet (FIPS 180-4, §5.3.3).
const INITIAL: [u32; 8] =
    [0x6a09_e667, 0xbb67_ae85, 0x3c6e_f372, 0xa54f_f53a, 0x510e_527f, 0x9b05_688c, 0x1f83_d9ab, 0x5be0_cd19];

/// The longest message that fits into one block with its end.
const SHORT: usize = 55;

/// The SHA-256 of an already normalised value.
pub fn sha256(normalised: &str) -> Hashed {
    from_words(digest(normalised.as_bytes()))
}

/// Writes the end of a message of `length` bytes: what is left of it, a one bit, zeros, and its length in bits (FIPS 180-4, §5.1.1).
fn close(end: &mut [u8], rest: &[u8], length: usize) {
    end[..rest.len()].copy_from_slice(rest);
    end[rest.len()] = 0x80;
    let size = end.len() - 8;
    end[size..].copy_from_slice(&(length as u64 * 8).to_be_bytes());
}

/// SHA-256 over whole messages: what is hashed here fits into a block or two, and a hasher that takes its message in pieces costs as much again.
fn digest(message: &[u8]) -> [u32; 8] {
    let mut state = INITIAL;
    let (blocks, rest) = message.as_chunks::<64>();
    compress256(&mut state, blocks);
    let mut last = [[0; 64]; 2];
    let last = &mut last[..if rest.len() <= SHORT { 1 } else { 2 }];
    close(last.as_flattened_mut(), rest, message.len());
    compress256(&mut state, last);
    state
}

/// A value that is a SHA-256 already: 64 hex digits in any case. Hashing it again would match nobody.
pub fn already_hashed(raw: &str) -> Option<Hashed> {
    if raw.len() < 64 {
        return None;
    }
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
    let hex = if raw.len() < 32 { return false } else { raw.trim() };
    hex.len() == 32 && hex.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// The first `digits` hex digits of the SHA-256 of the parts, each closed by a zero byte so that parts cannot run
/// together.
pub fn fingerprint(parts: &[&str], digits: usize) -> String {
    let mut message = Vec::with_capacity(parts.iter().map(|part| part.len() + 1).sum());
    for part in parts {
        message.extend_from_slice(part.as_bytes());
        message.push(0);
    }
    let mut hex = hex(digest(&message));
    hex.truncate(digits);
    hex
}

fn from_words([a, b, c, d, e, f, g, h]: [u32; 8]) -> Hashed {
    Hashed { a, b, c, d, e, f, g, h }
}

/// As 64 lowercase hex digits.
pub fn to_hex(hashed: Hashed) -> String {
    let Hashed { a, b, c, d, e, f, g, h } = hashed;
    hex([a, b, c, d, e, f, g, h])
}

fn hex(words: [u32; 8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let nibbles = words.into_iter().flat_map(|word| (0..8).map(move |at| (word >> (28 - 4 * at)) as usize & 15));
    let mut hex = String::with_capacity(64);
    hex.extend(nibbles.map(|nibble| char::from(DIGITS[nibble])));
    hex
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
    fn every_length_is_padded_as_the_standard_says() {
        use sha2::Digest as _;
        for length in 0..200 {
            let message = "x".repeat(length);
            let wanted: String = sha2::Sha256::digest(&message).iter().map(|byte| format!("{byte:02x}")).collect();
            assert_eq!(to_hex(sha256(&message)), wanted, "{length} bytes");
        }
        let parts = sha2::Sha256::digest(b"a\0b\0").iter().map(|byte| format!("{byte:02x}")).collect::<String>();
        assert_eq!(fingerprint(&["a", "b"], 10), parts[..10]);
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
