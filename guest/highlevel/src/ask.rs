//! Questions, rows and commands. This source answers for single contacts; everything else it refuses by name.

use crate::bindings::exports::convey::pipeline::contact_source::{
    Answer, Execution, Page, Query, SourceError, Subject,
};
use crate::contact::contact;
use crate::reply::{Reply, contact_path};
use crate::settings;

const VERSION: &str = env!("CARGO_PKG_VERSION");

/// Answers a query by one request. Errors: the API's, classified; `invalid` for a query this source does not answer.
pub async fn ask<G>(subject: &Subject, query: Query, get: G) -> Result<Answer, SourceError>
where
    G: AsyncFn(String, String) -> Result<Reply, String>,
{
    let Query::Contact(id) = query else {
        return Err(SourceError::Invalid(format!("highlevel {VERSION} answers contact queries only")));
    };
    let settings = settings::parse(&subject.settings).map_err(SourceError::Invalid)?;
    let reply =
        get(contact_path(&id), settings.api_version.as_str().to_owned()).await.map_err(SourceError::Unavailable)?;
    reply.contact().map(|value| Answer::Contact(contact(&value)))
}

/// Always refuses: changes come by webhook.
pub fn poll() -> Result<Page, SourceError> {
    Err(SourceError::Invalid(format!("highlevel {VERSION} does not poll")))
}

/// Always refuses: nothing is written to the CRM.
pub fn execute() -> Result<Execution, SourceError> {
    Err(SourceError::Invalid(format!("highlevel {VERSION} does not write")))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::samples::{ready, subject};

    async fn contact_of_v3(path: String, version: String) -> Result<Reply, String> {
        assert_eq!((path.as_str(), version.as_str()), ("/contacts/c1", "v3"));
        let body = json!({"contact": {"id": "c1", "city": "Austin"}}).to_string().into_bytes();
        Ok(Reply { status: 200, headers: Vec::new(), body })
    }

    #[test]
    fn a_contact_is_fetched_in_the_version_set() {
        let answer = ready(ask(&subject("api_version = \"v3\""), Query::Contact("c1".into()), contact_of_v3));
        assert!(matches!(answer, Ok(Answer::Contact(contact)) if contact.city.as_deref() == Some("Austin")));
    }

    #[test]
    fn what_is_not_answered_is_said() {
        let answer = ready(ask(&subject(""), Query::Catalogue, contact_of_v3));
        assert_eq!(answer.err(), Some(SourceError::Invalid("highlevel 0.1.0 answers contact queries only".into())));
        assert_eq!(poll().err(), Some(SourceError::Invalid("highlevel 0.1.0 does not poll".into())));
        assert_eq!(execute().err(), Some(SourceError::Invalid("highlevel 0.1.0 does not write".into())));
    }
}
