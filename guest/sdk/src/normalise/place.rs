//! City, state and postal code: Meta's `ct`, `st` and `zp`.

use std::borrow::Cow;

use unicode_normalization::UnicodeNormalization;

use super::fold::{is_placeholder, letters, without_brackets};
use super::table;
use crate::scan::all_bytes;

const US_STATES: &str = include_str!("states_us.txt");
const CA_PROVINCES: &str = include_str!("provinces_ca.txt");

/// Letters a–z, lowercase, without spaces, digits and marks; letters of other scripts stay when there are no Latin ones.
pub fn city(raw: &str) -> Option<String> {
    region_name(raw)
}

/// The two-letter code in the United States and Canada ("use the 2-character ANSI abbreviation code"), elsewhere the name
/// folded as a city is. `country` is lowercase alpha-2.
pub fn state(raw: &str, country: Option<&str>) -> Option<String> {
    let name = region_name(raw)?;
    let coded = match country {
        Some("us") => {
            coded(&name, US_STATES, &["unitedstatesofamerica", "unitedstates", "usa", "us", "state", "stateof"])
        }
        Some("ca") => coded(&name, CA_PROVINCES, &["canada", "ca", "province", "provinceof"]),
        _ => None,
    };
    Some(coded.map_or(name, str::to_owned))
}

/// The code of a folded name, tried as it is before words around it are taken off: `westvirginiausa`, `stateofnewyork`.
fn coded(name: &str, codes: &'static str, around: &[&str]) -> Option<&'static str> {
    table::find(codes, name).or_else(|| {
        around.iter().find_map(|word| {
            name.strip_suffix(word)
                .and_then(|rest| table::find(codes, rest))
                .or_else(|| name.strip_prefix(word).and_then(|rest| table::find(codes, rest)))
        })
    })
}

fn region_name(raw: &str) -> Option<String> {
    if is_placeholder(raw) {
        return None;
    }
    let folded = letters(&without_brackets(raw));
    let name = if folded.is_ascii() || !folded.bytes().any(|byte| byte.is_ascii_lowercase()) {
        folded
    } else {
        folded.chars().filter(char::is_ascii_lowercase).collect()
    };
    (!name.is_empty() && !is_placeholder(&name)).then_some(name)
}

/// Lowercase letters and digits without spaces and dashes; in the United States the first five digits, with the leading
/// zeros a spreadsheet took. `country` is lowercase alpha-2. A code without a digit is no postal code anywhere.
pub fn postal_code(raw: &str, country: Option<&str>) -> Option<Cow<'static, str>> {
    let code = letters_and_digits(raw);
    if country == Some("us") {
        return zip(raw, code).map(Cow::Owned);
    }
    let sound = code.len() >= 3 && code.bytes().any(|byte| matches!(byte, b'1'..=b'9'));
    sound.then_some(Cow::Owned(code))
}

fn letters_and_digits(raw: &str) -> String {
    if raw.is_ascii() {
        let mut code = String::with_capacity(raw.len());
        code.extend(raw.bytes().filter(u8::is_ascii_alphanumeric).map(|byte| char::from(byte.to_ascii_lowercase())));
        return code;
    }
    // Composed again at the end: what the filter takes away may have stood between a letter and its mark.
    let lowered = raw.nfkc().flat_map(char::to_lowercase).nfkc();
    lowered.filter(|c| c.is_alphanumeric()).nfkc().collect()
}

/// `2139` → `02139`; `94035-1234`, `94035 1234` and `940351234` → `94035`.
fn zip(raw: &str, code: String) -> Option<String> {
    if !all_bytes(&code, |byte| byte.is_ascii_digit()) {
        return None;
    }
    let five = match code.len() {
        5 => code,
        3 | 4 => format!("{code:0>5}"),
        // The last four are the add-on; a lost zero leaves seven or eight in all.
        7..=9 if code.len() == 9 || raw.contains(['-', ' ']) || code.len() == 8 => {
            format!("{:0>5}", &code[..code.len() - 4])
        }
        _ => return None,
    };
    (five != "00000").then_some(five)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_tables_are_sound() {
        table::assert_sorted(US_STATES);
        table::assert_sorted(CA_PROVINCES);
    }

    #[test]
    fn folds_cities() {
        for (raw, wanted) in [
            ("Washington, D.C.", Some("washingtondc")),
            ("100 Mile House", Some("milehouse")),
            ("Москва", Some("москва")),
            ("東京 Tokyo", Some("tokyo")),
            ("123", None),
            ("n/a", None),
        ] {
            assert_eq!(city(raw).as_deref(), wanted, "{raw}");
        }
    }

    #[test]
    fn codes_states_only_where_codes_are_used() {
        for (raw, country, wanted) in [
            ("N.Y.", "us", "ny"),
            ("West Virginia, USA", "us", "wv"),
            ("Washington DC", "us", "dc"),
            ("US-CA", "us", "ca"),
            ("State of New York", "us", "ny"),
            ("Québec", "ca", "qc"),
            ("Ontario, Canada", "ca", "on"),
            ("Washington State", "us", "wa"),
            ("California", "mx", "california"),
            ("Arkansas", "us", "ar"),
            ("Kansas", "us", "ks"),
        ] {
            assert_eq!(state(raw, Some(country)).as_deref(), Some(wanted), "{raw}");
        }
        assert_eq!(state("06", Some("us")), None);
    }

    #[test]
    fn cuts_zip_codes_only_in_the_united_states() {
        for (raw, country, wanted) in [
            ("94035 1234", "us", Some("94035")),
            ("2139-1234", "us", Some("02139")),
            ("601", "us", Some("00601")),
            ("123456", "us", None),
            ("00000", "us", None),
            ("M1 1AE", "us", None),
            ("100-0001", "jp", Some("1000001")),
            ("N/A", "gb", None),
            ("９４０３５", "us", Some("94035")),
        ] {
            assert_eq!(postal_code(raw, Some(country)).as_deref(), wanted, "{raw}");
        }
    }

    proptest! {
        #[test]
        fn are_idempotent(raw in "\\PC{0,16}", country in prop::option::of(prop::sample::select(vec!["us", "ca", "gb", "de"]))) {
            if let Some(once) = city(&raw) {
                prop_assert_eq!(city(&once), Some(once));
            }
            if let Some(once) = state(&raw, country) {
                prop_assert_eq!(state(&once, country), Some(once));
            }
            if let Some(once) = postal_code(&raw, country) {
                prop_assert_eq!(postal_code(&once, country), Some(once));
            }
        }
    }
}
