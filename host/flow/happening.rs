//! What happens, told to whoever listens: a page, a terminal, a collector of traces. Ids, names, rules and times; nothing of a person. Who does not
//! keep up misses some and is told how many; while nobody listens nothing is made.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::broadcast::{self, Receiver, Sender};
use tokio_util::sync::CancellationToken;

use super::Flow;
use crate::clock::Millis;
use crate::vault::mask_personal;

/// So many a listener may be behind.
const BEHIND: usize = 4_096;

/// One thing that happened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Happening {
    /// When it was over, in milliseconds since the Unix epoch.
    pub at: Millis,
    /// What it was.
    #[serde(flatten)]
    pub what: What,
}

/// What can happen.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "what", rename_all = "kebab-case")]
pub enum What {
    /// A delivery is durable.
    Received {
        /// The source's name.
        source: String,
        /// The connection, where its location has one.
        connection: Option<String>,
        /// Its id.
        delivery: String,
        /// The sender's own id of it.
        webhook_id: String,
        /// How long the door took, in milliseconds.
        latency_ms: u64,
    },
    /// A page of a sweep is durable.
    Polled {
        /// The connection.
        connection: String,
        /// `updates` or `everything`.
        sweep: String,
        /// Rows that are deliveries now.
        stored: u64,
        /// Rows that were known.
        known: u64,
        /// How long the page took, in milliseconds.
        latency_ms: u64,
    },
    /// A delivery was read.
    Read {
        /// The connection.
        connection: String,
        /// The delivery.
        delivery: String,
        /// What the source calls its kind.
        kind: String,
        /// `changes`, `silent`, `retry` or `dead`.
        outcome: String,
        /// How many changes it told.
        changes: usize,
        /// Why it told none.
        reason: Option<String>,
        /// The source's digest.
        digest: String,
        /// How long its batch took, in milliseconds.
        latency_ms: u64,
    },
    /// A change was translated.
    Translated {
        /// The connection.
        connection: String,
        /// The mapper's name.
        mapper: String,
        /// The generation.
        generation: i64,
        /// The mapper's digest.
        digest: String,
        /// The delivery that told the change first.
        delivery: Option<String>,
        /// The kind of fact.
        kind: String,
        /// `events`, `skipped`, `retry` or `dead`.
        outcome: String,
        /// The names of its events, each once a destination.
        events: Vec<String>,
        /// The rules that asked for them, or that said no.
        rules: Vec<String>,
        /// Why there are none.
        reason: Option<String>,
        /// How long its batch took, in milliseconds.
        latency_ms: u64,
    },
    /// An event was told, or was not.
    Shipped {
        /// Where to.
        destination: String,
        /// The event's id.
        event_id: String,
        /// The event's name.
        name: String,
        /// The rule that asked for it.
        rule: String,
        /// The delivery that told its fact first.
        delivery: Option<String>,
        /// `told`, `retry`, `dead`, `expired` or `ambiguous`.
        outcome: String,
        /// The platform's word, or why it was not sent.
        reason: Option<String>,
        /// How often it was tried, this time included.
        tries: u32,
        /// The sink's digest.
        digest: String,
        /// How long its batch took, in milliseconds.
        latency_ms: u64,
        /// From taking its delivery to now, in milliseconds.
        since_received_ms: Option<u64>,
    },
    /// Something was paused.
    Paused {
        /// `all`, or a kind and a name.
        scope: String,
        /// Why.
        reason: String,
        /// By whom.
        by: String,
    },
    /// It goes on.
    Resumed {
        /// `all`, or a kind and a name.
        scope: String,
    },
    /// Another mapper is live.
    Swapped {
        /// The mapper's name.
        mapper: String,
        /// The generation that is live.
        generation: i64,
        /// Its digest.
        digest: String,
    },
    /// A rule asks for more than its brake lets pass.
    Braked {
        /// The destination.
        destination: String,
        /// The rule.
        rule: String,
    },
    /// The listener did not keep up.
    Missed {
        /// So many things happened that it was not told.
        count: u64,
    },
}

/// Who tells, and whoever listens.
pub(super) struct Happenings(Sender<Arc<Happening>>);

impl Default for Happenings {
    fn default() -> Self {
        Self(broadcast::channel(BEHIND).0)
    }
}

/// What happens from now on.
pub struct Following {
    receiver: Receiver<Arc<Happening>>,
    stop: CancellationToken,
    now: Box<dyn Fn() -> Millis + Send + Sync>,
}

impl Following {
    /// The next thing that happens; none once the program stops.
    pub async fn next(&mut self) -> Option<Arc<Happening>> {
        tokio::select! {
            // What was told before the stop is told on.
            biased;
            received = self.receiver.recv() => match received {
                Ok(happening) => Some(happening),
                Err(RecvError::Lagged(count)) => Some(Arc::new(Happening { at: (self.now)(), what: What::Missed { count } })),
                Err(RecvError::Closed) => None,
            },
            () = self.stop.cancelled() => None,
        }
    }
}

impl Flow {
    /// Listens to what happens from now on.
    pub fn follow(&self) -> Following {
        self.follow_until(self.stop.clone())
    }

    /// Listens to what happens from now on until `stop`, which may come later than the program's own.
    pub fn follow_until(&self, stop: CancellationToken) -> Following {
        let clock = self.clock.clone();
        let now = Box::new(move || clock.now_ms());
        Following { receiver: self.happenings.0.subscribe(), stop, now }
    }

    /// Whether anybody listens: what is told to nobody need not be looked up.
    pub fn is_followed(&self) -> bool {
        self.happenings.0.receiver_count() > 0
    }

    /// Tells what happened, if anybody listens.
    pub fn tell(&self, what: impl FnOnce() -> What) {
        if self.is_followed() {
            // The last listener may have gone meanwhile: then nobody is told.
            let _ = self.happenings.0.send(Arc::new(Happening { at: self.clock.now_ms(), what: what() }));
        }
    }
}

/// A reason as others may read it: whatever looks like an address or a number of a person is masked.
pub(super) fn reason(text: &str) -> Option<String> {
    (!text.is_empty()).then(|| mask_personal(text).to_string())
}

/// What a listener wants to hear of: every key has the value. Keys are those of [`Happening`] as JSON.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filter(Vec<(String, String)>);

/// The keys that can be asked for.
const KEYS: [&str; 14] = [
    "what",
    "source",
    "connection",
    "destination",
    "mapper",
    "delivery",
    "webhook_id",
    "event_id",
    "name",
    "kind",
    "outcome",
    "rule",
    "events",
    "digest",
];

impl Filter {
    /// A filter of pairs of key and value.
    ///
    /// # Errors
    /// A key that nothing has, in words.
    pub fn of(pairs: impl IntoIterator<Item = (String, String)>) -> Result<Self, String> {
        let pairs: Vec<(String, String)> = pairs.into_iter().collect();
        match pairs.iter().find(|(key, _)| !KEYS.contains(&key.as_str())) {
            Some((key, _)) => Err(format!("nothing that happens has the key `{key}`; known: {}", KEYS.join(", "))),
            None => Ok(Self(pairs)),
        }
    }

    /// Whether it lets a happening through, as JSON. What was missed is always told.
    pub fn passes(&self, happening: &serde_json::Value) -> bool {
        let has = |(key, wanted): &(String, String)| {
            let listed =
                |list: &serde_json::Value| list.as_array().is_some_and(|list| list.iter().any(|one| one == wanted));
            match key.as_str() {
                "rule" => happening["rule"] == *wanted || listed(&happening["rules"]),
                "events" => listed(&happening["events"]),
                "name" => happening["name"] == *wanted || listed(&happening["events"]),
                key => happening[key] == *wanted,
            }
        };
        happening["what"] == "missed" || self.0.iter().all(has)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{Filter, Happening, What};

    fn filter(pairs: &[(&str, &str)]) -> Result<Filter, String> {
        Filter::of(pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())))
    }

    #[test]
    fn a_filter_asks_for_all_of_its_pairs() {
        let shipped = json!({"what": "shipped", "destination": "ads", "outcome": "dead", "rule": "lead"});
        let translated = json!({"what": "translated", "rules": ["lead"], "events": ["Lead"]});
        let both = filter(&[("destination", "ads"), ("outcome", "dead")]).expect("known keys");
        assert!(both.passes(&shipped) && !both.passes(&translated));
        let rule = filter(&[("rule", "lead")]).expect("a known key");
        assert!(rule.passes(&shipped) && rule.passes(&translated));
        assert!(!filter(&[("name", "Purchase")]).expect("a known key").passes(&translated));
        assert!(both.passes(&json!({"what": "missed", "count": 3})), "a gap is never hidden");
        assert!(filter(&[("email", "x")]).is_err_and(|text| text.contains("known: what, source")));
    }

    #[test]
    fn a_happening_is_one_flat_object() {
        let happening = Happening { at: 7, what: What::Resumed { scope: "all".into() } };
        let json = serde_json::to_value(&happening).expect("JSON");
        assert_eq!(json, json!({"at": 7, "what": "resumed", "scope": "all"}));
        assert_eq!(serde_json::from_value::<Happening>(json).expect("a happening"), happening);
    }
}
