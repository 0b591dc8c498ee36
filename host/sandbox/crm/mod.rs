//! The CRM: HighLevel's API 2.0 as far as contacts need it. One file an endpoint family; a family adds its routes here.

mod appointments;
mod auth;
mod catalogue;
mod contacts;
mod dates;
mod desk;
mod edit;
mod filter;
pub mod limits;
mod listing;
mod news;
mod notes;
pub mod oauth;
mod opportunities;
pub mod reply;
mod schema;
mod search;
mod shape;
pub mod state;
mod tags;
mod tasks;

#[cfg(test)]
mod tests;

use std::sync::Arc;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::{Method, StatusCode, Uri};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::Response;
use axum::routing::{get, post, put};

use super::faults;
use super::requests::{self, Route, Side};
use super::world::World;

/// The CRM's routes.
pub fn router(world: Arc<World>) -> Router {
    let (router, patterns) = requests::routed([contacts(), belongings(), places(), oauth::routes()].concat());
    let router =
        router.fallback(unknown).method_not_allowed_fallback(unknown).layer(from_fn_with_state(world.clone(), weather));
    requests::noted(router, &world, Side::Crm, patterns).with_state(world)
}

/// Contacts themselves. What has a fixed name comes before what has an id: a request is counted for the first that fits.
fn contacts() -> Vec<Route> {
    vec![
        ("/contacts/", get(listing::list).post(contacts::create)),
        ("/contacts/upsert", post(contacts::upsert)),
        ("/contacts/search", post(search::search)),
        ("/contacts/search/duplicate", get(contacts::duplicate)),
        ("/contacts/business/{id}", get(listing::of_business)),
        ("/contacts/{id}", get(contacts::by_id).put(contacts::update).delete(contacts::delete)),
    ]
}

/// What belongs to a contact.
fn belongings() -> Vec<Route> {
    vec![
        ("/contacts/{id}/tasks", get(tasks::list).post(tasks::create)),
        ("/contacts/{id}/tasks/{task}", get(tasks::by_id).put(tasks::update).delete(tasks::delete)),
        ("/contacts/{id}/tasks/{task}/completed", put(tasks::complete)),
        ("/contacts/{id}/notes", get(notes::list).post(notes::create)),
        ("/contacts/{id}/notes/{note}", get(notes::by_id).put(notes::update).delete(notes::delete)),
        ("/contacts/{id}/appointments", get(appointments::list)),
        ("/contacts/{id}/tags", post(tags::add).delete(tags::remove)),
        ("/contacts/{id}/followers", post(tags::follow).delete(tags::unfollow)),
    ]
}

/// What belongs to a location.
fn places() -> Vec<Route> {
    vec![
        ("/locations/{id}", get(catalogue::location)),
        ("/locations/{id}/customFields", get(catalogue::custom_fields)),
        ("/locations/{id}/tasks/search", post(tasks::search)),
        ("/opportunities/pipelines", get(opportunities::pipelines)),
        ("/opportunities/search", get(opportunities::search)),
    ]
}

async fn unknown(State(world): State<Arc<World>>, method: Method, uri: Uri) -> Response {
    reply::refusal(&world, StatusCode::NOT_FOUND, &format!("Cannot {method} {}", uri.path()))
}

/// Faults come before everything else, as a proxy in front of the vendor's servers would make them.
async fn weather(State(world): State<Arc<World>>, request: Request, next: Next) -> Response {
    let Some(mut met) = world.faults.draw(Side::Crm) else { return next.run(request).await };
    met.wait().await;
    if met.fault.echo {
        return faults::echo(request).await;
    }
    match met.fault.status.and_then(|status| StatusCode::from_u16(status).ok()) {
        Some(status) => faults::retry_after(reply::fault(&world, status), &met.fault),
        None => next.run(request).await,
    }
}
