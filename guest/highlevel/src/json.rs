//! Lenient looks into the vendor's JSON: a field that is missing, null, blank or of another type is simply not there.

mod glance;

use serde_json::{Number, Value};

pub use glance::{Glance, mark};

/// JSON that was read, as what it was read into has it.
pub trait Look: Sized {
    /// The member of an object.
    fn member(&self, name: &str) -> Option<&Self>;
    /// The text.
    fn as_text(&self) -> Option<&str>;
    /// The number.
    fn as_number(&self) -> Option<&Number>;
    /// The truth value.
    fn as_flag(&self) -> Option<bool>;
    /// The elements of a list.
    fn elements(&self) -> Option<&[Self]>;
    /// The members of an object, each name once.
    fn members(&self) -> Option<impl Iterator<Item = (&str, &Self)>>;
    /// The JSON.
    fn written(&self) -> String;
}

impl Look for Value {
    fn member(&self, name: &str) -> Option<&Self> {
        self.get(name)
    }

    fn as_text(&self) -> Option<&str> {
        self.as_str()
    }

    fn as_number(&self) -> Option<&Number> {
        Value::as_number(self)
    }

    fn as_flag(&self) -> Option<bool> {
        self.as_bool()
    }

    fn elements(&self) -> Option<&[Self]> {
        self.as_array().map(Vec::as_slice)
    }

    fn members(&self) -> Option<impl Iterator<Item = (&str, &Self)>> {
        Some(self.as_object()?.iter().map(|(name, value)| (name.as_str(), value)))
    }

    fn written(&self) -> String {
        self.to_string()
    }
}

/// The field's text as it stands, unless blank. Numbers count as text: ids and postal codes come as both.
pub fn text(value: &impl Look, field: &str) -> Option<String> {
    said(value.member(field)?)
}

/// A value's text, as [`text`] takes it.
pub fn said(value: &impl Look) -> Option<String> {
    match value.as_text() {
        Some(text) => (!is_blank(text)).then(|| text.to_owned()),
        None => value.as_number().map(Number::to_string),
    }
}

/// Whether a text says nothing.
pub fn is_blank(text: &str) -> bool {
    // Nearly every text begins with a letter or a digit, and that is enough.
    !text.as_bytes().first().is_some_and(u8::is_ascii_graphic) && text.trim().is_empty()
}

/// The first of several spellings that holds text.
pub fn any_text(value: &impl Look, fields: &[&str]) -> Option<String> {
    fields.iter().find_map(|field| text(value, field))
}

/// A truth, also when it is written as text.
pub fn flag(value: &impl Look, field: &str) -> bool {
    value.member(field).is_some_and(|value| value.as_flag().unwrap_or(value.as_text() == Some("true")))
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
pub fn list<'a, L: Look>(value: &'a L, field: &str) -> &'a [L] {
    value.member(field).and_then(L::elements).unwrap_or_default()
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
