//! From an address to the contacts that have it.

use std::collections::HashMap;

use super::super::super::people::Country;

/// The fewest digits a number can be dialled by.
const SHORTEST: usize = 7;

/// Contacts by one kind of address, the first that had it first.
#[derive(Default)]
pub struct Directory(HashMap<String, Vec<String>>);

impl Directory {
    /// This contact has this address from now on.
    pub fn add(&mut self, key: Option<String>, id: &str) {
        if let Some(key) = key {
            self.0.entry(key).or_default().push(id.to_owned());
        }
    }

    /// This contact no longer has it.
    pub fn drop(&mut self, key: Option<String>, id: &str) {
        let Some(key) = key else { return };
        if let Some(ids) = self.0.get_mut(&key) {
            ids.retain(|known| known != id);
            if ids.is_empty() {
                self.0.remove(&key);
            }
        }
    }

    /// The first contact with this address that is not `except`.
    pub fn first(&self, key: &str, except: &str) -> Option<&str> {
        self.0.get(key)?.iter().map(String::as_str).find(|id| *id != except)
    }
}

/// What two spellings of one e-mail address share; none for an empty one.
pub fn email_key(email: &str) -> Option<String> {
    let email = email.trim().to_lowercase();
    (!email.is_empty()).then_some(email)
}

/// What two spellings of one number share: its digits with the calling code, as E.164 orders them. None where there is no number in it.
pub fn phone_key(phone: &str, country: &Country) -> Option<String> {
    let number = phone.trim().split("ext").next().unwrap_or_default();
    let written = match country.trunk {
        "" => number.to_owned(),
        trunk => number.replace(&format!("({trunk})"), ""),
    };
    let digits: String = written.chars().filter(char::is_ascii_digit).collect();
    let whole = if written.starts_with('+') {
        digits
    } else if let Some(abroad) = digits.strip_prefix("00") {
        abroad.to_owned()
    } else if digits.starts_with(country.dial) && digits.len() == country.dial.len() + country.digits {
        digits
    } else {
        let significant = digits.strip_prefix(country.trunk).unwrap_or(&digits);
        format!("{}{significant}", country.dial)
    };
    (whole.len() >= SHORTEST + country.dial.len()).then_some(whole)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::{any, prop_assert, prop_assert_eq, proptest};

    use super::super::super::super::people::{COUNTRIES, phone};
    use super::phone_key;

    #[test]
    fn one_number_has_one_key_however_it_is_written() {
        let country = &COUNTRIES[0];
        for written in ["+12125550199", "(212) 555-0199", "1-212-555-0199", "0012125550199", " +1-212-555-0199 ext. 4"]
        {
            assert_eq!(phone_key(written, country).as_deref(), Some("12125550199"), "{written}");
        }
        assert_eq!(phone_key("n/a", country), None);
        assert_eq!(phone_key("12345", country), None);
    }

    proptest! {
        #[test]
        fn a_key_is_its_own_key(text in any::<String>(), seed in any::<u64>()) {
            for country in &COUNTRIES {
                for written in [text.clone(), phone(&mut fastrand::Rng::with_seed(seed), country)] {
                    if let Some(key) = phone_key(&written, country) {
                        prop_assert!(key.chars().all(|digit| digit.is_ascii_digit()));
                        prop_assert_eq!(phone_key(&format!("+{key}"), country), Some(key));
                    }
                }
            }
        }
    }
}
