//! Looking through a text for a byte of some kind.

/// Whether some byte of `text` passes. Sixteen are tested at once: in a component a loop over single bytes also looks at the host's clock for each.
/// What is left over is tested with bytes before it once more, so that there is no such loop.
#[inline]
pub(crate) fn any_byte(text: &str, passes: impl Fn(u8) -> bool) -> bool {
    let bytes = text.as_bytes();
    if let Some(last) = bytes.last_chunk::<16>() {
        let (blocks, _) = bytes.as_chunks::<16>();
        return blocks.iter().any(|block| some(block, &passes)) || some(last, &passes);
    }
    ends::<8>(bytes, &passes)
        .or_else(|| ends::<4>(bytes, &passes))
        .unwrap_or_else(|| bytes.iter().fold(false, |found, byte| found | passes(*byte)))
}

/// Whether every byte of `text` passes.
#[inline]
pub(crate) fn all_bytes(text: &str, passes: impl Fn(u8) -> bool) -> bool {
    !any_byte(text, |byte| !passes(byte))
}

/// Where the first byte that passes stands.
#[inline]
pub(crate) fn position(text: &str, passes: impl Fn(u8) -> bool) -> Option<usize> {
    let (blocks, _) = text.as_bytes().as_chunks::<16>();
    let start = 16 * blocks.iter().take_while(|block| !some(block, &passes)).count();
    text.bytes().skip(start).position(passes).map(|at| start + at)
}

/// Without a way out in between, which would keep a compiler from testing all at once.
fn some<const N: usize>(block: &[u8; N], passes: impl Fn(u8) -> bool) -> bool {
    block.iter().fold(false, |found, byte| found | passes(*byte))
}

/// Whether a byte passes in a text of `N` to twice as many.
fn ends<const N: usize>(bytes: &[u8], passes: impl Fn(u8) -> bool) -> Option<bool> {
    let (first, last) = (bytes.first_chunk::<N>()?, bytes.last_chunk::<N>()?);
    Some(some(first, &passes) | some(last, &passes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_byte_is_found_wherever_it_stands() {
        for length in 1..70 {
            let text = "x".repeat(length);
            assert!(!any_byte(&text, |byte| byte == b'@') && all_bytes(&text, |byte| byte == b'x'));
            assert_eq!(position(&text, |byte| byte == b'@'), None);
            for at in 0..length {
                let text = format!("{}@{}", &text[..at], "@".repeat(length - at - 1));
                assert!(any_byte(&text, |byte| byte == b'@') && !all_bytes(&text, |byte| byte == b'x'), "{text}");
                assert_eq!(position(&text, |byte| byte == b'@'), Some(at));
                let alone = format!("{}@{}", &text[..at], "x".repeat(length - at - 1));
                assert!(any_byte(&alone, |byte| byte == b'@') && !all_bytes(&alone, |byte| byte == b'x'), "{alone}");
            }
        }
        assert!(!any_byte("", |_| true) && all_bytes("", |_| false) && position("", |_| true).is_none());
    }
}
