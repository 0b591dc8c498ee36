//! What is counted of guests: their calls, their breakages, their instances and the memory of these.

use std::sync::atomic::AtomicU64;
use std::time::Duration;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

use super::{Bounded, Buckets, Durations, SECONDS};

/// So many components are told apart by name and digest: those that are live, and a good number of swaps.
const MOST: usize = 32;

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Labels {
    component_id: String,
    digest: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Call {
    component_id: String,
    digest: String,
    call: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Broken {
    component_id: String,
    digest: String,
    kind: &'static str,
}

pub(super) struct Guests {
    calls: Durations<Call>,
    cpu: Family<Labels, Counter<f64, AtomicU64>>,
    traps: Family<Broken, Counter>,
    memory: Family<Labels, Gauge>,
    instances: Family<Labels, Gauge>,
    known: Bounded,
}

impl Guests {
    pub(super) fn register(registry: &mut Registry) -> Self {
        let this = Self {
            calls: Durations::new_with_constructor(Buckets(&SECONDS)),
            cpu: Family::default(),
            traps: Family::default(),
            memory: Family::default(),
            instances: Family::default(),
            known: Bounded::new(MOST),
        };
        registry.register(
            "convey_guest_duration_seconds",
            "How long a call of a guest took, its requests included",
            this.calls.clone(),
        );
        registry.register("convey_guest_cpu_seconds", "CPU time that guests used", this.cpu.clone());
        registry.register(
            "convey_guest_traps",
            "Guests that broke: trap, time, memory or contract",
            this.traps.clone(),
        );
        registry.register(
            "convey_guest_memory_bytes",
            "Linear memory of the instance that was called last",
            this.memory.clone(),
        );
        registry.register("convey_instances", "Live instances, busy or idle", this.instances.clone());
        this
    }

    pub(super) fn of(&self, name: &str, digest: &str) -> Guest {
        let known = self.known.name(&format!("{name} {digest}"));
        let labels = match known.split_once(' ') {
            Some((name, digest)) => Labels { component_id: name.to_owned(), digest: digest.to_owned() },
            None => Labels { component_id: known, digest: String::new() },
        };
        Guest {
            calls: self.calls.clone(),
            cpu: self.cpu.get_or_create_owned(&labels),
            traps: self.traps.clone(),
            memory: self.memory.get_or_create_owned(&labels),
            instances: self.instances.get_or_create_owned(&labels),
            labels,
        }
    }
}

/// What one component's instances are counted by.
pub struct Guest {
    labels: Labels,
    calls: Durations<Call>,
    cpu: Counter<f64, AtomicU64>,
    traps: Family<Broken, Counter>,
    memory: Gauge,
    instances: Gauge,
}

impl Guest {
    /// A call ended, well or not: after so long, with so much CPU time, in an instance of so many bytes.
    pub fn called(&self, call: &'static str, took: Duration, cpu: Duration, memory_bytes: usize) {
        let Labels { component_id, digest } = self.labels.clone();
        self.calls.get_or_create(&Call { component_id, digest, call }).observe(took.as_secs_f64());
        self.cpu.inc_by(cpu.as_secs_f64());
        self.memory.set(memory_bytes as i64);
    }

    /// It broke. `kind` is one of the words of a Fault.
    pub fn broke(&self, kind: &'static str) {
        let Labels { component_id, digest } = self.labels.clone();
        self.traps.get_or_create(&Broken { component_id, digest, kind }).inc();
    }

    /// An instance lives, until this is dropped.
    pub fn instance(&self) -> Instance {
        self.instances.inc();
        Instance(self.instances.clone())
    }
}

/// A live instance.
pub struct Instance(Gauge);

impl Drop for Instance {
    fn drop(&mut self) {
        self.0.dec();
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::super::{Metrics, Picture};

    #[test]
    fn an_instance_is_counted_while_it_lives() {
        let metrics = Metrics::default();
        let guest = metrics.guest("rules", "e3b0c44298fc");
        let (first, second) = (guest.instance(), guest.instance());
        drop(first);
        guest.called("translate", Duration::from_millis(2), Duration::from_millis(1), 4_096);
        guest.broke("trap");
        let text = metrics.text(Picture::default());
        let labels = "component_id=\"rules\",digest=\"e3b0c44298fc\"";
        for line in [
            format!("convey_instances{{{labels}}} 1"),
            format!("convey_guest_memory_bytes{{{labels}}} 4096"),
            format!("convey_guest_traps_total{{{labels},kind=\"trap\"}} 1"),
            format!("convey_guest_duration_seconds_count{{{labels},call=\"translate\"}} 1"),
        ] {
            assert!(text.contains(&line), "{line}\n{text}");
        }
        drop(second);
    }
}
