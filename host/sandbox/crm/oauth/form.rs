//! What a body or a query says: `application/x-www-form-urlencoded` (WHATWG URL Standard, section 5), or JSON where it is one object.

use std::collections::HashMap;

use axum::http::{HeaderMap, header};
use serde_json::Value;

/// A body's parameters; empty when it is neither a form nor an object. Numbers and booleans read as their text.
pub fn read(headers: &HeaderMap, body: &[u8]) -> HashMap<String, String> {
    let kind = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    if !kind.starts_with("application/json") {
        return parse(&String::from_utf8_lossy(body));
    }
    let members = match serde_json::from_slice(body) {
        Ok(Value::Object(members)) => members,
        // The vendor's own Node client (3.1.0) calls a form JSON, and so it comes as one string.
        Ok(Value::String(form)) => return parse(&form),
        _ => return HashMap::new(),
    };
    let text = |value| match value {
        Value::String(text) => Some(text),
        Value::Number(_) | Value::Bool(_) => Some(value.to_string()),
        _ => None,
    };
    members.into_iter().filter_map(|(key, value)| Some((key, text(value)?))).collect()
}

/// The pairs of a form; the last one of a name counts.
fn parse(form: &str) -> HashMap<String, String> {
    let pairs = form.split('&').filter(|pair| !pair.is_empty());
    pairs
        .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
        .map(|(key, value)| (plain(key), plain(value)))
        .collect()
}

fn plain(coded: &str) -> String {
    let bytes = coded.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let pair = bytes.get(at + 1..at + 3).and_then(|digits| std::str::from_utf8(digits).ok());
        let byte = pair.filter(|pair| pair.bytes().all(|digit| digit.is_ascii_hexdigit()));
        match (bytes[at], byte.and_then(|pair| u8::from_str_radix(pair, 16).ok())) {
            (b'%', Some(byte)) => {
                out.push(byte);
                at += 2;
            }
            (b'+', _) => out.push(b' '),
            (other, _) => out.push(other),
        }
        at += 1;
    }
    String::from_utf8_lossy(&out).into_owned()
}

/// A value, so that it survives in a query.
pub fn coded(value: &str) -> String {
    let mut out = String::with_capacity(value.len());
    for byte in value.bytes() {
        if byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte) {
            out.push(byte.into());
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn forms_and_objects_say_the_same() {
        let kind = |text: &str| HeaderMap::from_iter([(header::CONTENT_TYPE, text.parse().expect("a value"))]);
        let form = read(&kind("application/x-www-form-urlencoded"), b"scope=a%2Fb+c&state=%zz&x");
        assert_eq!((form["scope"].as_str(), form["state"].as_str(), form["x"].as_str()), ("a/b c", "%zz", ""));
        let object = read(&kind("application/json; charset=utf-8"), br#"{"scope":"a/b c","n":1,"no":null}"#);
        assert_eq!((object["scope"].as_str(), object["n"].as_str(), object.len()), ("a/b c", "1", 2));
        assert_eq!(read(&kind("application/json"), br#""a=b&c=d""#)["c"], "d");
        assert!(read(&kind("application/json"), b"[").is_empty());
    }

    proptest! {
        #[test]
        fn what_was_coded_reads_as_it_was(value in ".*") {
            prop_assert_eq!(parse(&format!("a={}", coded(&value))).remove("a"), Some(value));
        }

        #[test]
        fn nothing_breaks_the_reader(form in ".*") {
            parse(&form);
        }
    }
}
