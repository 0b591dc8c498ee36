//! Tags: a webhook carries only the resulting set, so what came and went is the difference to what is remembered.

use serde::{Deserialize, Serialize};

use crate::bindings::convey::pipeline::types::{TagDelta, Trigger};
use crate::digest;
use crate::fact::Fact;
use crate::told::Told;

/// A set of tags at a time, ms.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct TagSet {
    /// The tags.
    #[serde(rename = "t")]
    pub tags: Vec<String>,
    /// Since when.
    #[serde(rename = "a")]
    pub at: u64,
}

/// What is remembered of a contact's tags.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TagMemory {
    /// The latest set.
    #[serde(rename = "n")]
    now: TagSet,
    /// The set before, which a late webhook may stand after; none if `now` is a first sight.
    #[serde(rename = "b")]
    before: Option<TagSet>,
    #[serde(rename = "k")]
    told: Told,
}

/// A difference that is told, with its version and time.
#[derive(Debug, PartialEq)]
pub struct TagFact {
    /// What came and went.
    pub delta: TagDelta,
    /// The version of the fact.
    pub version: String,
    /// When, ms.
    pub at: u64,
}

/// The fact of a difference.
pub fn tagged(TagFact { delta, version, at }: TagFact) -> Fact {
    Fact { kind: "tags", object: String::new(), version, at, trigger: Trigger::TagsChanged(delta) }
}

impl TagMemory {
    /// First sight.
    pub fn baseline(tags: Vec<String>, at: u64) -> Self {
        Self { now: TagSet { tags, at }, before: None, told: Told::default() }
    }

    /// A set a webhook states. Later than the latest: the difference. Between the last two: what came and went in between, as two facts, so that
    /// whoever adds them up arrives at the latest set. Older: nothing.
    pub fn state(&mut self, tags: Vec<String>, at: u64) -> Vec<TagFact> {
        // Two sets of one moment have no order; one that only adds takes nothing back.
        if at > self.now.at || (at == self.now.at && difference(&self.now.tags, &tags).removed.is_empty()) {
            let earlier = std::mem::replace(&mut self.now, TagSet { tags, at });
            let delta = difference(&earlier.tags, &self.now.tags);
            if !is_empty(&delta) {
                self.before = Some(earlier);
            }
            return self.tell(delta, at).into_iter().collect();
        }
        let Some(before) = self.before.clone().filter(|before| at > before.at && at < self.now.at) else {
            return Vec::new();
        };
        let there = difference(&before.tags, &tags);
        let back = difference(&tags, &self.now.tags);
        // Only what the step from `before` to `now` has not told: it came and went again, or went and came again.
        let out = TagDelta { added: shared(&there.added, &back.removed), removed: shared(&there.removed, &back.added) };
        let home = TagDelta { added: out.removed.clone(), removed: out.added.clone() };
        let latest = self.now.at;
        let facts: Vec<TagFact> = self.tell(out, at).into_iter().chain(self.tell(home, latest)).collect();
        self.before = Some(TagSet { tags, at });
        facts
    }

    /// The contact turns out to be younger than the first sight of its tags: they came after its creation.
    pub fn born(&mut self, tags: Vec<String>, at: u64) -> Option<TagFact> {
        if self.before.is_some() || at >= self.now.at {
            return None;
        }
        let delta = difference(&tags, &self.now.tags);
        self.before = Some(TagSet { tags, at });
        let latest = self.now.at;
        self.tell(delta, latest)
    }

    /// The latest set.
    pub fn latest(&self) -> &[String] {
        &self.now.tags
    }

    /// Takes a write of this source itself into both sets, untold: what others did still shows as the difference to them.
    pub fn write(&mut self, write: &TagWrite) {
        self.now.tags = write.applied(std::mem::take(&mut self.now.tags));
        if let Some(before) = &mut self.before {
            before.tags = write.applied(std::mem::take(&mut before.tags));
        }
    }

    /// Whether anything of it was told, so that the same set again is a repetition.
    pub fn was_told(&self) -> bool {
        self.told != Told::default()
    }

    fn tell(&mut self, delta: TagDelta, at: u64) -> Option<TagFact> {
        if is_empty(&delta) {
            return None;
        }
        let mark = mark(&delta);
        let version = format!("{mark}.{}", self.told.count(&mark));
        Some(TagFact { delta, version, at })
    }
}

/// Tags that this source itself added and removed.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct TagWrite {
    /// Added.
    #[serde(rename = "p")]
    pub added: Vec<String>,
    /// Removed.
    #[serde(rename = "m")]
    pub removed: Vec<String>,
    /// When, ms: by this source's clock, and by the vendor's once the echo was heard.
    #[serde(rename = "a")]
    pub at: u64,
    /// Whether the echo was heard.
    #[serde(rename = "e")]
    pub echoed: bool,
}

impl TagWrite {
    /// The set as it is after the write. HighLevel keeps tags in lower case.
    pub fn applied(&self, mut tags: Vec<String>) -> Vec<String> {
        tags.retain(|tag| !has(&self.removed, tag));
        for tag in &self.added {
            if !has(&tags, tag) {
                tags.push(tag.to_lowercase());
            }
        }
        tags
    }

    /// Whether a set is one after the write.
    pub fn shows_in(&self, tags: &[String]) -> bool {
        self.added.iter().all(|tag| has(tags, tag)) && !self.removed.iter().any(|tag| has(tags, tag))
    }
}

fn has(tags: &[String], wanted: &str) -> bool {
    tags.iter().any(|tag| tag.to_lowercase() == wanted.to_lowercase())
}

/// Whether two sets are the same, in whatever order.
pub fn same(these: &[String], those: &[String]) -> bool {
    is_empty(&difference(these, those))
}

/// What memory and versions keep of a difference.
pub fn mark(delta: &TagDelta) -> String {
    let mut parts: Vec<String> = delta
        .added
        .iter()
        .map(|tag| format!("+{tag}"))
        .chain(delta.removed.iter().map(|tag| format!("-{tag}")))
        .collect();
    parts.sort();
    digest::mark(&parts.iter().map(String::as_str).collect::<Vec<_>>())
}

fn difference(from: &[String], to: &[String]) -> TagDelta {
    let without =
        |these: &[String], those: &[String]| these.iter().filter(|tag| !those.contains(tag)).cloned().collect();
    TagDelta { added: without(to, from), removed: without(from, to) }
}

fn shared(these: &[String], those: &[String]) -> Vec<String> {
    these.iter().filter(|tag| those.contains(tag)).cloned().collect()
}

fn is_empty(delta: &TagDelta) -> bool {
    delta.added.is_empty() && delta.removed.is_empty()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(tags: &str) -> Vec<String> {
        tags.split_whitespace().map(str::to_owned).collect()
    }

    fn told(facts: &[TagFact]) -> Vec<(u64, String, String)> {
        facts.iter().map(|fact| (fact.at, fact.delta.added.join(" "), fact.delta.removed.join(" "))).collect()
    }

    fn row(at: u64, added: &str, removed: &str) -> (u64, String, String) {
        (at, added.into(), removed.into())
    }

    #[test]
    fn differences_in_order() {
        let mut memory = TagMemory::baseline(set("a"), 1);
        assert_eq!(told(&memory.state(set("a b"), 2)), [row(2, "b", "")]);
        assert_eq!(told(&memory.state(set("a b"), 3)), []);
        assert_eq!(told(&memory.state(set("b c"), 4)), [row(4, "c", "a")]);
        assert_eq!(told(&memory.state(set("a b"), 2)), [], "an old copy");
    }

    #[test]
    fn the_same_step_again_has_another_version() {
        let mut memory = TagMemory::baseline(set(""), 1);
        let first = memory.state(set("a"), 2);
        memory.state(set(""), 3);
        let again = memory.state(set("a"), 4);
        assert_eq!(first[0].delta, again[0].delta);
        assert_ne!(first[0].version, again[0].version);
    }

    #[test]
    fn a_late_step_adds_up_to_the_latest_set() {
        let mut memory = TagMemory::baseline(set("a"), 1);
        assert_eq!(told(&memory.state(set("a c"), 5)), [row(5, "c", "")]);
        // At 3 it was "b": a had gone and b had come, both undone by 5.
        assert_eq!(told(&memory.state(set("b"), 3)), [row(3, "b", "a"), row(5, "a", "b")]);
        // At 4 it was "a c" already: nothing new.
        assert_eq!(told(&memory.state(set("a c"), 4)), []);
        let mut plain = TagMemory::baseline(set(""), 1);
        plain.state(set("a b"), 5);
        assert_eq!(told(&plain.state(set("a"), 3)), [], "told with the later set");
    }

    #[test]
    fn two_sets_of_one_moment_only_add() {
        let mut memory = TagMemory::baseline(set(""), 1);
        assert_eq!(told(&memory.state(set("a"), 5)), [row(5, "a", "")]);
        assert_eq!(told(&memory.state(set("a b"), 5)), [row(5, "b", "")]);
        assert_eq!(told(&memory.state(set("a"), 5)), []);
    }

    #[test]
    fn tags_of_a_new_contact_are_news() {
        let mut memory = TagMemory::baseline(set("a vip"), 5);
        assert_eq!(memory.born(set("a"), 2).map(|fact| fact.delta.added), Some(set("vip")));
        assert_eq!(memory.born(set("a"), 2), None);
    }
}
