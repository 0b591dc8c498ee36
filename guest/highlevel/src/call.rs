//! One request as a value, so that everything that asks is tested without a network.

use serde_json::Value;

use crate::bindings::exports::convey::pipeline::contact_source::SourceError;
use crate::reply::Reply;
use crate::settings::ApiVersion;

/// What a request does with what its path names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// Reads.
    Get,
    /// Makes, or asks with a body.
    Post,
    /// Replaces.
    Put,
    /// Takes away.
    Delete,
}

impl Method {
    /// As HTTP spells it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Post => "POST",
            Self::Put => "PUT",
            Self::Delete => "DELETE",
        }
    }
}

/// One request. It has no `Debug`: path and body may hold what is personal.
#[derive(Clone, PartialEq)]
pub struct Call {
    /// The method.
    pub method: Method,
    /// Below the base URL, with its query.
    pub path: String,
    /// The API version asked for.
    pub version: ApiVersion,
    /// Sent as JSON. DELETE may have one: that is how tags are removed.
    pub body: Option<Value>,
}

impl Call {
    /// A GET.
    pub fn get(path: String, version: ApiVersion) -> Self {
        Self { method: Method::Get, path, version, body: None }
    }

    /// A POST.
    pub fn post(path: String, version: ApiVersion, body: Value) -> Self {
        Self { method: Method::Post, path, version, body: Some(body) }
    }

    /// A PUT.
    pub fn put(path: String, version: ApiVersion, body: Value) -> Self {
        Self { method: Method::Put, path, version, body: Some(body) }
    }

    /// A DELETE of what the path names.
    pub fn delete(path: String, version: ApiVersion) -> Self {
        Self { method: Method::Delete, path, version, body: None }
    }

    /// A DELETE of what the body names.
    pub fn delete_with(path: String, version: ApiVersion, body: Value) -> Self {
        Self { method: Method::Delete, path, version, body: Some(body) }
    }

    /// Sends it and answers with the parsed body of a success. Errors: `unavailable` where no answer came, else the answer classified;
    /// `scope` is the one this request needs.
    pub async fn json<G>(self, scope: &str, send: &G) -> Result<Value, SourceError>
    where
        G: AsyncFn(Call) -> Result<Reply, String>,
    {
        send(self).await.map_err(SourceError::Unavailable)?.json(scope)
    }
}
