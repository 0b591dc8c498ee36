//! The CRM: HighLevel's API 2.0 as far as a reader of contacts needs it. One file an endpoint family; a family adds its routes here.

mod auth;
mod catalogue;
mod contacts;
mod limits;
mod reply;
pub mod state;

use std::sync::Arc;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::{Method, StatusCode, Uri};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::Response;
use axum::routing::get;

use super::faults;
use super::requests::{self, Side};
use super::world::World;

/// The CRM's routes.
pub fn router(world: Arc<World>) -> Router {
    let (router, patterns) = requests::routed([
        ("/contacts/{id}", get(contacts::by_id)),
        ("/locations/{id}", get(catalogue::location)),
        ("/locations/{id}/customFields", get(catalogue::custom_fields)),
        ("/opportunities/pipelines", get(catalogue::pipelines)),
    ]);
    let router =
        router.fallback(unknown).method_not_allowed_fallback(unknown).layer(from_fn_with_state(world.clone(), weather));
    requests::noted(router, &world, Side::Crm, patterns).with_state(world)
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
