//! An HTTP answer as values, so that everything that judges one is tested without a network.

use serde_json::Value;

use crate::bindings::exports::convey::pipeline::contact_source::SourceError;
use crate::classify::classify;

/// What came back for one request.
pub struct Reply {
    /// The HTTP status.
    pub status: u16,
    /// Names in lower case; values that are not text are left out.
    pub headers: Vec<(String, String)>,
    /// The raw body.
    pub body: Vec<u8>,
}

impl Reply {
    /// The contact of a successful answer. Errors: any other status, classified; a success that holds no contact is `unavailable`,
    /// because a proxy's page in between is what it usually is.
    pub fn contact(self) -> Result<Value, SourceError> {
        if !(200..300).contains(&self.status) {
            return Err(classify(self.status, &self.headers, &self.body));
        }
        match serde_json::from_slice(&self.body) {
            Ok(Value::Object(mut answer)) => match answer.remove("contact") {
                Some(contact @ Value::Object(_)) => Ok(contact),
                _ => Err(SourceError::Unavailable("a successful answer holds no contact".into())),
            },
            _ => Err(SourceError::Unavailable("a successful answer is not JSON".into())),
        }
    }
}

/// The request path of one contact. The id is the vendor's, but a path must not be what a body says it is: anything unusual is escaped.
pub fn contact_path(id: &str) -> String {
    let mut path = String::from("/contacts/");
    for byte in id.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_') {
            path.push(char::from(byte));
        } else {
            path.push_str(&format!("%{byte:02X}"));
        }
    }
    path
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reply(status: u16, body: &str) -> Reply {
        Reply { status, headers: Vec::new(), body: body.as_bytes().to_vec() }
    }

    #[test]
    fn a_path_has_one_segment_whatever_the_id() {
        assert_eq!(contact_path("nmFmQEsNgz6AVpgLVUJ0"), "/contacts/nmFmQEsNgz6AVpgLVUJ0");
        assert_eq!(contact_path("../a?b"), "/contacts/%2E%2E%2Fa%3Fb");
    }

    #[test]
    fn only_a_contact_is_a_contact() {
        assert_eq!(reply(200, r#"{"contact":{"id":"a"}}"#).contact(), Ok(serde_json::json!({"id": "a"})));
        assert!(matches!(reply(200, r#"{"contact":null}"#).contact(), Err(SourceError::Unavailable(_))));
        assert!(matches!(reply(200, "<html>").contact(), Err(SourceError::Unavailable(_))));
        assert!(matches!(reply(404, "{}").contact(), Err(SourceError::NotFound(_))));
    }
}
