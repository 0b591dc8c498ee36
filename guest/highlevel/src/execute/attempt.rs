//! One write, and what is known when it did not simply succeed.

use serde_json::Value;

use crate::bindings::exports::convey::pipeline::contact_source::SourceError;
use crate::call::Call;
use crate::json::text;
use crate::reply::Reply;
use crate::scope::CONTACTS_WRITE;

/// A write that was not answered with success.
pub struct Failed {
    /// What to say if it stays so.
    pub error: SourceError,
    /// It may have been done all the same: no answer came, or one that the API has been seen to give to a write that it carried out.
    pub open: bool,
    /// The contact that stands in the way of a new one.
    pub duplicate: Option<String>,
}

impl From<Failed> for SourceError {
    fn from(failed: Failed) -> Self {
        failed.error
    }
}

/// Sends a write once and answers with the body of a success.
pub async fn attempt<G>(call: Call, send: &G) -> Result<Value, Failed>
where
    G: AsyncFn(Call) -> Result<Reply, String>,
{
    let reply = match send(call).await {
        Ok(reply) => reply,
        Err(error) => return Err(Failed { error: SourceError::Unavailable(error), open: true, duplicate: None }),
    };
    // A success without a body that can be read is a success whose word is lost.
    let open = reply.is_success() || matches!(reply.status, 408 | 422 | 500..=599);
    let duplicate = if reply.status == 400 { duplicate(&reply.body) } else { None };
    reply.json(CONTACTS_WRITE).map_err(|error| Failed { error, open, duplicate })
}

/// "This location does not allow duplicated contacts." names the one there is.
fn duplicate(body: &[u8]) -> Option<String> {
    let body: Value = serde_json::from_slice(body).ok()?;
    text(body.get("meta")?, "contactId")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::samples::ready;
    use crate::settings::ApiVersion;

    fn failed(status: u16, body: &str) -> Failed {
        let call = Call::get("/".into(), ApiVersion::Dated);
        let send = async |_: Call| Ok(Reply { status, headers: Vec::new(), body: body.as_bytes().to_vec() });
        ready(attempt(call, &send)).expect_err("no success")
    }

    #[test]
    fn what_may_have_been_done() {
        for (status, open) in
            [(400, false), (401, false), (404, false), (408, true), (422, true), (429, false), (502, true)]
        {
            assert_eq!(failed(status, "{}").open, open, "{status}");
        }
        assert!(failed(200, "<html>").open);
    }

    #[test]
    fn the_twin_is_named() {
        let body = r#"{"statusCode":400,"message":"This location does not allow duplicated contacts.","meta":{"contactId":"c9","contactName":"Zoe"}}"#;
        assert_eq!(failed(400, body).duplicate.as_deref(), Some("c9"));
        assert_eq!(failed(400, r#"{"message":"Bad Request"}"#).duplicate, None);
    }
}
