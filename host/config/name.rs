//! Names of connections, destinations and components: they stand in paths, logs and metrics, so they are kept plain.

/// Whether `text` is a name: 1 to 64 of `a-z`, `0-9`, `-` and `_`.
pub(super) fn is_name(text: &str) -> bool {
    (1..=64).contains(&text.len()) && text.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_'))
}

/// The nearest name to what was written, if anything of it remains.
pub(super) fn as_name(text: &str) -> Option<String> {
    let plain = |letter: char| match letter.to_ascii_lowercase() {
        kept @ ('a'..='z' | '0'..='9' | '_') => kept,
        _ => '-',
    };
    let name: String = text.chars().map(plain).take(64).collect();
    let name = name.trim_matches('-');
    (!name.is_empty()).then(|| name.to_owned())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{as_name, is_name};

    #[test]
    fn names_are_plain() {
        for good in ["a", "acme-2_b", &"x".repeat(64)] {
            assert!(is_name(good), "{good}");
        }
        for bad in ["", "Acme", "a b", "a.b", "ä", &"x".repeat(65)] {
            assert!(!is_name(bad), "{bad}");
        }
        assert_eq!(as_name("Acme GmbH."), Some("acme-gmbh".to_owned()));
        assert_eq!(as_name("…"), None);
    }

    proptest! {
        #[test]
        fn a_proposed_name_is_a_name(text in "\\PC{0,80}") {
            prop_assert!(as_name(&text).is_none_or(|name| is_name(&name)));
        }
    }
}
