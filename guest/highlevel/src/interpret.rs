//! Changes from a payload alone: no memory, no request, no clock.

use serde_json::Value;

use crate::answer::Scene;
use crate::beside::Beside;
use crate::bindings::convey::pipeline::types::{Change, Origin};
use crate::bindings::exports::convey::pipeline::contact_source::{Silence, Subject};
use crate::catalogue::{self, Catalogue};
use crate::json::text;
use crate::settings::{self, Settings};
use crate::time;
use crate::webhook::{Said, Webhook, event, object, parse};

mod created;
mod face;

use face::at_face_value;

/// Each body as changes. `trigger` says what happened to a bare contact (default: it was created); a webhook says so itself.
/// Errors: why a body holds no change, one a body.
pub fn interpret(subject: &Subject, trigger: Option<&str>, bodies: &[Vec<u8>]) -> Vec<Result<Vec<Change>, String>> {
    let settings = settings::parse(&subject.settings);
    let catalogue = catalogue::of(subject).unwrap_or_default();
    let one = |body: &Vec<u8>| one(subject, settings.as_ref().map_err(Clone::clone)?, &catalogue, trigger, body);
    bodies.iter().map(one).collect()
}

fn one(
    subject: &Subject,
    settings: &Settings,
    catalogue: &Catalogue,
    trigger: Option<&str>,
    body: &[u8],
) -> Result<Vec<Change>, String> {
    if let Some(change) = created::at_once(subject, settings, catalogue, trigger, body) {
        return Ok(vec![change]);
    }
    long(subject, settings, catalogue, trigger, body)
}

fn long(
    subject: &Subject,
    settings: &Settings,
    catalogue: &Catalogue,
    trigger: Option<&str>,
    body: &[u8],
) -> Result<Vec<Change>, String> {
    let value = object(body)?;
    let bare = event(&value).is_none();
    let webhook = if bare { bare_contact(value, trigger)? } else { parse(body, &Origin::Webhook)? };
    // Without a clock, a fact that gives no time of its own is as old as the object it is about.
    let inner = webhook.body.get("appointment").unwrap_or(&webhook.body);
    let happened_at = webhook.happened_at(time::at(inner, "dateAdded").unwrap_or(0));
    let fetched = Some(&webhook.body).filter(|_| bare || webhook.is_contact());
    let scene = Scene {
        connection: &subject.connection,
        location: &subject.location,
        settings,
        catalogue,
        // Of an update the payload says no more than that; the creation is not its to tell.
        since: u64::MAX,
        fetched,
        carried: None,
        beside: &Beside::default(),
    };
    at_face_value(&scene, &webhook, happened_at).map_err(|silence| refusal(&webhook, silence))
}

fn bare_contact(mut value: Value, trigger: Option<&str>) -> Result<Webhook, String> {
    if let Some(inner @ Value::Object(_)) = value.get_mut("contact") {
        value = inner.take();
    }
    let said = match trigger.unwrap_or("contact-created") {
        "contact-created" => Said::ContactCreated,
        "contact-updated" => Said::ContactUpdated,
        "contact-deleted" => Said::ContactDeleted,
        "tags-changed" => Said::TagsUpdated,
        "consent-changed" => Said::ConsentUpdated,
        other => {
            return Err(format!(
                "a bare contact cannot be a {other:?}; use contact-created, contact-updated, contact-deleted, tags-changed or \
                 consent-changed, or give the webhook"
            ));
        }
    };
    let contact = text(&value, "id").ok_or("neither a contact (no id) nor a webhook (no type)")?;
    let created = time::at(&value, "dateAdded");
    let at = if said == Said::ContactCreated { created } else { time::at(&value, "dateUpdated").or(created) };
    Ok(Webhook { kind: "contact".into(), contact: Some(contact), at, dated: created, said, body: value })
}

fn refusal(webhook: &Webhook, silence: Silence) -> String {
    match (silence, &webhook.said) {
        (Silence::Irrelevant, Said::Nothing | Said::Installed | Said::Removed) => {
            format!("{} says nothing of a contact", webhook.kind)
        }
        (Silence::Irrelevant, _) => format!("{} names no contact", webhook.kind),
        _ => format!("{} holds no change", webhook.kind),
    }
}

#[cfg(test)]
mod tests;
