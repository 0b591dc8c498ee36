//! What this source remembers of one contact. Opaque to the host, which seals it.

use serde::{Deserialize, Serialize};

use crate::fields::Fields;
use crate::tags::TagMemory;
use crate::told::Told;

const VERSION: u32 = 1;
/// Tasks, notes, appointments, opportunities and reported conversions remembered; the least recently touched is forgotten first.
const OBJECTS: usize = 64;
/// Stages remembered of one opportunity.
const STAGES: usize = 32;

/// The memory of one contact.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Memory {
    v: u32,
    /// Created, updated, deleted.
    #[serde(rename = "c")]
    pub contact: Told,
    /// The contact's fields when last told, or at first sight.
    #[serde(rename = "f")]
    pub fields: Option<Fields>,
    /// Its tags.
    #[serde(rename = "t")]
    pub tags: Option<TagMemory>,
    /// Its consent; `latest` is empty before the first sight.
    #[serde(rename = "d")]
    pub consent: Told,
    #[serde(rename = "o")]
    objects: Vec<Object>,
}

/// One thing that belongs to the contact.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Object {
    #[serde(rename = "k")]
    kind: String,
    #[serde(rename = "i")]
    id: String,
    /// What was told of it.
    #[serde(rename = "s")]
    pub told: Told,
    /// Stages an opportunity was seen in: pipeline, stage, when (ms).
    #[serde(rename = "p", skip_serializing_if = "Vec::is_empty")]
    stages: Vec<(String, String, u64)>,
}

impl Memory {
    /// Reads what [`Memory::save`] wrote. What another version wrote, or nobody, is no memory: the next sight is a first one.
    pub fn load(bytes: Option<&[u8]>) -> Self {
        let read: Option<Self> = bytes.and_then(|bytes| serde_json::from_slice(bytes).ok());
        read.filter(|memory| memory.v == VERSION).unwrap_or_default()
    }

    /// Compact JSON with a version.
    pub fn save(mut self) -> Vec<u8> {
        self.v = VERSION;
        // Maps with text keys and plain numbers always serialise; if that ever changed, an empty memory reads as a first sight.
        serde_json::to_vec(&self).unwrap_or_default()
    }

    /// The object, made if it is new, and kept longest from now on.
    pub fn object(&mut self, kind: &str, id: &str) -> &mut Object {
        let known = self.objects.iter().position(|object| object.kind == kind && object.id == id);
        let object = match known {
            Some(index) => self.objects.remove(index),
            None => Object { kind: kind.to_owned(), id: id.to_owned(), ..Object::default() },
        };
        if self.objects.len() >= OBJECTS {
            self.objects.remove(0);
        }
        self.objects.push(object);
        let last = self.objects.len() - 1;
        &mut self.objects[last]
    }
}

impl Object {
    /// Notes a stage and answers the others it was in before `at`, oldest first, as (pipeline, stage).
    pub fn enter(&mut self, pipeline: &str, stage: &str, at: u64) -> Vec<(String, String)> {
        let here = |seen: &(String, String, u64)| seen.0 == pipeline && seen.1 == stage;
        self.stages.sort_by_key(|seen| seen.2);
        let earlier =
            self.stages.iter().filter(|seen| seen.2 < at && !here(seen)).map(|seen| (seen.0.clone(), seen.1.clone()));
        let earlier = earlier.collect();
        match self.stages.iter_mut().find(|seen| here(seen)) {
            Some(seen) => seen.2 = seen.2.min(at),
            None => self.stages.push((pipeline.to_owned(), stage.to_owned(), at)),
        }
        if self.stages.len() > STAGES {
            self.stages.remove(0);
        }
        earlier
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn saved_and_loaded_is_the_same() {
        let mut memory = Memory::default();
        memory.object("task", "t").told.once("created");
        memory.object("opportunity", "o").enter("p", "s", 4);
        memory.tags = Some(TagMemory::baseline(vec!["a".into()], 3));
        let bytes = memory.clone().save();
        memory.v = VERSION;
        assert_eq!(Memory::load(Some(&bytes)), memory);
    }

    #[test]
    fn a_strange_memory_is_none() {
        for bytes in [&b""[..], b"{}", b"{\"v\":2}", b"\xff"] {
            assert_eq!(Memory::load(Some(bytes)), Memory::default());
        }
    }

    #[test]
    fn size_is_bounded_and_the_touched_stay() {
        let mut memory = Memory::default();
        for task in 0..500 {
            memory.object("task", &task.to_string()).told.once("created");
            memory.object("task", "0").told.knows("created");
        }
        assert_eq!(memory.objects.len(), OBJECTS);
        assert!(memory.object("task", "0").told.knows("created"));
        assert!(memory.save().len() < 16_000);
    }

    #[test]
    fn earlier_stages_are_those_before() {
        let mut object = Object::default();
        let stage = |id: &str| ("p".to_owned(), id.to_owned());
        assert_eq!(object.enter("p", "new", 1), []);
        assert_eq!(object.enter("p", "won", 5), [stage("new")]);
        assert_eq!(object.enter("p", "called", 3), [stage("new")]);
        assert_eq!(object.enter("p", "won", 6), [stage("new"), stage("called")]);
    }
}
