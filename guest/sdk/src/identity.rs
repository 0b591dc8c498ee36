//! Whether the platform could find the person at all, and whether free text gives one away.

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

/// Whether a free text holds one of the contact's own e-mail addresses or phone numbers: such a text never leaves.
pub fn gives_away(text: &str, contact: &Contact) -> bool {
    if text.is_empty() {
        return false;
    }
    let lowered = text.to_lowercase();
    let holds_email =
        contact.emails.iter().map(|email| email.trim().to_lowercase()).any(|email| {
            !email.is_empty() && (lowered.contains(&email) || lowered.contains(&email.replace('@', "%40")))
        });
    holds_email || {
        let digits = digits(text);
        // Shorter numbers turn up in any id.
        contact.phones.iter().map(|phone| self::digits(phone)).any(|phone| phone.len() >= 7 && digits.contains(&phone))
    }
}

fn digits(text: &str) -> String {
    text.chars().filter(char::is_ascii_digit).collect()
}

#[cfg(test)]
mod tests {
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
    fn a_text_with_the_contacts_address_or_number_gives_away() {
        let contact = contact();
        assert!(gives_away("for Ann@Example.com", &contact));
        assert!(gives_away("https://x.test/ann%40example.com/", &contact));
        assert!(gives_away("call 1 650 555 1212", &contact));
        assert!(!gives_away("a note", &contact));
    }
}
