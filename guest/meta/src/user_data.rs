//! `user_data`: who the event is about (Conversions API, "Customer Information Parameters").

use serde::ser::{Error as _, Serialize, Serializer};

use crate::bindings::convey::pipeline::types::{Hashed, UserData};
use crate::json::Object;

/// Writes a person in Meta's form: hashes as lists of lower-case hex, everything else in clear; what is not known is not there.
pub fn person(line: &mut String, user: &UserData) {
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
    let mut object = Object::begin(line);
    for (key, hashes) in hashed.into_iter().filter(|(_, hashes)| !hashes.is_empty()) {
        object.member(key, |line| list(line, hashes));
    }
    for (key, text) in clear.into_iter().filter_map(|(key, text)| Some((key, text.as_ref()?))) {
        object.text(key, text);
    }
    if let Some(lead) = &user.lead_id {
        // The documentation asks for an integer; a number that would not come back as the same text stays text.
        match lead.parse::<u64>().ok().filter(|number| number.to_string() == *lead) {
            Some(number) => object.value("lead_id", &number),
            None => object.text("lead_id", lead),
        }
    }
    object.end();
}

fn list(line: &mut String, hashes: &[Hashed]) {
    for (at, hash) in hashes.iter().enumerate() {
        line.push_str(if at == 0 { "[\"" } else { "\",\"" });
        line.push_str(str::from_utf8(&hex(hash)).expect("digits are ASCII"));
    }
    line.push_str("\"]");
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

/// A hash in lower-case hex. A formatter takes longer for the ten or so of an event than everything else in it takes together.
fn hex(hash: &Hashed) -> [u8; 64] {
    let Hashed { a, b, c, d, e, f, g, h } = *hash;
    let mut hex = [0; 64];
    for (digits, word) in hex.as_chunks_mut::<8>().0.iter_mut().zip([a, b, c, d, e, f, g, h]) {
        let [i, j, k, l] = word.to_be_bytes().map(|byte| DIGITS[usize::from(byte)]);
        digits.copy_from_slice([i, j, k, l].as_flattened());
    }
    hex
}

/// One hash as serde writes it.
pub struct Hex<'a>(pub &'a Hashed);

impl Serialize for Hex<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(std::str::from_utf8(&hex(self.0)).map_err(S::Error::custom)?)
    }
}
