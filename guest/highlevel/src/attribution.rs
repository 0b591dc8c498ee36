//! Where a contact came from. Only `GET /contacts/:id` says it; webhooks never do.

use crate::bindings::convey::pipeline::types::Attribution;
use crate::json::{Look, any_text, flag, list, mark, said};

/// Fields that have a place of their own; `pageUrl` is the list endpoint's word for `url`.
const KNOWN: [&str; 16] = [
    "fbclid",
    "fbc",
    "fbp",
    "fbEventId",
    "ip",
    "userAgent",
    "url",
    "pageUrl",
    "referrer",
    "campaign",
    "leadId",
    "lead_id",
    "fbLeadId",
    "leadgenId",
    "isFirst",
    "isLast",
];

/// The marks of the known names: all are looked at together.
const MARKS: [u32; KNOWN.len()] = {
    let mut marks = [0; KNOWN.len()];
    let mut at = 0;
    while at < KNOWN.len() {
        marks[at] = mark(KNOWN[at]);
        at += 1;
    }
    marks
};

fn is_known(name: &str) -> bool {
    let sought = mark(name);
    MARKS.iter().fold(false, |found, known| found | (*known == sought)) && KNOWN.contains(&name)
}

/// First and last touch. Rows of a list carry an array `attributions` instead of the two objects.
pub fn touches(contact: &impl Look) -> (Option<Attribution>, Option<Attribution>) {
    let rows = list(contact, "attributions");
    let first =
        contact.member("attributionSource").or_else(|| rows.iter().find(|row| flag(*row, "isFirst")).or(rows.first()));
    let last = contact
        .member("lastAttributionSource")
        .or_else(|| rows.iter().find(|row| flag(*row, "isLast")).or(if rows.len() > 1 { rows.last() } else { None }));
    (first.and_then(attribution), last.and_then(attribution))
}

fn attribution(value: &impl Look) -> Option<Attribution> {
    let has_blanks = |text: &str| !text.bytes().all(|byte| byte.is_ascii_graphic());
    let field = |names: &[&str]| {
        any_text(value, names).map(|text| if has_blanks(&text) { text.trim().to_owned() } else { text })
    };
    // The documentation's own example reads "fb. 1.1674748390986.1171287961".
    let spaceless = |name: &str| {
        let text = any_text(value, &[name])?;
        Some(if has_blanks(&text) { text.split_whitespace().collect() } else { text })
    };
    let fbc = spaceless("fbc");
    let mut other: Vec<(String, String)> = value
        .members()?
        .filter(|(name, _)| !is_known(name))
        .filter_map(|(name, value)| Some((name.to_owned(), said(value)?)))
        .collect();
    other.sort();
    let touch = Attribution {
        fbclid: spaceless("fbclid"),
        clicked_at: fbc.as_deref().and_then(clicked_at),
        fbc,
        fbp: spaceless("fbp"),
        event_id: field(&["fbEventId"]),
        client_ip: field(&["ip"]),
        user_agent: field(&["userAgent"]),
        url: field(&["url", "pageUrl"]),
        referrer: field(&["referrer"]),
        campaign: field(&["campaign"]),
        lead_id: field(&["leadId", "lead_id", "fbLeadId", "leadgenId"]).filter(|id| is_lead_id(id)),
        other,
    };
    let empty = Attribution {
        fbclid: None,
        fbc: None,
        fbp: None,
        event_id: None,
        client_ip: None,
        user_agent: None,
        url: None,
        referrer: None,
        campaign: None,
        lead_id: None,
        clicked_at: None,
        other: Vec::new(),
    };
    (touch != empty).then_some(touch)
}

/// Meta, "fbp and fbc parameters": `fb.<subdomain index>.<creation time in ms>.<fbclid>`. No other field tells the time of the click.
fn clicked_at(fbc: &str) -> Option<u64> {
    let time = fbc.strip_prefix("fb.")?.split('.').nth(1)?;
    (time.len() == 13).then(|| time.parse().ok())?
}

/// Meta, Conversions API for CRM: a lead id has 15 to 17 digits.
fn is_lead_id(id: &str) -> bool {
    (15..=17).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_full_touch() {
        let (first, last) = touches(&json!({"attributionSource": {
            "url": "https://go.example.com/?fbclid=IwAR1", "fbclid": "IwAR1", "fbc": "fb.1.1674748390000.IwAR1", "fbp": "fb. 1.1674748390986.1171287961",
            "fbEventId": "e-1", "ip": "58.111.106.198", "userAgent": "Mozilla/5.0", "referrer": "https://l.facebook.com/", "campaign": "fall",
            "leadId": "1234567890123456", "gclid": "Cj0", "utmSource": "fb", "mediumId": null, "medium": "form"
        }}));
        let first = first.expect("a first touch");
        assert_eq!(first.fbp.as_deref(), Some("fb.1.1674748390986.1171287961"));
        assert_eq!(first.clicked_at, Some(1_674_748_390_000));
        assert_eq!(first.lead_id.as_deref(), Some("1234567890123456"));
        let other: Vec<&str> = first.other.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(other, ["gclid", "medium", "utmSource"]);
        assert_eq!(last, None);
    }

    #[test]
    fn the_least_that_was_seen_live() {
        let (first, last) = touches(&json!({
            "attributionSource": {"sessionSource": "CRM UI", "medium": "manual", "mediumId": null}, "lastAttributionSource": {}
        }));
        assert_eq!(first.map(|touch| touch.other.len()), Some(2));
        assert_eq!(last, None);
    }

    #[test]
    fn rows_of_a_list() {
        let (first, last) = touches(&json!({"attributions": [
            {"isLast": true, "pageUrl": "https://b"}, {"isFirst": true, "pageUrl": "https://a", "leadId": "12"}]}));
        let first = first.expect("a first touch");
        assert_eq!((first.url.as_deref(), first.lead_id), (Some("https://a"), None));
        assert_eq!(last.and_then(|touch| touch.url).as_deref(), Some("https://b"));
    }
}
