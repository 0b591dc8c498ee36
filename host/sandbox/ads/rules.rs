//! What one event must be (Conversions API: Server Event, Customer Information and Custom Data Parameters). Pure.

use serde_json::{Map, Value};

use super::super::quirks::Quirks;
use super::error::GraphError;

/// A lead that does not exist, or does no more: only the platform can know that of a number that looks like one.
pub const LEAD_ID: i64 = 2_804_036;
/// Too little about the person, or only what never identifies anyone.
const INSUFFICIENT: i64 = 2_804_050;
const TOO_OLD: i64 = 2_804_003;
const IN_FUTURE: i64 = 2_804_004;
const NO_VALUE: i64 = 2_804_009;
const NO_CURRENCY: i64 = 2_804_010;
const CUSTOM_SHAPE: i64 = 2_804_008;
const CUSTOM_FIELD: i64 = 2_804_016;
const PARAMETER: i64 = 2_804_019;
const DEVICE: i64 = 2_804_043;
const CHANNEL: i64 = 2_804_063;

const OLDEST_S: u64 = 7 * 86_400;
/// For what happened in a shop, with the switch on.
const OLDEST_IN_STORE_S: u64 = 62 * 86_400;
const FUTURE_S: u64 = 60;

const ACTION_SOURCES: [&str; 9] = [
    "email",
    "website",
    "app",
    "phone_call",
    "chat",
    "physical_store",
    "system_generated",
    "business_messaging",
    "other",
];

const HASHED: [&str; 10] = ["em", "ph", "fn", "ln", "ge", "db", "ct", "st", "zp", "country"];

const CLEAR: [&str; 15] = [
    "external_id",
    "client_ip_address",
    "client_user_agent",
    "fbc",
    "fbp",
    "lead_id",
    "fb_login_id",
    "subscription_id",
    "anon_id",
    "madid",
    "page_id",
    "page_scoped_user_id",
    "ctwa_clid",
    "ig_account_id",
    "ig_sid",
];

/// Sets that identify nobody, nor does any part of them.
const TOO_LITTLE: [&[&str]; 4] = [
    &["ct", "country", "st", "zp", "ge", "client_user_agent"],
    &["db", "client_user_agent"],
    &["fn", "ge"],
    &["ln", "ge"],
];

/// Slots of `app_data.extinfo`.
const EXTINFO: usize = 16;

/// The first rule this event breaks. `index` is its place in the request, which few of the errors name.
pub fn check(index: usize, event: &Value, now_ms: u64, quirks: Quirks) -> Result<(), GraphError> {
    let at = Place(index);
    let event = event.as_object().ok_or_else(|| at.wrong("", "must be an object"))?;
    let name = event.get("event_name").and_then(Value::as_str).filter(|name| !name.is_empty());
    let name = name.ok_or_else(|| at.wrong("['event_name']", "is required"))?;
    let source = event.get("action_source").map(|source| source.as_str().unwrap_or_default());
    let oldest_s =
        if quirks.store_events_62_days && source == Some("physical_store") { OLDEST_IN_STORE_S } else { OLDEST_S };
    time(&at, event.get("event_time"), now_ms / 1_000, oldest_s)?;
    let source = source.ok_or_else(|| at.wrong("['action_source']", "is required"))?;
    if !ACTION_SOURCES.contains(&source) {
        return Err(at.wrong("['action_source']", &format!("must be one of {}", ACTION_SOURCES.join(", "))));
    }
    if event.get("event_id").is_some_and(|id| !id.is_string() && !id.is_number()) {
        return Err(at.wrong("['event_id']", "must be a string"));
    }
    let person = event.get("user_data").ok_or_else(|| at.wrong("['user_data']", "is required"))?;
    let person = person.as_object().ok_or_else(|| at.wrong("['user_data']", "must be an object"))?;
    identity(&at, person)?;
    if quirks.website_needs_user_agent && source == "website" && person.get("client_user_agent").is_none_or(is_empty) {
        return Err(at.wrong("['user_data']['client_user_agent']", "is required for website events"));
    }
    channel(source, event)?;
    processing(&at, event)?;
    custom(name, event.get("custom_data"))
}

/// Where in the request an event stands.
struct Place(usize);

impl Place {
    fn wrong(&self, path: &str, what: &str) -> GraphError {
        GraphError::place(PARAMETER, format!("$['data'][{}]{path} {what}", self.0))
    }
}

fn error(subcode: i64) -> GraphError {
    GraphError::known(100, subcode)
}

fn time(at: &Place, time: Option<&Value>, now_s: u64, oldest_s: u64) -> Result<(), GraphError> {
    let time = match time {
        None | Some(Value::Null) => return Err(at.wrong("['event_time']", "is required")),
        Some(Value::String(text)) => text.parse().ok(),
        Some(value) => value.as_u64(),
    };
    let time = time.ok_or_else(|| at.wrong("['event_time']", "must be a Unix time in seconds"))?;
    if time > now_s + FUTURE_S {
        return Err(error(IN_FUTURE));
    }
    if time + oldest_s < now_s {
        return Err(error(TOO_OLD));
    }
    Ok(())
}

fn identity(at: &Place, person: &Map<String, Value>) -> Result<(), GraphError> {
    for (key, value) in person.iter().filter(|(key, _)| HASHED.contains(&key.as_str())) {
        if !each(value, is_hashed) {
            let path = format!("['user_data']['{key}']");
            return Err(at.wrong(&path, "must be a SHA-256 digest of 64 lower-case hex digits, or a list of them"));
        }
    }
    if person.get("external_id").is_some_and(|value| !each(value, |text| !text.is_empty())) {
        return Err(at.wrong("['user_data']['external_id']", "must be a string or a list of strings"));
    }
    if person.get("lead_id").is_some_and(|lead| !is_lead(lead)) {
        return Err(error(LEAD_ID));
    }
    let given: Vec<&str> = person.iter().filter(|(_, value)| !is_empty(value)).map(|(key, _)| key.as_str()).collect();
    let usable: Vec<&str> = given.into_iter().filter(|key| HASHED.contains(key) || CLEAR.contains(key)).collect();
    // No key at all is a part of every set, so it falls under this too.
    if TOO_LITTLE.iter().any(|set| usable.iter().all(|key| set.contains(key))) {
        return Err(error(INSUFFICIENT));
    }
    Ok(())
}

/// What a message and an app must say of themselves.
fn channel(source: &str, event: &Map<String, Value>) -> Result<(), GraphError> {
    if source == "business_messaging" && event.get("messaging_channel").is_none_or(is_empty) {
        return Err(error(CHANNEL));
    }
    let Some(device) = event.get("app_data").and_then(|app| app.get("extinfo")) else { return Ok(()) };
    let slot = |place: usize| device.get(place).and_then(Value::as_str).unwrap_or_default();
    let whole = device.as_array().is_some_and(|slots| slots.len() == EXTINFO);
    if whole && matches!(slot(0), "i2" | "a2") && !slot(4).is_empty() { Ok(()) } else { Err(error(DEVICE)) }
}

/// Limited data use: `LDU` or nothing.
fn processing(at: &Place, event: &Map<String, Value>) -> Result<(), GraphError> {
    let Some(options) = event.get("data_processing_options") else { return Ok(()) };
    if !options.as_array().is_some_and(|options| options.iter().all(|option| option == "LDU")) {
        return Err(at.wrong("['data_processing_options']", "must be [\"LDU\"] or []"));
    }
    for key in ["data_processing_options_country", "data_processing_options_state"] {
        if event.get(key).is_some_and(|place| !place.is_u64()) {
            return Err(at.wrong(&format!("['{key}']"), "must be a number"));
        }
    }
    Ok(())
}

fn custom(name: &str, custom: Option<&Value>) -> Result<(), GraphError> {
    let none = Map::new();
    let custom = match custom {
        None | Some(Value::Null) => &none,
        Some(Value::Object(custom)) => custom,
        Some(_) => return Err(error(CUSTOM_SHAPE)),
    };
    let (value, currency) = (custom.get("value"), custom.get("currency"));
    if name == "Purchase" && value.is_none() {
        return Err(error(NO_VALUE));
    }
    if name == "Purchase" && currency.is_none() {
        return Err(error(NO_CURRENCY));
    }
    let number = |value: &Value| value.is_number() || value.as_str().is_some_and(|text| text.parse::<f64>().is_ok());
    let code = |text: &str| text.len() == 3 && text.bytes().all(|byte| byte.is_ascii_alphabetic());
    if value.is_some_and(|value| !number(value))
        || currency.is_some_and(|currency| !currency.as_str().is_some_and(code))
    {
        return Err(error(CUSTOM_FIELD));
    }
    Ok(())
}

/// The id of a lead: 15 to 17 digits, as a number or, as the official SDKs send it, as text.
fn is_lead(lead: &Value) -> bool {
    let digits = match lead {
        Value::String(text) => text.clone(),
        number => number.as_u64().map(|number| number.to_string()).unwrap_or_default(),
    };
    (15..=17).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_digit())
}

/// A string, or a list of strings, all of which hold.
fn each(value: &Value, holds: impl Fn(&str) -> bool) -> bool {
    match value {
        Value::Array(items) => items.iter().all(|item| item.as_str().is_some_and(&holds)),
        _ => value.as_str().is_some_and(holds),
    }
}

/// 64 lower-case hex digits, with or without the two or eight characters the official parameter builder appends.
fn is_hashed(text: &str) -> bool {
    let (digest, appendix) = text.split_once('.').unwrap_or((text, "AQ"));
    let hex = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
    let letter = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
    digest.len() == 64 && digest.bytes().all(hex) && matches!(appendix.len(), 2 | 8) && appendix.bytes().all(letter)
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::String(text) => text.is_empty(),
        Value::Array(items) => items.iter().all(is_empty),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::super::super::quirks::Quirks;
    use super::check;

    const NOW_S: u64 = 1_795_305_600;
    const HASH: &str = "62a14e44f765419d10fea99367361a727c12365e2520f32218d505ed9aa0f62f";

    fn good() -> Value {
        json!({
            "event_name": "Lead", "event_time": NOW_S - 60, "event_id": "e1", "action_source": "system_generated",
            "user_data": { "em": [HASH], "lead_id": 1_234_567_890_123_456_u64 }, "custom_data": { "event_source": "crm" },
        })
    }

    /// The good event with the member at `pointer` replaced, or taken away.
    fn with(pointer: &str, value: Option<Value>) -> Value {
        let mut event = good();
        let (parent, key) = pointer.rsplit_once('/').expect("a pointer");
        let members = event.pointer_mut(parent).and_then(Value::as_object_mut).expect("an object");
        match value {
            Some(value) => members.insert(key.to_owned(), value),
            None => members.remove(key),
        };
        event
    }

    fn verdict(event: &Value) -> Option<i64> {
        verdict_with(event, Quirks::default())
    }

    fn verdict_with(event: &Value, quirks: Quirks) -> Option<i64> {
        check(0, event, NOW_S * 1_000, quirks).err().map(|error| {
            assert_eq!(error.code, 100);
            error.subcode.unwrap_or_default()
        })
    }

    #[test]
    fn the_rules_one_by_one() {
        let user = |value: Value| with("/user_data", Some(value));
        let time = |value: Value| with("/event_time", Some(value));
        let purchase = |custom: Value| {
            let mut event = with("/event_name", Some("Purchase".into()));
            event["custom_data"] = custom;
            event
        };
        let table = [
            (good(), None),
            (json!([]), Some(2_804_019)),
            (with("/event_name", None), Some(2_804_019)),
            (with("/event_name", Some("".into())), Some(2_804_019)),
            (with("/event_time", None), Some(2_804_019)),
            (with("/action_source", None), Some(2_804_019)),
            (with("/action_source", Some("crm".into())), Some(2_804_019)),
            (with("/user_data", None), Some(2_804_019)),
            (with("/event_id", Some(json!({}))), Some(2_804_019)),
            (with("/event_id", None), None),
            (time((NOW_S - 6 * 86_400).into()), None),
            (time((NOW_S - 7 * 86_400).into()), None),
            (time((NOW_S - 7 * 86_400 - 1).into()), Some(2_804_003)),
            (time((NOW_S + 60).into()), None),
            (time((NOW_S + 61).into()), Some(2_804_004)),
            (time((NOW_S * 1_000).into()), Some(2_804_004)),
            (time(NOW_S.to_string().into()), None),
            (time("2026-11-22T00:00:00Z".into()), Some(2_804_019)),
            (user(json!({})), Some(2_804_050)),
            (user(json!({ "em": [] })), Some(2_804_050)),
            (user(json!({ "shoe_size": "44" })), Some(2_804_050)),
            (user(json!({ "ct": HASH, "zp": [HASH], "client_user_agent": "Mozilla" })), Some(2_804_050)),
            (user(json!({ "db": HASH, "client_user_agent": "Mozilla" })), Some(2_804_050)),
            (user(json!({ "fn": HASH, "ge": HASH })), Some(2_804_050)),
            (user(json!({ "ln": HASH })), Some(2_804_050)),
            (user(json!({ "fn": HASH, "ln": HASH })), None),
            (user(json!({ "fbc": "fb.1.1.x" })), None),
            (user(json!({ "external_id": ["customer 7"] })), None),
            (user(json!({ "external_id": 7 })), Some(2_804_019)),
            (user(json!({ "em": "jane@example.com" })), Some(2_804_019)),
            (user(json!({ "em": [HASH, "jane@example.com"] })), Some(2_804_019)),
            (user(json!({ "em": HASH.to_uppercase() })), Some(2_804_019)),
            (user(json!({ "ph": format!("{HASH}.AQQCAQMC") })), None),
            (user(json!({ "ph": format!("{HASH}.AQQ") })), Some(2_804_019)),
            (user(json!({ "lead_id": "1234567890123456" })), None),
            (user(json!({ "lead_id": 123_456_789_012_345_u64 })), None),
            (user(json!({ "lead_id": 12_345 })), Some(2_804_036)),
            (user(json!({ "lead_id": "lead 123456789012" })), Some(2_804_036)),
            (user(json!({ "lead_id": 1.5 })), Some(2_804_036)),
            (purchase(json!({ "value": 10.5, "currency": "USD" })), None),
            (purchase(json!({ "currency": "USD" })), Some(2_804_009)),
            (purchase(json!({ "value": 10.5 })), Some(2_804_010)),
            (purchase(json!({ "value": "ten", "currency": "USD" })), Some(2_804_016)),
            (purchase(json!({ "value": 1, "currency": "US$" })), Some(2_804_016)),
            (purchase(json!([])), Some(2_804_008)),
            (with("/custom_data", None), None),
            (with("/action_source", Some("business_messaging".into())), Some(2_804_063)),
            (with("/app_data", Some(json!({ "extinfo": ["i2"] }))), Some(2_804_043)),
            (with("/app_data", Some(json!({ "extinfo": extinfo("") }))), Some(2_804_043)),
            (with("/app_data", Some(json!({ "extinfo": extinfo("17.5") }))), None),
            (with("/data_processing_options", Some(json!(["LDU"]))), None),
            (with("/data_processing_options", Some(json!([]))), None),
            (with("/data_processing_options", Some(json!("LDU"))), Some(2_804_019)),
        ];
        for (event, wanted) in table {
            assert_eq!(verdict(&event), wanted, "{event}");
        }
    }
    fn extinfo(system: &str) -> Vec<&str> {
        (0..16)
            .map(|slot| {
                [("i2", slot == 0), (system, slot == 4)].iter().find(|(_, here)| *here).map_or("", |(text, _)| text)
            })
            .collect()
    }

    #[test]
    fn what_is_said_to_differ_from_place_to_place_has_a_switch() {
        let mut store = with("/action_source", Some("physical_store".into()));
        store["event_time"] = (NOW_S - 60 * 86_400).into();
        assert_eq!(verdict(&store), Some(2_804_003));
        let late = Quirks { store_events_62_days: true, ..Quirks::default() };
        assert_eq!(verdict_with(&store, late), None);
        store["event_time"] = (NOW_S - 63 * 86_400).into();
        assert_eq!(verdict_with(&store, late), Some(2_804_003));
        let strict = Quirks { website_needs_user_agent: true, ..Quirks::default() };
        let mut website = with("/action_source", Some("website".into()));
        assert_eq!((verdict(&website), verdict_with(&website, strict)), (None, Some(2_804_019)));
        website["user_data"]["client_user_agent"] = "Mozilla".into();
        assert_eq!(verdict_with(&website, strict), None);
    }
}
