//! What a payload alone says where only the difference to a memory could tell more.

use crate::answer::{Scene, answer, changes, person};
use crate::bindings::convey::pipeline::types::{Change, TagDelta, Trigger};
use crate::bindings::exports::convey::pipeline::contact_source::Silence;
use crate::contact::tags;
use crate::fact::Fact;
use crate::fields;
use crate::memory::Memory;
use crate::settings::ContactFrom;
use crate::tags::TagMemory;
use crate::webhook::{Said, Webhook};

/// The changes of one payload: every field and tag it carries counts as new.
pub fn at_face_value(scene: &Scene<'_>, webhook: &Webhook, received_at: u64) -> Result<Vec<Change>, Silence> {
    let mut memory = Memory::default();
    let at = webhook.happened_at(received_at);
    match webhook.said {
        // Nobody keeps this memory: what a creation would note in it need not be made out.
        Said::ContactCreated => {
            memory.fields = Some(fields::Fields::new());
            memory.consent.rest("unknown", 0);
        }
        Said::ContactUpdated => memory.fields = Some(fields::Fields::new()),
        Said::TagsUpdated => memory.tags = Some(TagMemory::baseline(Vec::new(), 0)),
        Said::ConsentUpdated => memory.consent.rest("unknown", 0),
        _ => {}
    }
    match (answer(scene, &mut memory, webhook, received_at), &webhook.said, &webhook.contact) {
        // A payload without any tag, or without a time, still states a fact: nothing came and nothing went.
        (
            Err(Silence::Unchanged | Silence::Repeated),
            Said::ContactUpdated | Said::TagsUpdated | Said::ConsentUpdated,
            Some(id),
        ) => {
            let (kind, trigger) = match webhook.said {
                Said::TagsUpdated => {
                    ("tags", Trigger::TagsChanged(TagDelta { added: tags(&webhook.body), removed: Vec::new() }))
                }
                Said::ConsentUpdated => ("consent", Trigger::ConsentChanged),
                _ => ("contact", Trigger::ContactUpdated(Vec::new())),
            };
            let person = person(scene, webhook, id);
            let version = fields::mark(&fields::fields(&person, ContactFrom::Api));
            let fact = Fact { kind, object: String::new(), version, at, trigger };
            Ok(changes(scene, vec![fact], person, received_at))
        }
        (answer, ..) => answer,
    }
}
