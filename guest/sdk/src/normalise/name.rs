//! Names of persons: Meta's `fn` and `ln`.

use std::borrow::Cow;

use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

use super::fold::{is_invisible, is_placeholder, is_western};
use crate::scan::all_bytes;

/// Lowercase letters, marks and digits in composed form; no spaces, punctuation or symbols. Accents and scripts stay as they
/// are, in UTF-8 (Meta's `valéry`, `정`). Nothing for placeholders.
pub fn name(raw: &str) -> Option<Cow<'_, str>> {
    if is_placeholder(raw) {
        return None;
    }
    let name = if all_bytes(raw, |byte| byte.is_ascii_lowercase()) {
        Cow::Borrowed(raw)
    } else if all_bytes(raw, |byte| byte.is_ascii_alphabetic()) {
        Cow::Owned(raw.to_ascii_lowercase())
    } else {
        Cow::Owned(letters_and_marks(raw))
    };
    // What is left may be a placeholder of its own: `[null]`.
    (!name.is_empty() && !is_placeholder(&name)).then_some(name)
}

fn letters_and_marks(raw: &str) -> String {
    let keeps = |c: &char| (c.is_alphanumeric() || is_combining_mark(*c)) && !is_invisible(*c);
    if is_western(raw) {
        let mut kept = String::with_capacity(raw.len());
        kept.extend(raw.chars().filter_map(western));
        return kept;
    }
    // Lowered before letters are dropped: a final sigma is one only at a word's end.
    let lowered: String = raw.nfc().collect::<String>().to_lowercase();
    let kept: String = lowered.chars().filter(keeps).collect();
    // Joined words may move a final sigma into the middle; lowering again changes nothing else.
    kept.nfc().collect::<String>().trim_start_matches(is_combining_mark).to_owned()
}

/// The letter or digit in lower case, of a text that `is_western`.
fn western(c: char) -> Option<char> {
    match c {
        'a'..='z' | '0'..='9' | '\u{df}'..='\u{f6}' | '\u{f8}'..='\u{ff}' => Some(c),
        'A'..='Z' => Some(c.to_ascii_lowercase()),
        // Capital and small letter are 32 apart, as in ASCII.
        '\u{c0}'..='\u{d6}' | '\u{d8}'..='\u{de}' => char::from_u32(u32::from(c) + 32),
        _ => None,
    }
}

/// A full name as first and last name, for a contact that has neither: `Dr. Ana García Márquez` → `Ana`, `García Márquez`;
/// `Smith, Jr., John` is not guessed at. A single word is a first name, unless its script writes names without spaces.
pub fn split(full: &str) -> Option<(&str, Option<&str>)> {
    let full = full.trim();
    if is_placeholder(full) {
        return None;
    }
    if let Some((last, first)) = full.split_once(',') {
        let (last, first) = (last.trim(), first.trim());
        return (!last.is_empty() && !first.is_empty() && !first.contains(',') && !is_suffix(first))
            .then_some((first, Some(last)));
    }
    let mut rest = full;
    while let Some((word, tail)) = rest.split_once(char::is_whitespace) {
        if !is_title(word) {
            break;
        }
        rest = tail.trim_start();
    }
    while let Some((head, word)) = rest.rsplit_once(char::is_whitespace) {
        if !is_suffix(word) {
            break;
        }
        rest = head.trim_end();
    }
    match rest.split_once(char::is_whitespace) {
        Some((first, last)) => Some((first, Some(last.trim_start()))),
        None => (!rest.is_empty() && !rest.chars().any(is_written_without_spaces)).then_some((rest, None)),
    }
}

fn is_title(word: &str) -> bool {
    let word = word.trim_end_matches('.');
    ["mr", "mrs", "ms", "miss", "mx", "dr", "prof", "herr", "frau"].into_iter().any(|t| word.eq_ignore_ascii_case(t))
}

fn is_suffix(word: &str) -> bool {
    let word = word.trim_matches(['.', ',']);
    ["jr", "sr", "ii", "iii", "iv", "phd", "md", "esq"].into_iter().any(|suffix| word.eq_ignore_ascii_case(suffix))
}

fn is_written_without_spaces(c: char) -> bool {
    matches!(c, '\u{2e80}'..='\u{9fff}' | '\u{ac00}'..='\u{d7af}' | '\u{f900}'..='\u{faff}' | '\u{20000}'..='\u{3ffff}')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn strips_punctuation_of_every_script() {
        for (raw, wanted) in [
            (" O’Brien ", "obrien"),
            ("Mary Ann", "maryann"),
            ("❤️ Zoë", "zoë"),
            ("ΟΔΥΣΣΕΎΣ", "οδυσσεύς"),
            ("İPEK", "i̇pek"),
        ] {
            assert_eq!(name(raw).as_deref(), Some(wanted), "{raw}");
        }
        for raw in ["", "-", "N/A", "null", " Unknown ", "👻"] {
            assert_eq!(name(raw), None, "{raw}");
        }
    }

    #[test]
    fn the_short_way_reads_as_the_long_one() {
        for letter in ('\u{1}'..='\u{ff}').filter(|c| is_western(c.encode_utf8(&mut [0; 4]))) {
            // A letter beyond the west, which stays itself, takes the long way.
            let short = letters_and_marks(&letter.to_string());
            assert_eq!(format!("{short}я"), letters_and_marks(&format!("{letter}я")), "{letter:?}");
        }
    }

    #[test]
    fn splits_full_names_only_where_it_is_sure() {
        assert_eq!(split("Dr. Ana García Márquez"), Some(("Ana", Some("García Márquez"))));
        assert_eq!(split("van der Berg, Jan"), Some(("Jan", Some("van der Berg"))));
        assert_eq!(split("John Smith Jr."), Some(("John", Some("Smith"))));
        assert_eq!(split("Smith, Jr."), None);
        assert_eq!(split("Cher"), Some(("Cher", None)));
        assert_eq!(split("李小龙"), None);
        assert_eq!(split("Mr. "), Some(("Mr.", None)));
        assert_eq!(split(" "), None);
    }

    proptest! {
        #[test]
        fn is_idempotent(raw in "\\PC{0,16}") {
            if let Some(once) = name(&raw) {
                let twice = name(&once);
                prop_assert_eq!(twice.as_deref(), Some(&*once));
            }
        }

        #[test]
        fn splitting_never_panics(raw in "\\PC{0,24}") {
            let _ = split(&raw);
        }
    }
}
