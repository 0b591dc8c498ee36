//! The short way: numbers written so plainly that a full parse would only confirm them. Nearly every number of a CRM is.

/// Country codes, the digits a national number may begin with there so that nothing of it is a prefix for dialling, and the lengths of such a
/// number. Whatever else is written is parsed; a test compares every line with the parser.
const PLANS: [(&str, &str, &[usize]); 22] = [
    ("27", "123456789", &[5, 6, 7, 8, 9, 10]),
    ("31", "123456789", &[5, 6, 7, 8, 9, 10, 11]),
    ("32", "123456789", &[8, 9]),
    ("33", "123456789", &[9]),
    ("34", "123456789", &[9]),
    ("351", "123456789", &[9]),
    ("353", "123456789", &[5, 6, 7, 8, 9, 10]),
    ("39", "123456789", &[6, 7, 8, 9, 10, 11, 12]),
    ("41", "123456789", &[9, 12]),
    ("43", "123456789", &[3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13]),
    ("44", "123456789", &[4, 5, 6, 7, 8, 9, 10]),
    ("45", "123456789", &[8]),
    ("46", "123456789", &[6, 7, 8, 9, 10, 12]),
    ("47", "123456789", &[5, 8]),
    ("48", "123456789", &[6, 7, 8, 9, 10]),
    ("49", "123456789", &[2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15]),
    ("55", "12345678", &[8, 9, 10, 11]),
    ("61", "23456789", &[5, 6, 7, 8, 9, 10, 12]),
    ("64", "123456789", &[5, 6, 7, 8, 9, 10]),
    ("65", "23456789", &[8, 10, 11]),
    ("91", "123456789", &[6, 7, 8, 9, 10, 11, 12, 13]),
    ("971", "123456789", &[5, 6, 7, 8, 9, 10, 11, 12]),
];

/// What the short way makes of a number.
#[derive(Debug, PartialEq)]
pub(super) enum Plain {
    /// Its digits with the country code, and how many of them are the code.
    Number(String, usize),
    /// No number of its country.
    None,
    /// It takes a full parse.
    Unsure,
}

/// Reads a number that is written plainly.
pub(super) fn read(number: &str, region: Option<&str>) -> Plain {
    let read = match number.strip_prefix('+') {
        Some(number) if number.starts_with('1') => north_american(&number[1..], b'1'),
        Some(number) => international(number),
        None if region.is_some_and(|code| code.eq_ignore_ascii_case("us") || code.eq_ignore_ascii_case("ca")) => {
            north_american(number.strip_prefix('1').unwrap_or(number), b'2')
        }
        None => None,
    };
    read.unwrap_or(Plain::Unsure)
}

/// Ten digits, the first of them 2 to 9 (North American Numbering Plan). Behind a `+1`, a 1 belongs to the number too: nobody dials it there.
fn north_american(national: &str, least: u8) -> Option<Plain> {
    let mut digits = String::with_capacity(16);
    digits.push('1');
    put(&mut digits, national)?;
    let sound = matches!(digits.as_bytes(), [_, first, rest @ ..] if (least..=b'9').contains(first) && rest.len() == 9);
    sound.then_some(Plain::Number(digits, 1))
}

/// A number of one of the [`PLANS`]; none of it in a length that is not in use there.
fn international(number: &str) -> Option<Plain> {
    let mut digits = String::with_capacity(16);
    put(&mut digits, number)?;
    let (code, first, lengths) = PLANS.into_iter().find(|(code, ..)| digits.starts_with(code))?;
    let national = &digits[code.len()..];
    if !national.chars().next().is_some_and(|digit| first.contains(digit)) {
        return None;
    }
    Some(if lengths.contains(&national.len()) { Plain::Number(digits, code.len()) } else { Plain::None })
}

/// Adds the digits of a text that holds nothing else but usual punctuation.
fn put(digits: &mut String, text: &str) -> Option<()> {
    for byte in text.bytes() {
        match byte {
            b'0'..=b'9' => digits.push(char::from(byte)),
            b' ' | b'-' | b'.' | b'(' | b')' => {}
            _ => return None,
        }
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::{digits, parse};
    use super::*;

    /// What the parser makes of it.
    fn parsed(number: &str, region: Option<&str>) -> Option<String> {
        parse(number, region).as_ref().map(digits)
    }

    #[test]
    fn every_plan_agrees_with_the_parser_in_every_length() {
        let (mut numbers, mut seed) = (0, 0_u64);
        for code in PLANS.into_iter().map(|(code, ..)| code).chain(["1"]) {
            for lead in 10..100 {
                for length in 2..15_u32 {
                    seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                    let tail = (seed >> 14) % 10_u64.pow(length - 1);
                    let number = format!("+{code} {lead}{tail:0width$}", width = length as usize - 1);
                    match read(&number, None) {
                        Plain::Number(read, of_code) => {
                            assert_eq!(Some(&read), parsed(&number, None).as_ref(), "{number}");
                            assert_eq!(&read[..of_code], code);
                            numbers += 1;
                        }
                        Plain::None => assert_eq!(parsed(&number, None), None, "{number}"),
                        Plain::Unsure => {}
                    }
                }
            }
        }
        assert!(numbers > 3_000, "only {numbers} numbers took the short way");
    }

    proptest! {
        #[test]
        fn agrees_with_the_parser(raw in "(\\+1 ?|1[ -]?)?\\(?[0-9]{3}\\)?[ .-]?[0-9]{3}[ .-]?[0-9]{4}|\\+[1-9][0-9 ()-]{5,15}") {
            for region in [Some("us"), Some("CA"), Some("DE"), None] {
                match read(&raw, region) {
                    Plain::Number(read, _) => prop_assert_eq!(Some(read), parsed(&raw, region), "{:?}", region),
                    Plain::None => prop_assert_eq!(parsed(&raw, region), None, "{:?}", region),
                    Plain::Unsure => {}
                }
            }
        }
    }
}
