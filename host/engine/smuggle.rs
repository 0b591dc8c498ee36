//! A sink can only be given hashes: free text of an effect that repeats the contact's own e-mail or phone is a Fault.

use crate::contract::{Change, Contact, ConversionEvent, CustomValue, Effect, Proposal, UserData};

/// The fewest digits that count as a phone: fewer stand in many honest texts.
const PHONE_DIGITS: usize = 7;

/// Which free text of `proposals` repeats an e-mail or phone of the change's contact. CRM commands are exempt: they go back to where the
/// data came from.
pub(super) fn smuggled(change: &Change, proposals: &[Proposal]) -> Option<String> {
    let Contact { emails, phones, .. } = &change.contact;
    if emails.is_empty() && phones.is_empty() {
        return None;
    }
    let personal = Personal { emails, phones };
    proposals.iter().find_map(|proposal| {
        let place = match &proposal.effect {
            Effect::Convert(event) => event_place(&personal, event),
            Effect::Audience(audience) => {
                let named = personal.is_in(&audience.audience).then_some("the audience's name");
                named.or_else(|| user_place(&personal, &audience.user_data))
            }
            Effect::Command(_) => None,
        };
        let place = place.or_else(|| personal.is_in(&proposal.rule).then_some("the rule's name"));
        place.map(|place| format!("personal data in free text: {place} holds the contact's own e-mail or phone"))
    })
}

fn event_place(personal: &Personal, event: &ConversionEvent) -> Option<&'static str> {
    let texts = [
        ("the event's id", Some(&event.id)),
        ("the event's name", Some(&event.name)),
        ("source-url", event.source_url.as_ref()),
        ("currency", event.currency.as_ref()),
    ];
    let plain =
        texts.into_iter().find(|(_, text)| text.is_some_and(|text| personal.is_in(text))).map(|(place, _)| place);
    let custom = || {
        let holds = |(key, value): &(String, CustomValue)| {
            personal.is_in(key)
                || match value {
                    CustomValue::Text(text) | CustomValue::Json(text) => personal.is_in(text),
                    // A phone fits into a number.
                    CustomValue::Number(number) => personal.is_number(*number),
                    CustomValue::Flag(_) => false,
                }
        };
        event.custom_data.iter().any(holds).then_some("custom-data")
    };
    let value = || event.value.is_some_and(|value| personal.is_number(value)).then_some("value");
    plain.or_else(custom).or_else(value).or_else(|| user_place(personal, &event.user_data))
}

fn user_place(personal: &Personal, user: &UserData) -> Option<&'static str> {
    let texts = [
        ("client-ip", &user.client_ip),
        ("user-agent", &user.user_agent),
        ("fbc", &user.fbc),
        ("fbp", &user.fbp),
        ("lead-id", &user.lead_id),
    ];
    texts.into_iter().find(|(_, text)| text.as_ref().is_some_and(|text| personal.is_in(text))).map(|(place, _)| place)
}

/// What must not be repeated. Nearly no text has room for it, so it is spelt out only for one that has.
struct Personal<'a> {
    emails: &'a [String],
    phones: &'a [String],
}

impl Personal<'_> {
    /// An e-mail anywhere in the text, or a text that is a phone but for its punctuation.
    fn is_in(&self, text: &str) -> bool {
        if !self.emails.is_empty() && text.contains('@') {
            let lower = text.to_lowercase();
            let emails = self.emails.iter().map(|email| email.trim().to_lowercase());
            if emails.filter(|email| email.contains('@')).any(|email| lower.contains(&email)) {
                return true;
            }
        }
        let is_number =
            text.len() >= PHONE_DIGITS && text.len() <= 40 && !text.bytes().any(|byte| byte.is_ascii_alphabetic());
        is_number && self.is_phone(text)
    }

    fn is_number(&self, number: f64) -> bool {
        number.fract() == 0.0 && number >= 1e6 && self.is_phone(&format!("{number:.0}"))
    }

    /// Whether the digits of `text` are a phone's, with or without the country code: the shorter ends the longer.
    fn is_phone(&self, text: &str) -> bool {
        self.phones.iter().any(|phone| {
            let mut pairs = digits_from_end(text).zip(digits_from_end(phone));
            // The last digit tells nearly every text from a phone.
            pairs.next().is_some_and(|(one, other)| one == other) && {
                let count = digits(text).count().min(digits(phone).count());
                count >= PHONE_DIGITS && pairs.take(count - 1).all(|(one, other)| one == other)
            }
        })
    }
}

/// The digits, without the zeros they begin with.
fn digits(text: &str) -> impl Iterator<Item = u8> {
    text.bytes().filter(u8::is_ascii_digit).skip_while(|digit| *digit == b'0')
}

/// All digits, the last one first.
fn digits_from_end(text: &str) -> impl Iterator<Item = u8> {
    text.bytes().rev().filter(u8::is_ascii_digit)
}

#[cfg(test)]
mod tests {
    use super::Personal;

    #[test]
    fn what_counts_as_smuggled() {
        let (emails, phones) = ([" Jo@example.com".to_owned()], ["+1 650-555-1212".to_owned()]);
        let personal = Personal { emails: &emails, phones: &phones };
        for text in [
            "jo@example.com",
            " JO@Example.com ",
            "mailto:jo@example.com?x",
            "+1 (650) 555-1212",
            "6505551212",
            "0016505551212",
        ] {
            assert!(personal.is_in(text), "{text}");
        }
        for text in ["", "Lead", "https://example.com/?id=16505551299", "fb.1.1554763741205.AbC", "2026-11-22", "1212"]
        {
            assert!(!personal.is_in(text), "{text}");
        }
        assert!(personal.is_number(6_505_551_212.0));
        assert!(!personal.is_number(120.5));
    }
}
