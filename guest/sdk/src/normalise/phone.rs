//! Phone numbers: Meta's `ph`.

mod plain;

use rlibphonenumber::{CountryCodeSource, PHONE_NUMBER_UTIL, PhoneNumber, Region};

use crate::scan::all_bytes;

use plain::Plain;

/// The digits of the E.164 number with its country code and without `+`, extension or trunk zero. A number without a country
/// code is read in `region` (ISO 3166-1 alpha-2, any case); without a region it is dropped, since a number in another country
/// is another person's. Numbers of a length their country does not use, spelt numbers (`1-800-FLOWERS`) and rows of one digit
/// are dropped. Numbering plans are libphonenumber's; the first number that is not written plainly unpacks them, which takes milliseconds.
pub fn phone(raw: &str, region: Option<&str>) -> Option<String> {
    let number = without_extension(raw.trim())?;
    match plain::read(number, region) {
        Plain::Number(digits, code) => (!is_one_digit_over(&digits.as_bytes()[code..])).then_some(digits),
        Plain::None => None,
        Plain::Unsure => {
            let parsed = parse(number, region)?;
            Some(digits(&parsed)).filter(|digits| !is_row_of_one_digit(&parsed, digits))
        }
    }
}

fn parse(number: &str, region: Option<&str>) -> Option<PhoneNumber> {
    let region = region.and_then(|code| code.to_ascii_uppercase().parse::<Region>().ok());
    match number.strip_prefix("00") {
        Some(rest) => dialled_abroad(number, rest, region),
        None => possible(number, region),
    }
}

/// The number before `ext. 9` or `x9`; nothing when letters stand anywhere else.
fn without_extension(raw: &str) -> Option<&str> {
    let number = raw.strip_prefix("tel:").unwrap_or(raw).trim_start();
    if all_bytes(number, |byte| byte.is_ascii() && !byte.is_ascii_alphabetic()) {
        return Some(number);
    }
    let Some(at) = number.find(char::is_alphabetic) else { return Some(number) };
    let (number, tail) = number.split_at(at);
    let word = tail.split(|c: char| !c.is_alphabetic()).next()?;
    let is_extension = ["x", "ext", "extn", "extension"].into_iter().any(|known| word.eq_ignore_ascii_case(known));
    let inner = tail.get(word.len()..)?;
    (is_extension && !inner.contains(char::is_alphabetic))
        .then(|| number.trim_end_matches([' ', ',', ';', '#', '-', '(']))
}

/// `00` is what most of the world dials for `+` (ITU-T E.123), but a region may have a longer prefix of its own (`0011`), and
/// that one is asked first. A national number that begins so comes last.
fn dialled_abroad(number: &str, rest: &str, region: Option<Region>) -> Option<PhoneNumber> {
    let own = region.and_then(|region| {
        let parsed = PHONE_NUMBER_UTIL.parse_and_keep_raw_input(number, Some(region)).ok()?;
        PHONE_NUMBER_UTIL.is_possible_number(&parsed).then_some(parsed)
    });
    match own {
        Some(own) if own.country_code_source() == CountryCodeSource::FromNumberWithIdd => Some(own),
        national => possible(&format!("+{rest}"), None).or(national),
    }
}

fn possible(number: &str, region: Option<Region>) -> Option<PhoneNumber> {
    let parsed = PHONE_NUMBER_UTIL.parse(number, region).ok()?;
    PHONE_NUMBER_UTIL.is_possible_number(&parsed).then_some(parsed)
}

fn digits(number: &PhoneNumber) -> String {
    let zeros = if number.italian_leading_zero() { number.number_of_leading_zeros().max(0) } else { 0 };
    let zeros = "0".repeat(usize::try_from(zeros).unwrap_or(0));
    format!("{}{zeros}{}", number.country_code, number.national_number)
}

/// `000 000 0000`, `999 999 9999`: what people type into a field they will not fill.
fn is_row_of_one_digit(number: &PhoneNumber, digits: &str) -> bool {
    is_one_digit_over(digits.strip_prefix(&number.country_code.to_string()).unwrap_or(digits).as_bytes())
}

fn is_one_digit_over(national: &[u8]) -> bool {
    national.first().is_none_or(|first| national.iter().all(|digit| digit == first))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn reads_national_numbers_only_in_a_region() {
        assert_eq!(phone("650.555.1212", Some("us")).as_deref(), Some("16505551212"));
        assert_eq!(phone("(650) 555-1212 ext. 9", Some("US")).as_deref(), Some("16505551212"));
        assert_eq!(phone("020 7946 0958", Some("GB")).as_deref(), Some("442079460958"));
        assert_eq!(phone("650.555.1212", None), None);
        assert_eq!(phone("98765 43210", None), None);
    }

    #[test]
    fn a_country_code_wins_over_the_region() {
        for region in [None, Some("US"), Some("DE"), Some("AU"), Some("JP")] {
            assert_eq!(phone("+44 (0)20 7946 0958", region).as_deref(), Some("442079460958"), "{region:?}");
            assert_eq!(phone("0044 20 7946 0958", region).as_deref(), Some("442079460958"), "{region:?}");
            assert_eq!(phone("+39 06 698 12345", region).as_deref(), Some("390669812345"), "{region:?}");
        }
    }

    #[test]
    fn a_regions_own_way_abroad_is_known() {
        assert_eq!(phone("0011 64 9 123 4567", Some("AU")).as_deref(), Some("6491234567"));
        assert_eq!(phone("011 44 20 7946 0958", Some("US")).as_deref(), Some("442079460958"));
        assert_eq!(phone("010 44 20 7946 0958", Some("JP")).as_deref(), Some("442079460958"));
    }

    #[test]
    fn drops_what_is_not_one_number() {
        for raw in [
            "",
            "12345",
            "1-800-FLOWERS",
            "16505551212.0",
            "0000000000",
            "999-999-9999",
            "+0000000000",
            "n/a",
            "x",
            "+",
            "00",
        ] {
            assert_eq!(phone(raw, Some("US")), None, "{raw}");
            assert_eq!(phone(raw, None), None, "{raw}");
        }
        assert_eq!(phone("+1 650 555 1212 / +1 650 555 3434", Some("US")), None);
    }

    proptest! {
        #[test]
        fn never_panics_and_gives_digits_that_read_the_same(raw in "\\PC{0,20}|[+0-9 ()./-]{0,20}", region in "[A-Z]{2}") {
            if let Some(once) = phone(&raw, Some(&region)) {
                prop_assert!(once.bytes().all(|byte| byte.is_ascii_digit()));
            }
            if let Some(once) = phone(&raw, None) {
                prop_assert_eq!(phone(&format!("+{once}"), None), Some(once));
            }
        }
    }
}
