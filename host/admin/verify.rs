//! Proving what is stored, on a running convey.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;

use super::{Admin, Failed};
use crate::flow::{Proof, Verify};

pub(super) async fn verify(State(admin): State<Arc<Admin>>, Json(verify): Json<Verify>) -> Result<Json<Proof>, Failed> {
    let proof = admin.flow.verify(&verify).await?;
    proof.map(Json).ok_or_else(|| Failed(StatusCode::NOT_FOUND, "nothing that is stored matches".to_owned()))
}
