//! Delivered events as rows of a report: which contact and which campaign they go back to. No name, address or number of a
//! person is among them.

use serde::Serialize;

use crate::clock::Millis;
use crate::contract::types::Attribution;
use crate::contract::{Change, ConversionEvent};
use crate::store::ToldEvent;

/// One delivered event.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Exported {
    /// The id that the platform has it under.
    pub event_id: String,
    /// What it is called there.
    pub event: String,
    /// Where it went.
    pub destination: String,
    /// Whose it is.
    pub connection: String,
    /// The CRM's id of the contact; none once the contact was forgotten.
    pub contact: Option<String>,
    /// The fact's id.
    pub change: String,
    /// What kind of fact.
    pub kind: String,
    /// The rule that asked for it.
    pub rule: String,
    /// The generation that made it.
    pub generation: i64,
    /// When the fact happened, in milliseconds since the Unix epoch.
    pub occurred_at: Millis,
    /// When the platform took it.
    pub told_at: Millis,
    /// The platform's word for the request.
    pub trace: Option<String>,
    /// What it is worth.
    pub value: Option<f64>,
    /// In which currency.
    pub currency: Option<String>,
    /// The campaign of the contact's first touch.
    pub first_campaign: Option<String>,
    /// The id of the campaign there, where the CRM knows one.
    pub first_campaign_id: Option<String>,
    /// The campaign of the last touch.
    pub last_campaign: Option<String>,
    /// The id of the campaign there.
    pub last_campaign_id: Option<String>,
    /// The advertisement's id, of the last touch or the first.
    pub ad_id: Option<String>,
    /// The ad set's id, likewise.
    pub adset_id: Option<String>,
    /// The platform's id of a lead, likewise.
    pub lead_id: Option<String>,
    /// `utm_source`, likewise.
    pub utm_source: Option<String>,
    /// `utm_medium`, likewise.
    pub utm_medium: Option<String>,
    /// `utm_content`, likewise.
    pub utm_content: Option<String>,
}

/// A delivered event as a row of a report.
pub(super) fn exported(told: ToldEvent) -> Exported {
    let opened = told.bytes.as_ref().and_then(|(change, event)| {
        let change = serde_json::from_slice::<Change>(change).ok()?;
        Some((change, serde_json::from_slice::<ConversionEvent>(event).ok()?))
    });
    let (change, event) = opened.unzip();
    let contact = change.map(|change| change.contact);
    let first = contact.as_ref().and_then(|contact| contact.first_touch.as_ref());
    let last = contact.as_ref().and_then(|contact| contact.last_touch.as_ref());
    let either = |names: &[&str]| named(last, names).or_else(|| named(first, names));
    Exported {
        event_id: told.event_id,
        event: told.name,
        destination: told.destination,
        connection: told.connection,
        change: told.change,
        kind: told.kind,
        rule: told.rule,
        generation: told.generation,
        occurred_at: told.occurred_at,
        told_at: told.told_at,
        trace: told.trace,
        value: event.as_ref().and_then(|event| event.value),
        currency: event.and_then(|event| event.currency),
        first_campaign: first.and_then(|touch| touch.campaign.clone()),
        first_campaign_id: named(first, &["campaignid"]),
        last_campaign: last.and_then(|touch| touch.campaign.clone()),
        last_campaign_id: named(last, &["campaignid"]),
        ad_id: either(&["adid"]),
        adset_id: either(&["adsetid", "adgroupid"]),
        lead_id: last.and_then(|touch| touch.lead_id.clone()).or_else(|| first.and_then(|touch| touch.lead_id.clone())),
        utm_source: either(&["utmsource"]),
        utm_medium: either(&["utmmedium"]),
        utm_content: either(&["utmcontent"]),
        contact: contact.as_ref().map(|contact| contact.id.clone()),
    }
}

/// What a touch says under one of these names, however they are spelled: `campaignId`, `campaign_id`.
fn named(touch: Option<&Attribution>, names: &[&str]) -> Option<String> {
    let plain = |name: &str| -> String {
        name.chars().filter(char::is_ascii_alphanumeric).map(|letter| letter.to_ascii_lowercase()).collect()
    };
    let found = touch?.other.iter().find(|(name, _)| names.contains(&plain(name).as_str()));
    found.map(|(_, value)| value.clone()).filter(|value| !value.is_empty())
}

#[cfg(test)]
mod tests {
    use super::exported;
    use crate::store::ToldEvent;

    fn told(bytes: Option<(Vec<u8>, Vec<u8>)>) -> ToldEvent {
        ToldEvent {
            row: 1,
            event_id: "e1".into(),
            name: "Lead".into(),
            destination: "ads".into(),
            connection: "acme".into(),
            change: "fact".into(),
            kind: "contact-created".into(),
            rule: "lead".into(),
            generation: 3,
            occurred_at: 5,
            told_at: 9,
            trace: None,
            bytes,
        }
    }

    #[test]
    fn an_event_whose_contact_was_forgotten_is_told_without_one() {
        let row = exported(told(None));
        assert_eq!((row.event_id.as_str(), row.contact, row.first_campaign), ("e1", None, None));
        assert_eq!(exported(told(Some((b"no change".to_vec(), b"{}".to_vec())))).contact, None);
    }
}
