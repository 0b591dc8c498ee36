//! The encodings a request's parameters come in: JSON, forms, forms in parts, and the query string. In the last three a list or an object
//! is JSON in text; what the official SDKs send as `data` is a list of such texts.

use serde_json::{Map, Value};

use super::parts;

/// What a request says, by where it says it.
pub struct Said {
    query: Map<String, Value>,
    /// None: not readable in the encoding it claims.
    body: Option<Map<String, Value>>,
}

impl Said {
    /// Reads query and body.
    pub fn read(content_type: &str, query: Option<&str>, body: &[u8]) -> Self {
        let kind = content_type.split(';').next().unwrap_or_default().trim();
        let body = match kind.to_ascii_lowercase().as_str() {
            "application/x-www-form-urlencoded" => Some(structured(pairs(body))),
            "multipart/form-data" => parts::read(content_type, body).map(structured),
            _ if body.is_empty() => Some(Map::new()),
            _ => serde_json::from_slice(body).ok(),
        };
        Self { query: structured(pairs(query.unwrap_or_default().as_bytes())), body }
    }

    /// A parameter that is text, from the query or else the body.
    pub fn text(&self, key: &str) -> Option<&str> {
        let of = |map: &'_ Map<String, Value>| map.contains_key(key);
        let body = self.body.as_ref();
        let map = if of(&self.query) { Some(&self.query) } else { body };
        map.and_then(|map| map.get(key)).and_then(Value::as_str)
    }

    /// All parameters; those of the body win. None: the body is not readable.
    pub fn parameters(self) -> Option<Map<String, Value>> {
        let mut all = self.query;
        all.extend(self.body?);
        Some(all)
    }
}

/// A list or an object from the JSON text it may be written as. What cannot be read stays what it is, for the rules to refuse.
pub fn unwrapped(item: Value) -> Value {
    match &item {
        Value::String(text) if text.trim_start().starts_with(['{', '[']) => serde_json::from_str(text).unwrap_or(item),
        _ => item,
    }
}

fn structured(pairs: Vec<(String, String)>) -> Map<String, Value> {
    pairs.into_iter().map(|(key, text)| (key, unwrapped(Value::String(text)))).collect()
}

fn pairs(text: &[u8]) -> Vec<(String, String)> {
    let pairs = text.split(|byte| *byte == b'&').filter(|pair| !pair.is_empty());
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
    use serde_json::{Value, json};

    use super::{Said, decoded, unwrapped};

    #[test]
    fn every_client_s_encoding_gives_the_same_parameters() {
        let form = "application/x-www-form-urlencoded; charset=utf-8";
        let multipart = "--b1\r\nContent-Disposition: form-data; name=\"data\"\r\n\r\n[{\"event_name\":\"Lead é\"}]\r\n\
             --b1\r\nContent-Disposition: form-data; name=\"access_token\"\r\n\r\nt\r\n--b1--\r\n";
        for (content_type, query, body) in [
            ("application/json", None, r#"{"data":[{"event_name":"Lead é"}],"access_token":"t"}"#),
            (form, None, "data=%5B%7B%22event_name%22%3A%22Lead+%C3%A9%22%7D%5D&access_token=t"),
            (form, Some("access_token=t"), "data=%5B%22%7B%5C%22event_name%5C%22%3A%5C%22Lead+%C3%A9%5C%22%7D%22%5D"),
            ("multipart/form-data; boundary=b1", None, multipart),
            ("", Some("access_token=t&data=%5B%7B%22event_name%22:%22Lead+%C3%A9%22%7D%5D"), ""),
        ] {
            let said = Said::read(content_type, query, body.as_bytes());
            assert_eq!(said.text("access_token"), Some("t"), "{body}");
            let mut read = said.parameters().expect("readable");
            let events = match read.remove("data") {
                Some(Value::Array(events)) => events.into_iter().map(unwrapped).collect::<Vec<_>>(),
                other => panic!("{body}: {other:?}"),
            };
            assert_eq!(events, [json!({ "event_name": "Lead é" })], "{body}");
        }
    }

    #[test]
    fn what_is_not_json_is_no_body_and_the_query_is_still_heard() {
        let said = Said::read("application/json", Some("access_token=x%2By"), b"{");
        assert_eq!(said.text("access_token"), Some("x+y"));
        assert!(said.parameters().is_none());
        let form = Said::read("application/x-www-form-urlencoded", None, b"data=%5B%7B").parameters();
        assert_eq!(form.expect("a form is")["data"], "[{");
    }

    #[test]
    fn broken_escapes_stand_for_themselves() {
        assert_eq!(decoded(b"100%+%4g%"), "100% %4g%");
        assert_eq!(decoded(b"%ff"), "\u{fffd}");
    }
}
