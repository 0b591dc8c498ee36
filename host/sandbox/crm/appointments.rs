//! A contact's appointments, as the contact's endpoint shows them: at the location's local time, without saying so.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::http::HeaderMap;
use serde_json::{Value, json};

use super::super::world::{World, lock};
use super::dates::plain;
use super::desk::{Answer, Desk, READ};

/// `GET /contacts/:id/appointments`: 200 `{"events":[…]}`.
pub async fn list(State(world): State<Arc<World>>, Path(id): Path<String>, headers: HeaderMap) -> Answer {
    let desk = Desk::contact(world, &headers, READ, &id)?;
    let crm = lock(&desk.world.crm);
    let location = &crm.locations[desk.at];
    let local = |at| plain(at, location.country.offset_minutes);
    let appointments = crm.person(&id).into_iter().flat_map(|person| &person.appointments);
    let rows: Vec<Value> = appointments
        .map(|made| {
            json!({
                "id": made.id, "calendarId": location.calendar, "status": "booked", "title": made.title,
                "assignedUserId": made.assignee, "startTime": local(made.starts), "endTime": local(made.ends),
                "locationId": location.id, "contactId": made.contact, "appointmentStatus": made.status,
                "users": [made.assignee], "dateAdded": local(made.added), "dateUpdated": local(made.added),
                "assignedResources": [],
            })
        })
        .collect();
    drop(crm);
    desk.ok(json!({ "events": rows }))
}
