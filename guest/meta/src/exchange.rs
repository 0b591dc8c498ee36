//! One request and what came of it, without a word about how it travels.

/// A request as the host is asked to send it; it attaches the credential.
#[derive(Clone, Debug, PartialEq)]
pub struct Request {
    /// The HTTP method.
    pub method: &'static str,
    /// The absolute address.
    pub url: String,
    /// A JSON body; none for a GET.
    pub body: Option<String>,
}

/// An answer that came back whole.
#[derive(Clone, Default, PartialEq)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// Header names in lower case, with their values.
    pub headers: Vec<(String, String)>,
    /// The body as it came.
    pub body: Vec<u8>,
}

impl Answer {
    /// The first header of this (lower-case) name.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(given, _)| given == name).map(|(_, value)| value.as_str())
    }
}

/// Why no whole answer came, by how much may have left.
#[derive(Clone, Debug, PartialEq)]
pub enum Unanswered {
    /// The host refused the request: it was not granted.
    Denied(String),
    /// The body is larger than the host or a server on the way takes; nothing was accepted.
    TooLarge,
    /// No connection was made, or the request was not written to its end: nobody can have taken it.
    NotSent(String),
    /// The request may have been read; nobody knows.
    Lost(String),
}
