//! What is counted and timed, for whoever scrapes it: one [`Metrics`] a running program, handed to those who count.
//!
//! Labels are names of the configuration, of a profile or of a closed set of words, so the number of series is bounded; whatever could grow beside
//! them goes through [`Bounded`]. Never a contact, never an id. What a store knows better than a counter is no metric here but a [`Picture`].

mod bounded;
mod guest;
mod labels;
mod picture;

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use prometheus_client::encoding::text::{encode_eof, encode_registry};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::{Family, MetricConstructor};
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;

pub use bounded::Bounded;
pub use guest::{Guest, Instance};
pub use labels::{Kind, Stage};
pub use picture::Picture;

use guest::Guests;
use labels::{Component, Discarded, Failed, Of, Request, Step};

/// The media type of what [`Metrics::text`] writes.
pub const MEDIA_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Seconds, from what a database does to what a person waits for.
const SECONDS: [f64; 14] = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0];

/// Seconds from a webhook to the platform's word: an event may wait out an outage of days.
const LONG_SECONDS: [f64; 12] = [0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 60.0, 600.0, 3_600.0, 21_600.0, 86_400.0];

/// How much of the newest batch's estimate an average takes over.
const SHARE: f64 = 0.1;

/// Makes the histograms of a family.
#[derive(Clone, Debug)]
struct Buckets(&'static [f64]);

impl MetricConstructor<Histogram> for Buckets {
    fn new_metric(&self) -> Histogram {
        Histogram::new(self.0.iter().copied())
    }
}

type Durations<L> = Family<L, Histogram, Buckets>;
type Level = Gauge<f64, AtomicU64>;

/// Everything that is counted.
pub struct Metrics {
    registry: Registry,
    received: Family<Component, Counter>,
    sent: Family<Component, Counter>,
    discarded: Family<Discarded, Counter>,
    errors: Family<Failed, Counter>,
    steps: Durations<Step>,
    deliveries: Histogram,
    requests: Durations<Request>,
    throttled: Family<Of, Counter>,
    throttled_in_all: AtomicU64,
    operations: Bounded,
    refreshes: Family<labels::Outcome, Counter>,
    brakes: Family<labels::Destination, Counter>,
    untraced: Counter,
    quality: Family<labels::Destination, Level>,
    guests: Guests,
}

impl Default for Metrics {
    fn default() -> Self {
        let mut registry = Registry::default();
        let received = counter(&mut registry, "component_received_events", "What a component was handed");
        let sent = counter(&mut registry, "component_sent_events", "What a component handed on");
        let discarded = counter(
            &mut registry,
            "component_discarded_events",
            "What went no further: on purpose, or because it had to be parked",
        );
        let errors = counter(&mut registry, "component_errors", "What went wrong, by kind and stage");
        let steps =
            durations(&mut registry, "convey_step_duration_seconds", "How long a batch of a step took", &SECONDS);
        let deliveries = Histogram::new(LONG_SECONDS);
        registry.register(
            "convey_delivery_duration_seconds",
            "From taking a delivery to the platform's acceptance of an event of it",
            deliveries.clone(),
        );
        let requests = durations(
            &mut registry,
            "convey_request_duration_seconds",
            "How long a request to a vendor took, by operation and class of status",
            &SECONDS,
        );
        let throttled = counter(&mut registry, "convey_requests_throttled", "Requests that a vendor answered with 429");
        let refreshes = counter(&mut registry, "convey_token_refreshes", "Refreshes of tokens, by how they ended");
        let brakes = counter(&mut registry, "convey_brakes", "How often a brake began to hold a rule");
        let untraced = Counter::default();
        registry.register("convey_trace_spans_dropped", "Steps that are in no trace", untraced.clone());
        let quality = Family::default();
        registry.register(
            "convey_emq_estimate",
            "The estimated match quality of events of late, 0 to 10",
            Family::clone(&quality),
        );
        let guests = Guests::register(&mut registry);
        let operations = Bounded::new(256);
        Self {
            registry,
            received,
            sent,
            discarded,
            errors,
            steps,
            deliveries,
            requests,
            throttled,
            throttled_in_all: AtomicU64::new(0),
            operations,
            refreshes,
            brakes,
            untraced,
            quality,
            guests,
        }
    }
}

fn counter<L>(registry: &mut Registry, name: &str, help: &str) -> Family<L, Counter>
where
    Family<L, Counter>: Default + Clone + prometheus_client::registry::Metric,
{
    let family = Family::<L, Counter>::default();
    registry.register(name, help, family.clone());
    family
}

fn durations<L>(registry: &mut Registry, name: &str, help: &str, buckets: &'static [f64]) -> Durations<L>
where
    L: Clone + std::hash::Hash + Eq,
    Durations<L>: prometheus_client::registry::Metric,
{
    let family = Durations::new_with_constructor(Buckets(buckets));
    registry.register(name, help, family.clone());
    family
}

impl Metrics {
    /// A component was handed so many deliveries, changes or events.
    pub fn received(&self, kind: Kind, name: &str, count: usize) {
        self.received.get_or_create(&Component::new(kind, name)).inc_by(count as u64);
    }

    /// A component handed so many on.
    pub fn sent(&self, kind: Kind, name: &str, count: usize) {
        self.sent.get_or_create(&Component::new(kind, name)).inc_by(count as u64);
    }

    /// So many went no further, on purpose: `reason` is one of the contract's or the host's words.
    pub fn skipped(&self, kind: Kind, name: &str, reason: &str, count: u64) {
        if count > 0 {
            self.discarded.get_or_create(&Discarded::new(kind, name, true, reason)).inc_by(count);
        }
    }

    /// One went no further although it should have: it is parked, or too late. `reason` is one of the host's words.
    pub fn parked(&self, kind: Kind, name: &str, reason: &'static str) {
        self.discarded.get_or_create(&Discarded::new(kind, name, false, reason)).inc();
    }

    /// Something went wrong. `error_type` is one of the host's words.
    pub fn failed(&self, kind: Kind, name: &str, stage: Stage, error_type: &'static str) {
        self.errors.get_or_create(&Failed::new(kind, name, stage, error_type)).inc();
    }

    /// A batch of a step is done.
    pub fn stepped(&self, step: &'static str, took: Duration) {
        self.steps.get_or_create(&Step { step }).observe(took.as_secs_f64());
    }

    /// An event was accepted so long after its delivery came.
    pub fn told(&self, took: Duration) {
        self.deliveries.observe(took.as_secs_f64());
    }

    /// A request ended: with a status, or without an answer. `operation` is as it was granted.
    pub fn requested(&self, component: &str, operation: &str, status: Option<u16>, took: Duration) {
        let operation = self.operations.name(operation);
        let request = Request { component_id: component.to_owned(), operation, status: labels::class(status) };
        self.requests.get_or_create(&request).observe(took.as_secs_f64());
        if status == Some(429) {
            self.throttled_in_all.fetch_add(1, Ordering::Relaxed);
            self.throttled.get_or_create(&Of { component_id: component.to_owned() }).inc();
        }
    }

    /// A token was refreshed, or was not: `outcome` is one of the host's words.
    pub fn refreshed(&self, outcome: &'static str) {
        self.refreshes.get_or_create(&labels::Outcome { outcome }).inc();
    }

    /// Refreshes of tokens that failed since the program began.
    pub fn failed_refreshes_so_far(&self) -> u64 {
        let of = |outcome| self.refreshes.get(&labels::Outcome { outcome }).map_or(0, |count| count.get());
        of("refused") + of("unavailable")
    }

    /// Answers of 429 since the program began.
    pub fn throttled_so_far(&self) -> u64 {
        self.throttled_in_all.load(Ordering::Relaxed)
    }

    /// So many steps are in no trace: the collector did not take them, or sending them did not keep up.
    pub fn untraced(&self, count: u64) {
        self.untraced.inc_by(count);
    }

    /// The brake began to hold a rule of a destination.
    pub fn braked(&self, destination: &str) {
        self.brakes.get_or_create(&labels::Destination::new(destination)).inc();
    }

    /// The events of a batch for a destination have this match quality on average, 0 to 10.
    pub fn quality(&self, destination: &str, estimate: f64) {
        let label = labels::Destination::new(destination);
        // Looked for first: a new series begins with its first estimate, not with nothing.
        let known = self.quality.get(&label).map(|level| level.get());
        let next = known.map_or(estimate, |known| known + (estimate - known) * SHARE);
        self.quality.get_or_create(&label).set(next);
    }

    /// What one component's instances are counted by.
    pub fn guest(&self, name: &str, digest: &str) -> Guest {
        self.guests.of(name, digest)
    }

    /// All of it and `picture` in the text format of OpenMetrics 1.0.
    pub fn text(&self, picture: Picture) -> String {
        let mut text = String::new();
        // Writing to a string does not fail.
        let written = encode_registry(&mut text, &self.registry)
            .and_then(|()| encode_registry(&mut text, &picture.registry()))
            .and_then(|()| encode_eof(&mut text));
        if let Err(error) = written {
            tracing::error!(%error, "the metrics cannot be written");
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{Kind, Metrics, Picture, Stage};

    #[test]
    fn what_is_counted_is_told_in_words_that_scrapers_read() {
        let metrics = Metrics::default();
        metrics.received(Kind::Source, "crm", 3);
        metrics.skipped(Kind::Transform, "default", "no-rule", 1);
        metrics.failed(Kind::Sink, "ads", Stage::Sending, "unavailable");
        metrics.requested("sink.meta", "POST /x", Some(503), Duration::from_millis(20));
        metrics.requested("sink.meta", "POST /x", Some(429), Duration::from_millis(20));
        let mut picture = Picture::default();
        picture.set("convey_queue_depth", "What waits", &[("stage", "read")], 4.0);
        let text = metrics.text(picture);
        for line in [
            "component_received_events_total{component_id=\"crm\",component_kind=\"source\"} 3",
            "component_discarded_events_total{component_id=\"default\",component_kind=\"transform\",intentional=\"true\",reason=\"no-rule\"} 1",
            "component_errors_total{component_id=\"ads\",component_kind=\"sink\",error_type=\"unavailable\",stage=\"sending\"} 1",
            "convey_request_duration_seconds_count{component_id=\"sink.meta\",operation=\"POST /x\",status=\"5xx\"} 1",
            "convey_requests_throttled_total{component_id=\"sink.meta\"} 1",
            "convey_queue_depth{stage=\"read\"} 4.0",
        ] {
            assert!(text.lines().any(|written| written == line), "{line}\n{text}");
        }
        assert!(text.ends_with("# EOF\n"), "{text}");
    }

    #[test]
    fn an_average_begins_with_what_it_first_sees_and_then_moves() {
        let metrics = Metrics::default();
        metrics.quality("ads", 8.0);
        metrics.quality("ads", 4.0);
        assert!(metrics.text(Picture::default()).contains("convey_emq_estimate{destination=\"ads\"} 7.6"));
    }
}
