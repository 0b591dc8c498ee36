//! What was asked of the CRM and of the ad platform: method, path and status, never a body or a query (a token may stand in it).

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::extract::{Request, State};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::Response;
use axum::routing::MethodRouter;
use serde::Serialize;

use super::faults;
use super::world::{World, lock};
use crate::clock::Millis;

/// How many requests are kept; older ones are only counted.
const KEPT: usize = 1_000;

/// Which of the two platforms was asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Side {
    /// The CRM.
    Crm,
    /// The ad platform.
    Ads,
}

/// One request that was answered (or cut off, then with the status it would have had).
#[derive(Clone, Debug, Serialize)]
pub struct Asked {
    /// When it arrived, milliseconds since the epoch.
    at: Millis,
    side: Side,
    method: String,
    path: String,
    status: u16,
}

/// The book of requests.
#[derive(Default)]
pub struct Requests(Mutex<Book>);

#[derive(Default)]
struct Book {
    counts: BTreeMap<Side, BTreeMap<String, u64>>,
    last: VecDeque<Asked>,
}

/// The book as it is shown: counts by platform and operation, and the last requests, oldest first.
#[derive(Debug, Serialize)]
pub struct Shown {
    counts: BTreeMap<Side, BTreeMap<String, u64>>,
    requests: Vec<Asked>,
}

impl Requests {
    fn note(&self, operation: String, asked: Asked) {
        let mut book = lock(&self.0);
        *book.counts.entry(asked.side).or_default().entry(operation).or_default() += 1;
        if book.last.len() == KEPT {
            book.last.pop_front();
        }
        book.last.push_back(asked);
    }

    /// The book as it stands.
    pub fn shown(&self) -> Shown {
        let book = lock(&self.0);
        Shown { counts: book.counts.clone(), requests: book.last.iter().cloned().collect() }
    }

    /// Forgets everything.
    pub fn reset(&self) {
        *lock(&self.0) = Book::default();
    }
}

/// One route: its pattern and what answers there.
pub type Route = (&'static str, MethodRouter<Arc<World>>);

/// A platform's routes, before anything is laid over them.
pub fn routed(routes: impl IntoIterator<Item = Route>) -> (Router<Arc<World>>, Vec<&'static str>) {
    routes.into_iter().fold((Router::new(), Vec::new()), |(router, mut patterns), (pattern, method)| {
        patterns.push(pattern);
        (router.route(pattern, method), patterns)
    })
}

/// Lays the book over a platform's router: the outermost layer, so that it sees what faults answer as well. Below it an answer waits that
/// is about a slow location.
pub fn noted(
    router: Router<Arc<World>>,
    world: &Arc<World>,
    side: Side,
    patterns: Vec<&'static str>,
) -> Router<Arc<World>> {
    let slowed = router.layer(from_fn_with_state(world.clone(), faults::slowed));
    slowed.layer(from_fn_with_state((world.clone(), side, Arc::from(patterns)), note))
}

type Noting = (Arc<World>, Side, Arc<[&'static str]>);

/// Notes a request on its way out. An operation is named by its method and its route; one without a route is `unknown`.
async fn note(State((world, side, patterns)): State<Noting>, request: Request, next: Next) -> Response {
    let at = world.time.now_ms();
    let method = request.method().to_string();
    let path = request.uri().path().to_owned();
    let operation = match patterns.iter().find(|pattern| fits(pattern, &path)) {
        Some(pattern) => format!("{method} {pattern}"),
        None => "unknown".to_owned(),
    };
    let response = next.run(request).await;
    world.requests.note(operation, Asked { at, side, method, path, status: response.status().as_u16() });
    response
}

/// Whether a path has this pattern: a segment in braces stands for any one that is not empty.
fn fits(pattern: &str, path: &str) -> bool {
    let (mut wanted, mut given) = (pattern.split('/'), path.split('/'));
    loop {
        match (wanted.next(), given.next()) {
            (None, None) => return true,
            (Some(open), Some(text)) if open.starts_with('{') && !text.is_empty() => {}
            (Some(fixed), Some(text)) if fixed == text => {}
            _ => return false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::fits;

    #[test]
    fn a_pattern_fits_whole_paths_only() {
        for (pattern, path, wanted) in [
            ("/contacts/{id}", "/contacts/abc", true),
            ("/contacts/{id}", "/contacts/", false),
            ("/contacts/{id}", "/contacts/abc/tasks", false),
            ("/{version}/{object}/events", "/v26.0/1/events", true),
            ("/{version}/{object}/events", "/v26.0/1", false),
        ] {
            assert_eq!(fits(pattern, path), wanted, "{pattern} {path}");
        }
    }
}
