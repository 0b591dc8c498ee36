//! Looking through a text for a byte of some kind.

/// Whether some byte of `text` passes. Sixteen are tested at once: in a component a loop over single bytes also looks at the host's clock for each.
#[inline]
pub(crate) fn any_byte(text: &str, passes: impl Fn(u8) -> bool) -> bool {
    let some = |bytes: &[u8]| bytes.iter().fold(false, |found, byte| found | passes(*byte));
    let (blocks, rest) = text.as_bytes().as_chunks::<16>();
    blocks.iter().any(|block| some(block)) || some(rest)
}

#[cfg(test)]
mod tests {
    use super::any_byte;

    #[test]
    fn a_byte_is_found_wherever_it_stands() {
        for length in 1..50 {
            let text = "x".repeat(length);
            assert!(!any_byte(&text, |byte| byte == b'@'));
            for at in 0..length {
                let text = format!("{}@{}", &text[..at], &text[at + 1..]);
                assert!(any_byte(&text, |byte| byte == b'@'), "{text}");
            }
        }
        assert!(!any_byte("", |_| true));
    }
}
