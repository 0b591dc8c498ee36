//! What a person asks of the queue and of the past, of a running convey.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde_json::Value;

use super::{Admin, Failed};
use crate::flow::{Operation, operate};
use crate::store::StoreError;

pub(super) async fn take(
    State(admin): State<Arc<Admin>>,
    Json(operation): Json<Operation>,
) -> Result<Json<Value>, Failed> {
    let answer = admin.operate(operation).await?;
    answer.map(Json).ok_or_else(|| Failed(StatusCode::NOT_FOUND, "nothing in the store matches".to_owned()))
}

impl Admin {
    /// Answers a question or does what is asked. `None` if there is nothing that it could be about.
    pub(super) async fn operate(&self, operation: Operation) -> Result<Option<Value>, StoreError> {
        let flow = &self.flow;
        let answer = operate(&flow.store, flow.clock.now_ms(), operation).await?;
        // What goes again need not wait for the next look.
        for step in [&flow.wake.read, &flow.wake.translate, &flow.wake.ship, &flow.wake.execute] {
            step.ring_all();
        }
        Ok(answer)
    }
}
