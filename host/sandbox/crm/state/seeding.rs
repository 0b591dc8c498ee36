//! What some people of a new world bring along: a company, tasks, notes, appointments.

use fastrand::Rng;

use super::super::super::ids::{alphanumeric, happens, one};
use super::record::{Appointment, Note, Task};
use super::{Crm, Location};
use crate::clock::Millis;

const DAY_MS: Millis = 86_400_000;

/// Gives one seeded person what they have had before the world began.
pub fn furnish(crm: &mut Crm, id: &str, rng: &mut Rng, now: Millis) {
    let Some(person) = crm.people.get_mut(id) else { return };
    let location = &mut crm.locations[person.location];
    let since = |rng: &mut Rng| rng.u64(person.added..now.max(person.added + 1));
    if happens(rng, 0.2) {
        person.fields.insert("businessId".to_owned(), one(rng, &location.businesses).id.clone().into());
    }
    if happens(rng, 0.15) {
        let added = since(rng);
        let task = task(rng, location, id, added);
        let task = Task { completed: happens(rng, 0.4), ..task };
        if !task.completed {
            location.open_tasks.push((id.to_owned(), task.id.clone()));
        }
        person.tasks.push(task);
    }
    if happens(rng, 0.2) {
        let added = since(rng);
        person.notes.push(note(rng, location, id, added));
    }
    if happens(rng, 0.1) {
        let added = since(rng);
        person.appointments.push(appointment(rng, location, id, added));
    }
}

/// A task somebody would make, due within two weeks of `now`.
pub fn task(rng: &mut Rng, location: &Location, contact: &str, now: Millis) -> Task {
    let title = (*one(rng, &["Call back", "Send the quote", "Ask for documents", "Follow up"])).to_owned();
    Task {
        id: alphanumeric(rng, 20),
        contact: contact.to_owned(),
        body: title.clone(),
        title,
        assignee: Some(one(rng, &location.users).clone()),
        added: now,
        due: now + rng.u64(1..15) * DAY_MS,
        completed: false,
    }
}

/// A note somebody would write.
pub fn note(rng: &mut Rng, location: &Location, contact: &str, now: Millis) -> Note {
    let body = *one(rng, &["Called, no answer.", "Wants a quote by Friday.", "Prefers e-mail – schreibt auf Deutsch."]);
    Note {
        id: alphanumeric(rng, 20),
        contact: contact.to_owned(),
        body: body.to_owned(),
        user: Some(one(rng, &location.users).clone()),
        title: None,
        color: None,
        pinned: false,
        added: now,
    }
}

/// An appointment of half an hour within a week.
pub fn appointment(rng: &mut Rng, location: &Location, contact: &str, now: Millis) -> Appointment {
    const HALF_HOUR_MS: Millis = 1_800_000;
    let starts = now - now % HALF_HOUR_MS + rng.u64(2..300) * HALF_HOUR_MS;
    Appointment {
        id: alphanumeric(rng, 20),
        contact: contact.to_owned(),
        title: "First consultation",
        status: one::<&str>(rng, &["confirmed", "confirmed", "new"]),
        assignee: one(rng, &location.users).clone(),
        starts,
        ends: starts + HALF_HOUR_MS,
        added: now,
    }
}
