//! What one delivery says that was not told before.

use serde_json::Value;

use crate::bindings::convey::pipeline::types::{
    Appointment, Change, Contact, Note, Opportunity, Stage, TagDelta, Trigger,
};
use crate::bindings::exports::convey::pipeline::contact_source::Silence;
use crate::consent;
use crate::contact::{contact, tags};
use crate::digest;
use crate::fact::{Fact, Place};
use crate::fields;
use crate::memory::Memory;
use crate::settings::Settings;
use crate::tags::{TagFact, TagMemory};
use crate::webhook::{Said, Webhook};

/// What is known of a contact while its deliveries are answered.
pub struct Scene<'a> {
    /// The connection.
    pub connection: &'a str,
    /// Its location, for a contact that does not name one.
    pub location: &'a str,
    /// Its settings.
    pub settings: &'a Settings,
    /// The contact as the API returned it just now; none if it is gone or was not asked for.
    pub fetched: Option<&'a Value>,
    /// The last contact a delivery carried, for when there is none fetched.
    pub carried: Option<&'a Value>,
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
        Said::ContactCreated => created(scene, memory, webhook, &person, at),
        Said::ContactUpdated => updated(scene, memory, &person, at),
        Said::ContactDeleted => once(memory.contact.once("deleted"), "contact", "", at, Trigger::ContactDeleted),
        Said::TagsUpdated => retagged(memory, tags(&webhook.body), at),
        Said::ConsentUpdated => consented(memory, &webhook.body, at),
        other => belonging(memory, other, &webhook.kind, at),
    }?;
    let place = Place { connection: scene.connection, settings: scene.settings, seen_at: received_at };
    Ok(facts.into_iter().map(|fact| fact.change(&place, person.clone())).collect())
}

/// First sight: what no delivery of this work spoke of is remembered as it is now.
pub fn settle(scene: &Scene<'_>, memory: &mut Memory, at: u64) {
    let Some(fetched) = scene.fetched else { return };
    let person = contact(fetched);
    memory.fields.get_or_insert_with(|| fields::fields(&person));
    memory.tags.get_or_insert_with(|| TagMemory::baseline(person.tags.clone(), at));
    if memory.consent.latest.is_empty() {
        memory.consent.rest(&consent::mark(&person.consent), at);
    }
}

/// The best that is known of the person: the API's word, or the webhook's where the API has none left.
fn person(scene: &Scene<'_>, webhook: &Webhook, id: &str) -> Contact {
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
    person
}

fn once(
    version: Option<String>,
    kind: &'static str,
    object: &str,
    at: u64,
    trigger: Trigger,
) -> Result<Vec<Fact>, Silence> {
    let version = version.ok_or(Silence::Repeated)?;
    Ok(vec![Fact { kind, object: object.to_owned(), version, at, trigger }])
}

fn created(
    scene: &Scene<'_>,
    memory: &mut Memory,
    webhook: &Webhook,
    person: &Contact,
    at: u64,
) -> Result<Vec<Fact>, Silence> {
    let mut facts = once(memory.contact.once("created"), "contact", "", at, Trigger::ContactCreated)?;
    let said = contact(&webhook.body);
    if scene.fetched.is_some() && memory.fields.is_none() {
        let said = Contact { id: person.id.clone(), ..said.clone() };
        memory.fields = Some(fields::at_creation(&said, person));
    }
    if memory.consent.latest.is_empty() {
        memory.consent.rest(&consent::mark(&said.consent), at);
    }
    match &mut memory.tags {
        Some(tags) => facts.extend(tags.born(said.tags, at).map(tagged)),
        None => memory.tags = Some(TagMemory::baseline(said.tags, at)),
    }
    Ok(facts)
}

fn updated(scene: &Scene<'_>, memory: &mut Memory, person: &Contact, at: u64) -> Result<Vec<Fact>, Silence> {
    let Some(before) = &memory.fields else {
        memory.fields = scene.fetched.map(|_| fields::fields(person));
        return Err(Silence::Baseline);
    };
    let after = if scene.fetched.is_some() {
        fields::fields(person)
    } else {
        // The contact is gone: only what the webhook carries can be compared.
        before.clone().into_iter().chain(fields::carried(person)).collect()
    };
    let changed = fields::changed(before, &after);
    if changed.is_empty() {
        return Err(Silence::Unchanged);
    }
    let mark = fields::mark(&after);
    let version = format!("{mark}.{}", memory.contact.count(&mark));
    memory.fields = Some(after);
    Ok(vec![Fact { kind: "contact", object: String::new(), version, at, trigger: Trigger::ContactUpdated(changed) }])
}

fn retagged(memory: &mut Memory, tags: Vec<String>, at: u64) -> Result<Vec<Fact>, Silence> {
    let Some(known) = &mut memory.tags else {
        memory.tags = Some(TagMemory::baseline(tags, at));
        return Err(Silence::Baseline);
    };
    let facts: Vec<Fact> = known.state(tags, at).into_iter().map(tagged).collect();
    match facts.is_empty() {
        true if known.was_told() => Err(Silence::Repeated),
        true => Err(Silence::Unchanged),
        false => Ok(facts),
    }
}

/// The fact of a difference in tags.
fn tagged(TagFact { delta, version, at }: TagFact) -> Fact {
    Fact { kind: "tags", object: String::new(), version, at, trigger: Trigger::TagsChanged(delta) }
}

fn consented(memory: &mut Memory, body: &Value, at: u64) -> Result<Vec<Fact>, Silence> {
    let mark = consent::mark(&consent::consent(body));
    let known = &mut memory.consent;
    if known.latest.is_empty() {
        known.rest(&mark, at);
        return Err(Silence::Baseline);
    }
    let told = known.knows(&mark);
    // An older state says nothing of now, and the change could only carry today's consent.
    if at <= known.at && known.latest != mark {
        return Err(if told { Silence::Repeated } else { Silence::Unchanged });
    }
    let version = known.state(&mark, at).ok_or(if told { Silence::Repeated } else { Silence::Unchanged })?;
    once(Some(version), "consent", "", at, Trigger::ConsentChanged)
}

/// Facts that speak of themselves, also at first sight.
fn belonging(memory: &mut Memory, said: &Said, kind: &str, at: u64) -> Result<Vec<Fact>, Silence> {
    match said {
        Said::TaskCreated(task) => {
            let version = memory.object("task", &task.id).told.once("created");
            once(version, "task", &task.id, at, Trigger::TaskCreated(task.clone()))
        }
        Said::TaskCompleted(task) => {
            let version = memory.object("task", &task.id).told.once("completed");
            once(version, "task", &task.id, at, Trigger::TaskCompleted(task.clone()))
        }
        Said::TaskDeleted(task) => {
            let version = memory.object("task", &task.id).told.once("deleted");
            once(version, "task", &task.id, at, Trigger::TaskDeleted(task.id.clone()))
        }
        Said::NoteCreated(note) | Said::NoteUpdated(note) | Said::NoteDeleted(note) => noted(memory, said, note, at),
        Said::Appointment(appointment, gone) => met(memory, appointment, *gone, at),
        Said::Opportunity(opportunity, gone) => {
            let told = pursued(memory, opportunity, *gone, at);
            // An assignee is not part of what is told: no twin, but nothing new either.
            told.map_err(|silence| if kind == "OpportunityAssignedToUpdate" { Silence::Unchanged } else { silence })
        }
        Said::Reported(conversion) => {
            let value = conversion.value.map(|value| value.to_string()).unwrap_or_default();
            let currency = conversion.currency.as_deref().unwrap_or_default();
            let object = match &conversion.external_id {
                Some(id) => digest::mark(&[&conversion.event_type, id]),
                None => digest::mark(&[&conversion.event_type, &value, currency, &at.to_string()]),
            };
            let version = memory.object("conversion", &object).told.once("reported");
            once(version, "conversion", &object, at, Trigger::ConversionReported(conversion.clone()))
        }
        _ => Err(Silence::Irrelevant),
    }
}

fn noted(memory: &mut Memory, said: &Said, note: &Note, at: u64) -> Result<Vec<Fact>, Silence> {
    let told = &mut memory.object("note", &note.id).told;
    let mark = digest::mark(&[&note.body]);
    let (version, trigger) = match said {
        Said::NoteCreated(_) => {
            let version = told.once("created");
            // Its first text is told with it: an update that repeats it is a twin, however late.
            if version.is_some() {
                told.count(&mark);
                if told.latest.is_empty() {
                    told.rest(&mark, at);
                }
            }
            (version, Trigger::NoteCreated(note.clone()))
        }
        Said::NoteDeleted(_) => {
            let version = told.once("deleted");
            told.end(&mark, at);
            (version, Trigger::NoteDeleted(note.id.clone()))
        }
        _ => (told.state(&mark, at), Trigger::NoteUpdated(note.clone())),
    };
    once(version, "note", &note.id, at, trigger)
}

fn met(memory: &mut Memory, appointment: &Appointment, gone: bool, at: u64) -> Result<Vec<Fact>, Silence> {
    let told = &mut memory.object("appointment", &appointment.id).told;
    let time = |time: Option<u64>| time.map(|time| time.to_string()).unwrap_or_default();
    let text = |text: &Option<String>| text.clone().unwrap_or_default();
    let mark = digest::mark(&[
        &text(&appointment.title),
        &text(&appointment.status),
        &time(appointment.starts_at),
        &time(appointment.ends_at),
    ]);
    let version = if gone {
        let version = told.once("deleted");
        told.end(&mark, at);
        version
    } else {
        told.state(&mark, at)
    };
    once(version, "appointment", &appointment.id, at, Trigger::AppointmentChanged(appointment.clone()))
}

/// One change of an opportunity arrives as two or more webhooks (create + update, update + stage update, delete + update, …): the state
/// they carry is the same, and the first of them tells it.
fn pursued(memory: &mut Memory, opportunity: &Opportunity, gone: bool, at: u64) -> Result<Vec<Fact>, Silence> {
    let object = memory.object("opportunity", &opportunity.id);
    let (pipeline, stage) =
        opportunity.stage.as_ref().map_or(("", ""), |stage| (stage.pipeline_id.as_str(), stage.id.as_str()));
    let value = opportunity.value.map(|value| value.to_string()).unwrap_or_default();
    let name = opportunity.name.as_deref().unwrap_or_default();
    let mark = digest::mark(&[name, pipeline, stage, opportunity.status.as_deref().unwrap_or_default(), &value]);
    let version = if gone {
        let version = object.told.once("deleted");
        object.told.end(&mark, at);
        version
    } else {
        object.told.state(&mark, at)
    };
    let version = version.ok_or(Silence::Repeated)?;
    let seen = if stage.is_empty() { Vec::new() } else { object.enter(pipeline, stage, at) };
    let earlier =
        seen.into_iter().map(|(pipeline_id, id)| Stage { pipeline_id, pipeline: None, id, name: None, position: None });
    let told = Opportunity { earlier: earlier.collect(), ..opportunity.clone() };
    once(Some(version), "opportunity", &opportunity.id, at, Trigger::OpportunityChanged(told))
}

/// What a payload alone says where only the difference to a memory could tell more: every field and tag it carries counts as new.
pub fn at_face_value(scene: &Scene<'_>, webhook: &Webhook, received_at: u64) -> Result<Vec<Change>, Silence> {
    let mut memory = Memory::default();
    let at = webhook.happened_at(received_at);
    match webhook.said {
        Said::ContactUpdated => memory.fields = Some(fields::Fields::new()),
        Said::TagsUpdated => memory.tags = Some(TagMemory::baseline(Vec::new(), 0)),
        Said::ConsentUpdated => memory.consent.rest("unknown", 0),
        _ => {}
    }
    match (answer(scene, &mut memory, webhook, received_at), &webhook.said, &webhook.contact) {
        // A payload without any tag, or without a time, still states a fact: nothing came and nothing went.
        (
            Err(Silence::Unchanged | Silence::Repeated),
            Said::ContactUpdated | Said::TagsUpdated | Said::ConsentUpdated,
            Some(id),
        ) => {
            let (kind, trigger) = match webhook.said {
                Said::TagsUpdated => {
                    ("tags", Trigger::TagsChanged(TagDelta { added: tags(&webhook.body), removed: Vec::new() }))
                }
                Said::ConsentUpdated => ("consent", Trigger::ConsentChanged),
                _ => ("contact", Trigger::ContactUpdated(Vec::new())),
            };
            let person = person(scene, webhook, id);
            let version = fields::mark(&fields::fields(&person));
            let place = Place { connection: scene.connection, settings: scene.settings, seen_at: received_at };
            Ok(vec![Fact { kind, object: String::new(), version, at, trigger }.change(&place, person)])
        }
        (answer, ..) => answer,
    }
}
