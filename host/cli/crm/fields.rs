//! What a contact shall have, as flags.

use clap::Args;

use crate::contract::{ContactDraft, CustomField, FieldValue};

/// Fields that are left out are left alone; an empty one is cleared.
#[derive(Args, Default)]
pub(super) struct Fields {
    /// First name
    #[arg(long, value_name = "TEXT")]
    first_name: Option<String>,
    /// Last name
    #[arg(long, value_name = "TEXT")]
    last_name: Option<String>,
    /// E-mail address
    #[arg(long, value_name = "ADDRESS")]
    email: Option<String>,
    /// Phone number, with its country code
    #[arg(long, value_name = "NUMBER")]
    phone: Option<String>,
    /// City
    #[arg(long, value_name = "TEXT")]
    city: Option<String>,
    /// State or province
    #[arg(long, value_name = "TEXT")]
    state: Option<String>,
    /// Postal code
    #[arg(long, value_name = "TEXT")]
    postal_code: Option<String>,
    /// Country, two letters
    #[arg(long, value_name = "COUNTRY")]
    country: Option<String>,
    /// Where the contact comes from
    #[arg(long, value_name = "TEXT")]
    source: Option<String>,
    /// A custom field by its key; the same key again makes a list
    #[arg(long = "field", value_name = "KEY=VALUE", value_parser = field)]
    fields: Vec<(String, String)>,
}

impl Fields {
    /// As the contract has it; `None` if nothing was given.
    pub(super) fn draft(self) -> Option<ContactDraft> {
        let Self { first_name, last_name, email, phone, city, state, postal_code, country, source, fields } = self;
        let plain = [&first_name, &last_name, &email, &phone, &city, &state, &postal_code, &country, &source];
        if fields.is_empty() && plain.into_iter().all(Option::is_none) {
            return None;
        }
        let custom_fields = gathered(fields);
        Some(ContactDraft {
            first_name,
            last_name,
            email,
            phone,
            city,
            state,
            postal_code,
            country,
            source,
            custom_fields,
        })
    }
}

/// `KEY=VALUE`; the value may hold `=`.
fn field(written: &str) -> Result<(String, String), String> {
    match written.split_once('=') {
        Some((key, value)) if !key.trim().is_empty() => Ok((key.trim().to_owned(), value.to_owned())),
        _ => Err("write KEY=VALUE".to_owned()),
    }
}

/// One custom field a key, in the order of their first mention.
fn gathered(fields: Vec<(String, String)>) -> Vec<CustomField> {
    let mut gathered: Vec<(String, Vec<String>)> = Vec::new();
    for (key, value) in fields {
        match gathered.iter_mut().find(|(known, _)| *known == key) {
            Some((_, values)) => values.push(value),
            None => gathered.push((key, vec![value])),
        }
    }
    let custom = |(key, mut values): (String, Vec<String>)| {
        let value = match (values.len(), values.pop()) {
            (1, Some(only)) => FieldValue::Text(only),
            (_, last) => FieldValue::Many(values.into_iter().chain(last).collect()),
        };
        CustomField { key, name: None, value }
    };
    gathered.into_iter().map(custom).collect()
}

#[cfg(test)]
mod tests {
    use super::{Fields, field, gathered};
    use crate::contract::FieldValue;

    #[test]
    fn a_field_is_a_key_and_whatever_follows() {
        assert_eq!(field("plan=gold"), Ok(("plan".to_owned(), "gold".to_owned())));
        assert_eq!(field("link=a=b"), Ok(("link".to_owned(), "a=b".to_owned())));
        assert_eq!(field("plan="), Ok(("plan".to_owned(), String::new())));
        for wrong in ["", "plan", "=gold", " =x"] {
            assert!(field(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_key_that_comes_again_is_a_list() {
        let pairs = [("a", "1"), ("b", "x"), ("a", "2")].map(|(key, value)| (key.to_owned(), value.to_owned()));
        let fields = gathered(pairs.to_vec());
        assert_eq!(fields.iter().map(|field| field.key.as_str()).collect::<Vec<_>>(), ["a", "b"]);
        assert_eq!(fields[0].value, FieldValue::Many(vec!["1".to_owned(), "2".to_owned()]));
        assert_eq!(fields[1].value, FieldValue::Text("x".to_owned()));
    }

    #[test]
    fn nothing_given_is_no_draft() {
        assert_eq!(Fields::default().draft(), None);
        let cleared = Fields { city: Some(String::new()), ..Fields::default() };
        assert!(cleared.draft().is_some_and(|draft| draft.city.as_deref() == Some("") && draft.email.is_none()));
    }
}
