//! `custom_data`: what the event is worth and whatever else the mapping says (Conversions API, "Custom Data Parameters").

use serde_json::Value;

use crate::bindings::convey::pipeline::types::{ConversionEvent, CustomValue};
use crate::json::Object;

/// An event's custom data: `value` and `currency` first, then the mapping's own keys in the mapping's order.
pub struct Custom<'a>(&'a ConversionEvent);

impl<'a> Custom<'a> {
    /// The event's custom data; none if it has nothing to say.
    pub fn of(event: &'a ConversionEvent) -> Option<Self> {
        let custom = Self(event);
        (custom.value().is_some() || event.currency.is_some() || custom.own().next().is_some()).then_some(custom)
    }

    fn value(&self) -> Option<f64> {
        self.0.value.filter(|value| value.is_finite())
    }

    /// The mapping's own entries: JSON has no word for NaN, and a key is said once (the typed field wins, then the first).
    fn own(&self) -> impl Iterator<Item = (&'a str, &'a CustomValue)> {
        let (entries, has_value, has_currency) =
            (&self.0.custom_data, self.value().is_some(), self.0.currency.is_some());
        entries.iter().enumerate().filter_map(move |(at, (key, value))| {
            let typed = (has_value && key == "value") || (has_currency && key == "currency");
            let wild = matches!(value, CustomValue::Number(number) if !number.is_finite());
            let repeated = entries[..at].iter().any(|(earlier, _)| earlier == key);
            (!typed && !wild && !repeated).then_some((key.as_str(), value))
        })
    }

    /// Writes it.
    pub fn write(&self, line: &mut String) {
        let mut object = Object::begin(line);
        if let Some(value) = self.value() {
            object.value("value", &value);
        }
        if let Some(currency) = &self.0.currency {
            object.text("currency", currency);
        }
        for (key, value) in self.own() {
            match value {
                CustomValue::Text(text) => object.text(key, text),
                CustomValue::Number(number) => object.value(key, number),
                CustomValue::Flag(flag) => object.value(key, flag),
                // Text that is no JSON stays text: the platform's refusal is seen, a silently missing key is not.
                CustomValue::Json(text) => match serde_json::from_str::<Value>(text) {
                    Ok(json) => object.value(key, &json),
                    Err(_) => object.text(key, text),
                },
            }
        }
        object.end();
    }
}
