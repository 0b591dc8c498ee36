//! One contact: made, updated, deleted.

use serde_json::{Value, json};

use super::attempt::{Failed, attempt};
use super::draft::{Wanted, wanted};
use super::written::Written;
use super::{Done, Errand, find};
use crate::bindings::convey::pipeline::types::ContactDraft;
use crate::bindings::exports::convey::pipeline::contact_source::SourceError;
use crate::call::Call;
use crate::json::text;
use crate::path;
use crate::query::missing;
use crate::reply::Reply;

/// Makes a contact, unless somebody has its e-mail address or phone number; that one is left as it is.
pub async fn create<G>(errand: &Errand<'_>, draft: &ContactDraft, send: &G) -> Result<Done, SourceError>
where
    G: AsyncFn(Call) -> Result<Reply, String>,
{
    if !find::findable(draft) {
        return Err(SourceError::Invalid(
            "a contact without an e-mail address or phone number cannot be found again, and a repeat would make it twice; give one".into(),
        ));
    }
    if let Some(id) = find::owner(errand, draft, send).await? {
        return Ok(Done::already(&id));
    }
    match make(errand, "/contacts/", draft, send).await? {
        Made::New(done) => Ok(done),
        Made::There(id) => Ok(Done::already(&id)),
    }
}

/// What became of making one.
pub enum Made {
    /// It is new.
    New(Done),
    /// Another stands in its way: this one.
    There(String),
}

/// Makes a contact at one of the two paths that do. The API has been seen to answer 422 to a contact that it made: then a look-up decides.
pub async fn make<G>(errand: &Errand<'_>, path: &str, draft: &ContactDraft, send: &G) -> Result<Made, SourceError>
where
    G: AsyncFn(Call) -> Result<Reply, String>,
{
    let mut wanted = wanted(errand, draft, send).await?;
    wanted.fields.retain(|(_, value)| !value.is_empty());
    let mut body = wanted.body(errand.version);
    body.insert("locationId".into(), json!(errand.subject.location));
    let made = match attempt(Call::post(path.into(), errand.version, Value::Object(body)), send).await {
        Ok(answer) => match answer.get("contact").and_then(|contact| text(contact, "id")) {
            Some(id) => Some(id),
            None => find::owner(errand, draft, send).await?,
        },
        Err(Failed { duplicate: Some(id), .. }) => return Ok(Made::There(id)),
        Err(failed) if failed.open => match find::owner(errand, draft, send).await? {
            Some(id) => Some(id),
            None => return Err(failed.into()),
        },
        Err(failed) => return Err(failed.into()),
    };
    let id = made.ok_or_else(|| SourceError::Unavailable("a successful answer holds no contact".into()))?;
    // As it is read later, so that what the API adds by itself is no news then. It is made, whether or not it can be read now.
    let written = find::contact(errand, &id, send).await.ok().map(Written::Created);
    Ok(Made::New(Done::now(&id, written.into_iter().collect())))
}

/// Updates what differs.
pub async fn update<G>(errand: &Errand<'_>, contact: &str, draft: &ContactDraft, send: &G) -> Result<Done, SourceError>
where
    G: AsyncFn(Call) -> Result<Reply, String>,
{
    let wanted = wanted(errand, draft, send).await?;
    let before = find::contact(errand, contact, send).await?;
    write(errand, contact, &before, wanted.difference(&before), send).await
}

/// Writes a difference, if there is one.
pub async fn write<G>(
    errand: &Errand<'_>,
    contact: &str,
    before: &Value,
    difference: Wanted,
    send: &G,
) -> Result<Done, SourceError>
where
    G: AsyncFn(Call) -> Result<Reply, String>,
{
    if difference.is_empty() {
        return Ok(Done::already(contact));
    }
    let body = Value::Object(difference.body(errand.version));
    let told = match attempt(Call::put(path::contact(contact), errand.version, body), send).await {
        Ok(answer) => answer.get("contact").cloned().unwrap_or_default(),
        Err(failed) if failed.open => {
            let now = find::contact(errand, contact, send).await?;
            if !difference.difference(&now).is_empty() {
                return Err(failed.into());
            }
            now
        }
        Err(failed) => return Err(missing(failed.into(), &format!("contact {contact}"))),
    };
    let after = difference.over(before, &told);
    Ok(Done::now(contact, vec![Written::Fields { before: before.clone(), after }]))
}

/// Deletes a contact; one that is gone is done.
pub async fn delete<G>(errand: &Errand<'_>, contact: &str, send: &G) -> Result<Done, SourceError>
where
    G: AsyncFn(Call) -> Result<Reply, String>,
{
    let written = || vec![Written::Object("contact", contact.to_owned(), "deleted")];
    match attempt(Call::delete(path::contact(contact), errand.version), send).await {
        Ok(_) => Ok(Done::now(contact, written())),
        Err(failed) if matches!(failed.error, SourceError::NotFound(_)) => Ok(Done::already(contact)),
        Err(failed) if failed.open => match find::contact(errand, contact, send).await {
            Err(SourceError::NotFound(_)) => Ok(Done::now(contact, written())),
            _ => Err(failed.into()),
        },
        Err(failed) => Err(failed.into()),
    }
}
