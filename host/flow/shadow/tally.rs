//! Tally: what was seen of a shadow, in counts. It holds no value of any contact, so that it may be kept and shown.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::contract::{Change, Effect, Proposal, kind};
use crate::engine::{Fault, Translation};
use crate::flow::compare::{Difference, How, Turn, difference};
use crate::flow::quality::quality;

/// Names that one count holds at most; the rest is counted together.
const NAMES: usize = 200;
/// What all names beyond them are called.
const REST: &str = "…";
/// Differing changes that are named.
const SAMPLES: usize = 20;

/// One answer to a change.
pub type Answer = Result<Translation, Fault>;

/// What was seen so far. `old` is what was live when the shadow began, `new` what is to replace it or has. A kept one that lacks a count is no zero: it
/// would open a gate.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Tally {
    /// Changes that both were given.
    pub compared: u64,
    /// Those whose effects differ in anything.
    pub differing: u64,
    /// Changes that were left out because the shadow fell behind.
    pub left_out: u64,
    /// Where effects that both have differ, by path.
    pub paths: BTreeMap<String, Place>,
    /// Effects that only the new one has, by what they are.
    pub added: BTreeMap<String, u64>,
    /// Effects that only the old one has.
    pub removed: BTreeMap<String, u64>,
    /// Skips of the old one that became effects, by code.
    pub spoke: BTreeMap<String, u64>,
    /// Effects of the old one that became skips, by code.
    pub fell_silent: BTreeMap<String, u64>,
    /// Skips that became other skips.
    pub other_reason: BTreeMap<String, u64>,
    /// Changes that the new one breaks on and the old one does not.
    pub faulty: u64,
    /// How the new one breaks.
    pub faults: BTreeMap<String, u64>,
    /// Changes that the old one breaks on and the new one does not.
    pub mended: u64,
    /// CPU time of the old one, in nanoseconds.
    pub old_ns: u64,
    /// CPU time of the new one.
    pub new_ns: u64,
    /// Match quality of what the old one says.
    pub old_quality: Mean,
    /// Match quality of what the new one says.
    pub new_quality: Mean,
    /// Some of the changes that differ.
    pub samples: Vec<Sample>,
}

/// How often effects differ in one place.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Place {
    /// Only the new one has a value there.
    pub added: u64,
    /// Only the old one has.
    pub removed: u64,
    /// Both have, and not the same.
    pub different: u64,
}

/// A mean that grows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Mean {
    sum: f64,
    count: u64,
}

/// One change that differs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sample {
    /// How a person names it: `c34`, as `convey why` takes it.
    pub change: String,
    /// Where it happened.
    pub connection: String,
    /// What kind of change.
    pub kind: String,
    /// How it differs.
    pub difference: Difference,
}

impl Mean {
    fn add(&mut self, value: f64) {
        self.sum += value;
        self.count += 1;
    }

    /// The mean; none of nothing.
    pub fn value(&self) -> Option<f64> {
        (self.count > 0).then(|| (100.0 * self.sum / self.count as f64).round() / 100.0)
    }
}

impl Tally {
    /// Adds what the live mapper's CPU time was.
    pub fn add_live(&mut self, ns: u64, former: bool) {
        *(if former { &mut self.new_ns } else { &mut self.old_ns }) += ns;
    }

    /// Adds what the shadow's CPU time was.
    pub fn add_shadow(&mut self, ns: u64, former: bool) {
        *(if former { &mut self.old_ns } else { &mut self.new_ns }) += ns;
    }

    /// Counts a change. Whether the new one breaks on it.
    pub fn count(&mut self, row: i64, change: &Change, old: &Answer, new: &Answer) -> bool {
        self.compared += 1;
        judge(&mut self.old_quality, change, old);
        judge(&mut self.new_quality, change, new);
        if let Err(fault) = new {
            add(&mut self.faults, format!("{}: {}", fault.kind, fault.text.lines().next().unwrap_or_default()));
        }
        let difference = difference(old, new);
        if difference.is_none() {
            return new.is_err();
        }
        self.differing += 1;
        difference.added.iter().for_each(|effect| add(&mut self.added, effect.clone()));
        difference.removed.iter().for_each(|effect| add(&mut self.removed, effect.clone()));
        count_places(&mut self.paths, &difference);
        match &difference.turn {
            Some(Turn::Spoke(code)) => add(&mut self.spoke, code.clone()),
            Some(Turn::FellSilent(code)) => add(&mut self.fell_silent, code.clone()),
            Some(turn @ Turn::OtherReason(..)) => add(&mut self.other_reason, turn.line()),
            Some(Turn::Broke) => self.faulty += 1,
            Some(Turn::Mended) => self.mended += 1,
            None => {}
        }
        if self.samples.len() < SAMPLES && !self.samples.iter().any(|known| known.difference == difference) {
            let (connection, kind) = (change.connection.clone(), kind(&change.trigger).to_owned());
            self.samples.push(Sample { change: format!("c{row}"), connection, kind, difference });
        }
        new.is_err()
    }
}

/// Counts where effects that both have differ.
pub(in crate::flow) fn count_places(paths: &mut BTreeMap<String, Place>, difference: &Difference) {
    for changed in &difference.changed {
        let path = room(paths, changed.path.clone());
        let place = paths.entry(path).or_default();
        match changed.how {
            How::Added => place.added += 1,
            How::Removed => place.removed += 1,
            How::Different => place.different += 1,
        }
    }
}

fn judge(mean: &mut Mean, change: &Change, answer: &Answer) {
    let Ok(Ok(proposals)) = answer else { return };
    let told = |proposal: &Proposal| match &proposal.effect {
        Effect::Convert(event) => Some(quality(&event.user_data, &change.contact, &proposal.omitted).estimate),
        Effect::Audience(_) | Effect::Command(_) => None,
    };
    proposals.iter().filter_map(told).for_each(|estimate| mean.add(estimate));
}

/// Counts a name.
pub(in crate::flow) fn add(counts: &mut BTreeMap<String, u64>, name: String) {
    let name = room(counts, name);
    *counts.entry(name).or_default() += 1;
}

/// The name, or the one for all that have no room any more.
fn room<T>(counts: &BTreeMap<String, T>, name: String) -> String {
    if counts.len() < NAMES || counts.contains_key(&name) { name } else { REST.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::Tally;

    #[test]
    fn a_kept_tally_that_lacks_a_count_is_refused_and_not_read_as_none() {
        let whole = serde_json::to_value(Tally::default()).expect("JSON");
        assert_eq!(serde_json::from_value::<Tally>(whole.clone()).expect("all is there"), Tally::default());
        let fields: Vec<String> = whole.as_object().into_iter().flatten().map(|(name, _)| name.clone()).collect();
        assert!(!fields.is_empty());
        for field in fields {
            let mut short = whole.clone();
            short.as_object_mut().expect("an object").remove(&field);
            let error = serde_json::from_value::<Tally>(short).expect_err(&field).to_string();
            assert!(error.contains(&format!("missing field `{field}`")), "{error}");
        }
    }
}
