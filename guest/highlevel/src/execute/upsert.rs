//! Upsert as read, compare and write: the API's own would overwrite what is there, drop one of two that clash, and forget an old address.

use super::contact::{Made, make, write};
use super::draft::wanted;
use super::{Done, Errand, find};
use crate::bindings::convey::pipeline::types::ContactDraft;
use crate::bindings::exports::convey::pipeline::contact_source::SourceError;
use crate::call::Call;
use crate::reply::Reply;

/// Brings the draft's person up to date, or makes them. A draft that names neither e-mail address nor phone number means the contact given.
pub async fn upsert<G>(
    errand: &Errand<'_>,
    contact: Option<&str>,
    draft: &ContactDraft,
    send: &G,
) -> Result<Done, SourceError>
where
    G: AsyncFn(Call) -> Result<Reply, String>,
{
    let known = if find::findable(draft) {
        find::owner(errand, draft, send).await?
    } else {
        Some(contact.map(str::to_owned).ok_or_else(|| {
            SourceError::Invalid("nothing says whose contact this is; give an e-mail address or a phone number".into())
        })?)
    };
    let id = match known {
        Some(id) => id,
        // Between the look-up and this somebody may make the contact: this path then updates it, where the plain one would refuse.
        None => match make(errand, "/contacts/upsert", draft, send).await? {
            Made::New(done) => return Ok(done),
            Made::There(id) => id,
        },
    };
    let wanted = wanted(errand, draft, send).await?;
    let before = find::contact(errand, &id, send).await?;
    let mut difference = wanted.difference(&before);
    // Found by the address, with a number that is somebody else's: the number stays with whom it is.
    if let Some(number) = difference.field("phone").filter(|number| !number.is_empty()).map(str::to_owned)
        && find::holder(errand, "number", &number, send).await?.is_some_and(|holder| holder != id)
    {
        difference.leave_out("phone");
    }
    write(errand, &id, &before, difference, send).await
}
