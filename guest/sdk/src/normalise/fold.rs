//! Shapes of text that several rules share.

use std::borrow::Cow;

use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

/// Letters only, lowercase, and Latin ones without their marks: `São Paulo` → `saopaulo`, `Москва` → `москва`.
pub(super) fn letters(text: &str) -> String {
    let mut folded = String::with_capacity(text.len());
    if is_western(text) {
        for letter in text.chars() {
            match u32::from(letter).checked_sub(0xc0) {
                Some(at) => folded.push_str(WESTERN.get(at as usize).copied().unwrap_or_default()),
                None if letter.is_ascii_alphabetic() => folded.push(letter.to_ascii_lowercase()),
                None => {}
            }
        }
        return folded;
    }
    // Lowering again after the decomposition: it brings out capitals that stood inside ligatures and symbols (`㎒`).
    for mark_or_letter in text.to_lowercase().nfkd().filter(|c| !is_combining_mark(*c)).flat_map(char::to_lowercase) {
        match unmarked(mark_or_letter) {
            Some(latin) => folded.push_str(latin),
            None if mark_or_letter.is_alphabetic() && !is_combining_mark(mark_or_letter) => folded.push(mark_or_letter),
            None => {}
        }
    }
    folded.nfc().collect()
}

/// U+00C0 to U+00FF, folded: what the long way makes of them, as a test holds. Most names and places outside of ASCII need no more.
const WESTERN: [&str; 64] = [
    "a", "a", "a", "a", "a", "a", "ae", "c", "e", "e", "e", "e", "i", "i", "i", "i", //
    "d", "n", "o", "o", "o", "o", "o", "", "o", "u", "u", "u", "u", "y", "th", "ss", //
    "a", "a", "a", "a", "a", "a", "ae", "c", "e", "e", "e", "e", "i", "i", "i", "i", //
    "d", "n", "o", "o", "o", "o", "o", "", "o", "u", "u", "u", "u", "y", "th", "y",
];

/// ASCII and the letters of western Europe: composed as they are, each on its own, lower case one for one.
pub(super) fn is_western(text: &str) -> bool {
    text.is_ascii() || text.chars().all(|c| c.is_ascii() || matches!(c, '\u{c0}'..='\u{ff}'))
}

/// Latin letters that Unicode does not take apart, spelt as their languages do in plain ASCII.
fn unmarked(letter: char) -> Option<&'static str> {
    Some(match letter {
        'ß' => "ss",
        'ł' => "l",
        'ø' => "o",
        'æ' => "ae",
        'œ' => "oe",
        'đ' | 'ð' => "d",
        'þ' => "th",
        'ı' => "i",
        'ħ' => "h",
        'ə' => "e",
        'ŋ' => "n",
        _ => return None,
    })
}

/// The text without what stands in round brackets; the text itself when nothing else is there.
pub(super) fn without_brackets(text: &str) -> Cow<'_, str> {
    if !text.as_bytes().contains(&b'(') {
        return Cow::Borrowed(text);
    }
    let mut depth = 0_usize;
    let mut outside = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '(' => depth += 1,
            ')' => depth = depth.saturating_sub(1),
            _ if depth == 0 => outside.push(c),
            _ => {}
        }
    }
    if outside.chars().any(char::is_alphanumeric) { Cow::Owned(outside) } else { Cow::Borrowed(text) }
}

/// Characters nobody sees: controls, zero-width and direction marks, soft hyphens, variation selectors, fillers.
pub(super) fn is_invisible(c: char) -> bool {
    matches!(c,
        '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}' | '\u{180b}'..='\u{180f}'
        | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{20e3}' | '\u{3164}'
        | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}' | '\u{fff9}'..='\u{fffb}' | '\u{1d173}'..='\u{1d17a}'
        | '\u{e0000}'..='\u{e0fff}')
        || (c.is_control() && !c.is_whitespace())
}

/// Words people and imports write where they have nothing to write.
pub(super) fn is_placeholder(text: &str) -> bool {
    let word = text.trim();
    // The letters they begin with: most words are told apart by that.
    matches!(word.as_bytes().first(), Some(b'n' | b'N' | b'u' | b'U')) && is_said_for_nothing(word)
}

fn is_said_for_nothing(word: &str) -> bool {
    ["n/a", "n.a.", "na/na", "null", "none", "nil", "nan", "unknown", "undefined", "not provided", "not specified"]
        .into_iter()
        .any(|placeholder| word.eq_ignore_ascii_case(placeholder))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folds_latin_letters_and_keeps_others() {
        assert_eq!(letters("Łódź, Ærøskøbing & Straße 7"), "lodzaeroskøbingstrasse".replace('ø', "o"));
        assert_eq!(letters("Йошкар-Ола"), "иошкарола");
        assert_eq!(letters("서울"), "서울");
        assert_eq!(letters("İstanbul"), "istanbul");
    }

    #[test]
    fn the_short_way_folds_as_the_long_one() {
        for letter in ('\u{1}'..='\u{ff}').filter(|c| is_western(c.encode_utf8(&mut [0; 4]))) {
            // A letter beyond the west, which folds to itself, takes the long way.
            let (short, long) = (letters(&letter.to_string()), letters(&format!("{letter}я")));
            assert_eq!(format!("{short}я"), long, "{letter:?}");
        }
    }

    #[test]
    fn brackets_go_unless_they_hold_everything() {
        assert_eq!(without_brackets("Menlo Park (CA)"), "Menlo Park ");
        assert_eq!(without_brackets("(Texas)"), "(Texas)");
        assert_eq!(without_brackets("a) b (c"), "a b ");
    }
}
