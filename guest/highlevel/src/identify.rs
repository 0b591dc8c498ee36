//! Whose delivery it is, without a request: the host groups by it.

use crate::bindings::convey::pipeline::types::Delivery;
use crate::bindings::exports::convey::pipeline::contact_source::{Identity, Lifecycle};
use crate::webhook::{Said, parse};

/// The identity of one delivery. Errors: the place where the body stops being JSON.
pub fn identify(delivery: &Delivery) -> Result<Identity, String> {
    let webhook = parse(&delivery.body, &delivery.origin)?;
    let lifecycle = match webhook.said {
        Said::Installed => Some(Lifecycle::Installed),
        Said::Removed => Some(Lifecycle::Removed),
        _ => None,
    };
    Ok(Identity { contact: webhook.contact, kind: webhook.kind, occurred_at: webhook.at.or(webhook.dated), lifecycle })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::samples::delivery;

    #[test]
    fn contact_time_and_kind() {
        let body = json!({"type": "NoteCreate", "id": "n", "contactId": "c", "timestamp": "2021-11-30T00:00:00Z"});
        let identity = identify(&delivery("d", 5, &body)).expect("valid");
        assert_eq!((identity.contact.as_deref(), identity.kind.as_str()), (Some("c"), "NoteCreate"));
        assert_eq!((identity.occurred_at, identity.lifecycle), (Some(1_638_230_400_000), None));
    }

    #[test]
    fn installs_are_lifecycle() {
        for (kind, lifecycle) in [("INSTALL", Lifecycle::Installed), ("UNINSTALL", Lifecycle::Removed)] {
            let identity = identify(&delivery("d", 5, &json!({"type": kind, "locationId": "l"}))).expect("valid");
            assert_eq!((identity.contact, identity.lifecycle), (None, Some(lifecycle)));
        }
    }
}
