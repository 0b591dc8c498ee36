//! One table of the file, read key by key. A key is known because something asked for it: what nobody asked for is an error,
//! so no key can be accepted and then not enforced.

use std::collections::BTreeMap;
use std::fs;
use std::ops::{Range, RangeInclusive};
use std::path::{Path, PathBuf};

use serde::Deserialize;
use toml::Spanned;
use toml::de::{DeTable, DeValue, ValueDeserializer};

use super::name::{as_name, is_name};
use super::nearest::nearest;
use super::problem::Finding;

/// What reading has found so far, and where every value it read stands.
pub(super) struct Findings {
    folder: PathBuf,
    list: Vec<Finding>,
    secrets: Vec<Range<usize>>,
    places: BTreeMap<String, Range<usize>>,
}

impl Findings {
    pub(super) fn new(folder: &Path) -> Self {
        Self { folder: folder.to_owned(), list: Vec::new(), secrets: Vec::new(), places: BTreeMap::new() }
    }

    /// Notes a problem.
    pub(super) fn wrong(&mut self, span: Option<Range<usize>>, message: String, hint: Option<String>) {
        self.list.push(Finding { message, span, hint });
    }

    /// Covers a part of the file that may hold a secret in everything that is shown.
    pub(super) fn cover(&mut self, span: Range<usize>) {
        self.secrets.push(span);
    }

    /// Covers every value in `value`, but no table's name.
    fn cover_all(&mut self, value: Value<'_>) {
        match value.get_ref() {
            DeValue::Table(table) => table.values().for_each(|value| self.cover_all(value)),
            _ => self.cover(value.span()),
        }
    }

    /// Where the value of a dotted key stands; none when it is not in the file.
    pub(super) fn place(&self, path: &str) -> Option<Range<usize>> {
        self.places.get(path).cloned()
    }

    /// A path as the file means it: relative to the file's folder.
    pub(super) fn resolve(&self, path: &str) -> PathBuf {
        self.folder.join(path)
    }

    pub(super) fn into_parts(self) -> (Vec<Finding>, Vec<Range<usize>>) {
        (self.list, self.secrets)
    }
}

/// A value with its place.
pub(super) type Value<'a> = &'a Spanned<DeValue<'a>>;

/// A table being read.
pub(super) struct Section<'a, 'f> {
    table: Option<&'a DeTable<'a>>,
    /// Its dotted name; empty for the file itself.
    pub path: String,
    /// Where its name stands, for what is missing in it.
    pub at: Option<Range<usize>>,
    asked: Vec<&'static str>,
    /// What was found, here and everywhere.
    pub found: &'f mut Findings,
}

impl<'a, 'f> Section<'a, 'f> {
    /// The file itself.
    pub(super) fn root(table: &'a DeTable<'a>, found: &'f mut Findings) -> Self {
        Self { table: Some(table), path: String::new(), at: None, asked: Vec::new(), found }
    }

    /// The dotted name of a key here.
    pub(super) fn dotted(&self, key: &str) -> String {
        if self.path.is_empty() { key.to_owned() } else { format!("{}.{key}", self.path) }
    }

    /// Notes a problem with a key here.
    pub(super) fn wrong(&mut self, span: Range<usize>, key: &str, fault: &str, hint: String) {
        let message = format!("`{}` {fault}", self.dotted(key));
        self.found.wrong(Some(span), message, Some(hint));
    }

    /// The value of a key, which is known from now on.
    pub(super) fn value(&mut self, key: &'static str) -> Option<Value<'a>> {
        self.asked.push(key);
        let value = self.table?.get(key)?;
        self.found.places.insert(self.dotted(key), value.span());
        Some(value)
    }

    /// Text that is not empty. `example` is the line to write.
    pub(super) fn text(&mut self, key: &'static str, example: &str) -> Option<String> {
        let value = self.value(key)?;
        self.text_of(value, key, example)
    }

    fn text_of(&mut self, value: Value<'a>, key: &str, example: &str) -> Option<String> {
        let fault = match value.get_ref() {
            DeValue::String(text) if text.trim().is_empty() => "is empty".to_owned(),
            DeValue::String(text) if text.chars().any(char::is_control) => "holds a control character".to_owned(),
            DeValue::String(text) => return Some(text.to_string()),
            other => format!("must be text in quotes, not {}", kind(other)),
        };
        self.wrong(value.span(), key, &fault, example.to_owned());
        None
    }

    /// Text that must be there; empty when it is not, which is a problem by then.
    pub(super) fn required(&mut self, key: &'static str, example: &str) -> String {
        let missing = !self.has(key);
        if missing {
            self.missing(key, example);
        }
        self.text(key, example).unwrap_or_default()
    }

    /// Whether the file has this key here.
    pub(super) fn has(&self, key: &str) -> bool {
        self.table.is_some_and(|table| table.contains_key(key))
    }

    /// Notes that a key is missing here.
    pub(super) fn missing(&mut self, key: &str, example: &str) {
        let (message, at) = (format!("[{}] needs `{key}`", self.path), self.at.clone());
        self.found.wrong(at, message, Some(format!("add the line:\n{example}")));
    }

    /// A whole number within a range; `unit` says of what.
    pub(super) fn count(&mut self, key: &'static str, usual: u64, range: RangeInclusive<u64>, unit: &str) -> u64 {
        let Some(value) = self.value(key) else { return usual };
        let written = match value.get_ref() {
            DeValue::Integer(digits) => match i128::from_str_radix(digits.as_str(), digits.radix()) {
                Ok(number) => {
                    u64::try_from(number).ok().filter(|number| range.contains(number)).ok_or(number.to_string())
                }
                Err(_) => Err("a larger number".to_owned()),
            },
            other => Err(kind(other).to_owned()),
        };
        written.unwrap_or_else(|given| {
            let fault = format!("must be {} to {} {unit}, not {given}", range.start(), range.end());
            self.wrong(value.span(), key, &fault, format!("{key} = {usual}"));
            usual
        })
    }

    /// `true` or `false`; false when absent.
    pub(super) fn flag(&mut self, key: &'static str) -> bool {
        let Some(value) = self.value(key) else { return false };
        value.get_ref().as_bool().unwrap_or_else(|| {
            let fault = format!("must be true or false, not {}", kind(value.get_ref()));
            self.wrong(value.span(), key, &fault, format!("{key} = true"));
            false
        })
    }

    /// A list of texts with at least one, each with a place under `key.0`, `key.1` and so on.
    pub(super) fn list(&mut self, key: &'static str, example: &str) -> Vec<String> {
        let Some(value) = self.value(key) else { return Vec::new() };
        let items = match value.get_ref() {
            DeValue::Array(items) if !items.is_empty() => items,
            other => {
                let given = if other.is_array() { "an empty one" } else { kind(other) };
                self.wrong(value.span(), key, &format!("must be a list, not {given}"), example.to_owned());
                return Vec::new();
            }
        };
        let mut texts = Vec::new();
        for item in items.iter() {
            if let Some(text) = self.text_of(item, key, example) {
                let path = format!("{}.{}", self.dotted(key), texts.len());
                self.found.places.insert(path, item.span());
                texts.push(text);
            }
        }
        texts
    }

    /// A file that exists, resolved against the configuration's folder.
    pub(super) fn file(&mut self, key: &'static str, written: &str, hint: &str) -> PathBuf {
        let path = self.found.resolve(written);
        if !path.is_file() {
            let span = self.found.place(&self.dotted(key)).unwrap_or_default();
            self.wrong(span, key, &format!("names a file that is not there: {}", path.display()), hint.to_owned());
        }
        path
    }

    /// The text of a file that `file` accepted; empty when it cannot be read, which is a problem by then.
    pub(super) fn contents(&mut self, key: &str, span: Range<usize>, path: &Path) -> String {
        if !path.is_file() {
            return String::new();
        }
        fs::read_to_string(path).unwrap_or_else(|cause| {
            let hint = "it must be UTF-8 text that convey may read".to_owned();
            self.wrong(span, key, &format!("names a file that cannot be read: {cause}"), hint);
            String::new()
        })
    }

    /// A table of somebody else's keys, as TOML text with its keys in alphabetical order; empty when absent.
    pub(super) fn settings(&mut self, key: &'static str) -> String {
        let Some(value) = self.value(key) else { return String::new() };
        let table = toml::Table::deserialize(ValueDeserializer::from(value.clone())).ok();
        table.and_then(|table| toml::to_string(&table).ok()).unwrap_or_else(|| {
            let fault = format!("must be a table, not {}", kind(value.get_ref()));
            self.wrong(value.span(), key, &fault, format!("[{}]", self.dotted(key)));
            String::new()
        })
    }

    /// The table under a key; an absent one reads as empty.
    pub(super) fn section(&mut self, key: &'static str) -> Section<'a, '_> {
        let value = self.value(key);
        let table = value.and_then(|value| value.get_ref().as_table());
        if let (Some(value), None) = (value, table) {
            let fault = format!("must be a table, not {}", kind(value.get_ref()));
            self.wrong(value.span(), key, &fault, format!("[{}]", self.dotted(key)));
        }
        let (path, at) = (self.dotted(key), value.map(Spanned::span));
        Section { table, path, at, asked: Vec::new(), found: &mut *self.found }
    }

    /// Reads every table under a key, `[key.NAME]`, each with `read`.
    pub(super) fn named<T>(
        &mut self,
        key: &'static str,
        read: impl Fn(&mut Section<'a, '_>) -> T,
    ) -> BTreeMap<String, T> {
        let Some(value) = self.value(key) else { return BTreeMap::new() };
        let Some(tables) = value.get_ref().as_table() else {
            let fault = format!("must be a table, not {}", kind(value.get_ref()));
            self.wrong(value.span(), key, &fault, format!("[{}.NAME]", self.dotted(key)));
            return BTreeMap::new();
        };
        let key = self.dotted(key);
        let mut all = BTreeMap::new();
        for (name, value) in tables.iter() {
            let DeValue::Table(table) = value.get_ref() else {
                self.found.cover(value.span());
                let message = format!("`{key}.{}` must be a table, not {}", name.get_ref(), kind(value.get_ref()));
                self.found.wrong(Some(name.span()), message, Some(format!("[{key}.NAME]\n{} = …", name.get_ref())));
                continue;
            };
            if !is_name(name.get_ref()) {
                let message = format!("`{}` is not a name: 1 to 64 of a-z, 0-9, - and _", name.get_ref());
                let hint = as_name(name.get_ref()).map(|name| format!("[{key}.{name}]"));
                self.found.wrong(Some(name.span()), message, hint);
            }
            let (path, at) = (format!("{key}.{}", name.get_ref()), Some(name.span()));
            self.found.places.insert(path.clone(), name.span());
            let mut section = Section { table: Some(table), path, at, asked: Vec::new(), found: &mut *self.found };
            all.insert(name.get_ref().to_string(), read(&mut section));
            section.close();
        }
        all
    }

    /// Reports every key that nothing asked for. Its value is covered: it may be a secret under a mistyped key.
    pub(super) fn close(self) {
        let Some(table) = self.table else { return };
        for (key, value) in table.iter().filter(|(key, _)| !self.asked.contains(&key.get_ref().as_ref())) {
            self.found.cover_all(value);
            let hint = match nearest(key.get_ref(), self.asked.iter().copied()) {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!("known here: {}", self.asked.join(", ")),
            };
            let message = format!("unknown key `{}`", self.dotted(key.get_ref()));
            self.found.wrong(Some(key.span()), message, Some(hint));
        }
    }
}

/// What a value is, in words.
pub(super) fn kind(value: &DeValue<'_>) -> &'static str {
    match value {
        DeValue::String(_) => "text",
        DeValue::Integer(_) => "a whole number",
        DeValue::Float(_) => "a fraction",
        DeValue::Boolean(_) => "true or false",
        DeValue::Datetime(_) => "a date",
        DeValue::Array(_) => "a list",
        DeValue::Table(_) => "a table",
    }
}
