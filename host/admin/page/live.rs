//! What keeps a view live: one server-sent event whenever something was written, and no more than two a second. The view then loads its changing
//! parts again, so that they are made in one place.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::Extension;
use axum::extract::State;
use axum::response::sse::{Event, KeepAlive, Sse};
use futures_util::Stream;
use futures_util::stream::unfold;
use tokio::sync::watch;
use tokio::time::{Interval, MissedTickBehavior, interval};

use crate::admin::Admin;
use crate::admin::gate::Visitor;

/// Not more often than this.
const PACE: Duration = Duration::from_millis(500);
/// What no write tells of (a token's expiry, a deadline, how long ago something was) is looked at so often.
const QUIET: Duration = Duration::from_secs(10);

/// One browser that watches.
struct Watcher {
    admin: Arc<Admin>,
    visitor: Visitor,
    commits: watch::Receiver<u64>,
    pace: Interval,
    quiet: Interval,
    greeted: bool,
}

impl Watcher {
    /// Whether who watches may still.
    fn is_welcome(&self) -> bool {
        let now = self.admin.flow.clock.now_ms();
        self.visitor.session.as_ref().is_none_or(|held| self.admin.sessions.of(&held.id, now).is_some())
    }
}

pub(in crate::admin) async fn live(
    State(admin): State<Arc<Admin>>,
    Extension(visitor): Extension<Visitor>,
) -> Sse<impl Stream<Item = Result<Event, Infallible>>> {
    let (mut pace, mut quiet) = (interval(PACE), interval(QUIET));
    pace.set_missed_tick_behavior(MissedTickBehavior::Delay);
    quiet.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let commits = admin.flow.store.committed();
    let watcher = Watcher { admin, visitor, commits, pace, quiet, greeted: false };
    Sse::new(unfold(watcher, next)).keep_alive(KeepAlive::default())
}

/// The next event, with data, because a browser drops one without; none once the program stops or the session has ended.
async fn next(mut watcher: Watcher) -> Option<(Result<Event, Infallible>, Watcher)> {
    if !watcher.greeted {
        watcher.greeted = true;
        watcher.quiet.reset();
        return Some((Ok(Event::default().event("hello").data("live")), watcher));
    }
    let flow = watcher.admin.flow.clone();
    let ended = tokio::select! {
        () = flow.stopped() => true,
        told = watcher.commits.changed() => told.is_err(),
        _ = watcher.quiet.tick() => false,
    };
    if ended {
        return None;
    }
    watcher.pace.tick().await;
    if !watcher.is_welcome() {
        return None;
    }
    // What was written while the pace was kept is seen by the same look.
    watcher.commits.mark_unchanged();
    Some((Ok(Event::default().event("changed").data("live")), watcher))
}
