//! The people in a request: `payload` with `schema` and `data`, read into rows (Marketing API, Custom Audience users). Pure.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::super::body::unwrapped;
use super::super::error::GraphError;

/// People in one request.
pub const MOST: usize = 10_000;
/// Invalid entries that an answer shows.
const SAMPLES: usize = 100;

/// Keys whose cells are SHA-256 in hex.
const HASHED: [&str; 13] =
    ["EMAIL", "PHONE", "GEN", "DOBY", "DOBM", "DOBD", "LN", "FN", "FI", "CT", "ST", "ZIP", "COUNTRY"];
/// Keys whose cells are as they are.
const CLEAR: [&str; 10] = [
    "EXTERN_ID",
    "MADID",
    "UID",
    "APPUID",
    "PAGEUID",
    "IGUID",
    "LOOKALIKE_VALUE",
    "DATA_PROCESSING_OPTIONS",
    "DATA_PROCESSING_OPTIONS_COUNTRY",
    "DATA_PROCESSING_OPTIONS_STATE",
];
/// A schema that is text, and the key it stands for; other texts are the key itself.
const SINGLE: [(&str, &str); 3] =
    [("EMAIL_SHA256", "EMAIL"), ("PHONE_SHA256", "PHONE"), ("MOBILE_ADVERTISER_ID", "MADID")];

/// One person as the request says them: cells that are usable, by key.
pub type Row = BTreeMap<String, String>;

/// The people of one request.
#[derive(Debug, Default)]
pub struct People {
    /// Those with a usable cell.
    pub rows: Vec<Row>,
    /// How many rows there were.
    pub received: usize,
    /// How many of them had a cell that is no hash where one must be.
    pub invalid: usize,
    /// Some of these.
    pub samples: Vec<Value>,
}

/// Reads `payload`, which may be JSON in text.
pub fn read(payload: Option<Value>) -> Result<People, GraphError> {
    let wrong = GraphError::parameter;
    let Some(Value::Object(payload)) = payload.map(unwrapped) else {
        return Err(wrong("The parameter payload is required, and must be an object"));
    };
    let (keys, single) = schema(&payload)?;
    let Some(Value::Array(data)) = payload.get("data") else { return Err(wrong("payload.data must be an array")) };
    if data.is_empty() {
        return Err(wrong("payload.data must be non-empty"));
    }
    if data.len() > MOST {
        return Err(wrong(&format!("payload.data must hold at most {MOST} users")));
    }
    let mut people = People { received: data.len(), ..People::default() };
    for entry in data {
        let cells = match entry {
            Value::Array(cells) => cells.as_slice(),
            cell if single => std::slice::from_ref(cell),
            _ => return Err(wrong("each of payload.data must be a list with a cell for every key of the schema")),
        };
        if cells.len() != keys.len() {
            return Err(wrong("each of payload.data must have as many cells as the schema has keys"));
        }
        people.add(entry, &keys, cells);
    }
    Ok(people)
}

/// The keys, and whether the rows may be bare cells.
fn schema(payload: &Map<String, Value>) -> Result<(Vec<String>, bool), GraphError> {
    let (keys, single) = match payload.get("schema") {
        Some(Value::String(text)) => {
            let key = SINGLE.iter().find(|(name, _)| name == text).map_or(text.as_str(), |(_, key)| key);
            (vec![key.to_owned()], true)
        }
        Some(Value::Array(keys)) => {
            let text = |key: &Value| key.as_str().unwrap_or_default().to_owned();
            (keys.iter().map(text).collect::<Vec<_>>(), false)
        }
        _ => return Err(GraphError::parameter("payload.schema must be a key or a list of keys")),
    };
    let known = |key: &String| HASHED.contains(&key.as_str()) || CLEAR.contains(&key.as_str());
    match keys.iter().find(|key| !known(key)) {
        Some(key) => Err(GraphError::parameter(&format!("payload.schema holds an unknown key: {key}"))),
        None if keys.is_empty() => Err(GraphError::parameter("payload.schema must be non-empty")),
        None => Ok((keys, single)),
    }
}

impl People {
    fn add(&mut self, entry: &Value, keys: &[String], cells: &[Value]) {
        let mut row = Row::new();
        let mut invalid = false;
        for (key, cell) in keys.iter().zip(cells) {
            let text = cell.as_str().map_or_else(|| cell.to_string(), str::to_owned);
            if text.is_empty() || cell.is_null() {
                continue;
            }
            if !HASHED.contains(&key.as_str()) {
                row.insert(key.clone(), text);
            } else if text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
                row.insert(key.clone(), text.to_ascii_lowercase());
            } else {
                invalid = true;
            }
        }
        if invalid {
            self.invalid += 1;
            if self.samples.len() < SAMPLES {
                self.samples.push(entry.clone());
            }
        }
        if !row.is_empty() {
            self.rows.push(row);
        }
    }

    /// The answer about them.
    pub fn answer(&self, audience: &str, session: &str) -> Value {
        // An object when there is none, as the platform's own programs expect it.
        let samples = if self.samples.is_empty() { json!({}) } else { json!(self.samples) };
        json!({
            "audience_id": audience, "session_id": session, "num_received": self.received,
            "num_invalid_entries": self.invalid, "invalid_entry_samples": samples,
        })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::read;

    const A: &str = "62a14e44f765419d10fea99367361a727c12365e2520f32218d505ed9aa0f62f";

    #[test]
    fn a_schema_is_one_key_or_many() {
        for (schema, data) in [
            (json!("EMAIL_SHA256"), json!([A, A.to_uppercase()])),
            (json!("EMAIL"), json!([[A], A])),
            (json!(["EMAIL", "EXTERN_ID"]), json!([[A, ""], [A, null]])),
        ] {
            let people = read(Some(json!({ "schema": schema, "data": data }))).expect("people");
            assert_eq!((people.received, people.invalid, people.rows.len()), (2, 0, 2), "{schema}");
            assert!(people.rows.iter().all(|row| row.len() == 1 && row["EMAIL"] == A), "{schema}");
        }
        let text = json!({ "schema": ["EXTERN_ID", "COUNTRY"], "data": [["customer 7", "us"], [7, A]] }).to_string();
        let people = read(Some(Value::String(text))).expect("JSON in text");
        assert_eq!((people.received, people.invalid), (2, 1));
        assert_eq!((people.rows[0].len(), people.rows[1]["EXTERN_ID"].as_str()), (1, "7"));
        let answer = people.answer("5", "6");
        assert_eq!(answer["invalid_entry_samples"], json!([["customer 7", "us"]]));
        assert_eq!(answer["num_invalid_entries"], 1);
    }

    #[test]
    fn what_is_no_table_is_refused() {
        for payload in [
            json!(null),
            json!("x"),
            json!({ "data": [A] }),
            json!({ "schema": "EMAIL_SHA256" }),
            json!({ "schema": "EMAIL_SHA256", "data": [] }),
            json!({ "schema": "SHOE_SIZE", "data": [A] }),
            json!({ "schema": [], "data": [[]] }),
            json!({ "schema": ["EMAIL"], "data": [A] }),
            json!({ "schema": ["EMAIL", "PHONE"], "data": [[A]] }),
            json!({ "schema": "EMAIL_SHA256", "data": vec![A; 10_001] }),
        ] {
            let shown = payload.to_string();
            assert_eq!(read(Some(payload)).expect_err("refused").code, 100, "{}", &shown[..shown.len().min(80)]);
        }
        assert!(read(None).is_err());
        assert!(read(Some(json!({ "schema": "EMAIL_SHA256", "data": vec![A; 10_000] }))).is_ok());
    }
}
