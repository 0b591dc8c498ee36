//! The requests of one work: the contact, and what is to be had beside it, all at once.

use serde_json::Value;

use crate::beside::Beside;
use crate::bindings::exports::convey::pipeline::contact_source::SourceError;
use crate::call::Call;
use crate::gaps::OPPORTUNITIES;
use crate::join;
use crate::json::list;
use crate::path;
use crate::reply::{Reply, held};
use crate::scope::{self, CONTACTS_READ};
use crate::settings::Settings;

/// What a work needs to know.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Wanted {
    /// The contact itself, and with it what the settings enrich it with.
    pub contact: bool,
    /// Everything that hangs on it.
    pub all: bool,
}

/// What came back.
#[derive(Debug, Default, PartialEq)]
pub struct Fetched {
    /// The contact; none if it is gone or was not asked for.
    pub contact: Option<Value>,
    /// What hangs on it.
    pub beside: Beside,
}

#[derive(Clone, Copy, PartialEq)]
enum Part {
    Contact,
    Tasks,
    Notes,
    Appointments,
    Opportunities,
}

/// Fetches what is wanted of a contact. A list that cannot be had is none, but for `unauthorized`, `throttled` and `unavailable`, which hold for
/// the whole; so does every error of the contact itself.
pub async fn fetch<G>(
    location: &str,
    id: &str,
    settings: &Settings,
    wanted: Wanted,
    send: &G,
) -> Result<Fetched, SourceError>
where
    G: AsyncFn(Call) -> Result<Reply, String>,
{
    let parts = parts(settings, wanted);
    let asked = parts.iter().map(|part| ask(*part, location, id, settings, send));
    let mut fetched = Fetched::default();
    for (part, answer) in parts.iter().zip(join::all(asked).await) {
        match (part, answer) {
            (Part::Contact, Ok(answer)) => fetched.contact = Some(held(answer, "contact")?),
            (Part::Contact, Err(SourceError::NotFound(_))) => {}
            (Part::Tasks, Ok(answer)) => fetched.beside.tasks = Some(list(&answer, "tasks").to_vec()),
            (Part::Notes, Ok(answer)) => fetched.beside.notes = Some(list(&answer, "notes").to_vec()),
            (Part::Appointments, Ok(answer)) => fetched.beside.appointments = Some(list(&answer, "events").to_vec()),
            (Part::Opportunities, Ok(answer)) => {
                fetched.beside.opportunities = Some(list(&answer, "opportunities").to_vec());
            }
            (Part::Contact, Err(error)) => return Err(error),
            (
                _,
                Err(error @ (SourceError::Unauthorized(_) | SourceError::Throttled(_) | SourceError::Unavailable(_))),
            ) => return Err(error),
            (_, Err(_)) => {}
        }
    }
    Ok(fetched)
}

fn parts(settings: &Settings, wanted: Wanted) -> Vec<Part> {
    let enrich = settings.enrich;
    let beside = |enriched: bool| wanted.all || (wanted.contact && enriched);
    let parts = [
        (Part::Contact, wanted.contact),
        (Part::Tasks, beside(enrich.tasks)),
        (Part::Notes, beside(enrich.notes)),
        (Part::Appointments, beside(enrich.appointments)),
        (Part::Opportunities, wanted.all),
    ];
    parts.into_iter().filter(|(_, wanted)| *wanted).map(|(part, _)| part).collect()
}

async fn ask<G>(part: Part, location: &str, id: &str, settings: &Settings, send: &G) -> Result<Value, SourceError>
where
    G: AsyncFn(Call) -> Result<Reply, String>,
{
    let (path, scope) = match part {
        Part::Contact => (path::contact(id), CONTACTS_READ),
        Part::Tasks => (path::of_contact(id, "tasks"), CONTACTS_READ),
        Part::Notes => (path::of_contact(id, "notes"), CONTACTS_READ),
        Part::Appointments => (path::of_contact(id, "appointments"), CONTACTS_READ),
        Part::Opportunities => {
            // HighLevel, "Search Opportunity": the one endpoint whose parameters are spelled in snake case.
            let limit = OPPORTUNITIES.to_string();
            let pairs = [("location_id", location), ("contact_id", id), ("limit", &limit)];
            (path::with_query("/opportunities/search", &pairs), scope::OPPORTUNITIES)
        }
    };
    Call::get(path, settings.api_version).json(scope, send).await
}
