//! What one delivery says that was not told before.

use serde_json::Value;

use crate::belonging::{belonging, verb};
use crate::beside::Beside;
use crate::bindings::convey::pipeline::types::{Change, Contact, Trigger};
use crate::bindings::exports::convey::pipeline::contact_source::Silence;
use crate::catalogue::Catalogue;
use crate::consent;
use crate::contact::{contact, tags};
use crate::fact::{Fact, Place};
use crate::fields;
use crate::memory::Memory;
use crate::settings::{ContactFrom, Settings};
use crate::sight::seen;
use crate::tags::{TagMemory, same, tagged};
use crate::time;
use crate::webhook::{Said, Webhook};

/// What is known of a contact while its deliveries are answered.
pub struct Scene<'a> {
    /// The connection.
    pub connection: &'a str,
    /// Its location, for a contact that does not name one.
    pub location: &'a str,
    /// Its settings.
    pub settings: &'a Settings,
    /// What ids mean there.
    pub catalogue: &'a Catalogue,
    /// What is older is the past, ms; the end of time where nothing but the payload is to be told.
    pub since: u64,
    /// The contact as the API returned it just now; none if it is gone or was not asked for.
    pub fetched: Option<&'a Value>,
    /// The last contact a delivery carried, for when there is none fetched.
    pub carried: Option<&'a Value>,
    /// What was fetched beside it.
    pub beside: &'a Beside,
}

/// The changes of one delivery, at least one, or why it holds none. `memory` learns what was told.
pub fn answer(
    scene: &Scene<'_>,
    memory: &mut Memory,
    webhook: &Webhook,
    received_at: u64,
) -> Result<Vec<Change>, Silence> {
    let Some(id) = webhook.contact.as_deref().filter(|_| webhook.speaks()) else { return Err(Silence::Irrelevant) };
    let person = person(scene, webhook, id);
    let at = webhook.happened_at(received_at);
    let facts = match &webhook.said {
        Said::ContactCreated => created(memory, webhook, at),
        Said::ContactUpdated => updated(scene, memory, &person, at),
        Said::ContactDeleted => verb(&mut memory.contact, "deleted", "contact", "", at, Trigger::ContactDeleted),
        Said::TagsUpdated => retagged(scene, memory, tags(&webhook.body), at),
        Said::ConsentUpdated => consented(scene, memory, &webhook.body, at),
        Said::Seen | Said::Swept => seen(scene, memory, webhook, at),
        other => belonging(memory, other, &webhook.kind, at),
    };
    if webhook.is_contact() && webhook.said != Said::ContactDeleted {
        sight(scene, memory, webhook, &person, at);
    }
    Ok(changes(scene, facts?, person, received_at))
}

/// Facts about a person as changes.
pub fn changes(scene: &Scene<'_>, facts: Vec<Fact>, person: Contact, seen_at: u64) -> Vec<Change> {
    let place = Place { connection: scene.connection, settings: scene.settings, catalogue: scene.catalogue, seen_at };
    let persons = std::iter::repeat_n(person, facts.len());
    facts.into_iter().zip(persons).map(|(fact, person)| fact.change(&place, person)).collect()
}

/// First sight: what no delivery of this work spoke of is remembered as it is now. And a contact told whole is noted as such.
pub fn settle(scene: &Scene<'_>, memory: &mut Memory, at: u64) {
    let Some(fetched) = scene.fetched else { return };
    let person = contact(fetched);
    let now = fields::fields(&person, scene.settings.contact_from);
    let told = memory.fields.get_or_insert_with(|| now.clone()) == &now;
    let set = memory.own.applied(person.tags.clone(), at);
    let tags = memory.tags.get_or_insert_with(|| TagMemory::baseline(set, at));
    let tagged = same(tags.latest(), &person.tags);
    let mark = consent::mark(&person.consent);
    if memory.consent.latest.is_empty() {
        memory.consent.rest(&mark, at);
    }
    let agreed = memory.consent.latest == mark || !consent::is_whole(fetched);
    let heard_of = memory.contact.knows("created") || person.created_at.is_none_or(|born| born < scene.since);
    if told && tagged && agreed && heard_of {
        memory.seen_at = memory.seen_at.max(person.updated_at.unwrap_or_default());
    }
}

/// The creation of a contact that is no older than the connection and was not heard of: its webhook was lost or is late.
pub fn newborn(scene: &Scene<'_>, memory: &mut Memory) -> Option<Fact> {
    let at = time::at(scene.fetched?, "dateAdded").filter(|born| *born >= scene.since)?;
    if memory.contact.is_gone() {
        return None;
    }
    let version = memory.contact.once("created")?;
    Some(Fact { kind: "contact", object: String::new(), version, at, trigger: Trigger::ContactCreated })
}

/// The best that is known of the person: the API's word, or the webhook's where the API has none left.
pub fn person(scene: &Scene<'_>, webhook: &Webhook, id: &str) -> Contact {
    let own = Some(&webhook.body).filter(|_| webhook.is_contact());
    let best = match webhook.said {
        Said::ContactDeleted => own,
        _ => scene.fetched.or(own).or(scene.carried),
    };
    let mut person = contact(best.unwrap_or(&Value::Null));
    person.id = id.to_owned();
    if person.location.is_empty() {
        person.location = scene.location.to_owned();
    }
    // Search and contact answers have been seen without the settings per channel; the newer word on consent counts.
    if webhook.said == Said::ConsentUpdated
        && person.updated_at.is_none_or(|updated| webhook.at.is_some_and(|at| at >= updated))
    {
        person.consent = consent::consent(&webhook.body);
    }
    scene.beside.enrich(&mut person, scene.settings.enrich);
    person
}

/// First sight of a contact by a webhook of it: what its own answer did not remember yet is remembered as it was then, because the contact fetched
/// may have moved on since, and what moved on is yet to be told.
fn sight(scene: &Scene<'_>, memory: &mut Memory, webhook: &Webhook, person: &Contact, at: u64) {
    if scene.fetched.is_none() {
        return;
    }
    let from = scene.settings.contact_from;
    let known_at = at.max(person.created_at.unwrap_or(0));
    // The contact of another webhook is not dated, and all of them spell alike. A new contact is seldom left alone.
    let undated = from == ContactFrom::Webhook || webhook.said == Said::ContactCreated;
    let moved_on = person.updated_at.map_or(undated, |updated| updated > known_at);
    if !moved_on {
        memory.fields.get_or_insert_with(|| fields::fields(person, from));
        return;
    }
    let body = &webhook.body;
    memory
        .fields
        .get_or_insert_with(|| fields::at_webhook(&Contact { id: person.id.clone(), ..contact(body) }, person, from));
    let set = || TagMemory::baseline(memory.own.applied(tags(body), at), at);
    memory.tags.get_or_insert_with(set);
    if memory.consent.latest.is_empty() && consent::is_whole(body) {
        memory.consent.rest(&consent::mark(&consent::consent(body)), at);
    }
}

fn created(memory: &mut Memory, webhook: &Webhook, at: u64) -> Result<Vec<Fact>, Silence> {
    let told = verb(&mut memory.contact, "created", "contact", "", at, Trigger::ContactCreated);
    if memory.consent.latest.is_empty() {
        memory.consent.rest(&consent::mark(&consent::consent(&webhook.body)), at);
    }
    let set = memory.own.applied(tags(&webhook.body), at);
    // Also where the creation was told by another road: tags that came after it may have been taken for older ones.
    let since = match &mut memory.tags {
        Some(tags) => tags.born(set, at).map(tagged),
        None => {
            memory.tags = Some(TagMemory::baseline(set, at));
            None
        }
    };
    match (told, since) {
        (Err(silence), None) => Err(silence),
        (told, since) => Ok(told.unwrap_or_default().into_iter().chain(since).collect()),
    }
}

fn updated(scene: &Scene<'_>, memory: &mut Memory, person: &Contact, at: u64) -> Result<Vec<Fact>, Silence> {
    let born = newborn(scene, memory);
    let Some(before) = &memory.fields else {
        return told(born.into_iter().collect(), Silence::Baseline);
    };
    let after = if scene.fetched.is_some() {
        fields::fields(person, scene.settings.contact_from)
    } else {
        // The contact is gone: only what the webhook carries can be compared.
        before.clone().into_iter().chain(fields::carried(person)).collect()
    };
    let changed = fields::changed(before, &after);
    if changed.is_empty() {
        let silence = if memory.own.echoes_fields(at) { Silence::OwnWrite } else { Silence::Unchanged };
        return told(born.into_iter().collect(), silence);
    }
    let mark = fields::mark(&after);
    let version = format!("{mark}.{}", memory.contact.count(&mark));
    memory.fields = Some(after);
    let fact = Fact { kind: "contact", object: String::new(), version, at, trigger: Trigger::ContactUpdated(changed) };
    Ok(born.into_iter().chain([fact]).collect())
}

fn told(facts: Vec<Fact>, silence: Silence) -> Result<Vec<Fact>, Silence> {
    if facts.is_empty() { Err(silence) } else { Ok(facts) }
}

fn retagged(scene: &Scene<'_>, memory: &mut Memory, tags: Vec<String>, at: u64) -> Result<Vec<Fact>, Silence> {
    let mut facts: Vec<Fact> = newborn(scene, memory).into_iter().collect();
    let tags = memory.own.applied(tags, at);
    let echo = memory.own.echoes_tags(&tags, at);
    let silence = match &mut memory.tags {
        None => {
            memory.tags = Some(TagMemory::baseline(tags, at));
            Silence::Baseline
        }
        Some(known) => {
            facts.extend(known.state(tags, at).into_iter().map(tagged));
            if known.was_told() { Silence::Repeated } else { Silence::Unchanged }
        }
    };
    told(facts, if echo { Silence::OwnWrite } else { silence })
}

fn consented(scene: &Scene<'_>, memory: &mut Memory, body: &Value, at: u64) -> Result<Vec<Fact>, Silence> {
    let mark = consent::mark(&consent::consent(body));
    let mut facts: Vec<Fact> = newborn(scene, memory).into_iter().collect();
    let known = &mut memory.consent;
    if known.latest.is_empty() {
        known.rest(&mark, at);
        return told(facts, Silence::Baseline);
    }
    let silence = if known.knows(&mark) { Silence::Repeated } else { Silence::Unchanged };
    // An older state says nothing of now, and the change could only carry today's consent.
    let stale = at <= known.at && known.latest != mark;
    if let Some(version) = if stale { None } else { known.state(&mark, at) } {
        facts.push(Fact { kind: "consent", object: String::new(), version, at, trigger: Trigger::ConsentChanged });
    }
    told(facts, silence)
}
