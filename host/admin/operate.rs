//! What a person asks of the queue and of the past, of a running convey.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde_json::Value;

use super::{Admin, Failed};
use crate::flow::{Operation, operate};

pub(super) async fn take(
    State(admin): State<Arc<Admin>>,
    Json(operation): Json<Operation>,
) -> Result<Json<Value>, Failed> {
    let flow = &admin.flow;
    let answer = operate(&flow.store, flow.clock.now_ms(), operation).await?;
    // What goes again need not wait for the next look.
    for step in [&flow.wake.read, &flow.wake.translate, &flow.wake.ship, &flow.wake.execute] {
        step.notify_one();
    }
    answer.map(Json).ok_or_else(|| Failed(StatusCode::NOT_FOUND, "nothing in the store matches".to_owned()))
}
