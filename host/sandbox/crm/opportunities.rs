//! A location's pipelines, and its opportunities by contact.

use std::sync::Arc;

use axum::extract::{Query, State};
use axum::http::HeaderMap;
use serde_json::{Value, json};

use super::super::time::iso;
use super::super::world::{World, lock};
use super::desk::{Answer, Asked, Desk};
use super::schema;
use super::state::{Deal, Location};

const SCOPE: &str = "opportunities.readonly";

/// `GET /opportunities/pipelines?locationId=…`.
pub async fn pipelines(State(world): State<Arc<World>>, Query(asked): Query<Asked>, headers: HeaderMap) -> Answer {
    let (desk, _) = Desk::query(world, &headers, SCOPE, asked, "locationId", schema::PIPELINES_QUERY)?;
    let crm = lock(&desk.world.crm);
    let location = &crm.locations[desk.at];
    let stages = location.stages.iter().enumerate();
    let stages: Vec<Value> =
        stages.map(|(position, stage)| json!({ "id": stage.id, "name": stage.name, "position": position })).collect();
    let pipeline = json!({ "id": location.pipeline, "name": "Sales", "locationId": location.id, "stages": stages });
    drop(crm);
    desk.ok(json!({ "pipelines": [pipeline] }))
}

/// `GET /opportunities/search?location_id=…`, in snake case: the newest first, 20 a page unless `limit` says otherwise.
pub async fn search(State(world): State<Arc<World>>, Query(asked): Query<Asked>, headers: HeaderMap) -> Answer {
    let (desk, said) = Desk::query(world, &headers, SCOPE, asked, "location_id", schema::OPPORTUNITIES_QUERY)?;
    let (limit, page) = (desk.count(&said, "limit", 20, 1..=100)?, desk.count(&said, "page", 1, 1..=usize::MAX)?);
    let text = |key: &str| said.get(key).and_then(Value::as_str).filter(|text| !text.is_empty());
    let crm = lock(&desk.world.crm);
    let location = &crm.locations[desk.at];
    let mut found: Vec<&Deal> = match text("contact_id") {
        Some(id) => crm
            .person(id)
            .filter(|person| person.location == desk.at)
            .into_iter()
            .flat_map(|person| &person.deals)
            .collect(),
        None => crm.people_of(desk.at).flat_map(|person| &person.deals).collect(),
    };
    let status = text("status").filter(|status| *status != "all");
    found.retain(|deal| {
        status.is_none_or(|status| deal.status == status)
            && text("pipeline_id").is_none_or(|id| location.pipeline == id)
            && text("pipeline_stage_id").is_none_or(|id| location.stages[deal.stage].id == id)
    });
    found.sort_by_key(|deal| std::cmp::Reverse((deal.added, &deal.id)));
    let (total, from) = (found.len(), (page - 1).saturating_mul(limit));
    let rows: Vec<Value> = found.into_iter().skip(from).take(limit).map(|deal| shown(deal, location)).collect();
    drop(crm);
    let next = if from.saturating_add(limit) < total { Value::from(page + 1) } else { Value::Null };
    let previous = if page > 1 { Value::from(page - 1) } else { Value::Null };
    let meta = json!({ "total": total, "currentPage": page, "nextPage": next, "prevPage": previous });
    desk.ok(json!({ "opportunities": rows, "meta": meta }))
}

fn shown(deal: &Deal, location: &Location) -> Value {
    json!({
        "id": deal.id, "name": deal.name, "monetaryValue": deal.value, "pipelineId": location.pipeline,
        "pipelineStageId": location.stages[deal.stage].id, "status": deal.status, "contactId": deal.contact,
        "locationId": location.id, "assignedTo": deal.assignee, "createdAt": iso(deal.added), "updatedAt": iso(deal.updated),
    })
}
