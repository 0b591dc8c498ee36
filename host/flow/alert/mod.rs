//! What the host says unasked: judged from facts every few seconds, said once with its cause and what to do, and once more when it is over.

mod facts;
mod ledger;
mod post;
mod rules;
mod send;

use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use serde::{Deserialize, Serialize};
use tokio::sync::Mutex;
use tokio::task::JoinSet;
use tokio::time::MissedTickBehavior;

use super::Flow;
use crate::clock::Millis;
use crate::config::Alerts;
use crate::store::StoreError;

pub use facts::{Breach, Facts};
pub use rules::judge;

use facts::Rates;
use ledger::Ledger;
use post::{Letter, Post};

/// How often the facts are looked at.
const LOOK: Duration = Duration::from_secs(2);

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Something will be lost or stand still unless somebody acts.
    Critical,
    /// Somebody should look.
    Warning,
}

/// Something that an operator should know.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Alert {
    /// What it is about, the same for as long as it holds: `paused:destination:ads`.
    pub alert: String,
    /// How bad it is.
    pub severity: Severity,
    /// What is the matter; nothing private.
    pub cause: String,
    /// The line to type or to write.
    pub next: String,
    /// It must hold for so long before it is said, in milliseconds.
    #[serde(skip)]
    pub hold_ms: Millis,
}

/// What a message says of its alert.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// It holds.
    Firing,
    /// It holds no more.
    Resolved,
    /// Somebody asked for a message.
    Test,
}

/// One message of an alert.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Message {
    /// What it says.
    pub state: State,
    /// Of what.
    #[serde(flatten)]
    pub alert: Alert,
    /// Since when it holds, in milliseconds since the Unix epoch.
    pub since: Millis,
    /// When this was said.
    pub at: Millis,
}

/// How a message to one target went.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Said {
    /// The target's name.
    pub target: String,
    /// Why it did not arrive; none: it did.
    pub error: Option<String>,
}

/// What is open.
#[derive(Default)]
pub(super) struct Watch {
    asked: ArcSwap<Alerts>,
    rates: std::sync::Mutex<Rates>,
    ledger: Mutex<Ledger>,
    breaches: std::sync::Mutex<Vec<Breach>>,
}

impl Flow {
    /// Alerts go by these rules to these targets from now on.
    pub fn set_alerts(&self, asked: &Alerts) {
        self.watch.asked.store(Arc::new(asked.clone()));
    }

    /// What is open now, as it was said.
    pub async fn open_alerts(&self) -> Vec<Message> {
        self.watch.ledger.lock().await.open()
    }

    /// Sends a message to every target, and says how that went.
    pub async fn test_alerts(&self) -> Vec<Said> {
        let now = self.clock.now_ms();
        let alert = Alert {
            alert: "test".to_owned(),
            severity: Severity::Warning,
            cause: "somebody asked for a test: nothing is the matter".to_owned(),
            next: "nothing is to be done".to_owned(),
            hold_ms: 0,
        };
        let message = Message { state: State::Test, alert, since: now, at: now };
        let mut said = Vec::new();
        for (target, to) in send::targets(&self.watch.asked.load()) {
            let error = self.send_alert(&to, &message).await.err();
            said.push(Said { target, error });
        }
        said
    }

    /// Watches until the flow is stopped.
    pub(super) async fn watch(self: Arc<Self>) {
        let (mut post, mut under_way) = (Post::default(), JoinSet::<(String, Option<Letter>)>::new());
        let mut looks = tokio::time::interval(LOOK);
        looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        while !self.stopping() {
            tokio::select! {
                _ = looks.tick() => {
                    if let Err(error) = self.look(&mut post).await {
                        tracing::error!(%error, "cannot look whether something is the matter");
                    }
                }
                Some(ended) = under_way.join_next() => match ended {
                    Ok((target, letter)) => post.came_back(&target, letter),
                    Err(error) => std::panic::resume_unwind(error.into_panic()),
                },
                () = self.stop.cancelled() => break,
            }
            // Side by side, and beside the looks: a target that does not answer holds up neither another nor the next look.
            for letter in post.due(self.clock.now_ms()) {
                let flow = self.clone();
                under_way.spawn(async move {
                    let target = letter.target().to_owned();
                    (target, flow.post_alert(letter).await)
                });
            }
        }
        // What is on its way may arrive: a target has ten seconds.
        while under_way.join_next().await.is_some() {}
    }

    async fn look(&self, post: &mut Post) -> Result<(), StoreError> {
        let asked = self.watch.asked.load_full();
        let facts = self.facts().await?;
        let repeat_ms = Millis::from(asked.repeat_hours.max(1)) * 60 * 60 * 1_000;
        let messages = self.watch.ledger.lock().await.look(judge(&facts, &asked), facts.now, repeat_ms);
        for message in messages {
            for (name, to) in send::targets(&asked) {
                post.add(Letter::new(name, to, message.clone()));
            }
        }
        Ok(())
    }

    /// Takes note of a mapper that did not keep what it was promoted on.
    pub(super) fn note_breach(&self, mapper: &str, why: &str) {
        let breach = Breach { mapper: mapper.to_owned(), why: why.to_owned(), at: self.clock.now_ms() };
        let mut breaches = self.watch.breaches.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        breaches.retain(|known| known.mapper != mapper);
        breaches.push(breach);
    }
}
