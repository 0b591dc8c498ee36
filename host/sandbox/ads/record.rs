//! What the platform was told: every event it accepted, in order, and which of them it had been told before.

use std::collections::{BTreeMap, HashMap};

use ring::digest;
use serde::Serialize;
use serde_json::Value;

use crate::clock::Millis;

/// An event with the name and id of an earlier one counts as the same for so long (Conversions API, Deduplicate).
const SAME_MS: Millis = 48 * 3_600_000;

/// One event the platform accepted.
#[derive(Clone, Debug, Serialize)]
pub struct Accepted {
    /// 1 for the first, without gaps.
    pub seq: usize,
    /// The dataset it was sent to.
    pub dataset: String,
    /// As it was sent.
    pub event: Value,
    /// Milliseconds since the epoch.
    pub accepted_at: Millis,
    /// Whether the request carried a test event code.
    pub test: bool,
    /// The event that this one repeats: same dataset, `event_name` and `event_id`, at most 48 hours before.
    pub repeat_of: Option<usize>,
}

/// How many different events a dataset holds, and how many came again.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Count {
    /// Without the repeats.
    pub events: usize,
    /// Repeats within 48 hours.
    pub repeats: usize,
}

/// An event that came more than once.
#[derive(Clone, Debug, Serialize)]
pub struct Repeated {
    /// The first one's place.
    pub first: usize,
    /// How often it came in all.
    pub times: usize,
    /// The dataset.
    pub dataset: String,
    /// Half of what makes it the same.
    pub event_name: Value,
    /// The other half.
    pub event_id: Value,
}

/// The record. Events are kept as text, which takes a fraction of the room that they take once parsed.
#[derive(Default)]
pub struct Record {
    rows: Vec<Row>,
    datasets: Vec<String>,
    told: HashMap<Key, Told>,
}

struct Row {
    dataset: usize,
    event: Box<str>,
    accepted_at: Millis,
    test: bool,
    repeat_of: Option<usize>,
}

/// Dataset, name and id as one.
type Key = [u8; 32];

struct Told {
    first: usize,
    at: Millis,
}

impl Record {
    /// Writes one request's events down, in their order; how many there are now.
    pub fn accept(&mut self, dataset: &str, events: &[Value], test: bool, accepted_at: Millis) -> usize {
        let place = self.datasets.iter().position(|known| known == dataset).unwrap_or_else(|| {
            self.datasets.push(dataset.to_owned());
            self.datasets.len() - 1
        });
        for event in events {
            let seq = self.rows.len() + 1;
            let repeat_of = key(dataset, event).and_then(|key| self.repeat_of(key, seq, accepted_at));
            let event = event.to_string().into_boxed_str();
            self.rows.push(Row { dataset: place, event, accepted_at, test, repeat_of });
        }
        self.rows.len()
    }

    /// At most `limit` events after the first `after`.
    pub fn accepted(&self, after: usize, limit: usize) -> Vec<Accepted> {
        let rows = self.rows.iter().enumerate().skip(after).take(limit);
        rows.map(|(place, row)| Accepted {
            seq: place + 1,
            dataset: self.datasets[row.dataset].clone(),
            event: parsed(&row.event),
            accepted_at: row.accepted_at,
            test: row.test,
            repeat_of: row.repeat_of,
        })
        .collect()
    }

    /// How many came.
    pub fn count(&self) -> usize {
        self.rows.len()
    }

    /// How many came of each dataset, new and again.
    pub fn counts(&self) -> BTreeMap<&str, Count> {
        let mut counts: BTreeMap<&str, Count> = BTreeMap::new();
        for row in &self.rows {
            let count = counts.entry(&self.datasets[row.dataset]).or_default();
            match row.repeat_of {
                None => count.events += 1,
                Some(_) => count.repeats += 1,
            }
        }
        counts
    }

    /// The events that came more than once, in the order of the first.
    pub fn repeated(&self) -> Vec<Repeated> {
        let mut times: BTreeMap<usize, usize> = BTreeMap::new();
        for first in self.rows.iter().filter_map(|row| row.repeat_of) {
            *times.entry(first).or_insert(1) += 1;
        }
        let row = |(first, times): (usize, usize)| {
            let row = &self.rows[first - 1];
            let mut event = parsed(&row.event);
            let dataset = self.datasets[row.dataset].clone();
            let [event_name, event_id] = ["event_name", "event_id"].map(|key| event[key].take());
            Repeated { first, times, dataset, event_name, event_id }
        };
        times.into_iter().map(row).collect()
    }

    fn repeat_of(&mut self, key: Key, seq: usize, at: Millis) -> Option<usize> {
        match self.told.get(&key) {
            Some(told) if at.saturating_sub(told.at) <= SAME_MS => Some(told.first),
            _ => {
                self.told.insert(key, Told { first: seq, at });
                None
            }
        }
    }
}

/// None: an event without an id is never the same as another one.
fn key(dataset: &str, event: &Value) -> Option<Key> {
    let id = event.get("event_id").filter(|id| !id.is_null())?;
    let id = id.as_str().map_or_else(|| id.to_string(), str::to_owned);
    let name = event.get("event_name").and_then(Value::as_str).unwrap_or_default();
    let mut context = digest::Context::new(&digest::SHA256);
    for part in [dataset, name, &id] {
        context.update(&(part.len() as u64).to_le_bytes());
        context.update(part.as_bytes());
    }
    context.finish().as_ref().try_into().ok()
}

fn parsed(event: &str) -> Value {
    // It was written from a value.
    serde_json::from_str(event).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::{Count, Record, SAME_MS};

    fn event(name: &str, id: Value) -> Value {
        json!({ "event_name": name, "event_id": id })
    }

    #[test]
    fn the_same_name_and_id_is_a_repeat_for_48_hours() {
        let mut record = Record::default();
        let lead = event("Lead", json!("e1"));
        record.accept("1", &[lead.clone(), lead.clone(), event("Contact", json!("e1"))], false, 5);
        record.accept("2", std::slice::from_ref(&lead), false, 5);
        record.accept("1", &[json!({ "event_name": "Lead" }), json!({ "event_name": "Lead" })], false, 5);
        record.accept("1", std::slice::from_ref(&lead), true, 5 + SAME_MS);
        record.accept("1", std::slice::from_ref(&lead), false, 6 + SAME_MS);
        record.accept("1", &[lead.clone(), event("Lead", json!(7)), event("Lead", json!("7"))], false, 7 + SAME_MS);
        let of: Vec<Option<usize>> = record.accepted(0, usize::MAX).iter().map(|row| row.repeat_of).collect();
        let wanted = [None, Some(1), None, None, None, None, Some(1), None, Some(8), None, Some(10)];
        assert_eq!(of, wanted);
        let counts = record.counts();
        assert_eq!(counts["1"], Count { events: 6, repeats: 4 });
        assert_eq!(counts["2"], Count { events: 1, repeats: 0 });
        let repeated: Vec<(usize, usize)> = record.repeated().iter().map(|row| (row.first, row.times)).collect();
        assert_eq!(repeated, [(1, 3), (8, 2), (10, 2)]);
        assert_eq!((&record.repeated()[0].event_id, record.count()), (&json!("e1"), 11));
    }

    #[test]
    fn events_come_back_in_order_and_as_they_were_sent() {
        let mut record = Record::default();
        let sent: Vec<Value> = (0..4).map(|turn| event("Lead é", json!(turn))).collect();
        assert_eq!(record.accept("1", &sent, true, 9), 4);
        let read = record.accepted(1, 2);
        assert_eq!(read.iter().map(|row| row.event.clone()).collect::<Vec<_>>(), sent[1..3]);
        assert_eq!((read[0].seq, read[0].test, read[0].accepted_at), (2, true, 9));
        assert!(record.accepted(9, 5).is_empty());
    }
}
