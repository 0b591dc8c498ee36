//! What a fault does to a request, before it is done, after, or in its place.

use std::sync::Arc;

use axum::extract::{ConnectInfo, Request, State};
use axum::http::{HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::super::door::Cut;
use super::super::faults::{self, Fault};
use super::super::world::World;
use super::error::GraphError;
use super::usage;

/// Lets the request meet what there is; of a batch, each of its calls does so by itself.
pub async fn weather(State(world): State<Arc<World>>, request: Request, next: Next) -> Response {
    if object(&request).is_empty() {
        return next.run(request).await;
    }
    met(&world, request, |request| next.run(request)).await
}

/// The id in the path, behind the version.
fn object(request: &Request) -> &str {
    request.uri().path().split('/').nth(2).unwrap_or_default()
}

/// Lets the request meet the fault of its dataset or audience, or else the platform's; `next` is what answers it otherwise.
pub async fn met<F: Future<Output = Response>>(
    world: &World,
    request: Request,
    next: impl FnOnce(Request) -> F,
) -> Response {
    let object = object(&request).to_owned();
    let met = world.faults.draw_of(&object);
    let fault = met.as_ref().map(|met| met.fault.clone());
    let mut response = match met {
        None => next(request).await,
        Some(mut met) if met.fault.obey => {
            let done = done(&met.fault, request, next).await;
            met.wait().await;
            broken(world, &met.fault).unwrap_or(done)
        }
        Some(mut met) => {
            met.wait().await;
            if met.fault.echo {
                return faults::echo(request).await;
            }
            match broken(world, &met.fault) {
                Some(broken) => broken,
                None => done(&met.fault, request, next).await,
            }
        }
    };
    usage::tell(&mut response, &object, fault.as_deref());
    response
}

/// Does what was asked. The answer may be lost on its way.
async fn done<F: Future<Output = Response>>(
    fault: &Arc<Fault>,
    mut request: Request,
    next: impl FnOnce(Request) -> F,
) -> Response {
    let line = request.extensions().get::<ConnectInfo<Cut>>().map(|ConnectInfo(line)| line.clone());
    let changes = *request.method() != Method::GET;
    request.extensions_mut().insert(fault.clone());
    let response = next(request).await;
    if let Some(line) = line.filter(|_| fault.drop_answer && changes && response.status().is_success()) {
        line.cut();
    }
    response
}

/// The answer a fault gives in place of the real one.
fn broken(world: &World, fault: &Fault) -> Option<Response> {
    let status = fault.status.and_then(|status| StatusCode::from_u16(status).ok());
    let response = if fault.html {
        const PAGE: &str = "<!DOCTYPE html><html><head><title>Error</title></head><body><h1>Sorry, something went wrong.</h1></body></html>";
        let html = [(header::CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"))];
        (status.unwrap_or(StatusCode::SERVICE_UNAVAILABLE), html, PAGE).into_response()
    } else if fault.empty {
        status.unwrap_or(StatusCode::BAD_GATEWAY).into_response()
    } else if status.is_some() || fault.code.is_some() {
        GraphError::fault(status.unwrap_or(StatusCode::BAD_REQUEST), fault.code, fault.subcode).answer(world)
    } else {
        return None;
    };
    Some(faults::retry_after(response, fault))
}
