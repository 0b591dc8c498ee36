//! `POST /{version}/{dataset}/events`: checked in the platform's order, and accepted as a whole or not at all.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{ConnectInfo, Extension, Path, RawQuery, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::Response;
use serde_json::{Map, Value, json};

use super::super::door::Cut;
use super::super::faults::Fault;
use super::super::world::World;
use super::error::{self, GraphError};
use super::{body, rules};

const OLDEST: u32 = 20;
const NEWEST: u32 = 26;
/// Events in one request.
const MOST: usize = 1_000;

/// Accepts a request's events.
pub async fn send(
    State(world): State<Arc<World>>,
    Path((version, dataset)): Path<(String, String)>,
    RawQuery(query): RawQuery,
    ConnectInfo(line): ConnectInfo<Cut>,
    fault: Option<Extension<Arc<Fault>>>,
    headers: HeaderMap,
    bytes: Bytes,
) -> Response {
    let content_type = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let parameters = body::parameters(content_type, &bytes);
    let in_body = parameters.as_ref().and_then(|all| all.get("access_token")).and_then(Value::as_str);
    let opened = opened(&world, &version, &headers, query.as_deref(), in_body, ("post", &dataset));
    let fault = fault.map(|Extension(fault)| fault);
    match opened.and_then(|()| checked(parameters, world.time.now_ms(), fault.as_deref())) {
        Ok((events, test)) => {
            let received = events.len();
            world.platform.accept(&dataset, events, test, world.time.now_ms());
            if fault.is_some_and(|fault| fault.drop_answer) {
                line.cut();
            }
            let answer = json!({ "events_received": received, "messages": [], "fbtrace_id": error::trace(&world) });
            error::reply(StatusCode::OK, answer, 1)
        }
        Err(error) => error.answer(&world),
    }
}

/// `GET /{version}/{dataset}`: whether the token opens it.
pub async fn dataset(
    State(world): State<Arc<World>>,
    Path((version, dataset)): Path<(String, String)>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Response {
    match opened(&world, &version, &headers, query.as_deref(), None, ("get", &dataset)) {
        Ok(()) => error::reply(StatusCode::OK, json!({ "id": dataset }), 1),
        Err(error) => error.answer(&world),
    }
}

/// Version, token, object, in this order.
pub(super) fn opened(
    world: &World,
    version: &str,
    headers: &HeaderMap,
    query: Option<&str>,
    in_body: Option<&str>,
    (verb, object): (&str, &str),
) -> Result<(), GraphError> {
    let number =
        version.strip_prefix('v').and_then(|text| text.strip_suffix(".0")).and_then(|text| text.parse::<u32>().ok());
    let number = number.filter(|number| (OLDEST..=NEWEST).contains(number));
    let number = number.ok_or_else(|| GraphError::version(version, NEWEST))?;
    let bearer = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok()?.strip_prefix("Bearer "));
    let in_query = body::query_token(query);
    match bearer.or(in_query.as_deref()).or(in_body) {
        None => return Err(GraphError::no_token()),
        Some(token) if token != world.summary.ads_token => return Err(GraphError::bad_token(number == NEWEST)),
        Some(_) => {}
    }
    if world.summary.datasets.iter().any(|known| known == object) {
        return Ok(());
    }
    Err(GraphError::no_object(verb, object))
}

/// The events and whether they are a test, or the first thing wrong with them.
fn checked(
    parameters: Option<Map<String, Value>>,
    now_ms: u64,
    fault: Option<&Fault>,
) -> Result<(Vec<Value>, bool), GraphError> {
    let mut parameters = parameters.ok_or_else(|| GraphError::parameter("The request body is not valid JSON"))?;
    let events = match parameters.remove("data") {
        None => return Err(GraphError::parameter("The parameter data is required")),
        Some(Value::Array(events)) => events,
        Some(_) => return Err(GraphError::parameter("Param data must be an array")),
    };
    if events.is_empty() {
        return Err(GraphError::parameter("Param data must be non-empty"));
    }
    if events.len() > MOST {
        return Err(GraphError::parameter("Param data must hold at most 1000 events"));
    }
    for (index, event) in events.iter().enumerate() {
        rules::check(index, event, now_ms)?;
        let id = event.get("event_id").and_then(Value::as_str).unwrap_or_default();
        if let Some(fault) = fault.filter(|fault| fault.reject_event_ids.iter().any(|rejected| rejected == id)) {
            let subcode = fault.subcode.or(Some(rules::INSUFFICIENT));
            let text = format!("The event at index {index} is invalid.");
            return Err(GraphError::event(subcode, "Invalid Event", text));
        }
    }
    let test = parameters.get("test_event_code").is_some_and(|code| !code.is_null() && code != "");
    Ok((events, test))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::checked;

    fn of(data: Value) -> Option<serde_json::Map<String, Value>> {
        json!({ "data": data }).as_object().cloned()
    }

    #[test]
    fn the_request_as_a_whole_is_checked_before_its_events() {
        let refused = |parameters| checked(parameters, 0, None).expect_err("refused");
        for parameters in [None, of(json!([])), of(json!("x")), of(Value::Array(vec![Value::Null; 1_001]))] {
            let error = refused(parameters);
            assert_eq!((error.code, error.subcode), (100, None), "{error:?}");
        }
        assert!(checked(json!({}).as_object().cloned(), 0, None).is_err());
    }
}
