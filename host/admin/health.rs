//! Whether it lives and whether it is ready: for whoever keeps it running, without a token and without a detail of anybody.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;

use super::Admin;

pub(super) async fn alive() -> &'static str {
    "ok\n"
}

pub(super) async fn ready(State(admin): State<Arc<Admin>>) -> Result<&'static str, (StatusCode, String)> {
    admin.flow.readiness().answer().map_err(|reasons| (StatusCode::SERVICE_UNAVAILABLE, reasons))
}
