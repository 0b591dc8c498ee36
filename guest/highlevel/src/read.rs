//! Deliveries become changes: a contact's deliveries in the order things happened, the contact fetched once.

use serde_json::Value;

use crate::answer::{Scene, answer, settle};
use crate::bindings::convey::pipeline::types::Delivery;
use crate::bindings::exports::convey::pipeline::contact_source::{
    Reading, Readings, Silence, SourceError, Subject, Work,
};
use crate::join;
use crate::memory::Memory;
use crate::reply::{Reply, contact_path};
use crate::settings::{self, Settings};
use crate::webhook::{Said, Webhook, parse};

/// Reads all work; the requests of all run together. `get` takes a path and the API version. An item's error is one work's alone.
pub async fn read<G>(subject: &Subject, work: &[Work], get: G) -> Readings
where
    G: AsyncFn(String, String) -> Result<Reply, String>,
{
    let items = match settings::parse(&subject.settings) {
        Ok(settings) => join::all(work.iter().map(|work| one(subject, &settings, work, &get))).await,
        Err(error) => work.iter().map(|_| Err(SourceError::Invalid(error.clone()))).collect(),
    };
    Readings { items, catalogue: None }
}

/// A delivery with its place in the work.
struct Placed<'a> {
    index: usize,
    delivery: &'a Delivery,
    webhook: Webhook,
}

async fn one<G>(subject: &Subject, settings: &Settings, work: &Work, get: &G) -> Result<Reading, SourceError>
where
    G: AsyncFn(String, String) -> Result<Reply, String>,
{
    let placed = in_order(work);
    let last_word = placed.iter().rev().find(|placed| placed.webhook.speaks());
    let fetched = match (&work.contact, last_word) {
        (Some(id), Some(last)) if last.webhook.said != Said::ContactDeleted => {
            fetch(id, settings.api_version.as_str(), get).await?
        }
        _ => None,
    };
    Ok(reading(subject, settings, work, &placed, fetched.as_ref()))
}

/// The deliveries that can be read, oldest first: webhooks come unordered, and their own time is the only order there is.
fn in_order(work: &Work) -> Vec<Placed<'_>> {
    let parsed = work.deliveries.iter().enumerate().filter_map(|(index, delivery)| {
        let mut webhook = parse(&delivery.body, &delivery.origin).ok()?;
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

/// The contact as it is now; none if there is none.
async fn fetch<G>(id: &str, version: &str, get: &G) -> Result<Option<Value>, SourceError>
where
    G: AsyncFn(String, String) -> Result<Reply, String>,
{
    let reply = get(contact_path(id), version.to_owned()).await.map_err(SourceError::Unavailable)?;
    match reply.contact() {
        Ok(contact) => Ok(Some(contact)),
        Err(SourceError::NotFound(_)) => Ok(None),
        Err(error) => Err(error),
    }
}

fn reading(
    subject: &Subject,
    settings: &Settings,
    work: &Work,
    placed: &[Placed<'_>],
    fetched: Option<&Value>,
) -> Reading {
    let carried = placed.iter().rev().find(|placed| placed.webhook.is_contact()).map(|placed| &placed.webhook.body);
    let scene = Scene { connection: &subject.connection, location: &subject.location, settings, fetched, carried };
    let mut memory = Memory::load(work.memory.as_deref());
    // What cannot be read holds no fact; its neighbours are answered all the same.
    let mut answers: Vec<_> = work.deliveries.iter().map(|_| Err(Silence::Irrelevant)).collect();
    let mut latest = 0;
    for Placed { index, delivery, webhook } in placed {
        answers[*index] = answer(&scene, &mut memory, webhook, delivery.received_at);
        latest = webhook.happened_at(delivery.received_at);
    }
    settle(&scene, &mut memory, latest);
    let unknown = work.contact.is_none() || memory == Memory::default();
    Reading { answers, memory: if unknown { work.memory.clone() } else { Some(memory.save()) } }
}

#[cfg(test)]
mod tests;
