//! Takes secrets, and what looks like personal text, out of anything on its way to a log, an error or a guest.

use std::ops::Range;

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE, URL_SAFE_NO_PAD};
use memchr::memmem::Finder;

use super::Secret;
use crate::contract::lower_hex;

const MARK: &str = "[secret]";
const PERSONAL: &str = "[personal]";

/// Shorter texts would be found everywhere; no vendor's secret is as short.
const SHORTEST: usize = 6;

/// Knows the secrets of the moment in every form that they take on a wire, and replaces each by `[secret]`.
#[derive(Default)]
pub struct Scrubber {
    needles: Vec<Finder<'static>>,
}

impl Scrubber {
    /// Learns these secrets as they are, in base64 (both alphabets, padded or not), in hex, percent-encoded,
    /// form-encoded and escaped for JSON. Secrets shorter than six bytes are not looked for.
    pub fn new<'a>(secrets: impl IntoIterator<Item = &'a Secret>) -> Self {
        let mut forms: Vec<Vec<u8>> = secrets.into_iter().flat_map(|secret| forms(secret.expose())).collect();
        forms.retain(|form| form.len() >= SHORTEST);
        forms.sort_unstable();
        forms.dedup();
        Self { needles: forms.iter().map(|form| Finder::new(form).into_owned()).collect() }
    }

    /// The bytes without secrets, or `None` if there was none in them (the usual case, which copies nothing).
    pub fn scrub_bytes(&self, bytes: &[u8]) -> Option<Vec<u8>> {
        let mut found: Vec<Range<usize>> = Vec::new();
        for needle in &self.needles {
            found.extend(needle.find_iter(bytes).map(|at| at..at + needle.needle().len()));
        }
        if found.is_empty() {
            return None;
        }
        found.sort_unstable_by_key(|range| range.start);
        let mut clean = Vec::with_capacity(bytes.len());
        let mut done = 0;
        for range in found {
            // Forms overlap (padded and unpadded, a secret inside another): what overlaps is one replacement.
            if range.start >= done {
                clean.extend_from_slice(&bytes[done..range.start]);
                clean.extend_from_slice(MARK.as_bytes());
            }
            done = done.max(range.end);
        }
        clean.extend_from_slice(&bytes[done..]);
        Some(clean)
    }

    /// The text without secrets.
    pub fn scrub_text(&self, text: &str) -> String {
        match self.scrub_bytes(text.as_bytes()) {
            Some(clean) => String::from_utf8_lossy(&clean).into_owned(),
            None => text.to_owned(),
        }
    }
}

fn forms(secret: &str) -> Vec<Vec<u8>> {
    let bytes = secret.as_bytes();
    let hex = lower_hex(bytes);
    let quoted = serde_json::Value::from(secret).to_string();
    let escaped = &quoted[1..quoted.len() - 1];
    let mut forms = vec![bytes.to_vec(), hex.to_uppercase().into_bytes(), hex.into_bytes()];
    forms.extend(
        [STANDARD, STANDARD_NO_PAD, URL_SAFE, URL_SAFE_NO_PAD].map(|alphabet| alphabet.encode(bytes).into_bytes()),
    );
    forms.push(escaped.as_bytes().to_vec());
    forms.push(escaped.replace('/', "\\/").into_bytes());
    for upper in [true, false] {
        let encoded = percent(bytes, upper);
        forms.push(encoded.replace("%20", "+").into_bytes());
        forms.push(encoded.into_bytes());
    }
    forms
}

/// RFC 3986: everything but the unreserved characters is escaped.
fn percent(bytes: &[u8], upper: bool) -> String {
    let mut out = String::with_capacity(bytes.len());
    for &byte in bytes {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => out.push(char::from(byte)),
            _ if upper => out.push_str(&format!("%{byte:02X}")),
            _ => out.push_str(&format!("%{byte:02x}")),
        }
    }
    out
}

/// Replaces what has the shape of an e-mail address or of a phone number (7 to 15 digits, E.164, with or without
/// separators) by `[personal]`. Dates (`2026-01-31`) and digits inside a word stay.
pub fn mask_personal(text: &str) -> String {
    if !text.contains(['@', '%']) && text.bytes().filter(u8::is_ascii_digit).count() < 7 {
        return text.to_owned();
    }
    mask_phones(&mask_emails(text))
}

fn mask_emails(text: &str) -> String {
    let in_name = |letter: char| letter.is_alphanumeric() || "._%+-'".contains(letter);
    let in_domain = |letter: char| letter.is_alphanumeric() || letter == '.' || letter == '-';
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((at, sign)) = find_at(rest) {
        let (before, after) = (&rest[..at], &rest[at + sign..]);
        let start = before
            .rfind(|letter| !in_name(letter))
            .map_or(0, |last| last + before[last..].chars().next().map_or(1, char::len_utf8));
        let end = after.find(|letter| !in_domain(letter)).unwrap_or(after.len());
        if start < at && end > 0 {
            out.push_str(&before[..start]);
            out.push_str(PERSONAL);
        } else {
            out.push_str(&rest[..at + sign + end]);
        }
        rest = &after[end..];
    }
    out.push_str(rest);
    out
}

/// The next at-sign, plain or percent-encoded, and its length.
fn find_at(text: &str) -> Option<(usize, usize)> {
    let plain = text.find('@').map(|at| (at, 1));
    let encoded = text.find("%40").map(|at| (at, 3));
    match (plain, encoded) {
        (Some(plain), Some(encoded)) => Some(plain.min(encoded)),
        (plain, encoded) => plain.or(encoded),
    }
}

fn mask_phones(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    let mut before = ' ';
    while let Some(first) = rest.chars().next() {
        let run = number(rest);
        if run.is_empty() || before.is_alphanumeric() || before == '_' {
            out.push(first);
            rest = &rest[first.len_utf8()..];
            before = first;
            continue;
        }
        let digits = run.bytes().filter(u8::is_ascii_digit).count();
        let next = rest[run.len()..].chars().next();
        let phone = (7..=15).contains(&digits)
            && !is_date(run)
            && !next.is_some_and(|next| next.is_alphabetic() || next == '_');
        out.push_str(if phone { PERSONAL } else { run });
        before = run.chars().next_back().unwrap_or(first);
        rest = &rest[run.len()..];
    }
    out
}

/// The digits and separators that `text` starts with, up to the last digit; empty if it does not start like a number.
fn number(text: &str) -> &str {
    if !text.starts_with(|first: char| first.is_ascii_digit() || first == '+' || first == '(') {
        return "";
    }
    let separator = |letter: char| matches!(letter, '+' | '(' | ')' | ' ' | '-' | '.' | '/' | '\u{a0}' | '\u{2011}');
    let end = text.find(|letter: char| !letter.is_ascii_digit() && !separator(letter)).unwrap_or(text.len());
    text[..end].rfind(|letter: char| letter.is_ascii_digit()).map_or("", |last| &text[..=last])
}

fn is_date(run: &str) -> bool {
    let parts: Vec<&str> = run.split('-').collect();
    parts.iter().map(|part| part.len()).eq([4, 2, 2]) && parts.concat().bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use base64::Engine;
    use proptest::prelude::*;

    use super::{Scrubber, mask_personal};
    use crate::vault::Secret;

    const CANARY: &str = "can/ary \"é+17";

    fn scrubber() -> Scrubber {
        Scrubber::new(&[Secret::new(CANARY.to_owned()), Secret::new("abc".to_owned())])
    }

    #[test]
    fn every_form_of_a_secret_goes() {
        let standard = base64::engine::general_purpose::STANDARD.encode(CANARY);
        let url = base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(CANARY);
        let json = serde_json::to_string(CANARY).unwrap();
        let hex: String = CANARY.bytes().map(|byte| format!("{byte:02X}")).collect();
        for form in [
            CANARY,
            &standard,
            &url,
            &json[1..json.len() - 1],
            &hex,
            &hex.to_lowercase(),
            "can%2Fary%20%22%C3%A9%2B17",
            "can%2fary+%22%c3%a9%2b17",
        ] {
            assert_eq!(scrubber().scrub_text(&format!("a {form}, b {form}")), "a [secret], b [secret]", "{form}");
        }
    }

    #[test]
    fn clean_bytes_are_not_copied_and_short_secrets_are_not_sought() {
        assert_eq!(scrubber().scrub_bytes(b"abc and nothing else"), None);
        assert_eq!(Scrubber::default().scrub_text("as it is"), "as it is");
    }

    #[test]
    fn overlapping_secrets_are_one_replacement() {
        let both = Scrubber::new(&[Secret::new("abcdefgh".into()), Secret::new("efghijkl".into())]);
        assert_eq!(both.scrub_text("-abcdefghijkl-"), "-[secret]-");
    }

    #[test]
    fn personal_shapes_are_masked_and_the_rest_stays() {
        for (text, masked) in [
            ("no match for Zoë.Müller+x@exämple.de, sorry", "no match for [personal], sorry"),
            ("GET /contacts?email=ann%40shop.io&x=1", "GET /contacts?email=[personal]&x=1"),
            ("call (415) 555-1234 or +49 30 1234567.", "call [personal] or [personal]."),
            ("\"phone\":\"14155551234\"", "\"phone\":\"[personal]\""),
            ("on 2026-01-31 at 12:30:59 code 190, 42", "on 2026-01-31 at 12:30:59 code 190, 42"),
            ("delivery d_01K8ZQ1234567890 @ 9%", "delivery d_01K8ZQ1234567890 @ 9%"),
            ("dataset 1234567890123456", "dataset 1234567890123456"),
        ] {
            assert_eq!(mask_personal(text), masked);
        }
    }

    proptest! {
        #[test]
        fn no_text_keeps_a_planted_secret_or_address(before in "\\PC{0,20}", after in "\\PC{0,20}") {
            let text = format!("{before}{CANARY}{after}");
            prop_assert!(!scrubber().scrub_text(&text).contains(CANARY));
            let masked = mask_personal(&format!("{before} ann@shop.io {after}"));
            prop_assert!(!masked.contains("ann@shop.io"));
        }
    }
}
