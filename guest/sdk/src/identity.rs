//! Whether the platform could find the person at all, and whether free text gives one away.

use crate::scan::any_byte;
use crate::types::{Contact, UserData};
use crate::user_data::Person;

/// Meta refuses an event that knows no more of a person than `{ct, country, st, zp, ge, client_user_agent}`, `{db,
/// client_user_agent}`, `{fn, ge}`, `{ln, ge}`, or part of one of these ("Customer Information Parameters", invalid
/// combinations). The contact's own id is not counted: the platform learns it only beside something it knows.
pub fn is_usable(person: &UserData) -> bool {
    let found_alone = !person.emails.is_empty()
        || !person.phones.is_empty()
        || [&person.fbc, &person.fbp, &person.lead_id, &person.client_ip].into_iter().any(Option::is_some);
    let first = !person.first_names.is_empty();
    let last = !person.last_names.is_empty();
    let born = !person.dates_of_birth.is_empty();
    let gender = !person.genders.is_empty();
    let agent = person.user_agent.is_some();
    let placed =
        [&person.cities, &person.states, &person.postal_codes, &person.countries].into_iter().any(|p| !p.is_empty());
    let refused = match (first, last, born) {
        (false, false, false) => true,
        (false, false, true) => !placed && !gender,
        (true, false, false) | (false, true, false) => !placed && !agent,
        _ => false,
    };
    found_alone || !refused
}

/// Why nobody could find the person, if nobody could: the fields that were there and could not be used are what to mend.
pub fn unusable(person: &Person) -> Option<String> {
    if is_usable(&person.user_data) {
        return None;
    }
    let lacking = "nothing the platform could find the person by: no e-mail address, phone number, click or full name";
    let unusable: Vec<String> =
        person.omitted.iter().map(|omission| format!("{} ({})", omission.field, omission.reason)).collect();
    Some(if unusable.is_empty() { lacking.to_owned() } else { format!("{lacking}; unusable: {}", unusable.join(", ")) })
}

/// Why a free text is left out by [`gives_away`].
pub const GIVES_AWAY: &str = "holds the contact's own e-mail address or phone number";

/// Fewer digits turn up in any id.
const PHONE_DIGITS: usize = 7;

/// Whether a free text holds one of the contact's own e-mail addresses or phone numbers: such a text never leaves.
pub fn gives_away(text: &str, contact: &Contact) -> bool {
    holds_email(text, &contact.emails) || holds_phone(text, &contact.phones)
}

fn holds_email(text: &str, emails: &[String]) -> bool {
    // Nearly every text has no room for an address, and is not worth lowering.
    let has_room = any_byte(text, |byte| byte == b'@' || byte == b'%') && (text.contains('@') || text.contains("%40"));
    let mut emails = emails.iter().filter(|email| has_room || !any_byte(email, |byte| byte == b'@')).peekable();
    if text.is_empty() || emails.peek().is_none() {
        return false;
    }
    let text = text.to_lowercase();
    emails
        .map(|email| email.trim().to_lowercase())
        .any(|email| !email.is_empty() && (text.contains(&email) || text.contains(&email.replace('@', "%40"))))
}

fn holds_phone(text: &str, phones: &[String]) -> bool {
    text.len() >= PHONE_DIGITS && phones.iter().any(|phone| may_hold(text, phone) && holds_digits(text, phone))
}

/// Whether the first digits of `phone` stand in `text` one after another, whatever else stands between them. Nearly every text is done with
/// here, in one pass that keeps nothing.
fn may_hold(text: &str, phone: &str) -> bool {
    const MASK: u32 = (1 << (4 * PHONE_DIGITS)) - 1;
    let digits = phone.bytes().filter(u8::is_ascii_digit).take(PHONE_DIGITS);
    let (count, sought) = digits.fold((0, 0), |(count, read), digit| (count + 1, read << 4 | u32::from(digit - b'0')));
    if count < PHONE_DIGITS {
        return false;
    }
    // Four bits a digit; none of what stands here before seven were read is a digit's.
    let (mut read, mut found) = (MASK, false);
    let (words, rest) = text.as_bytes().as_chunks::<8>();
    let mut last = [0; 8];
    last[..rest.len()].copy_from_slice(rest);
    for word in words.iter().chain([&last]) {
        let word = u64::from_le_bytes(*word);
        let mut left = digits_of(word);
        while left != 0 {
            let at = left.trailing_zeros() & !7;
            read = ((read << 4) | ((word >> at) as u32 & 0xf)) & MASK;
            found |= read == sought;
            left &= left - 1;
        }
    }
    found
}

/// The upper bit of every byte of `word` that is a digit: eight letters are done with at once.
fn digits_of(word: u64) -> u64 {
    const EACH: u64 = 0x0101_0101_0101_0101;
    // What is left of a digit is less than ten, and only that stays below 128 when 118 is added.
    let value = word ^ (0x30 * EACH);
    !(((value & (0x7f * EACH)) + 0x76 * EACH) | value) & (0x80 * EACH)
}

fn holds_digits(text: &str, phone: &str) -> bool {
    let digits = |text: &str| -> String { text.chars().filter(char::is_ascii_digit).collect() };
    digits(text).contains(&digits(phone))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::hash::sha256;
    use crate::samples::{contact, nobody};

    #[test]
    fn metas_invalid_combinations_are_no_identity() {
        let one = vec![sha256("x")];
        assert!(!is_usable(&nobody()));
        let placed =
            UserData { cities: one.clone(), countries: one.clone(), user_agent: Some("UA".into()), ..nobody() };
        assert!(!is_usable(&UserData { genders: one.clone(), ..placed.clone() }));
        assert!(!is_usable(&UserData { dates_of_birth: one.clone(), user_agent: Some("UA".into()), ..nobody() }));
        assert!(!is_usable(&UserData { first_names: one.clone(), genders: one.clone(), ..nobody() }));
        assert!(!is_usable(&UserData { last_names: one.clone(), ..nobody() }));
        assert!(is_usable(&UserData { first_names: one.clone(), last_names: one.clone(), ..nobody() }));
        assert!(is_usable(&UserData { dates_of_birth: one.clone(), ..placed }));
        assert!(is_usable(&UserData { phones: one, ..nobody() }));
        assert!(is_usable(&UserData { fbp: Some("fb.1.1700000000000.1".into()), ..nobody() }));
    }

    #[test]
    fn digits_are_told_from_everything_else() {
        for byte in 0..=u8::MAX {
            for at in 0..8 {
                let mut word = *b"a9\xff/:\0 z";
                word[at] = byte;
                let bits = digits_of(u64::from_le_bytes(word)).to_le_bytes();
                assert_eq!(bits.map(|bits| bits == 0x80), word.map(|byte| byte.is_ascii_digit()), "{word:?}");
            }
        }
    }

    #[test]
    fn a_text_with_the_contacts_address_or_number_gives_away() {
        let contact = contact();
        assert!(gives_away("for Ann@Example.com", &contact));
        assert!(gives_away("https://x.test/ann%40example.com/", &contact));
        assert!(gives_away("call 1 650 555 1212", &contact));
        assert!(!gives_away("a note", &contact) && !gives_away("", &contact));
        let odd =
            Contact { emails: vec!["Not An Address".into(), " ".into()], phones: vec!["12345".into()], ..contact };
        assert!(gives_away("this is not an address.", &odd));
        assert!(!gives_away("12345", &odd));
    }

    proptest! {
        #[test]
        fn no_text_that_holds_a_number_passes(before in "[a-z0-9 .+-]{0,20}", phone in "[+(]?[0-9][0-9 .()-]{6,20}", after in "[a-z0-9 .+-]{0,20}") {
            let digits = phone.bytes().filter(u8::is_ascii_digit).count();
            for text in [format!("{before}{phone}{after}"), format!("{before}{}{after}", phone.replace([' ', '.', '-'], "/"))] {
                prop_assert_eq!(holds_phone(&text, std::slice::from_ref(&phone)), digits >= PHONE_DIGITS, "{} {}", text, phone);
            }
            let apart = holds_digits(&after, &phone) && digits >= PHONE_DIGITS;
            prop_assert_eq!(holds_phone(&after, std::slice::from_ref(&phone)), apart, "{} {}", after, phone);
        }
    }
}
