//! What happens, as server-sent events (html.spec.whatwg.org, section 9.2): one JSON object each, named by what happened.

use std::sync::Arc;

use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::response::sse::{Event, KeepAlive, Sse};
use futures_util::Stream;
use futures_util::stream::unfold;

use super::{Admin, Failed};
use crate::flow::{Filter, Following};

/// What happens from now on, until the listener goes or the program stops. The query is the filter: each key must have its value.
pub(super) async fn happenings(
    State(admin): State<Arc<Admin>>,
    Query(pairs): Query<Vec<(String, String)>>,
) -> Result<Sse<impl Stream<Item = Result<Event, axum::Error>>>, Failed> {
    let filter = Filter::of(pairs).map_err(|text| Failed(StatusCode::UNPROCESSABLE_ENTITY, text))?;
    let listener = (admin.flow.follow(), filter);
    Ok(Sse::new(unfold(listener, next)).keep_alive(KeepAlive::default()))
}

/// The next event that the filter lets through.
async fn next(
    (mut following, filter): (Following, Filter),
) -> Option<(Result<Event, axum::Error>, (Following, Filter))> {
    loop {
        let happening = following.next().await?;
        let event = match serde_json::to_value(&*happening) {
            Ok(value) if filter.passes(&value) => {
                Ok(Event::default().event(value["what"].as_str().unwrap_or_default()).data(value.to_string()))
            }
            Ok(_) => continue,
            Err(error) => Err(axum::Error::new(error)),
        };
        return Some((event, (following, filter)));
    }
}
