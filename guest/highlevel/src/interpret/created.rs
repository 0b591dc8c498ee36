//! The short way for what is asked most: a bare contact that came to be. There is nothing to compare it with, so it is read in one go.

use crate::bindings::convey::pipeline::types::{Change, Trigger};
use crate::bindings::exports::convey::pipeline::contact_source::Subject;
use crate::catalogue::Catalogue;
use crate::contact::contact;
use crate::fact::{Fact, Place};
use crate::json::{Glance, Look, text};
use crate::settings::Settings;
use crate::time;

/// The change, if the body is a contact and was asked for as a new one. Everything else, mistakes too, goes the long way.
pub(super) fn at_once(
    subject: &Subject,
    settings: &Settings,
    catalogue: &Catalogue,
    trigger: Option<&str>,
    body: &[u8],
) -> Option<Change> {
    if trigger.is_some_and(|trigger| trigger != "contact-created") {
        return None;
    }
    let whole: Glance<'_> = serde_json::from_str(std::str::from_utf8(body).ok()?).ok()?;
    let is_event = |name: &str| name.starts_with(|first: char| first.is_ascii_uppercase());
    if whole.member("type").and_then(Look::as_text).is_some_and(is_event) {
        return None;
    }
    let value = whole.member("contact").filter(|inner| matches!(inner, Glance::Object(_))).unwrap_or(&whole);
    let id = text(value, "id")?;
    let mut person = contact(value);
    person.id = id;
    let appointment = || time::at(value.member("appointment")?, "dateAdded");
    let at = person.created_at.or_else(appointment).unwrap_or(0);
    if person.location.is_empty() {
        person.location.clone_from(&subject.location);
    }
    let fact = Fact {
        kind: "contact",
        object: String::new(),
        version: "created".to_owned(),
        at,
        trigger: Trigger::ContactCreated,
    };
    let place = Place { connection: &subject.connection, settings, catalogue, seen_at: at };
    Some(fact.change(&place, person))
}
