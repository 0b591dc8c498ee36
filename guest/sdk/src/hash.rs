//! SHA-256 as the contract carries it: eight words, so that a raw value has no room.

use sha2::block_api::compress256;

use crate::short;
use crate::types::Hashed;

#[cfg(any(test, all(target_arch = "wasm32", target_feature = "simd128")))]
mod lanes;

/// What a message is hashed in.
pub(crate) type Block = [u8; 64];

/// So many blocks are hashed together.
pub(crate) const TOGETHER: usize = 4;

/// Whether that is quicker than one after the other: where no processor's own instruction can be used.
pub(crate) const TOGETHER_PAYS: bool = cfg!(any(test, all(target_arch = "wasm32", target_feature = "simd128")));

/// The hash of nothing yet (FIPS 180-4, §5.3.3).
const INITIAL: [u32; 8] =
    [0x6a09_e667, 0xbb67_ae85, 0x3c6e_f372, 0xa54f_f53a, 0x510e_527f, 0x9b05_688c, 0x1f83_d9ab, 0x5be0_cd19];

/// The longest message that fits into one block with its end.
const SHORT: usize = 55;

/// The SHA-256 of an already normalised value.
pub fn sha256(normalised: &str) -> Hashed {
    sha256_of(normalised.as_bytes())
}

/// The SHA-256 of a message.
pub(crate) fn sha256_of(message: &[u8]) -> Hashed {
    from_words(digest(message))
}

/// Whether a message is worth keeping until others can be hashed with it: it fits into one block with its end.
pub(crate) fn waits(message: &[u8]) -> bool {
    TOGETHER_PAYS && message.len() <= SHORT
}

/// Writes a short message and its end into a block of zeros.
#[inline]
pub(crate) fn fill(block: &mut Block, short: &[u8]) {
    close(block, short, short.len());
}

/// The SHA-256 of messages of one block each, at most [`TOGETHER`] of them.
#[inline]
pub(crate) fn sha256_together(blocks: &[&Block]) -> [Hashed; TOGETHER] {
    // Two cost as much as four.
    #[cfg(any(test, all(target_arch = "wasm32", target_feature = "simd128")))]
    if let [first, second, third, rest @ ..] = blocks {
        return lanes::compress(&INITIAL, [*first, second, third, rest.first().unwrap_or(first)]).map(from_words);
    }
    let mut states = [INITIAL; TOGETHER];
    for (state, block) in states.iter_mut().zip(blocks) {
        compress256(state, std::slice::from_ref(*block));
    }
    states.map(from_words)
}

/// Writes the end of a message of `length` bytes: what is left of it, a one bit, zeros, and its length in bits (FIPS 180-4, §5.1.1).
#[inline]
fn close(end: &mut [u8], rest: &[u8], length: usize) {
    short::copy(end, rest);
    end[rest.len()] = 0x80;
    let size = end.len() - 8;
    end[size..].copy_from_slice(&(length as u64 * 8).to_be_bytes());
}

/// SHA-256 over whole messages: what is hashed here fits into a block or two, and a hasher that takes its message in pieces costs as much again.
fn digest(message: &[u8]) -> [u32; 8] {
    let mut state = INITIAL;
    let (blocks, rest) = message.as_chunks::<64>();
    // Most messages have no whole block, and the call alone costs something.
    if !blocks.is_empty() {
        compress256(&mut state, blocks);
    }
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
    joined(parts, |message| hex(digest(message), digits))
}

/// The parts, each closed by a zero byte, as one message.
pub(crate) fn joined<R>(parts: &[&str], hash: impl FnOnce(&[u8]) -> R) -> R {
    let length = parts.iter().map(|part| part.len() + 1).sum();
    // What is fingerprinted seldom needs memory of its own.
    let (mut small, mut large) = ([0; 128], Vec::new());
    let message = if length <= small.len() {
        &mut small[..length]
    } else {
        large.resize(length, 0);
        &mut large[..]
    };
    let mut at = 0;
    for part in parts {
        short::copy(&mut message[at..], part.as_bytes());
        at += part.len() + 1;
    }
    hash(message)
}

fn from_words([a, b, c, d, e, f, g, h]: [u32; 8]) -> Hashed {
    Hashed { a, b, c, d, e, f, g, h }
}

/// As 64 lowercase hex digits.
pub fn to_hex(hashed: Hashed) -> String {
    first_hex(hashed, 64)
}

/// The first `digits` of its hex digits.
pub(crate) fn first_hex(hashed: Hashed, digits: usize) -> String {
    let Hashed { a, b, c, d, e, f, g, h } = hashed;
    hex([a, b, c, d, e, f, g, h], digits)
}

fn hex(words: [u32; 8], digits: usize) -> String {
    let letters = words.map(|word| eight_digits(word).to_be_bytes());
    let letters = &letters.as_flattened()[..digits.min(64)];
    std::str::from_utf8(letters).expect("hex digits are ASCII").to_owned()
}

/// The hex digits of a word as ASCII, all eight at once.
fn eight_digits(word: u32) -> u64 {
    const EACH: u64 = 0x0101_0101_0101_0101;
    let apart = |word: u64, shift: u32, keeps: u64| (word | word << shift) & keeps;
    let word = apart(u64::from(word), 16, 0x0000_ffff_0000_ffff);
    let word = apart(word, 8, 0x00ff_00ff_00ff_00ff);
    let values = apart(word, 4, 0x0f * EACH);
    // What is ten or more reaches 16 when six is added, and is a letter.
    let is_letter = (values + 6 * EACH) >> 4 & EACH;
    values + u64::from(b'0') * EACH + is_letter * u64::from(b'a' - b'0' - 10)
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
    fn together_is_as_alone() {
        let messages = ["", "john_smith@gmail.com", &"x".repeat(SHORT), "16505551212"];
        assert!(messages.iter().all(|message| waits(message.as_bytes())) && !waits(&[b'x'; SHORT + 1]));
        let mut blocks = [[0; 64]; TOGETHER];
        blocks.iter_mut().zip(messages).for_each(|(block, message)| fill(block, message.as_bytes()));
        for count in 0..=TOGETHER {
            let some: Vec<&Block> = blocks.iter().take(count).collect();
            let alone: Vec<Hashed> = messages.iter().take(count).map(|message| sha256(message)).collect();
            assert_eq!(sha256_together(&some)[..count], alone);
        }
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
