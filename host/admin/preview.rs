//! What a mapper would say, asked of a running convey: it has the stored changes and the live settings.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};

use super::{Admin, Failed, Proposed};
use crate::contract::Change;
use crate::flow::{CrmError, PrepareError, Preview, SwapError, preview_of};

/// A question of what would be said. What is left out of the mapper is as it is live.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Foreseen {
    /// The component in base64; none: the live one.
    pub component: Option<String>,
    /// The settings as TOML text; none: the live ones.
    pub settings: Option<String>,
    /// Whose stored changes; none: those of every connection that the mapper's name translates for.
    pub connection: Option<String>,
    /// How many of the last.
    pub last: usize,
    /// These changes instead of stored ones.
    #[serde(default)]
    pub changes: Vec<Change>,
}

impl From<PrepareError> for Failed {
    fn from(error: PrepareError) -> Self {
        SwapError::from(error).into()
    }
}

pub(super) async fn preview(
    State(admin): State<Arc<Admin>>,
    Path(name): Path<String>,
    Json(foreseen): Json<Foreseen>,
) -> Result<Json<Preview>, Failed> {
    let Foreseen { component, settings, connection, last, changes } = foreseen;
    if last > MOST {
        return Err(Failed(StatusCode::BAD_REQUEST, format!("at most {MOST} changes are looked at")));
    }
    if let Some(wanted) = &connection
        && !admin.flow.plan().connections.contains_key(wanted)
    {
        return Err(CrmError::NoConnection(wanted.clone()).into());
    }
    let proposed = Proposed { component, settings, ..Proposed::default() };
    let (candidate, ..) = admin.candidate(&name, proposed).await?;
    if changes.is_empty() {
        return Ok(Json(admin.flow.preview(&name, candidate, connection.as_deref(), last).await?));
    }
    Ok(Json(preview_of(admin.flow.engine(), candidate, &admin.flow.overlays(&name), &changes).await?))
}

/// The most changes one preview looks at: people read it.
const MOST: usize = 1_000;
