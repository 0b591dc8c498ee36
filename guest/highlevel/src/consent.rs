//! Do-not-disturb: one flag, and a state per channel.

use serde_json::Value;

use crate::bindings::convey::pipeline::types::Consent;
use crate::digest;
use crate::json::{Look, flag, text};

/// Reads `dnd` and `dndSettings` of a contact or webhook. `active` means blocked, `permanent` blocked for good; v2 spells channels `SMS`, v3 `sms`.
pub fn consent(value: &impl Look) -> Consent {
    let channels = value.member("dndSettings").and_then(Look::members);
    let mut blocked_channels: Vec<String> = channels
        .into_iter()
        .flatten()
        .filter(|(_, state)| matches!(text(*state, "status").as_deref(), Some("active" | "permanent")))
        .map(|(channel, _)| channel.to_ascii_lowercase())
        .collect();
    blocked_channels.sort();
    blocked_channels.dedup();
    Consent { do_not_disturb: flag(value, "dnd"), blocked_channels }
}

/// What memory keeps of it.
pub fn mark(consent: &Consent) -> String {
    digest::mark(&[if consent.do_not_disturb { "dnd" } else { "open" }, &consent.blocked_channels.join(" ")])
}

/// Whether an answer says how each channel stands.
pub fn is_whole(value: &Value) -> bool {
    value.get("dndSettings").is_some_and(Value::is_object)
}

/// Whether a mark is of a consent that names no channel.
pub fn is_plain(known: &str) -> bool {
    let plain = |do_not_disturb| mark(&Consent { do_not_disturb, blocked_channels: Vec::new() });
    known == plain(true) || known == plain(false)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn both_spellings_say_the_same() {
        let dated = json!({"dnd": true, "dndSettings": {"SMS": {"status": "permanent"}, "Email": {"status": "active"}, "Call": {"status": "inactive"}}});
        let v3 = json!({"dnd": true, "dndSettings": {"email": {"status": "active"}, "sms": {"status": "active"}}});
        assert_eq!(consent(&dated).blocked_channels, ["email", "sms"]);
        assert_eq!(mark(&consent(&dated)), mark(&consent(&v3)));
        assert_ne!(mark(&consent(&dated)), mark(&consent(&json!({"dnd": true}))));
    }

    #[test]
    fn an_answer_without_channels_is_not_whole() {
        let plain = json!({"dnd": true});
        assert!(!is_whole(&plain) && is_plain(&mark(&consent(&plain))));
        let whole = json!({"dndSettings": {"SMS": {"status": "active"}}});
        assert!(is_whole(&whole) && !is_plain(&mark(&consent(&whole))));
    }
}
