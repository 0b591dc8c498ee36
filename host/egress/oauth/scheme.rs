//! OAuth as one vendor speaks it: where to ask, which names its fields have, and what its refusals mean.

use http::Uri;
use serde_json::Value;

use super::super::allow::{may_be_plain, moved};

/// What a word in a refusal means for the grant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GrantWord {
    /// It is gone; a person must connect anew.
    Revoked,
    /// The location sleeps, and the grant with it.
    Suspended,
    /// It may come yet.
    Wait,
}

/// The scheme as a profile writes it.
#[derive(Clone, Debug, Default)]
pub struct Described {
    /// Where a person agrees.
    pub authorize_url: String,
    /// Where codes and refresh tokens become tokens.
    pub token_url: String,
    /// Where a company's token becomes a location's, if the vendor has that.
    pub exchange_url: Option<String>,
    /// What is sent with every request to the token address.
    pub parameters: Vec<(String, String)>,
    /// Our name of a field and the vendor's.
    pub names: Vec<(String, String)>,
    /// Words in a refusal and what they mean; the first that is found counts.
    pub states: Vec<(String, GrantWord)>,
    /// Words in the body of a 401 that a new token cures; none: every 401 is.
    pub expired: Vec<String>,
}

/// The scheme with its addresses checked and moved to where the operator has the vendor answer.
#[derive(Clone, Debug)]
pub struct Scheme {
    pub(super) authorize_url: String,
    pub(super) token_url: Uri,
    pub(super) exchange_url: Option<Uri>,
    pub(super) parameters: Vec<(String, String)>,
    names: Vec<(String, String)>,
    states: Vec<(String, GrantWord)>,
    expired: Vec<String>,
}

impl Scheme {
    /// Checks the addresses. Those below the profile's `base_url` are moved below `upstream`, which answers in the vendor's place. The error names what
    /// is wrong with the profile.
    pub fn new(described: Described, base_url: &str, upstream: Option<&Uri>) -> Result<Self, String> {
        let base: Uri = base_url.parse().map_err(|error| format!("base-url `{base_url}`: {error}"))?;
        let address = |name: &str, text: &str| -> Result<Uri, String> {
            let uri: Uri = text.parse().map_err(|error| format!("{name} `{text}`: {error}"))?;
            let below = (uri.scheme() == base.scheme() && uri.authority() == base.authority())
                .then(|| uri.path().strip_prefix(base.path().trim_end_matches('/')))
                .flatten();
            let uri = match (below, upstream) {
                (Some(below), Some(upstream)) => moved(&uri, upstream, below).unwrap_or_else(|| uri.clone()),
                _ => uri,
            };
            match (uri.scheme(), uri.authority()) {
                (Some(scheme), Some(authority)) if may_be_plain(scheme, authority) => Ok(uri),
                _ => Err(format!("{name} `{text}` is no https address")),
            }
        };
        Ok(Self {
            token_url: address("token-url", &described.token_url)?,
            exchange_url: described.exchange_url.map(|text| address("exchange-url", &text)).transpose()?,
            authorize_url: described.authorize_url,
            parameters: described.parameters,
            names: described.names,
            states: described.states,
            expired: described.expired,
        })
    }

    /// Whether the body of a 401 says that the token has run out, and not that a scope is missing or the request is wrong.
    pub fn is_expired(&self, body: &[u8]) -> bool {
        self.expired.is_empty() || self.expired.iter().any(|word| says(&texts(body), word))
    }

    /// The vendor's name of one of our fields. Without one it is RFC 6749's.
    pub(super) fn name<'a>(&'a self, ours: &'a str) -> &'a str {
        let rfc = match ours {
            "expires_in_s" => "expires_in",
            "scopes" => "scope",
            other => other,
        };
        self.names.iter().find(|(name, _)| name == ours).map_or(rfc, |(_, theirs)| theirs)
    }

    /// The first of the profile's words in a refusal's body, whatever the body's shape.
    pub(super) fn word(&self, body: &[u8]) -> Option<(&str, GrantWord)> {
        let texts = texts(body);
        self.states.iter().find(|(word, _)| says(&texts, word)).map(|(word, means)| (word.as_str(), *means))
    }

    /// Whether a parameter says what a token is for: `user_type` in requests is `userType` in answers.
    pub(super) fn tells_kind(&self, parameter: &str) -> bool {
        let plain =
            |text: &str| text.chars().filter(char::is_ascii_alphanumeric).collect::<String>().to_ascii_lowercase();
        plain(parameter) == plain(self.name("kind"))
    }
}

fn says(texts: &[String], word: &str) -> bool {
    texts.iter().any(|text| text.contains(&word.to_lowercase()))
}

/// Every text of a body, in lower case: vendors put the message into a string, a list, a description or an object of its own.
fn texts(body: &[u8]) -> Vec<String> {
    fn walk(value: &Value, texts: &mut Vec<String>) {
        match value {
            Value::String(text) => texts.push(text.to_lowercase()),
            Value::Array(items) => items.iter().for_each(|item| walk(item, texts)),
            Value::Object(fields) => fields.values().for_each(|field| walk(field, texts)),
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }
    let mut texts = Vec::new();
    match serde_json::from_slice(body) {
        Ok(value) => walk(&value, &mut texts),
        Err(_) => texts.push(String::from_utf8_lossy(body).to_lowercase()),
    }
    texts
}

#[cfg(test)]
mod tests {
    use super::{Described, GrantWord, Scheme};

    fn described() -> Described {
        Described {
            authorize_url: "https://crm.example/agree".into(),
            token_url: "https://api.crm.example/v2/oauth/token".into(),
            exchange_url: Some("https://elsewhere.example/exchange".into()),
            names: vec![("kind".into(), "userType".into())],
            states: vec![
                ("Location is not active".into(), GrantWord::Suspended),
                ("refresh token is invalid".into(), GrantWord::Revoked),
            ],
            expired: vec!["Invalid JWT".into()],
            ..Described::default()
        }
    }

    fn scheme() -> Scheme {
        Scheme::new(described(), "https://api.crm.example/v2/", None).unwrap()
    }

    #[test]
    fn addresses_below_the_base_follow_the_operator() {
        let upstream = "http://127.0.0.1:9/crm".parse().unwrap();
        let scheme = Scheme::new(described(), "https://api.crm.example/v2", Some(&upstream)).unwrap();
        assert_eq!(scheme.token_url, "http://127.0.0.1:9/crm/oauth/token");
        assert_eq!(scheme.exchange_url.unwrap(), "https://elsewhere.example/exchange");
        assert_eq!(self::scheme().token_url, "https://api.crm.example/v2/oauth/token");
        let plain = Described { token_url: "http://10.0.0.1/token".into(), ..described() };
        assert!(Scheme::new(plain, "https://api.crm.example", None).unwrap_err().contains("token-url"));
    }

    #[test]
    fn a_word_is_found_in_every_shape() {
        for body in [
            r#"{"statusCode":400,"message":"Invalid grant: refresh token is INVALID"}"#,
            r#"{"message":["x","refresh token is invalid"]}"#,
            r#"{"error":"UnAuthorized!","error_description":"Refresh token is invalid"}"#,
            r#"{"error":{"code":"INVALID","message":"refresh token is invalid","details":[]}}"#,
            "refresh token is invalid",
        ] {
            assert_eq!(
                scheme().word(body.as_bytes()),
                Some(("refresh token is invalid", GrantWord::Revoked)),
                "{body}"
            );
        }
        assert_eq!(scheme().word(br#"{"message":"Missing parameter: clientId"}"#), None);
    }

    #[test]
    fn only_the_right_401_is_cured_by_a_new_token() {
        assert!(scheme().is_expired(br#"{"message":"Invalid JWT"}"#));
        assert!(!scheme().is_expired(br#"{"message":"The token is not authorized for this scope."}"#));
        let any = Scheme { expired: Vec::new(), ..scheme() };
        assert!(any.is_expired(b""));
    }

    #[test]
    fn names_are_the_vendors_else_the_standards() {
        let scheme = scheme();
        assert_eq!(
            (scheme.name("kind"), scheme.name("expires_in_s"), scheme.name("code")),
            ("userType", "expires_in", "code")
        );
        assert!(scheme.tells_kind("user_type") && !scheme.tells_kind("user"));
    }
}
