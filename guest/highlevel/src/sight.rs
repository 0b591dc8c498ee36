//! What a row of a poll or of a sweep tells: the contact was found changed, and the difference to the memory says in what.

use serde_json::Value;

use crate::answer::{Scene, newborn};
use crate::bindings::convey::pipeline::types::{Contact, Trigger};
use crate::bindings::exports::convey::pipeline::contact_source::Silence;
use crate::consent;
use crate::contact::{contact, tags};
use crate::fact::Fact;
use crate::fields;
use crate::memory::Memory;
use crate::settings::ContactFrom;
use crate::tags::{TagMemory, tagged};
use crate::webhook::Webhook;

/// Whether a row shows nothing that was not fetched before: no request is needed for it.
pub fn is_known(memory: &Memory, webhook: &Webhook) -> bool {
    webhook.is_row() && webhook.at.is_some_and(|at| at <= memory.seen_at)
}

/// The facts that a row shows. Tags and consent are those of the row, because the contact fetched may have moved on and what moved on is yet to
/// be told; other fields a row has only in part, and they are the fetched contact's.
pub fn seen(scene: &Scene<'_>, memory: &mut Memory, webhook: &Webhook, at: u64) -> Result<Vec<Fact>, Silence> {
    if is_known(memory, webhook) {
        return Err(Silence::Repeated);
    }
    // Found by the search and gone since: its end has a webhook of its own.
    let Some(fetched) = scene.fetched else { return Err(Silence::Irrelevant) };
    let person = contact(fetched);
    let now = person.updated_at.unwrap_or(at);
    let first = memory.fields.is_none();
    let mut facts: Vec<Fact> = newborn(scene, memory).into_iter().collect();
    facts.extend(refielded(memory, scene.settings.contact_from, &webhook.body, &person, now, at));
    let listed = webhook.body.get("tags").is_some_and(Value::is_array);
    if listed || now <= at {
        let (set, since) = if listed { (tags(&webhook.body), at) } else { (person.tags.clone(), now) };
        let set = memory.own.applied(set, since);
        memory.own.echoes_tags(&set, since);
        match &mut memory.tags {
            None => memory.tags = Some(TagMemory::baseline(set, since)),
            Some(known) => facts.extend(known.state(set, since).into_iter().map(tagged)),
        }
    }
    let (word, since) = if consent::is_whole(&webhook.body) { (&webhook.body, at) } else { (fetched, now) };
    facts.extend(reconsented(memory, word, since));
    // What is older than the connection is taken as it is.
    if now < scene.since || facts.is_empty() {
        return Err(if first { Silence::Baseline } else { Silence::Unchanged });
    }
    Ok(facts)
}

fn refielded(memory: &mut Memory, from: ContactFrom, row: &Value, person: &Contact, now: u64, at: u64) -> Option<Fact> {
    let after = fields::fields(person, from);
    let Some(before) = &memory.fields else {
        memory.fields = Some(if now > at { fields::at_sight(row, person, from) } else { after });
        return None;
    };
    let changed = fields::changed(before, &after);
    if changed.is_empty() {
        return None;
    }
    let mark = fields::mark(&after);
    let version = format!("{mark}.{}", memory.contact.count(&mark));
    memory.fields = Some(after);
    Some(Fact { kind: "contact", object: String::new(), version, at: now, trigger: Trigger::ContactUpdated(changed) })
}

fn reconsented(memory: &mut Memory, word: &Value, at: u64) -> Option<Fact> {
    let mark = consent::mark(&consent::consent(word));
    let known = &mut memory.consent;
    if known.latest.is_empty() {
        known.rest(&mark, at);
        return None;
    }
    // Answers have been seen without the settings per channel: then only a state that never had any can be compared.
    if !consent::is_whole(word) && !consent::is_plain(&known.latest) {
        return None;
    }
    if at <= known.at || known.latest == mark {
        return None;
    }
    let version = known.state(&mark, at)?;
    Some(Fact { kind: "consent", object: String::new(), version, at, trigger: Trigger::ConsentChanged })
}

#[cfg(test)]
mod tests;
