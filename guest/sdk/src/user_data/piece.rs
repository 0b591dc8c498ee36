//! A person put together piece by piece, by a mapper that tells less than all that is known.

use std::borrow::Cow;

use super::{LeftOut, NO_COUNTRY, NO_EMAIL, NO_PHONE, Person, already_hashed, email, external_id, phone, sha256};

impl Person {
    /// Somebody of whom nothing is told yet.
    pub fn nobody() -> Self {
        Self { user_data: crate::samples::nobody(), omitted: Vec::new() }
    }

    /// With these e-mail addresses; one that cannot be used is named among the omissions.
    pub fn emails(mut self, raw: &[String]) -> Self {
        let mut left_out = LeftOut { omitted: self.omitted };
        self.user_data.emails = left_out.list("emails", raw, NO_EMAIL, email);
        Self { omitted: left_out.omitted, ..self }
    }

    /// With these phone numbers. Without a `region` (lowercase ISO 3166-1 alpha-2) only numbers with a country code can be used.
    pub fn phones(mut self, raw: &[String], region: Option<&str>) -> Self {
        let mut left_out = LeftOut { omitted: self.omitted };
        let reason = if region.is_some() { NO_PHONE } else { NO_COUNTRY };
        self.user_data.phones = left_out.list("phones", raw, reason, |raw| phone(raw, region).map(Cow::Owned));
        Self { omitted: left_out.omitted, ..self }
    }

    /// With an id of its own, the contact's say.
    pub fn external_id(mut self, raw: &str) -> Self {
        let hash = external_id(raw).map(|id| already_hashed(id).unwrap_or_else(|| sha256(id)));
        self.user_data.external_ids.extend(hash);
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
