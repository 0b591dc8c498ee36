//! One harmless request a scope: does the credential carry it?

use serde_json::json;

use crate::bindings::exports::convey::pipeline::contact_source::{SourceError, Subject};
use crate::call::Call;
use crate::operations;
use crate::path;
use crate::reply::Reply;
use crate::scope::{CONTACTS_READ, CONTACTS_WRITE, FIELDS, LOCATION, OPPORTUNITIES, TASKS};
use crate::settings::{self, ApiVersion};

/// Asks for as little as there is behind a scope. Errors: the API's, classified; `invalid` for a scope that no operation needs.
pub async fn probe<G>(subject: &Subject, scope: &str, send: &G) -> Result<(), SourceError>
where
    G: AsyncFn(Call) -> Result<Reply, String>,
{
    let version = settings::parse(&subject.settings).map_err(SourceError::Invalid)?.api_version;
    let location = subject.location.as_str();
    let below = format!("/locations/{}", path::segment(location));
    let call = match scope {
        CONTACTS_READ => {
            Call::post("/contacts/search".into(), version, json!({"locationId": location, "pageLimit": 1}))
        }
        CONTACTS_WRITE => return writes(version, send).await,
        FIELDS => Call::get(path::with_query(&format!("{below}/customFields"), &[("model", "contact")]), version),
        LOCATION => Call::get(below, version),
        TASKS => Call::post(format!("{below}/tasks/search"), version, json!({"limit": 1})),
        OPPORTUNITIES => Call::get(path::with_query("/opportunities/pipelines", &[("locationId", location)]), version),
        _ => {
            let scopes = operations::scopes().join(", ");
            return Err(SourceError::Invalid(format!("no operation needs the scope {scope}; there are {scopes}")));
        }
    };
    call.json(scope, send).await.map(|_| ())
}

/// The API judges the scope before the body, and a contact without a location is never made: a refusal of the body is a yes.
async fn writes<G>(version: ApiVersion, send: &G) -> Result<(), SourceError>
where
    G: AsyncFn(Call) -> Result<Reply, String>,
{
    let reply = send(Call::post("/contacts/".into(), version, json!({}))).await.map_err(SourceError::Unavailable)?;
    let status = reply.status;
    match reply.json(CONTACTS_WRITE) {
        // A version that is not accepted is refused before the scope is looked at.
        Err(SourceError::Invalid(text)) if matches!(status, 400 | 422) && !text.contains("api_version") => Ok(()),
        other => other.map(|_| ()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::call::Method;
    use crate::samples::{ready, subject};

    fn probed(scope: &str, status: u16, body: &str) -> (Result<(), SourceError>, Vec<Call>) {
        let calls = std::cell::RefCell::new(Vec::new());
        let send = async |call: Call| {
            assert!(operations::granted(&call), "{} {}", call.method.as_str(), call.path);
            calls.borrow_mut().push(call);
            Ok(Reply { status, headers: Vec::new(), body: body.as_bytes().to_vec() })
        };
        let result = ready(probe(&subject(""), scope, &send));
        (result, calls.into_inner())
    }

    #[test]
    fn every_scope_of_the_profile_has_its_request() {
        for scope in operations::scopes() {
            let (result, calls) = probed(&scope, 200, "{}");
            assert_eq!((result, calls.len()), (Ok(()), 1), "{scope}");
            let missing = r#"{"statusCode":401,"message":"The token is not authorized for this scope."}"#;
            let (result, _) = probed(&scope, 401, missing);
            assert!(matches!(result, Err(SourceError::Forbidden(text)) if text.contains(&scope)), "{scope}");
        }
        assert!(
            matches!(probed("contacts.everything", 200, "{}"), (Err(SourceError::Invalid(_)), calls) if calls.is_empty())
        );
    }

    #[test]
    fn writing_is_probed_without_a_write() {
        let refusal =
            r#"{"message":["locationId should not be empty"],"error":"Unprocessable Entity","statusCode":422}"#;
        for status in [400, 422] {
            let (result, calls) = probed(CONTACTS_WRITE, status, refusal);
            assert_eq!(result, Ok(()), "{status}");
            assert!(calls.iter().all(|call| call.method == Method::Post && call.body == Some(json!({}))));
        }
        let version = r#"{"message":"Invalid API version segment '2' at position 0"}"#;
        assert!(matches!(probed(CONTACTS_WRITE, 400, version).0, Err(SourceError::Invalid(_))));
        assert!(matches!(
            probed(CONTACTS_WRITE, 404, r#"{"message":"Cannot POST /contacts/"}"#).0,
            Err(SourceError::Invalid(_))
        ));
        assert!(matches!(probed(CONTACTS_WRITE, 500, "").0, Err(SourceError::Unavailable(_))));
    }
}
