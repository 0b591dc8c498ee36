//! Switches: faults, oddities, the allowance, the subscription; and what the allowance has come to.

use std::sync::Arc;

use axum::Json;
use axum::body::Bytes;
use axum::extract::{Path, State};
use serde_json::{Map, Value, json};

use super::super::ads;
use super::super::crm::limits::Allowance;
use super::super::error::SandboxError;
use super::super::faults::{Fault, Faults};
use super::super::quirks::Quirks;
use super::super::subscription::Subscription;
use super::super::world::{World, lock};
use super::{position, read};

/// `GET /faults`: those that were set, and those of single datasets and audiences.
pub async fn faults(State(world): State<Arc<World>>) -> Json<Value> {
    let (faults, objects) = world.faults.shown();
    Json(json!({ "crm": faults.crm, "ads": faults.ads, "objects": objects }))
}

/// `PUT /faults/{object}`: the fault of one dataset or audience; null ends it.
pub async fn set_fault_of(
    State(world): State<Arc<World>>,
    Path(object): Path<String>,
    body: Bytes,
) -> Result<Json<Option<Fault>>, SandboxError> {
    let fault: Option<Fault> = read(&body)?;
    fault.as_ref().map_or(Ok(()), Fault::check_ads)?;
    if !ads::exists(&world, &object) {
        return Err(SandboxError::Asked(format!("there is no dataset or audience {object}")));
    }
    world.faults.set_of(&object, fault.clone());
    Ok(Json(fault))
}

/// `POST /faults`: replaces all of them, those of single datasets and audiences too.
pub async fn set_faults(State(world): State<Arc<World>>, body: Bytes) -> Result<Json<Faults>, SandboxError> {
    let faults: Faults = read(&body)?;
    faults.check()?;
    if let Some(location) = faults.crm.as_ref().and_then(|fault| fault.location.as_ref()) {
        position(&world, location)?;
    }
    world.faults.set(faults.clone());
    Ok(Json(faults))
}

/// `GET /quirks`.
pub async fn quirks(State(world): State<Arc<World>>) -> Json<Quirks> {
    Json(world.quirks())
}

/// `PUT /quirks`: what is not named goes back to its default.
pub async fn set_quirks(State(world): State<Arc<World>>, body: Bytes) -> Result<Json<Quirks>, SandboxError> {
    let quirks: Quirks = read(&body)?;
    lock(&world.switches).quirks = quirks;
    Ok(Json(quirks))
}

/// `GET /allowance`.
pub async fn allowance(State(world): State<Arc<World>>) -> Json<Allowance> {
    Json(world.allowance())
}

/// `PUT /allowance`: what is not named goes back to the vendor's own. What was used stays used.
pub async fn set_allowance(State(world): State<Arc<World>>, body: Bytes) -> Result<Json<Allowance>, SandboxError> {
    let allowance: Allowance = read(&body)?;
    if allowance.per_ms == 0 {
        return Err(SandboxError::Asked("per_ms is a span of time: use 1 or more".to_owned()));
    }
    lock(&world.switches).allowance = allowance;
    Ok(Json(allowance))
}

/// `GET /subscription`; null when there is none.
pub async fn subscription(State(world): State<Arc<World>>) -> Json<Option<Subscription>> {
    Json(world.subscription())
}

/// `PUT /subscription`; null ends it.
pub async fn set_subscription(
    State(world): State<Arc<World>>,
    body: Bytes,
) -> Result<Json<Option<Subscription>>, SandboxError> {
    let subscription: Option<Subscription> = read(&body)?;
    if let Some(subscription) = &subscription {
        subscription.check()?;
    }
    lock(&world.switches).subscription = subscription.clone();
    Ok(Json(subscription))
}

/// `GET /limits`: what each location has been asked, by id.
pub async fn limits(State(world): State<Arc<World>>) -> Json<Value> {
    let crm = lock(&world.crm);
    let rows = crm.locations.iter().map(|location| (location.id.clone(), json!(location.usage.tally())));
    Json(json!({ "locations": rows.collect::<Map<_, _>>() }))
}
