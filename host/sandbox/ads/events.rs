//! `POST /{version}/{dataset}/events`: checked in the platform's order, and accepted as a whole or not at all.

use serde_json::{Map, Value, json};

use super::super::faults::Fault;
use super::super::quirks::Quirks;
use super::super::world::World;
use super::body::unwrapped;
use super::call::{Call, Kind};
use super::error::{self, GraphError};
use super::rules;

/// Events in one request.
const MOST: usize = 1_000;

/// Accepts a request's events.
pub fn send(world: &World, call: Call) -> Result<Value, GraphError> {
    call.must_be(Kind::Dataset, "post")?;
    let (dataset, language, fault, quirks) = (call.object.clone(), call.language, call.fault.clone(), call.quirks);
    let now_ms = world.time.now_ms();
    let (events, test) =
        checked(call.parameters()?, now_ms, quirks, fault.as_deref()).map_err(|error| error.spoken(language))?;
    world.platform.accept(&dataset, &events, test, now_ms);
    Ok(json!({ "events_received": events.len(), "messages": [], "fbtrace_id": error::trace(world) }))
}

/// The events and whether they are a test, or the first thing wrong with them.
fn checked(
    mut parameters: Map<String, Value>,
    now_ms: u64,
    quirks: Quirks,
    fault: Option<&Fault>,
) -> Result<(Vec<Value>, bool), GraphError> {
    let events = match parameters.remove("data").map(unwrapped) {
        None => return Err(GraphError::parameter("The parameter data is required")),
        Some(Value::Array(events)) => events,
        Some(_) => return Err(GraphError::parameter("Param data must be an array")),
    };
    if events.is_empty() {
        return Err(GraphError::parameter("Param data must be non-empty"));
    }
    if events.len() > MOST {
        return Err(GraphError::parameter(&format!("Param data must hold at most {MOST} events")));
    }
    let events: Vec<Value> = events.into_iter().map(unwrapped).collect();
    for (index, event) in events.iter().enumerate() {
        rules::check(index, event, now_ms, quirks)?;
        let id = event.get("event_id").and_then(Value::as_str).unwrap_or_default();
        if let Some(fault) = fault.filter(|fault| fault.rejects(id)) {
            return Err(GraphError::known(100, fault.subcode.unwrap_or(rules::LEAD_ID)));
        }
    }
    let test = parameters.get("test_event_code").is_some_and(|code| !code.is_null() && code != "");
    Ok((events, test))
}

#[cfg(test)]
mod tests {
    use serde_json::{Map, Value, json};

    use super::super::super::faults::Fault;
    use super::super::super::quirks::Quirks;
    use super::checked;

    fn of(data: Value) -> Map<String, Value> {
        Map::from_iter([("data".to_owned(), data)])
    }

    #[test]
    fn the_request_as_a_whole_is_checked_before_its_events() {
        let refused = |parameters| checked(parameters, 0, Quirks::default(), None).expect_err("refused");
        for parameters in [Map::new(), of(json!([])), of(json!("x")), of(Value::Array(vec![Value::Null; 1_001]))] {
            let error = refused(parameters);
            assert_eq!((error.code, error.subcode), (100, None), "{error:?}");
        }
        assert_eq!(refused(of(json!([null]))).subcode, Some(2_804_019));
    }

    #[test]
    fn only_the_platform_knows_what_is_wrong_with_some() {
        let event = |id: &str| json!({ "event_name": "Lead", "event_time": 5, "event_id": id, "action_source": "other", "user_data": { "fbp": "x" } });
        let fault = Fault { reject_event_ids: vec!["b".to_owned()], ..Fault::default() };
        let verdict = |fault: &Fault| {
            let data = json!([event("a").to_string(), event("b")]);
            checked(of(data), 5_000, Quirks::default(), Some(fault)).map_err(|error| (error.code, error.subcode))
        };
        assert_eq!(verdict(&fault).expect_err("refused"), (100, Some(2_804_036)));
        let other = Fault { subcode: Some(2_804_050), ..fault };
        assert_eq!(verdict(&other).expect_err("refused"), (100, Some(2_804_050)));
        assert_eq!(verdict(&Fault::default()).expect("accepted").0, [event("a"), event("b")]);
    }
}
