//! Alerts: what is open, and a message that shows whether they arrive.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;

use super::Admin;
use crate::flow::{Message, Said};

pub(super) async fn open(State(admin): State<Arc<Admin>>) -> Json<Vec<Message>> {
    Json(admin.flow.open_alerts().await)
}

pub(super) async fn test(State(admin): State<Arc<Admin>>) -> Json<Vec<Said>> {
    Json(admin.flow.test_alerts().await)
}
