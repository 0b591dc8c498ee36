//! E-mail addresses: Meta's `em`.

use std::borrow::Cow;

use unicode_normalization::UnicodeNormalization;

use super::fold::is_invisible;
use crate::scan::{all_bytes, any_byte};

/// Trimmed, lowercase, compatibility-normalised, without invisible characters. Dots and plus tags stay: Meta, unlike others,
/// does not drop them. Nothing for what is not exactly one address in a dotted domain (the dot-atom form of RFC 5322 §3.2.3,
/// widened to UTF-8 by RFC 6531).
pub fn email(raw: &str) -> Option<Cow<'_, str>> {
    let address = plain(raw);
    is_address(&address).then_some(address)
}

fn plain(raw: &str) -> Cow<'_, str> {
    if raw.is_ascii() {
        let trimmed = raw.trim();
        return if any_byte(trimmed, |byte| byte.is_ascii_uppercase()) {
            Cow::Owned(trimmed.to_ascii_lowercase())
        } else {
            Cow::Borrowed(trimmed)
        };
    }
    // Composed again after lowering, which may take letters apart (`İ`).
    let lowered: String = raw.nfkc().filter(|c| !is_invisible(*c)).flat_map(char::to_lowercase).collect();
    let composed: String = lowered.nfkc().collect();
    Cow::Owned(composed.trim().to_owned())
}

fn is_address(address: &str) -> bool {
    let Some(at) = address.bytes().position(|byte| byte == b'@') else { return false };
    let (local, domain) = (&address[..at], &address[at + 1..]);
    let top = domain.bytes().rev().position(|byte| byte == b'.').map(|length| &domain[domain.len() - length..]);
    // RFC 5321 §4.5.3.1: 64 octets before the @, 254 in all.
    address.len() <= 254
        && local.len() <= 64
        && is_made_of(local, goes_on_local)
        && is_made_of(domain, goes_on_domain)
        && top.is_some_and(|top| !all_bytes(top, |byte| byte.is_ascii_digit()))
}

/// Whether every letter may follow the one before it, with a dot in front of the text and one behind it. In ASCII, which nearly all addresses are,
/// no letters have to be made out of bytes.
fn is_made_of(text: &str, follows: impl Fn(char, char) -> bool) -> bool {
    let mut before = '.';
    let mut follows = |c| follows(std::mem::replace(&mut before, c), c);
    (if text.is_ascii() { text.bytes().all(|byte| follows(byte.into())) } else { text.chars().all(&mut follows) })
        && follows('.')
}

fn goes_on_local(before: char, c: char) -> bool {
    if c == '.' { before != '.' } else { is_atom_text(c) }
}

fn goes_on_domain(before: char, c: char) -> bool {
    match c {
        '.' => before != '.' && before != '-',
        '-' => before != '.',
        c => c.is_ascii_alphanumeric() || (!c.is_ascii() && is_wide(c)),
    }
}

#[inline]
fn is_atom_text(c: char) -> bool {
    match c {
        'a'..='z' | 'A'..='Z' | '0'..='9' => true,
        '!' | '#'..='\'' | '*' | '+' | '-' | '/' | '=' | '?' | '^'..='`' | '{'..='~' => true,
        _ => !c.is_ascii() && is_wide(c),
    }
}

fn is_wide(c: char) -> bool {
    c.is_alphanumeric() || unicode_normalization::char::is_combining_mark(c)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn keeps_dots_and_plus_tags() {
        assert_eq!(email(" John.Smith+crm@GoogleMail.com ").as_deref(), Some("john.smith+crm@googlemail.com"));
        assert_eq!(email("\u{200b}jose\u{301}@example.com").as_deref(), Some("josé@example.com"));
    }

    #[test]
    fn drops_what_is_not_one_address() {
        for raw in
            ["", "a@b", "a@b.", ".a@b.co", "a..b@c.de", "a b@c.de", "a@@c.de", "Ann <ann@c.de>", "a@-c.de", "a@1.2"]
        {
            assert_eq!(email(raw), None, "{raw}");
        }
    }

    proptest! {
        #[test]
        fn is_idempotent(raw in "\\PC{0,12}@?\\PC{0,12}(\\.com)?") {
            if let Some(once) = email(&raw) {
                let twice = email(&once);
                prop_assert_eq!(twice.as_deref(), Some(&*once));
            }
        }
    }
}
