//! Lenient looks into the vendor's JSON: a field that is missing, null, blank or of another type is simply not there.

use serde_json::Value;

/// The field's text as it stands, unless blank. Numbers count as text: ids and postal codes come as both.
pub fn text(value: &Value, field: &str) -> Option<String> {
    match value.get(field)? {
        Value::String(text) if !text.trim().is_empty() => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

/// The first of several spellings that holds text.
pub fn any_text(value: &Value, fields: &[&str]) -> Option<String> {
    fields.iter().find_map(|field| text(value, field))
}

/// A truth, also when it is written as text.
pub fn flag(value: &Value, field: &str) -> bool {
    match value.get(field) {
        Some(Value::Bool(flag)) => *flag,
        Some(Value::String(text)) => text == "true",
        _ => false,
    }
}

/// A finite number, also when it is written as text.
pub fn number(value: &Value, field: &str) -> Option<f64> {
    let number = match value.get(field)? {
        Value::Number(number) => number.as_f64()?,
        Value::String(text) => text.trim().parse().ok()?,
        _ => return None,
    };
    number.is_finite().then_some(number)
}

/// The field's elements; nothing where there is no list.
pub fn list<'a>(value: &'a Value, field: &str) -> &'a [Value] {
    value.get(field).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_not_there_is_none() {
        let value = json!({"a": " ", "b": null, "c": 452001, "d": "12.5", "e": "x", "f": "NaN", "g": [1]});
        assert_eq!(text(&value, "a"), None);
        assert_eq!(text(&value, "b"), None);
        assert_eq!(text(&value, "c").as_deref(), Some("452001"));
        assert_eq!(number(&value, "d"), Some(12.5));
        assert_eq!(number(&value, "e"), None);
        assert_eq!(number(&value, "f"), None);
        assert_eq!(any_text(&value, &["a", "e"]).as_deref(), Some("x"));
        assert_eq!(list(&value, "g").len() + list(&value, "z").len(), 1);
    }
}
