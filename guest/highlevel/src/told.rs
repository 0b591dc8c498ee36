//! What was already told of one object: its states by mark, how often each, and which one is the latest.

use serde::{Deserialize, Serialize};

/// States remembered of one object. An older one is forgotten, but `floor` keeps its count, so that no version is ever given twice.
const STATES: usize = 32;
/// Own writes, and sightings, remembered of one object.
const NOTED: usize = 8;
/// An echo of an own write that comes later than this is somebody else's return to the same state.
const ECHO_MS: u64 = 10 * 60 * 1000;

/// The ledger of one object.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Told {
    /// The time of the latest state, ms.
    #[serde(rename = "a", skip_serializing_if = "is_zero")]
    pub at: u64,
    /// The mark of the latest state; empty when none is known.
    #[serde(rename = "l", skip_serializing_if = "String::is_empty")]
    pub latest: String,
    /// Facts that can be only once; never forgotten.
    #[serde(rename = "o", skip_serializing_if = "Vec::is_empty")]
    verbs: Vec<String>,
    /// Marks told, with how often; least recently told first.
    #[serde(rename = "m", skip_serializing_if = "Vec::is_empty")]
    marks: Vec<(String, u32)>,
    #[serde(rename = "f", skip_serializing_if = "is_zero")]
    floor: u32,
    #[serde(rename = "g", skip_serializing_if = "is_false")]
    gone: bool,
    /// Verbs and marks that this source itself wrote to the CRM, with the time (ms).
    #[serde(rename = "w", skip_serializing_if = "Vec::is_empty")]
    own: Vec<(String, u64)>,
    /// Versions that a sweep found and no delivery told.
    #[serde(rename = "n", skip_serializing_if = "Vec::is_empty")]
    seen: Vec<String>,
}

fn is_zero<N: Default + PartialEq>(number: &N) -> bool {
    *number == N::default()
}

fn is_false(flag: &bool) -> bool {
    !flag
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

    /// A state, or the object's end in that state: the version of what is new of it.
    pub fn state_or_end(&mut self, mark: &str, gone: bool, at: u64) -> Option<String> {
        if !gone {
            return self.state(mark, at);
        }
        let version = self.once("deleted");
        self.end(mark, at);
        version
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

    /// What [`Told::state`] would give for a state that is new and later than all told, without telling it.
    pub fn next(&self, mark: &str) -> String {
        let before = self.marks.iter().find(|(known, _)| known == mark).map_or(self.floor, |(_, count)| *count);
        format!("{mark}.{before}")
    }

    /// Whether its end was told.
    pub fn is_gone(&self) -> bool {
        self.gone || self.knows("deleted")
    }

    /// Notes a verb or mark as written by this source itself at a time, ms.
    pub fn write(&mut self, what: &str, at: u64) {
        self.own.retain(|(known, _)| known != what);
        self.own.push((what.to_owned(), at));
        if self.own.len() > NOTED {
            self.own.remove(0);
        }
    }

    /// Whether this source itself wrote it.
    pub fn is_own(&self, what: &str) -> bool {
        self.own.iter().any(|(own, _)| own == what)
    }

    /// Whether a state at a time is the echo of this source's own write; an echo comes once, and soon.
    pub fn echoes(&mut self, mark: &str, at: u64) -> bool {
        let echo = self.own.iter().position(|(own, written)| own == mark && at.abs_diff(*written) <= ECHO_MS);
        echo.map(|index| self.own.remove(index)).is_some()
    }

    /// Notes a version that a sweep found; answers whether it is seen for the first time.
    pub fn see(&mut self, version: &str) -> bool {
        let new = !self.has_seen(version);
        self.seen.retain(|known| known != version);
        self.seen.push(version.to_owned());
        if self.seen.len() > NOTED {
            self.seen.remove(0);
        }
        new
    }

    /// Whether a sweep has seen this version.
    pub fn has_seen(&self, version: &str) -> bool {
        self.seen.iter().any(|seen| seen == version)
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

    #[test]
    fn what_is_next_is_what_a_state_then_gives() {
        let mut told = Told::default();
        for (mark, at) in [("A", 1), ("B", 2), ("A", 3), ("C", 4)] {
            let next = told.next(mark);
            assert!(told.see(&next) && !told.see(&next));
            assert_eq!(told.state(mark, at), Some(next), "being seen by a sweep keeps nothing from being told");
        }
    }

    #[test]
    fn an_empty_ledger_takes_no_room() {
        assert_eq!(serde_json::to_string(&Told::default()).expect("plain"), "{}");
        let earlier = r#"{"a":5,"l":"A","o":["created"],"m":[["A",1]],"f":0,"g":false}"#;
        let told: Told = serde_json::from_str(earlier).expect("what an earlier release wrote");
        assert!(told.knows("created") && told.knows("A") && told.latest == "A" && told.at == 5);
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
