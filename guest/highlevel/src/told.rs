//! What was already told of one object: its states by mark, how often each, and which one is the latest.

use serde::{Deserialize, Serialize};

/// States remembered of one object. An older one is forgotten, but `floor` keeps its count, so that no version is ever given twice.
const STATES: usize = 32;

/// The ledger of one object.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Told {
    /// The time of the latest state, ms.
    #[serde(rename = "a")]
    pub at: u64,
    /// The mark of the latest state; empty when none is known.
    #[serde(rename = "l")]
    pub latest: String,
    /// Facts that can be only once; never forgotten.
    #[serde(rename = "o")]
    verbs: Vec<String>,
    /// Marks told, with how often; least recently told first.
    #[serde(rename = "m")]
    marks: Vec<(String, u32)>,
    #[serde(rename = "f")]
    floor: u32,
    #[serde(rename = "g")]
    gone: bool,
}

impl Told {
    /// A fact that can be only once (created, completed, deleted): its version, or nothing if it was told.
    pub fn once(&mut self, verb: &str) -> Option<String> {
        if self.knows(verb) {
            return None;
        }
        self.verbs.push(verb.to_owned());
        Some(verb.to_owned())
    }

    /// A state at a time: its version if it is new. A state that is the latest, is older than the latest and known, or follows the end, is not.
    /// The version counts the returns to a state, so it does not depend on the order in which deliveries came.
    pub fn state(&mut self, mark: &str, at: u64) -> Option<String> {
        if self.latest.is_empty() || at > self.at {
            let twin = self.latest == mark;
            self.rest(mark, at);
            if twin || self.gone {
                return None;
            }
        } else if self.knows(mark) || self.latest == mark {
            return None;
        }
        Some(format!("{mark}.{}", self.count(mark)))
    }

    /// Takes a state as the latest without telling it.
    pub fn rest(&mut self, mark: &str, at: u64) {
        self.latest = mark.to_owned();
        self.at = self.at.max(at);
    }

    /// The object is gone: nothing later is told of it. `mark` is its last state, which a twin may still repeat.
    pub fn end(&mut self, mark: &str, at: u64) {
        self.gone = true;
        self.rest(mark, at);
    }

    /// Whether a state or verb was told.
    pub fn knows(&self, mark: &str) -> bool {
        self.verbs.iter().chain(self.marks.iter().map(|(known, _)| known)).any(|known| known == mark)
    }

    /// Counts one more telling; answers how many there were before.
    pub fn count(&mut self, mark: &str) -> u32 {
        let known = self.marks.iter().position(|(known, _)| known == mark);
        let before = known.map_or(self.floor, |index| self.marks.remove(index).1);
        self.marks.push((mark.to_owned(), before + 1));
        if self.marks.len() > STATES {
            let (_, forgotten) = self.marks.remove(0);
            self.floor = self.floor.max(forgotten);
        }
        before
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_twin_is_one_fact_and_a_return_is_two() {
        let mut told = Told::default();
        assert_eq!(told.state("A", 1).as_deref(), Some("A.0"));
        assert_eq!(told.state("A", 2), None);
        assert_eq!(told.state("B", 3).as_deref(), Some("B.0"));
        assert_eq!(told.state("A", 1), None, "an old copy");
        assert_eq!(told.state("A", 4).as_deref(), Some("A.1"), "a return");
    }

    #[test]
    fn order_of_arrival_changes_no_version() {
        let (mut straight, mut crossed) = (Told::default(), Told::default());
        let mut a: Vec<_> = [("A", 1), ("B", 2), ("C", 3)].iter().map(|(mark, at)| straight.state(mark, *at)).collect();
        let mut b: Vec<_> = [("C", 3), ("A", 1), ("B", 2)].iter().map(|(mark, at)| crossed.state(mark, *at)).collect();
        a.sort();
        b.sort();
        assert_eq!(a, b);
        assert_eq!((crossed.latest.as_str(), crossed.at), ("C", 3));
    }

    #[test]
    fn nothing_follows_the_end() {
        let mut told = Told::default();
        assert_eq!(told.once("deleted").as_deref(), Some("deleted"));
        told.end("A", 5);
        assert_eq!(
            (told.once("deleted"), told.state("A", 4), told.state("A", 6), told.state("B", 7)),
            (None, None, None, None)
        );
        assert_eq!(told.state("C", 3).as_deref(), Some("C.0"), "but what came before it is still told");
    }

    proptest! {
        #[test]
        fn no_version_is_given_twice(states in prop::collection::vec(0_u8..60, 0..400)) {
            let mut told = Told::default();
            let mut versions = HashSet::new();
            for (at, state) in states.iter().enumerate() {
                if let Some(version) = told.state(&format!("s{state}"), at as u64) {
                    prop_assert!(versions.insert(version));
                }
            }
        }
    }
}
