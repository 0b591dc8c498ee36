//! Deliveries become changes: a contact's deliveries in the order things happened, the contact fetched once.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::answer::{Scene, answer, settle};
use crate::bindings::convey::pipeline::types::Delivery;
use crate::bindings::exports::convey::pipeline::contact_source::{
    Reading, Readings, Silence, SourceError, Subject, Telling, Work,
};
use crate::call::Call;
use crate::catalogue::{self, Catalogue, Named};
use crate::fetch::{self, Fetched, Wanted};
use crate::gaps::gaps;
use crate::join;
use crate::json::{list, text};
use crate::memory::Memory;
use crate::orphan;
use crate::reply::Reply;
use crate::settings::{self, ContactFrom, Settings};
use crate::sight::is_known;
use crate::time;
use crate::webhook::{Said, Webhook, parse};

/// Reads all work; the requests of all run together, and what they name that the catalogue does not hold makes it be fetched again, once for all.
/// An item's error is one work's alone.
pub async fn read<G>(subject: &Subject, work: &[Work], send: &G) -> Readings
where
    G: AsyncFn(Call) -> Result<Reply, String>,
{
    let settings = match settings::parse(&subject.settings) {
        Ok(settings) => settings,
        Err(error) => {
            let items = work.iter().map(|_| Err(SourceError::Invalid(error.clone()))).collect();
            return Readings { items, catalogue: None };
        }
    };
    let found = join::all(work.iter().map(|work| find(subject, &settings, work, send))).await;
    let known = catalogue::of(subject);
    let at = work.iter().flat_map(|work| &work.deliveries).map(|delivery| delivery.received_at).max().unwrap_or(0);
    let named = named(&found);
    let renewed = match (&known, &named) {
        (Some(known), Some(named)) if !known.lacks(named, at) => None,
        (_, None) => None,
        (known, Some(named)) => {
            let fetched = catalogue::fetch(&subject.location, settings.api_version, send).await;
            Some(fetched.map(|fetched| known.clone().unwrap_or_default().renewed(fetched, named, at)))
        }
    };
    let (catalogue, refused) = match renewed {
        None => (known.clone(), None),
        Some(Ok(renewed)) => (Some(renewed), None),
        Some(Err(error)) => (known.clone(), Some(error)),
    };
    let fresh = catalogue.as_ref().filter(|catalogue| known.as_ref() != Some(*catalogue)).map(Catalogue::save);
    let catalogue = catalogue.unwrap_or_default();
    let items = work.iter().zip(found).map(|(work, found)| {
        let found = found?;
        // What would be told by its ids today is told by its names once the catalogue can be had.
        match &refused {
            Some(error) if found.speaks() && (known.is_none() || catalogue.lacks(&found.named(), at)) => {
                Err(error.clone())
            }
            _ => Ok(reading(subject, &settings, &catalogue, work, &found)),
        }
    });
    Readings { items: items.collect(), catalogue: fresh }
}

/// A delivery with its place in the work.
struct Placed<'a> {
    index: usize,
    delivery: &'a Delivery,
    webhook: Webhook,
}

/// What the requests of one work found.
struct Found<'a> {
    placed: Vec<Placed<'a>>,
    fetched: Fetched,
    /// Contacts of tasks whose webhooks do not name them, by the task.
    owners: BTreeMap<String, String>,
}

impl Found<'_> {
    /// Whether anything of it may be told.
    fn speaks(&self) -> bool {
        self.placed.iter().any(|placed| placed.webhook.speaks())
    }

    /// The ids that what it tells would name.
    fn named(&self) -> Named {
        let contact = self.fetched.contact.iter();
        let carried =
            self.placed.iter().filter(|placed| placed.webhook.is_contact()).map(|placed| &placed.webhook.body);
        let fields = contact.chain(carried).flat_map(|contact| list(contact, "customFields"));
        let stages = self.placed.iter().filter_map(|placed| match &placed.webhook.said {
            Said::Opportunity(opportunity, _) => opportunity.stage.as_ref().map(|stage| stage.id.clone()),
            _ => None,
        });
        Named { fields: fields.filter_map(|field| text(field, "id")).collect(), stages: stages.collect() }
    }
}

/// The ids that all works name; none if nothing is going to be told.
fn named(found: &[Result<Found<'_>, SourceError>]) -> Option<Named> {
    let speaking = found.iter().flatten().filter(|found| found.speaks());
    speaking.map(Found::named).reduce(|mut all, named| {
        all.fields.extend(named.fields);
        all.stages.extend(named.stages);
        all
    })
}

async fn find<'a, G>(subject: &Subject, settings: &Settings, work: &'a Work, send: &G) -> Result<Found<'a>, SourceError>
where
    G: AsyncFn(Call) -> Result<Reply, String>,
{
    let placed = in_order(work);
    let Some(contact) = &work.contact else {
        let owners = owners(subject, settings, &placed, send).await?;
        return Ok(Found { placed, fetched: Fetched::default(), owners });
    };
    let memory = Memory::load(work.memory.as_deref());
    let speaking = || placed.iter().map(|placed| &placed.webhook).filter(|webhook| webhook.speaks());
    let last_word = speaking().next_back();
    let gone = last_word.is_none_or(|last| last.said == Said::ContactDeleted);
    let from_webhook = !gone && settings.contact_from == ContactFrom::Webhook;
    let carrying = speaking().rfind(|webhook| from_webhook && webhook.is_contact());
    let wanted = Wanted {
        contact: !gone && carrying.is_none() && speaking().any(|webhook| !is_known(&memory, webhook)),
        all: !gone && speaking().any(|webhook| webhook.said == Said::Swept),
    };
    let mut fetched = fetch::fetch(&subject.location, contact, settings, wanted, send).await?;
    if let Some(webhook) = carrying {
        fetched.contact = Some(webhook.body.clone());
    }
    // A report carries an id and no person: where nothing else is known of the contact, the id is most likely wrong.
    let reports = speaking().all(|webhook| matches!(webhook.said, Said::Reported(_)));
    if wanted.contact && fetched.contact.is_none() && reports {
        return Err(SourceError::NotFound("the location has no contact of the reported id".into()));
    }
    Ok(Found { placed, fetched, owners: BTreeMap::new() })
}

/// The deliveries that can be read, oldest first: webhooks come unordered, and their own time is the only order there is.
fn in_order(work: &Work) -> Vec<Placed<'_>> {
    let parsed = work.deliveries.iter().enumerate().filter_map(|(index, delivery)| {
        let mut webhook = parse(&delivery.body, &delivery.origin).ok()?;
        // A task that says nobody's name was found to be this contact's.
        if webhook.orphan().is_some() {
            webhook.contact.clone_from(&work.contact);
        }
        // The host grouped by contact; a delivery that names another is not this work's.
        webhook.contact = webhook.contact.filter(|id| work.contact.as_ref() == Some(id));
        Some(Placed { index, delivery, webhook })
    });
    let mut placed: Vec<Placed<'_>> = parsed.collect();
    placed.sort_by_key(|placed| {
        let received_at = placed.delivery.received_at;
        (placed.webhook.happened_at(received_at), received_at)
    });
    placed
}

/// Whose the tasks are that no webhook says. Each task is searched for once.
async fn owners<G>(
    subject: &Subject,
    settings: &Settings,
    placed: &[Placed<'_>],
    send: &G,
) -> Result<BTreeMap<String, String>, SourceError>
where
    G: AsyncFn(Call) -> Result<Reply, String>,
{
    let tasks: BTreeMap<&str, &str> = placed
        .iter()
        .filter_map(|placed| placed.webhook.orphan())
        .map(|task| (task.id.as_str(), task.title.as_str()))
        .collect();
    let searches =
        tasks.iter().map(|(id, title)| orphan::contact_of(&subject.location, settings.api_version, id, title, send));
    let mut owners = BTreeMap::new();
    for (id, owner) in tasks.keys().zip(join::all(searches).await) {
        if let Some(owner) = owner? {
            owners.insert((*id).to_owned(), owner);
        }
    }
    Ok(owners)
}

fn reading(subject: &Subject, settings: &Settings, catalogue: &Catalogue, work: &Work, found: &Found<'_>) -> Reading {
    let Found { placed, fetched, owners } = found;
    let carried = placed.iter().rev().find(|placed| placed.webhook.is_contact()).map(|placed| &placed.webhook.body);
    let scene = Scene {
        connection: &subject.connection,
        location: &subject.location,
        settings,
        catalogue,
        since: subject.since,
        fetched: fetched.contact.as_ref(),
        carried,
        beside: &fetched.beside,
    };
    let mut memory = Memory::load(work.memory.as_deref());
    // What cannot be read holds no fact; its neighbours are answered all the same.
    let mut tellings: Vec<Telling> = work.deliveries.iter().map(|_| Telling::Silent(Silence::Irrelevant)).collect();
    let mut latest = 0;
    for Placed { index, delivery, webhook } in placed {
        let owner = webhook.orphan().and_then(|task| owners.get(&task.id));
        tellings[*index] = match owner {
            Some(owner) => Telling::Belongs(owner.clone()),
            None => match answer(&scene, &mut memory, webhook, delivery.received_at) {
                Ok(changes) => Telling::Changes(changes),
                Err(silence) => Telling::Silent(silence),
            },
        };
        latest = webhook.happened_at(delivery.received_at);
    }
    settle(&scene, &mut memory, latest);
    // After all that was told: a webhook that waited beside the sweep leaves no gap.
    let sweep = placed.iter().rev().find(|placed| placed.webhook.speaks() && placed.webhook.said == Said::Swept);
    let gaps = match (sweep, &work.contact) {
        (Some(sweep), Some(contact)) => {
            let born = |value: &Value| time::at(value, "dateAdded");
            let born = fetched.contact.as_ref().and_then(born).or_else(|| born(&sweep.webhook.body));
            gaps(&scene, &mut memory, contact, born, sweep.delivery.received_at)
        }
        _ => Vec::new(),
    };
    let unknown = work.contact.is_none() || memory == Memory::default();
    let before = || work.memory.clone();
    Reading { tellings, gaps, memory: if unknown { before() } else { Some(memory.save()) } }
}

#[cfg(test)]
mod tests;

#[cfg(test)]
mod converge;
