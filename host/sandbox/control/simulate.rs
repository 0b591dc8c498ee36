//! `POST /simulate`: one webhook from a contact somebody wrote down, signed as the vendor's are.

use std::sync::Arc;

use axum::Json;
use axum::body::Bytes;
use axum::extract::State;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::super::error::SandboxError;
use super::super::ids;
use super::super::sender::{Letter, Patience};
use super::super::subscription::loopback;
use super::super::time::iso;
use super::super::world::World;
use super::read;

/// The events that can be simulated, by the vendor's names.
const TYPES: [&str; 21] = [
    "ContactCreate",
    "ContactUpdate",
    "ContactDelete",
    "ContactTagUpdate",
    "ContactDndUpdate",
    "TaskCreate",
    "TaskComplete",
    "TaskDelete",
    "NoteCreate",
    "NoteUpdate",
    "NoteDelete",
    "OpportunityCreate",
    "OpportunityUpdate",
    "OpportunityDelete",
    "OpportunityStageUpdate",
    "OpportunityStatusUpdate",
    "OpportunityMonetaryValueUpdate",
    "OpportunityAssignedToUpdate",
    "AppointmentCreate",
    "AppointmentUpdate",
    "AppointmentDelete",
];

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Asked {
    #[serde(rename = "type")]
    kind: String,
    contact: Map<String, Value>,
    target: Option<String>,
}

/// Sends once, to the target or else to the subscription, and answers with the webhook's id and the receiver's status (null: no answer).
/// The CRM itself does not come to know the contact.
pub async fn simulate(State(world): State<Arc<World>>, body: Bytes) -> Result<Json<Value>, SandboxError> {
    let asked: Asked = read(&body)?;
    if !TYPES.contains(&asked.kind.as_str()) {
        return Err(SandboxError::Asked(format!("type is none of {}", TYPES.join(", "))));
    }
    let url = asked.target.or_else(|| world.subscription().map(|subscription| subscription.url));
    let url = url.ok_or_else(|| SandboxError::Asked("target is missing, and no URL is subscribed".to_owned()))?;
    let target = loopback(&url)?;
    let id = ids::uuid(&mut world.trace());
    let mut fields = asked.contact;
    fields.entry("locationId").or_insert_with(|| world.summary.location.as_str().into());
    let envelope = [
        ("type", asked.kind.as_str()),
        ("timestamp", &iso(world.time.now_ms())),
        ("webhookId", &id),
        ("appId", &world.app.id),
        ("versionId", &world.app.version),
    ];
    fields.extend(envelope.map(|(key, value)| (key.to_owned(), value.into())));
    let letter = Letter::signed(&world.signer, target, Value::Object(fields).to_string().into());
    let patience = Patience { retry_ms: 0, tries: 1 };
    let sent = world.sender.deliver(letter, patience, &world.gate, &world.time).await;
    Ok(Json(json!({ "webhookId": id, "status": sent.status })))
}
