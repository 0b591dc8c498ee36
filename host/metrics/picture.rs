//! What stands where at one moment: levels that are looked up when somebody scrapes, not kept.

use std::collections::BTreeMap;
use std::sync::atomic::AtomicU64;

use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

type Levels = Family<Vec<(String, String)>, Gauge<f64, AtomicU64>>;

/// Levels by name and labels.
#[derive(Default)]
pub struct Picture(BTreeMap<&'static str, (&'static str, Levels)>);

impl Picture {
    /// Adds a level. `help` is the first that is given for a name.
    pub fn set(&mut self, name: &'static str, help: &'static str, labels: &[(&str, &str)], value: f64) {
        let (_, levels) = self.0.entry(name).or_insert_with(|| (help, Levels::default()));
        let labels = labels.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
        levels.get_or_create(&labels).set(value);
    }

    pub(super) fn registry(self) -> Registry {
        let mut registry = Registry::default();
        for (name, (help, levels)) in self.0 {
            registry.register(name, help, levels);
        }
        registry
    }
}
