//! Whether it lives and whether it is ready: for whoever keeps it running, without a token and without a detail of anybody.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};

use super::Admin;

pub(super) async fn alive() -> &'static str {
    "ok\n"
}

pub(super) async fn ready(State(admin): State<Arc<Admin>>) -> Response {
    match admin.flow.readiness().unready().as_slice() {
        [] => "ready\n".into_response(),
        reasons => (StatusCode::SERVICE_UNAVAILABLE, format!("not ready: {}\n", reasons.join("; "))).into_response(),
    }
}
