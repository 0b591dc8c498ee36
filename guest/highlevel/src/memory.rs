//! What this source remembers of one contact. Opaque to the host, which seals it.

use serde::{Deserialize, Serialize};

use crate::fields::Fields;
use crate::own::OwnWrites;
use crate::tags::TagMemory;
use crate::told::Told;

const VERSION: u32 = 1;
/// Tasks, notes, appointments, opportunities and reported conversions remembered; the least recently touched is forgotten first.
const OBJECTS: usize = 256;
/// Stages remembered of one opportunity.
const STAGES: usize = 32;
/// What a memory may weigh; objects are forgotten until it does.
const BYTES: usize = 32 * 1024;

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
    /// Up to which of its own dates of change the contact was fetched and told whole, ms.
    #[serde(rename = "u", skip_serializing_if = "is_zero")]
    pub seen_at: u64,
    /// What this source itself wrote.
    #[serde(rename = "w", skip_serializing_if = "is_default")]
    pub own: OwnWrites,
    /// What the sweeps saw.
    #[serde(rename = "z", skip_serializing_if = "is_default")]
    pub swept: Swept,
}

/// Where the sweeps of a contact stand.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Swept {
    /// Kinds of objects swept at least once: what was there then is the past.
    #[serde(rename = "k")]
    pub kinds: Vec<String>,
    /// When the last sweep came by, ms.
    #[serde(rename = "a")]
    pub at: u64,
    /// Some object was forgotten for want of room: one that is not remembered need not be new.
    #[serde(rename = "x")]
    pub forgot: bool,
}

fn is_zero(number: &u64) -> bool {
    *number == 0
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
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
    /// The latest state of an appointment, whatever the zone of its times.
    #[serde(rename = "h", skip_serializing_if = "String::is_empty")]
    pub shape: String,
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
        loop {
            // Maps with text keys and plain numbers always serialise; if that ever changed, an empty memory reads as a first sight.
            let bytes = serde_json::to_vec(&self).unwrap_or_default();
            if bytes.len() <= BYTES || self.objects.is_empty() {
                return bytes;
            }
            self.objects.drain(..self.objects.len().div_ceil(8));
            self.swept.forgot = true;
        }
    }

    /// Ids of the objects of a kind.
    pub fn ids(&self, kind: &str) -> Vec<String> {
        self.objects.iter().filter(|object| object.kind == kind).map(|object| object.id.clone()).collect()
    }

    /// Whether an object is remembered.
    pub fn remembers(&self, kind: &str, id: &str) -> bool {
        self.objects.iter().any(|object| object.kind == kind && object.id == id)
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
            self.swept.forgot = true;
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
        assert!(memory.save().len() <= BYTES);
    }

    #[test]
    fn the_heaviest_memory_is_bounded() {
        let mut memory = Memory::default();
        for note in 0..OBJECTS {
            let told = &mut memory.object("note", &format!("{note:020}")).told;
            for state in 0..40 {
                told.state(&crate::digest::mark(&[&state.to_string()]), state);
            }
        }
        let bytes = memory.save();
        let kept = Memory::load(Some(&bytes));
        assert!(bytes.len() <= BYTES && kept.objects.len() > 16 && kept.swept.forgot, "{}", bytes.len());
        assert!(kept.remembers("note", &format!("{:020}", OBJECTS - 1)), "the latest stay");
    }

    #[test]
    fn what_an_earlier_release_wrote_is_read() {
        let earlier = br#"{"v":1,"c":{"a":0,"l":"","o":["created"],"m":[],"f":0,"g":false},"f":{"city":"0123456789ab"},
            "t":{"n":{"t":["a"],"a":3},"b":null,"k":{"a":0,"l":"","o":[],"m":[],"f":0,"g":false}},
            "d":{"a":3,"l":"x","o":[],"m":[],"f":0,"g":false},"o":[{"k":"task","i":"t","s":{"a":0,"l":"","o":["created"],"m":[],"f":0,"g":false}}]}"#;
        let mut memory = Memory::load(Some(earlier));
        assert!(memory.contact.knows("created") && memory.object("task", "t").told.knows("created"));
        assert_eq!(memory.tags.as_ref().map(|tags| tags.latest().to_vec()), Some(vec!["a".to_owned()]));
        assert_eq!((memory.seen_at, &memory.swept), (0, &Swept::default()));
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
