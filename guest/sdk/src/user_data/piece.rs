//! A person put together piece by piece, by a mapper that tells less than all that is known.

use std::borrow::Cow;

use super::draft::Draft;
use super::field::{EMAILS, PHONES};
use super::{NO_COUNTRY, NO_EMAIL, NO_PHONE, Person, email, phone};

impl Person {
    /// Somebody of whom nothing is told yet.
    pub fn nobody() -> Self {
        Self { user_data: crate::samples::nobody(), omitted: Vec::new() }
    }

    /// With these e-mail addresses; one that cannot be used is named among the omissions.
    pub fn emails(mut self, raw: &[String]) -> Self {
        self.user_data.emails.clear();
        let mut draft = Draft::from(self);
        draft.list(EMAILS, raw, NO_EMAIL, email);
        draft.person()
    }

    /// With these phone numbers. Without a `region` (lowercase ISO 3166-1 alpha-2) only numbers with a country code can be used.
    pub fn phones(mut self, raw: &[String], region: Option<&str>) -> Self {
        self.user_data.phones.clear();
        let mut draft = Draft::from(self);
        let reason = if region.is_some() { NO_PHONE } else { NO_COUNTRY };
        draft.list(PHONES, raw, reason, |raw| phone(raw, region).map(Cow::Owned));
        draft.person()
    }

    /// With an id of its own, the contact's say.
    pub fn external_id(self, raw: &str) -> Self {
        let mut draft = Draft::from(self);
        draft.external_id(raw);
        draft.person()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hash::sha256;

    #[test]
    fn only_what_was_asked_for_is_told_and_what_cannot_be_used_is_named() {
        let emails = ["Ann@Example.com".to_owned(), "nope".to_owned(), " ".to_owned()];
        let phones = ["+1 650 555 1212".to_owned(), "650 555 1212".to_owned()];
        let person = Person::nobody().emails(&emails).phones(&phones, None).external_id(" c1 ");
        assert_eq!(person.user_data.emails, [sha256("ann@example.com")]);
        assert_eq!(person.user_data.phones, [sha256("16505551212")]);
        assert_eq!(person.user_data.external_ids, [sha256("c1")]);
        let omitted: Vec<_> = person.omitted.iter().map(|omission| omission.field.as_str()).collect();
        assert_eq!(omitted, ["emails", "phones"]);
        let there = Person::nobody().phones(&phones, Some("us"));
        assert_eq!((there.user_data.phones, there.omitted.len()), (vec![sha256("16505551212")], 0));
    }
}
