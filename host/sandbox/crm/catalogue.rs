//! A location itself, and its custom fields.

use std::sync::Arc;

use axum::extract::{Path, Query, State};
use axum::http::HeaderMap;
use serde_json::{Value, json};

use super::super::world::{World, lock};
use super::desk::{Answer, Asked, Desk};
use super::schema;

/// `GET /locations/:id`.
pub async fn location(State(world): State<Arc<World>>, Path(id): Path<String>, headers: HeaderMap) -> Answer {
    let desk = Desk::location(world, &headers, "locations.readonly", &id)?;
    let shown = {
        let crm = lock(&desk.world.crm);
        let location = &crm.locations[desk.at];
        let (city, state, postal_code) = location.place;
        let place = json!({
            "name": location.name, "city": city, "state": state, "postalCode": postal_code,
            "country": location.country.code, "timezone": location.country.timezone, "website": "https://www.example.com",
        });
        let mut shown = place.clone();
        shown["id"] = location.id.as_str().into();
        shown["companyId"] = desk.world.summary.company.as_str().into();
        shown["email"] = "office@example.com".into();
        shown["business"] = place;
        shown["social"] = json!({});
        shown["settings"] = json!({
            "allowDuplicateContact": false, "allowDuplicateOpportunity": true, "allowFacebookNameMerge": false,
            "disableContactTimezone": false,
        });
        shown
    };
    desk.ok(json!({ "location": shown }))
}

/// `GET /locations/:id/customFields`: those of contacts, unless `model` asks for others. Opportunities have none here.
pub async fn custom_fields(
    State(world): State<Arc<World>>,
    Path(id): Path<String>,
    Query(asked): Query<Asked>,
    headers: HeaderMap,
) -> Answer {
    let desk = Desk::location(world, &headers, "locations/customFields.readonly", &id)?;
    let said = desk.read_query(asked, schema::FIELDS_QUERY)?;
    let wanted = said.get("model").is_none_or(|model| model != "opportunity");
    let crm = lock(&desk.world.crm);
    let location = &crm.locations[desk.at];
    let fields = location.fields.iter().enumerate().filter(|_| wanted).map(|(position, field)| {
        let mut shown = json!({
            "id": field.id, "name": field.name, "fieldKey": format!("contact.{}", field.key), "dataType": field.kind,
            "position": position * 50, "locationId": location.id, "model": "contact",
        });
        if !field.options.is_empty() {
            shown["picklistOptions"] = field.options.into();
            shown["isAllowedCustomOption"] = true.into();
        }
        shown
    });
    let rows: Vec<Value> = fields.collect();
    drop(crm);
    desk.ok(json!({ "customFields": rows }))
}
