//! The last line of what a command wrote: it carries the command's key, so that a repeat finds what was written.

use sha2::{Digest, Sha256};

const WORD: &str = "convey:";
const DIGITS: usize = 8;

/// The line of a key: the first eight hex digits of its SHA-256.
pub fn marker(key: &str) -> String {
    let digest = Sha256::digest(key.as_bytes());
    let digits: String = digest.iter().take(DIGITS / 2).map(|byte| format!("{byte:02x}")).collect();
    format!("{WORD}{digits}")
}

/// The text with the line at its end.
pub fn marked(text: &str, marker: &str) -> String {
    if text.trim().is_empty() { marker.to_owned() } else { format!("{}\n{marker}", text.trim_end()) }
}

/// The line that a text ends with, if it has one. The editor of the CRM may have wrapped the lines in markup.
pub fn found(text: &str) -> Option<&str> {
    let start = text.rfind(WORD)?;
    let end = start + WORD.len() + DIGITS;
    let line = text.get(start..end)?;
    let digits = &line[WORD.len()..];
    let rest = text.get(end..)?;
    let ends = !rest.starts_with(|next: char| next.is_ascii_alphanumeric());
    (ends && digits.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))).then_some(line)
}

/// The new text with the line that the old one had.
pub fn kept(old: &str, new: &str) -> String {
    match found(old) {
        Some(line) if found(new) != Some(line) => marked(new, line),
        _ => new.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_line_is_the_keys() {
        // SHA-256 of "abc" (FIPS 180-4, example).
        assert_eq!(marker("abc"), "convey:ba7816bf");
        assert_eq!(marked("Call back\n", "convey:ba7816bf"), "Call back\nconvey:ba7816bf");
        assert_eq!(marked(" ", "convey:ba7816bf"), "convey:ba7816bf");
    }

    #[test]
    fn it_is_found_in_markup_and_only_whole() {
        assert_eq!(found("<p>Call</p><p>convey:ba7816bf</p>"), Some("convey:ba7816bf"));
        for text in ["", "convey:", "convey:ba7816b", "convey:ba7816bf0", "convey:BA7816BF", "we convey: much"] {
            assert_eq!(found(text), None, "{text}");
        }
    }

    #[test]
    fn an_edit_keeps_it() {
        assert_eq!(kept("a\nconvey:ba7816bf", "b"), "b\nconvey:ba7816bf");
        assert_eq!(kept("a\nconvey:ba7816bf", "b\nconvey:ba7816bf"), "b\nconvey:ba7816bf");
        assert_eq!(kept("a", "b"), "b");
    }

    proptest! {
        #[test]
        fn what_is_marked_is_found(text in "(?s).{0,30}", key in ".{0,10}") {
            let line = marker(&key);
            let whole = marked(&text, &line);
            prop_assert_eq!(found(&whole), Some(line.as_str()));
        }
    }
}
