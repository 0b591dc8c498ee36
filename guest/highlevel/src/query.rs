//! Questions: each query of the contract is one request, but the catalogue, which is three at once.

use crate::bindings::exports::convey::pipeline::contact_source::{Answer, Query, SourceError, Subject};
use crate::call::Call;
use crate::catalogue;
use crate::contact::contact;
use crate::path;
use crate::reply::{Reply, held};
use crate::scope::CONTACTS_READ;
use crate::settings::{self, ApiVersion};

mod belongings;
mod contacts;

/// Where a question is put.
pub struct Place<'a> {
    /// The location.
    pub location: &'a str,
    /// The API version asked for.
    pub version: ApiVersion,
}

/// Answers a query. Errors: the API's, classified; `invalid` for settings, limits or cursors that make no sense.
pub async fn ask<G>(subject: &Subject, query: Query, send: &G) -> Result<Answer, SourceError>
where
    G: AsyncFn(Call) -> Result<Reply, String>,
{
    let settings = settings::parse(&subject.settings).map_err(SourceError::Invalid)?;
    let place = Place { location: &subject.location, version: settings.api_version };
    let known = catalogue::of(subject);
    let told = |value: &serde_json::Value| catalogue::resolved(contact(value), known.as_ref());
    match query {
        Query::Contact(id) => {
            let answer = Call::get(path::contact(&id), place.version).json(CONTACTS_READ, send).await;
            let answer = answer.map_err(|error| missing(error, &format!("contact {id}")))?;
            Ok(Answer::Contact(told(&held(answer, "contact")?)))
        }
        Query::Contacts(filter) => {
            let (rows, cursor) = contacts::list(&place, &filter, send).await?;
            Ok(Answer::Contacts((rows.iter().map(told).collect(), cursor)))
        }
        Query::BusinessContacts(filter) => {
            let (rows, cursor) = contacts::of_business(&place, &filter, send).await?;
            Ok(Answer::Contacts((rows.iter().map(told).collect(), cursor)))
        }
        Query::Tasks(contact) => belongings::tasks(&place, &contact, send).await.map(Answer::Tasks),
        Query::Task((contact, task)) => belongings::task(&place, &contact, &task, send).await.map(Answer::Task),
        Query::Notes(contact) => belongings::notes(&place, &contact, send).await.map(Answer::Notes),
        Query::Note((contact, note)) => belongings::note(&place, &contact, &note, send).await.map(Answer::Note),
        Query::Appointments(contact) => {
            belongings::appointments(&place, &contact, send).await.map(Answer::Appointments)
        }
        Query::Catalogue => {
            let fetched = catalogue::fetch(place.location, place.version, send).await?;
            Ok(Answer::Catalogue(catalogue::text(&fetched)))
        }
    }
}

/// Says what was not found; ids are nobody's secret.
pub fn missing(error: SourceError, what: &str) -> SourceError {
    match error {
        SourceError::NotFound(text) => SourceError::NotFound(format!("{what}: {text}")),
        other => other,
    }
}

#[cfg(test)]
mod tests;
