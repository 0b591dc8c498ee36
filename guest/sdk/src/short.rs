//! Copying a short text. In a component a copy of a length that is not known beforehand is a call of the host, which costs more than the text.

/// Copies `from` to the start of `to`, which has room for it.
#[inline]
pub(crate) fn copy(to: &mut [u8], from: &[u8]) {
    let to = &mut to[..from.len()];
    match from.len() {
        0 => {}
        length @ 1..4 => {
            for at in [0, length / 2, length - 1] {
                to[at] = from[at];
            }
        }
        4..8 => ends::<4>(to, from),
        8..16 => ends::<8>(to, from),
        16..32 => ends::<16>(to, from),
        32..64 => ends::<32>(to, from),
        _ => to.copy_from_slice(from),
    }
}

/// The first `N` bytes and the last, of `N` to twice as many: what lies in both is copied twice.
#[inline]
fn ends<const N: usize>(to: &mut [u8], from: &[u8]) {
    if let (Some(to), Some(from)) = (to.first_chunk_mut::<N>(), from.first_chunk()) {
        *to = *from;
    }
    if let (Some(to), Some(from)) = (to.last_chunk_mut::<N>(), from.last_chunk()) {
        *to = *from;
    }
}

#[cfg(test)]
mod tests {
    use super::copy;

    #[test]
    fn every_length_is_copied_whole_and_no_further() {
        let text: Vec<u8> = (1..=200).collect();
        for length in 0..=text.len() {
            let mut to = [0; 210];
            copy(&mut to, &text[..length]);
            assert_eq!(to[..length], text[..length]);
            assert!(to[length..].iter().all(|byte| *byte == 0), "{length}");
        }
    }
}
