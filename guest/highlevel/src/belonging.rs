//! Facts of what hangs on a contact: tasks, notes, appointments, opportunities, reported conversions. They speak of themselves, also at first sight.

use crate::bindings::convey::pipeline::types::{Appointment, Note, Opportunity, Stage, Trigger};
use crate::bindings::exports::convey::pipeline::contact_source::Silence;
use crate::digest;
use crate::fact::Fact;
use crate::memory::Memory;
use crate::told::Told;
use crate::webhook::Said;

/// An appointment lasts and begins in quarter hours as time zones do: what is left of a time by them is the same in every zone.
const QUARTER_MS: u64 = 15 * 60 * 1000;

/// The fact of one delivery, or why it holds none.
pub fn belonging(memory: &mut Memory, said: &Said, kind: &str, at: u64) -> Result<Vec<Fact>, Silence> {
    match said {
        Said::TaskCreated(task) => {
            let told = &mut memory.object("task", &task.id).told;
            verb(told, "created", "task", &task.id, at, Trigger::TaskCreated(task.clone()))
        }
        Said::TaskCompleted(task) => {
            let told = &mut memory.object("task", &task.id).told;
            verb(told, "completed", "task", &task.id, at, Trigger::TaskCompleted(task.clone()))
        }
        Said::TaskDeleted(task) => {
            let told = &mut memory.object("task", &task.id).told;
            verb(told, "deleted", "task", &task.id, at, Trigger::TaskDeleted(task.id.clone()))
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
            let told = &mut memory.object("conversion", &object).told;
            verb(told, "reported", "conversion", &object, at, Trigger::ConversionReported(conversion.clone()))
        }
        _ => Err(Silence::Irrelevant),
    }
}

/// A fact that can be only once.
pub fn verb(
    told: &mut Told,
    verb: &str,
    kind: &'static str,
    object: &str,
    at: u64,
    trigger: Trigger,
) -> Result<Vec<Fact>, Silence> {
    let silence = if told.is_own(verb) { Silence::OwnWrite } else { Silence::Repeated };
    once(told.once(verb).ok_or(silence)?, kind, object, at, trigger)
}

/// The one fact of a delivery.
pub fn once(
    version: String,
    kind: &'static str,
    object: &str,
    at: u64,
    trigger: Trigger,
) -> Result<Vec<Fact>, Silence> {
    Ok(vec![Fact { kind, object: object.to_owned(), version, at, trigger }])
}

fn noted(memory: &mut Memory, said: &Said, note: &Note, at: u64) -> Result<Vec<Fact>, Silence> {
    let told = &mut memory.object("note", &note.id).told;
    let mark = note_mark(note);
    match said {
        Said::NoteCreated(_) => {
            let own = told.is_own("created");
            let answer = verb(told, "created", "note", &note.id, at, Trigger::NoteCreated(note.clone()));
            // Its first text is told with it: an update that repeats it is a twin, however late.
            if answer.is_ok() || (own && told.latest.is_empty()) {
                told.count(&mark);
                if told.latest.is_empty() {
                    told.rest(&mark, at);
                }
            }
            answer
        }
        Said::NoteDeleted(_) => {
            let answer = verb(told, "deleted", "note", &note.id, at, Trigger::NoteDeleted(note.id.clone()));
            told.end(&mark, at);
            answer
        }
        _ => {
            if told.echoes(&mark, at) {
                if at > told.at {
                    told.rest(&mark, at);
                }
                return Err(Silence::OwnWrite);
            }
            let version = told.state(&mark, at).ok_or(Silence::Repeated)?;
            once(version, "note", &note.id, at, Trigger::NoteUpdated(note.clone()))
        }
    }
}

fn met(memory: &mut Memory, appointment: &Appointment, gone: bool, at: u64) -> Result<Vec<Fact>, Silence> {
    let object = memory.object("appointment", &appointment.id);
    let mark = appointment_mark(appointment);
    let version = object.told.state_or_end(&mark, gone, at);
    if object.told.latest == mark {
        object.shape = appointment_shape(appointment);
    }
    let version = version.ok_or(Silence::Repeated)?;
    once(version, "appointment", &appointment.id, at, Trigger::AppointmentChanged(appointment.clone()))
}

/// One change of an opportunity arrives as two or more webhooks (create + update, update + stage update, delete + update, …): the state
/// they carry is the same, and the first of them tells it.
fn pursued(memory: &mut Memory, opportunity: &Opportunity, gone: bool, at: u64) -> Result<Vec<Fact>, Silence> {
    let object = memory.object("opportunity", &opportunity.id);
    let mark = opportunity_mark(opportunity);
    let version = object.told.state_or_end(&mark, gone, at);
    let version = version.ok_or(Silence::Repeated)?;
    let (pipeline, stage) = stage_ids(opportunity);
    let seen = if stage.is_empty() { Vec::new() } else { object.enter(pipeline, stage, at) };
    let earlier =
        seen.into_iter().map(|(pipeline_id, id)| Stage { pipeline_id, pipeline: None, id, name: None, position: None });
    let told = Opportunity { earlier: earlier.collect(), ..opportunity.clone() };
    once(version, "opportunity", &opportunity.id, at, Trigger::OpportunityChanged(told))
}

/// What memory keeps of a note's text.
pub fn note_mark(note: &Note) -> String {
    digest::mark(&[&note.body])
}

/// What memory keeps of an appointment's state.
pub fn appointment_mark(appointment: &Appointment) -> String {
    let time = |time: Option<u64>| time.map(|time| time.to_string()).unwrap_or_default();
    marked(appointment, &time(appointment.starts_at), &time(appointment.ends_at))
}

/// The same whatever the zone of its times: lists leave the zone out, webhooks do not.
pub fn appointment_shape(appointment: &Appointment) -> String {
    let (starts, ends) = (appointment.starts_at.unwrap_or_default(), appointment.ends_at.unwrap_or_default());
    marked(appointment, &(starts % QUARTER_MS).to_string(), &ends.saturating_sub(starts).to_string())
}

fn marked(appointment: &Appointment, starts: &str, ends: &str) -> String {
    let text = |text: &Option<String>| text.clone().unwrap_or_default();
    digest::mark(&[&text(&appointment.title), &text(&appointment.status), starts, ends])
}

/// What memory keeps of an opportunity's state.
pub fn opportunity_mark(opportunity: &Opportunity) -> String {
    let (pipeline, stage) = stage_ids(opportunity);
    let value = opportunity.value.map(|value| value.to_string()).unwrap_or_default();
    let name = opportunity.name.as_deref().unwrap_or_default();
    digest::mark(&[name, pipeline, stage, opportunity.status.as_deref().unwrap_or_default(), &value])
}

fn stage_ids(opportunity: &Opportunity) -> (&str, &str) {
    opportunity.stage.as_ref().map_or(("", ""), |stage| (stage.pipeline_id.as_str(), stage.id.as_str()))
}
