//! A filter that takes over from another that hangs.
//!
//! Components that ship with convey answer a seventh faster where nothing can stop them, and only a mapping can keep one of them busy for good. Such a
//! filter is given a while for each batch. Then another, whose components are stopped, answers that batch and all that follow.

use std::sync::Arc;
use std::time::Duration;

use serde_json::json;
use tokio::runtime::Handle;

use super::Wanted;
use super::filter::{Batch, Filter, Said};
use crate::cli::output::Exit;

/// How many seconds a filter that nothing stops may take for a batch, or for its settings. Either takes a thousandth of one.
const PATIENCE: u32 = 10;

/// The filter that answers.
pub(super) struct Relay {
    wanted: Wanted,
    filter: Arc<Filter>,
    /// Whether its components are stopped when they compute for too long.
    stops: bool,
}

impl Relay {
    /// Starts the filter that is wanted: one that nothing stops, if all its components ship with convey.
    pub(super) async fn start(wanted: Wanted) -> Result<Self, Exit> {
        if wanted.ships_with_convey() {
            let filter = Filter::start(wanted.load(false)?, wanted.clone());
            if let Some(filter) = in_time(filter).await {
                return Ok(Self { filter: Arc::new(filter?), wanted, stops: false });
            }
            tell_of_takeover(0);
        }
        let filter = Filter::start(wanted.load(true)?, wanted.clone()).await?;
        Ok(Self { filter: Arc::new(filter), wanted, stops: true })
    }

    /// What is to be said of a batch.
    pub(super) async fn answer(&mut self, batch: Batch) -> Result<Said, Exit> {
        if self.stops {
            return self.filter.answer(&batch).await;
        }
        let batch = Arc::new(batch);
        let (filter, lines) = (Arc::clone(&self.filter), Arc::clone(&batch));
        if let Some(said) = in_time(async move { filter.answer(&lines).await }).await {
            return said;
        }
        tell_of_takeover(batch.first());
        self.filter = Arc::new(Filter::start(self.wanted.load(true)?, self.wanted.clone()).await?);
        self.stops = true;
        self.filter.answer(&batch).await
    }
}

/// What `work` gives, unless it takes too long. Its thread is then left to itself, until the program ends.
async fn in_time<T: Send + 'static>(work: impl Future<Output = T> + Send + 'static) -> Option<T> {
    let runtime = Handle::current();
    let mut thread = tokio::task::spawn_blocking(move || runtime.block_on(work));
    // Second by second: of the time that a program is suspended for (Ctrl-Z), only one is counted.
    for _ in 0..PATIENCE {
        match tokio::time::timeout(Duration::from_secs(1), &mut thread).await {
            Ok(Ok(done)) => return Some(done),
            Ok(Err(broken)) => std::panic::resume_unwind(broken.into_panic()),
            Err(_) => {}
        }
    }
    None
}

/// Says why a processor may be busy from now on. `line` is the first of the batch, or 0 for the settings.
fn tell_of_takeover(line: u64) {
    let note = format!(
        "a component is busy for {PATIENCE} s: others, which are stopped, go on in its place; it may take a processor until the end"
    );
    eprintln!("{}", json!({"line": line, "note": note}));
}
