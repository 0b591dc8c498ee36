//! The contact that an e-mail address or phone number already belongs to.

use serde_json::Value;

use super::Errand;
use crate::bindings::convey::pipeline::types::ContactDraft;
use crate::bindings::exports::convey::pipeline::contact_source::SourceError;
use crate::call::Call;
use crate::json::text;
use crate::path;
use crate::reply::Reply;
use crate::scope::CONTACTS_READ;

/// Whether a look-up can find the draft's person.
pub fn findable(draft: &ContactDraft) -> bool {
    [&draft.email, &draft.phone].into_iter().flatten().any(|value| !value.trim().is_empty())
}

/// The id of the contact with the draft's e-mail address, else of the one with its phone number.
pub async fn owner<G>(errand: &Errand<'_>, draft: &ContactDraft, send: &G) -> Result<Option<String>, SourceError>
where
    G: AsyncFn(Call) -> Result<Reply, String>,
{
    for (name, value) in [("email", &draft.email), ("number", &draft.phone)] {
        if let Some(value) = value.as_deref().filter(|value| !value.trim().is_empty())
            && let Some(id) = holder(errand, name, value, send).await?
        {
            return Ok(Some(id));
        }
    }
    Ok(None)
}

/// The id of the contact that holds a value; `name` is `email` or `number`.
pub async fn holder<G>(errand: &Errand<'_>, name: &str, value: &str, send: &G) -> Result<Option<String>, SourceError>
where
    G: AsyncFn(Call) -> Result<Reply, String>,
{
    let pairs = [("locationId", errand.subject.location.as_str()), (name, value.trim())];
    let path = path::with_query("/contacts/search/duplicate", &pairs);
    match Call::get(path, errand.version).json(CONTACTS_READ, send).await {
        Ok(answer) => Ok(answer.get("contact").and_then(|contact| text(contact, "id"))),
        Err(SourceError::NotFound(_)) => Ok(None),
        Err(error) => Err(error),
    }
}

/// The contact as it is now. Errors: the API's; `not-found` names the contact.
pub async fn contact<G>(errand: &Errand<'_>, id: &str, send: &G) -> Result<Value, SourceError>
where
    G: AsyncFn(Call) -> Result<Reply, String>,
{
    let answer = send(Call::get(path::contact(id), errand.version)).await.map_err(SourceError::Unavailable)?;
    answer.contact().map_err(|error| crate::query::missing(error, &format!("contact {id}")))
}
