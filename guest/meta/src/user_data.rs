//! `user_data`: who the event is about (Conversions API, "Customer Information Parameters").

use serde::ser::{Error as _, Serialize, SerializeMap, Serializer};

use crate::bindings::convey::pipeline::types::{Hashed, UserData};

/// A person in Meta's form: hashes as lists of lower-case hex, everything else in clear; what is not known is not there.
pub struct Person<'a>(pub &'a UserData);

impl Serialize for Person<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let user = self.0;
        let hashed = [
            ("em", &user.emails),
            ("ph", &user.phones),
            ("fn", &user.first_names),
            ("ln", &user.last_names),
            ("ge", &user.genders),
            ("db", &user.dates_of_birth),
            ("ct", &user.cities),
            ("st", &user.states),
            ("zp", &user.postal_codes),
            ("country", &user.countries),
            ("external_id", &user.external_ids),
        ];
        let clear = [
            ("client_ip_address", &user.client_ip),
            ("client_user_agent", &user.user_agent),
            ("fbc", &user.fbc),
            ("fbp", &user.fbp),
        ];
        let mut map = serializer.serialize_map(None)?;
        for (key, hashes) in hashed.into_iter().filter(|(_, hashes)| !hashes.is_empty()) {
            map.serialize_entry(key, &Hashes(hashes))?;
        }
        for (key, text) in clear.into_iter().filter_map(|(key, text)| Some((key, text.as_ref()?))) {
            map.serialize_entry(key, text)?;
        }
        if let Some(lead) = &user.lead_id {
            // The documentation asks for an integer; a number that would not come back as the same text stays text.
            match lead.parse::<u64>().ok().filter(|number| number.to_string() == *lead) {
                Some(number) => map.serialize_entry("lead_id", &number)?,
                None => map.serialize_entry("lead_id", lead)?,
            }
        }
        map.end()
    }
}

struct Hashes<'a>(&'a [Hashed]);

impl Serialize for Hashes<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.iter().map(Hex))
    }
}

/// The two digits of every byte.
const DIGITS: [[u8; 2]; 256] = {
    let digits = b"0123456789abcdef";
    let mut pairs = [[0; 2]; 256];
    let mut byte = 0;
    while byte < 256 {
        pairs[byte] = [digits[byte >> 4], digits[byte & 15]];
        byte += 1;
    }
    pairs
};

struct Hex<'a>(&'a Hashed);

impl Serialize for Hex<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Hashed { a, b, c, d, e, f, g, h } = *self.0;
        // A formatter takes longer for these ten or so than everything else in an event takes together.
        let mut hex = [0; 64];
        for (digits, word) in hex.as_chunks_mut::<8>().0.iter_mut().zip([a, b, c, d, e, f, g, h]) {
            let [i, j, k, l] = word.to_be_bytes().map(|byte| DIGITS[usize::from(byte)]);
            digits.copy_from_slice([i, j, k, l].as_flattened());
        }
        serializer.serialize_str(std::str::from_utf8(&hex).map_err(S::Error::custom)?)
    }
}
