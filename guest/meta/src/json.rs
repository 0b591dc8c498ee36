//! JSON as it is written most: one object after the other, whose members are plain texts. What is seldom is left to serde.

use serde::Serialize;

/// An object on its way into a line of JSON.
pub struct Object<'l> {
    line: &'l mut String,
    empty: bool,
}

impl<'l> Object<'l> {
    /// Begins one.
    pub fn begin(line: &'l mut String) -> Self {
        line.push('{');
        Self { line, empty: true }
    }

    /// Adds a member whose value `write` writes.
    pub fn member(&mut self, key: &str, write: impl FnOnce(&mut String)) {
        if !self.empty {
            self.line.push(',');
        }
        self.empty = false;
        text(self.line, key);
        self.line.push(':');
        write(self.line);
    }

    /// Adds a text.
    pub fn text(&mut self, key: &str, value: &str) {
        self.member(key, |line| text(line, value));
    }

    /// Adds what serde can write as JSON. Every key must be text and no number wild: then nothing can fail.
    pub fn value(&mut self, key: &str, value: &(impl Serialize + ?Sized)) {
        self.member(key, |line| line.push_str(&serde_json::to_string(value).expect("plain JSON")));
    }

    /// Ends it.
    pub fn end(self) {
        self.line.push('}');
    }
}

/// Writes a text between quotes.
pub fn text(line: &mut String, text: &str) {
    // RFC 8259, section 7: these must be escaped. Looked for in all bytes at once, which a vector does.
    let must_escape = |byte: u8| (byte < 0x20) | (byte == b'"') | (byte == b'\\');
    if text.bytes().fold(false, |found, byte| found | must_escape(byte)) {
        line.push_str(&serde_json::to_string(text).expect("any text is JSON"));
        return;
    }
    line.push('"');
    line.push_str(text);
    line.push('"');
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn members_stand_in_order() {
        let mut line = String::new();
        let mut object = Object::begin(&mut line);
        object.text("a", "b");
        object.value("c", &[1.5, 2.0]);
        object.member("d", |line| Object::begin(line).end());
        object.end();
        assert_eq!(line, r#"{"a":"b","c":[1.5,2.0],"d":{}}"#);
    }

    proptest! {
        #[test]
        fn texts_are_written_as_serde_writes_them(given in any::<String>()) {
            let mut line = String::new();
            text(&mut line, &given);
            prop_assert_eq!(line, serde_json::to_string(&given).expect("JSON"));
        }
    }
}
