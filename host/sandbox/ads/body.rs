//! The two encodings a request's parameters come in: JSON, and forms whose `data` holds JSON (what the official SDKs send).

use serde_json::{Map, Value};

/// The parameters of a request, whichever way they were sent. None: not readable as either.
pub fn parameters(content_type: &str, body: &[u8]) -> Option<Map<String, Value>> {
    if !content_type.starts_with("application/x-www-form-urlencoded") {
        return serde_json::from_slice(body).ok();
    }
    let pairs = form(body).into_iter();
    Some(
        pairs
            .map(|(key, text)| if key == "data" { (key, events(&text)) } else { (key, Value::String(text)) })
            .collect(),
    )
}

/// The token in a query string.
pub fn query_token(query: Option<&str>) -> Option<String> {
    form(query?.as_bytes()).into_iter().find(|(key, _)| key == "access_token").map(|(_, token)| token)
}

/// An array of events, or of JSON strings each holding one. What cannot be read stays what it is, for the rules to refuse.
fn events(text: &str) -> Value {
    match serde_json::from_str(text) {
        Ok(Value::Array(items)) => items.into_iter().map(unwrapped).collect(),
        Ok(other) => other,
        Err(_) => Value::String(text.to_owned()),
    }
}

fn unwrapped(item: Value) -> Value {
    match &item {
        Value::String(text) => serde_json::from_str(text).unwrap_or(item),
        _ => item,
    }
}

fn form(body: &[u8]) -> Vec<(String, String)> {
    let pairs = body.split(|byte| *byte == b'&').filter(|pair| !pair.is_empty());
    pairs
        .map(|pair| {
            let mut halves = pair.splitn(2, |byte| *byte == b'=');
            (decoded(halves.next().unwrap_or_default()), decoded(halves.next().unwrap_or_default()))
        })
        .collect()
}

/// Percent-decoding of `application/x-www-form-urlencoded` (WHATWG URL, §5.1): a broken escape stands for itself.
fn decoded(text: &[u8]) -> String {
    let digit = |at: usize| text.get(at).and_then(|byte| (*byte as char).to_digit(16));
    let mut bytes = Vec::with_capacity(text.len());
    let mut at = 0;
    while at < text.len() {
        match (text[at], digit(at + 1), digit(at + 2)) {
            (b'%', Some(high), Some(low)) => {
                bytes.push((high * 16 + low) as u8);
                at += 3;
                continue;
            }
            (b'+', ..) => bytes.push(b' '),
            (byte, ..) => bytes.push(byte),
        }
        at += 1;
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{decoded, parameters, query_token};

    #[test]
    fn every_client_s_encoding_gives_the_same_events() {
        let wanted = json!([{ "event_name": "Lead é" }]);
        let form = "application/x-www-form-urlencoded; charset=utf-8";
        for (content_type, body) in [
            ("application/json", r#"{"data":[{"event_name":"Lead é"}],"access_token":"t"}"#),
            (form, "data=%5B%7B%22event_name%22%3A%22Lead+%C3%A9%22%7D%5D&access_token=t"),
            (form, "access_token=t&data=%5B%22%7B%5C%22event_name%5C%22%3A%5C%22Lead+%C3%A9%5C%22%7D%22%5D"),
        ] {
            let read = parameters(content_type, body.as_bytes()).expect("readable");
            assert_eq!((&read["data"], &read["access_token"]), (&wanted, &json!("t")), "{body}");
        }
        assert!(parameters("application/json", b"{").is_none());
        assert_eq!(query_token(Some("a=b&access_token=x%2By")), Some("x+y".to_owned()));
    }

    #[test]
    fn broken_escapes_stand_for_themselves() {
        assert_eq!(decoded(b"100%+%4g%"), "100% %4g%");
        assert_eq!(decoded(b"%ff"), "\u{fffd}");
    }
}
