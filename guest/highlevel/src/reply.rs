//! An HTTP answer as values, so that everything that judges one is tested without a network.

use serde_json::Value;

use crate::bindings::exports::convey::pipeline::contact_source::SourceError;
use crate::classify::classify;
use crate::scope;

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
    /// Whether the API says it did as asked. It answers 200 where its own specification says 201, and the other way round.
    pub fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }

    /// The body of a successful answer. `scope` is the one that this request needs, named where it is missing. Errors: any other status,
    /// classified; a success that is not JSON is `unavailable`, because a proxy's page in between is what it usually is.
    pub fn json(self, scope: &str) -> Result<Value, SourceError> {
        if !self.is_success() {
            return Err(classify(self.status, &self.headers, &self.body, scope));
        }
        serde_json::from_slice(&self.body)
            .map_err(|_| SourceError::Unavailable("a successful answer is not JSON".into()))
    }

    /// The contact of a successful answer. Errors: as [`Reply::json`] and [`held`].
    pub fn contact(self) -> Result<Value, SourceError> {
        held(self.json(scope::CONTACTS_READ)?, "contact")
    }
}

/// The object that a successful answer holds under `name`. Errors: `unavailable` where there is none.
pub fn held(mut answer: Value, name: &str) -> Result<Value, SourceError> {
    match answer.get_mut(name).map(Value::take) {
        Some(object @ Value::Object(_)) => Ok(object),
        _ => Err(SourceError::Unavailable(format!("a successful answer holds no {name}"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reply(status: u16, body: &str) -> Reply {
        Reply { status, headers: Vec::new(), body: body.as_bytes().to_vec() }
    }

    #[test]
    fn only_a_contact_is_a_contact() {
        assert_eq!(reply(200, r#"{"contact":{"id":"a"}}"#).contact(), Ok(serde_json::json!({"id": "a"})));
        assert!(matches!(reply(200, r#"{"contact":null}"#).contact(), Err(SourceError::Unavailable(_))));
        assert!(matches!(reply(200, "<html>").contact(), Err(SourceError::Unavailable(_))));
        assert!(matches!(reply(404, "{}").contact(), Err(SourceError::NotFound(_))));
    }
}
