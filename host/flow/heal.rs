//! Destinations whose credential was refused: they rest, everything for them is kept, and they are asked now and then whether it works again.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use super::Flow;
use super::judge::Halt;
use super::lanes::LOOK;
use super::retry::rest;
use crate::clock::Millis;
use crate::engine::Outcome;
use crate::store::{Pause, PauseScope, StoreError};

/// How often a resting destination was asked, and when it is asked next.
#[derive(Clone, Copy, Default)]
struct Asked {
    times: u32,
    next: Millis,
}

impl Flow {
    /// Asks resting destinations until the flow is stopped.
    pub(super) async fn heal(self: Arc<Self>) {
        let mut asked = HashMap::new();
        while !self.stopping() {
            // Asked for before looking, so that a destination that comes to rest meanwhile is not missed.
            let woken = self.wake.heal.notified();
            if let Err(error) = self.heal_once(&mut asked).await {
                tracing::error!(%error, "a destination cannot be resumed now");
            }
            let now = self.clock.now_ms();
            let next = asked.values().map(|asked| asked.next.saturating_sub(now)).min();
            let nap = async {
                match next {
                    // Looked at again and again: the clock may be moved.
                    Some(wait) => tokio::time::sleep(Duration::from_millis(wait.max(1)).min(LOOK)).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                () = woken => {}
                () = nap => {}
                () = self.stop.cancelled() => {}
            }
        }
    }

    /// Takes over that a destination came to rest, and begins to ask it.
    pub(super) async fn look_after_resting(&self, pause: &Pause) -> Result<(), StoreError> {
        self.tell_paused(pause);
        self.look_at_pauses().await?;
        self.wake.heal.notify_one();
        Ok(())
    }

    /// Asks every destination whose time has come, and resumes those whose credential works.
    async fn heal_once(&self, asked: &mut HashMap<String, Asked>) -> Result<(), StoreError> {
        let resting: Vec<String> = self.pauses.all().iter().filter(|pause| pause.heals).filter_map(name).collect();
        asked.retain(|name, _| resting.contains(name));
        for name in resting {
            let Some(destination) = self.plan().destinations.get(&name).cloned() else { continue };
            let before = asked.get(&name).copied().unwrap_or_default();
            if before.next > self.clock.now_ms() {
                continue;
            }
            let ticket = destination.ticket(None, None);
            match destination.sink.probe(ticket, &destination.words).await {
                Ok(Outcome::Accepted(_)) => {
                    tracing::info!(destination = name, "goes on: its token works again");
                    asked.remove(&name);
                    self.resume(PauseScope::Destination(name)).await?;
                    continue;
                }
                Ok(outcome) => tracing::debug!(destination = name, ?outcome, "still rests"),
                Err(fault) => tracing::warn!(destination = name, %fault, "cannot be asked whether its token works"),
            }
            let times = before.times + 1;
            let next = self.clock.now_ms() + rest(times, fastrand::f64(), None);
            asked.insert(name, Asked { times, next });
        }
        Ok(())
    }
}

/// The pause of a destination that must rest, said once.
pub(super) fn resting(name: &str, halt: Halt, at: Millis) -> Pause {
    let Halt { reason, heals } = halt;
    let next = if heals {
        "it goes on by itself once its token works; nothing is lost meanwhile".to_owned()
    } else {
        format!("a person must act, then `convey resume {name}`")
    };
    tracing::error!(destination = name, %reason, "paused: {next}");
    Pause { scope: PauseScope::Destination(name.to_owned()), reason, at, by: "convey".to_owned(), heals }
}

/// The destination that a pause is about.
fn name(pause: &Pause) -> Option<String> {
    match &pause.scope {
        PauseScope::Destination(name) => Some(name.clone()),
        PauseScope::All | PauseScope::Connection(_) => None,
    }
}
