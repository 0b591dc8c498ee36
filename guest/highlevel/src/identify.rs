//! Whose delivery it is, without a request: the host groups by it.

use crate::bindings::convey::pipeline::types::Delivery;
use crate::bindings::exports::convey::pipeline::contact_source::{Identity, Installation, Lifecycle};
use crate::json::text;
use crate::webhook::{Said, parse};

/// The identity of one delivery. Errors: the place where the body stops being JSON.
pub fn identify(delivery: &Delivery) -> Result<Identity, String> {
    let webhook = parse(&delivery.body, &delivery.origin)?;
    let lifecycle = match webhook.said {
        Said::Installed => Some(Lifecycle::Installed),
        Said::Removed => Some(Lifecycle::Removed),
        _ => None,
    };
    let installation = lifecycle.map(|lifecycle| Installation {
        lifecycle,
        location: text(&webhook.body, "locationId"),
        company: text(&webhook.body, "companyId"),
    });
    Ok(Identity {
        contact: webhook.contact,
        kind: webhook.kind,
        occurred_at: webhook.at.or(webhook.dated),
        installation,
    })
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
        assert_eq!((identity.occurred_at, identity.installation), (Some(1_638_230_400_000), None));
    }

    #[test]
    fn a_task_that_names_nobody_is_nobodys_yet() {
        let body = json!({"type": "TaskCreate", "id": "t", "title": "call", "locationId": "l"});
        assert_eq!(identify(&delivery("d", 5, &body)).map(|identity| identity.contact), Ok(None));
    }

    #[test]
    fn installs_name_a_location_or_a_company() {
        for (kind, lifecycle) in [("INSTALL", Lifecycle::Installed), ("UNINSTALL", Lifecycle::Removed)] {
            let one = |body| identify(&delivery("d", 5, &body)).expect("valid");
            let identity = one(json!({"type": kind, "locationId": "l", "companyId": "k"}));
            let expected = Installation { lifecycle, location: Some("l".into()), company: Some("k".into()) };
            assert_eq!((identity.contact, identity.installation), (None, Some(expected)));
            let agency = one(json!({"type": kind, "companyId": "k"})).installation;
            assert_eq!(agency, Some(Installation { lifecycle, location: None, company: Some("k".into()) }));
        }
    }
}
