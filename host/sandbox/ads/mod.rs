//! The ad platform: Meta's Graph API as far as a sender of conversion events and audience members needs it.

mod audiences;
mod batch;
mod body;
mod call;
mod error;
mod events;
mod operations;
mod parts;
mod record;
mod rules;
mod texts;
mod usage;
mod weather;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::Uri;
use axum::middleware::from_fn_with_state;
use axum::response::Response;
use axum::routing::{delete, get, post};
use serde_json::Value;
use tokio::sync::watch;

use super::requests::{self, Side};
use super::world::{World, lock};
use crate::clock::Millis;
use audiences::Audiences;
use error::GraphError;
use operations::perform;
use record::Record;

pub use audiences::Shown as AudienceShown;
pub use record::{Accepted, Count, Repeated};

/// What the platform holds.
pub struct Platform {
    record: Mutex<Record>,
    audiences: Mutex<Audiences>,
    /// The audience that is there from the start.
    first: String,
    count: watch::Sender<usize>,
}

impl Platform {
    /// Nothing but one empty audience.
    pub fn new(audience: &str) -> Self {
        Self {
            record: Mutex::default(),
            audiences: Mutex::new(Audiences::with(audience)),
            first: audience.to_owned(),
            count: watch::Sender::new(0),
        }
    }

    /// Accepts one request's events, in their order.
    fn accept(&self, dataset: &str, events: &[Value], test: bool, accepted_at: Millis) {
        let mut record = lock(&self.record);
        self.count.send_replace(record.accept(dataset, events, test, accepted_at));
    }

    /// At most `limit` events after the first `after`.
    pub fn accepted(&self, after: usize, limit: usize) -> Vec<Accepted> {
        lock(&self.record).accepted(after, limit)
    }

    /// How many events were accepted, repeats among them.
    pub fn accepted_count(&self) -> usize {
        lock(&self.record).count()
    }

    /// How many came of each dataset, new and again.
    pub fn counts(&self) -> BTreeMap<String, Count> {
        let record = lock(&self.record);
        record.counts().into_iter().map(|(dataset, count)| (dataset.to_owned(), count)).collect()
    }

    /// The events that came more than once.
    pub fn repeated(&self) -> Vec<Repeated> {
        lock(&self.record).repeated()
    }

    /// Whether there is an audience with this id.
    pub fn has_audience(&self, id: &str) -> bool {
        lock(&self.audiences).has(id)
    }

    /// The audiences, by id.
    pub fn audiences(&self) -> Vec<AudienceShown> {
        lock(&self.audiences).shown()
    }

    /// At most `limit` members after the first `after`, each by key; none when there is no such audience.
    pub fn members(&self, audience: &str, after: usize, limit: usize) -> Option<Vec<BTreeMap<String, String>>> {
        lock(&self.audiences).members(audience, after, limit)
    }

    /// Waits until there are more than `after`.
    pub async fn more_than(&self, after: usize) {
        // The sender is part of self and outlives the wait.
        let _ = self.count.subscribe().wait_for(|count| *count > after).await;
    }

    /// As it was at the start.
    pub fn reset(&self) {
        *lock(&self.audiences) = Audiences::with(&self.first);
        let mut record = lock(&self.record);
        *record = Record::default();
        self.count.send_replace(0);
    }
}

/// Whether the id is one of a dataset, an account or an audience.
pub fn exists(world: &World, id: &str) -> bool {
    call::kind(world, id).is_some()
}

/// The platform's routes.
pub fn router(world: Arc<World>) -> Router {
    let (router, patterns) = requests::routed([
        ("/{version}/", post(batch::batch)),
        ("/{version}/{object}", get(perform)),
        ("/{version}/{object}/events", post(perform)),
        ("/{version}/{object}/customaudiences", post(perform)),
        ("/{version}/{object}/users", post(perform).delete(perform)),
        ("/{version}/{object}/usersreplace", post(perform)),
        ("/{version}/{object}/usersofanyaudience", delete(perform)),
    ]);
    let router = router
        .fallback(unknown)
        .method_not_allowed_fallback(unknown)
        .layer(DefaultBodyLimit::max(16 << 20))
        .layer(from_fn_with_state(world.clone(), weather::weather));
    requests::noted(router, &world, Side::Ads, patterns).with_state(world)
}

async fn unknown(State(world): State<Arc<World>>, uri: Uri) -> Response {
    GraphError::unknown_path(uri.path()).answer(&world)
}
