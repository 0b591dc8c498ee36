//! The fields of a form, as a browser sends them.

use std::convert::Infallible;

use axum::body::to_bytes;
use axum::extract::{FromRequest, Request};

/// The longest form that is read, in bytes; the gate has looked at a session's before.
const BYTES: usize = 1 << 20;

/// Names with their values, in order; a name may come more than once.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(in crate::admin) struct Fields(Vec<(String, String)>);

impl Fields {
    /// Reads `a=1&b=2`.
    pub(super) fn parse(text: &[u8]) -> Self {
        Self(form_urlencoded::parse(text).into_owned().collect())
    }

    /// The first value of a name, without the blanks around it; empty where there is none.
    pub(super) fn text(&self, name: &str) -> &str {
        self.all(name).next().unwrap_or_default()
    }

    /// The same; none where it is empty.
    pub(super) fn given(&self, name: &str) -> Option<String> {
        Some(self.text(name)).filter(|text| !text.is_empty()).map(str::to_owned)
    }

    /// Every value of a name.
    pub(super) fn all(&self, name: &str) -> impl Iterator<Item = &str> {
        self.0.iter().filter(move |(known, _)| known == name).map(|(_, value)| value.trim())
    }

    /// A text of several lines as it was typed: browsers send `\r\n`.
    pub(super) fn lines(&self, name: &str) -> String {
        let found = self.0.iter().find(|(known, _)| known == name).map(|(_, value)| value.replace("\r\n", "\n"));
        found.unwrap_or_default()
    }
}

impl<S: Sync> FromRequest<S> for Fields {
    type Rejection = Infallible;

    async fn from_request(request: Request, _state: &S) -> Result<Self, Infallible> {
        // What is too long or broken off has no fields, so what is asked for is missing.
        Ok(to_bytes(request.into_body(), BYTES).await.map(|body| Self::parse(&body)).unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use super::Fields;

    #[test]
    fn a_form_is_read_as_a_browser_sends_it() {
        let fields = Fields::parse(b"a=+one%26two+&b=1&b=2&text=x%0D%0A+y%0D%0A&c=");
        assert_eq!((fields.text("a"), fields.text("none")), ("one&two", ""));
        assert_eq!(fields.all("b").collect::<Vec<_>>(), ["1", "2"]);
        assert_eq!((fields.given("c"), fields.given("b")), (None, Some("1".to_owned())));
        assert_eq!(fields.lines("text"), "x\n y\n");
    }
}
