//! Gender: Meta's `ge`.

/// `f` or `m`. Only English words and forms of address that leave no doubt; everything else is dropped.
pub fn gender(raw: &str) -> Option<&'static str> {
    let word = raw.trim().trim_end_matches('.');
    let is_one_of = |words: &[&str]| words.iter().any(|known| word.eq_ignore_ascii_case(known));
    if is_one_of(&["f", "female", "woman", "girl", "lady", "mrs", "ms", "miss"]) {
        Some("f")
    } else if is_one_of(&["m", "male", "man", "boy", "gentleman", "mr"]) {
        Some("m")
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn knows_words_and_never_guesses() {
        assert_eq!(gender(" FEMALE "), Some("f"));
        assert_eq!(gender("Mr."), Some("m"));
        for raw in ["", "x", "nonbinary", "weiblich", "she/her", "mm"] {
            assert_eq!(gender(raw), None, "{raw}");
        }
    }
}
