//! The value of a checked expression for one fact of a change.

use std::sync::Arc;

use cel::common::types::{CelBool, CelDouble, CelInt, CelList, CelNull, CelString};
use cel::common::value::{CowVal, Val};
use cel::context::VariableResolver;
use cel::{Context, Env, ExecutionError, Value};
use convey_sdk::trigger::TriggerKey;
use convey_sdk::types::{Change, FieldValue};

use super::kind::Kind;
use super::record;
use super::vocabulary::Field;
use super::{Expression, Slot};

/// The functions and operators of expressions, made once and shared by all.
#[derive(Clone)]
pub struct Language(Arc<Env>);

impl Language {
    /// CEL's standard library and its strings extension.
    pub fn new() -> Self {
        let mut env = Env::stdlib();
        // It fails only where a name is taken, and the standard library takes none of its names; a test evaluates some.
        let added = env.add_extension(cel::extensions::strings);
        debug_assert!(added.is_ok());
        Self(Arc::new(env))
    }
}

impl Default for Language {
    fn default() -> Self {
        Self::new()
    }
}

impl std::fmt::Debug for Language {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Language")
    }
}

/// A change, seen as one of its facts.
#[derive(Clone, Copy, Debug)]
pub struct Facts<'c> {
    /// The change.
    pub change: &'c Change,
    /// The fact.
    pub fact: TriggerKey,
}

/// What an expression gave.
#[derive(Clone, Debug, PartialEq)]
pub enum Evaluated {
    /// Text.
    Text(String),
    /// A finite number.
    Number(f64),
    /// True or false.
    Flag(bool),
    /// Texts.
    Texts(Vec<String>),
    /// A field it needs has no value, or not one of the kind it needs.
    Unknown,
}

impl Expression {
    /// Its value for these facts. What cannot be told, since a field is absent or of another kind, is [`Evaluated::Unknown`].
    pub fn evaluate(&self, language: &Language, facts: Facts<'_>) -> Evaluated {
        // A field alone needs no interpreter.
        if let (Expr::Ident(word), Kind::Text | Kind::Number | Kind::Whole | Kind::Time | Kind::Flag) =
            (&self.tree.expr, &self.kind)
            && let Some(Slot::Field(name)) = slot_of(word).and_then(|index| self.slots.get(index))
        {
            return match (name.read)(facts.change, facts.fact) {
                Some(Field::Text(text)) => Evaluated::Text(text.to_owned()),
                Some(Field::Number(number)) => finite(number),
                Some(Field::Whole(whole)) => Evaluated::Number(whole as f64),
                Some(Field::Flag(flag)) => Evaluated::Flag(flag),
                _ => Evaluated::Unknown,
            };
        }
        self.interpret(language, facts).map_or(Evaluated::Unknown, evaluated)
    }

    /// Whether it holds; none when that cannot be told.
    pub fn holds(&self, language: &Language, facts: Facts<'_>) -> Option<bool> {
        match self.interpret(language, facts) {
            Ok(Value::Bool(holds)) => Some(holds),
            _ => None,
        }
    }

    fn interpret(&self, language: &Language, facts: Facts<'_>) -> Result<Value, ExecutionError> {
        let slots = Slots { slots: &self.slots, facts };
        let mut context = Context::with_env(language.0.clone());
        context.set_variable_resolver(&slots);
        Value::resolve(&self.tree, &context)
    }
}

use cel::common::ast::Expr;

fn evaluated(value: Value) -> Evaluated {
    match value {
        Value::String(text) => Evaluated::Text(Arc::unwrap_or_clone(text)),
        Value::Int(whole) => Evaluated::Number(whole as f64),
        Value::UInt(whole) => Evaluated::Number(whole as f64),
        Value::Float(number) => finite(number),
        Value::Bool(flag) => Evaluated::Flag(flag),
        Value::List(items) => {
            let texts = items.iter().map(|item| match item {
                Value::String(text) => Some(text.as_ref().clone()),
                _ => None,
            });
            texts.collect::<Option<Vec<_>>>().map_or(Evaluated::Unknown, Evaluated::Texts)
        }
        _ => Evaluated::Unknown,
    }
}

fn finite(number: f64) -> Evaluated {
    if number.is_finite() { Evaluated::Number(number) } else { Evaluated::Unknown }
}

/// What stands for the slot of this number in a checked tree. No name a person writes begins so.
pub(super) fn slot_name(index: usize) -> String {
    format!("@{index}")
}

/// The number of the slot a word stands for.
pub(super) fn slot_of(word: &str) -> Option<usize> {
    word.strip_prefix('@')?.parse().ok()
}

struct Slots<'a> {
    slots: &'a [Slot],
    facts: Facts<'a>,
}

impl VariableResolver for Slots<'_> {
    fn resolve<'b>(&'b self, variable: &str) -> Option<CowVal<'b, 'b>> {
        let slot = self.slots.get(slot_of(variable)?)?;
        let Facts { change, fact } = self.facts;
        Some(CowVal::Owned(match slot {
            Slot::Field(name) => (name.read)(change, fact).map_or_else(|| Box::new(CelNull) as Box<dyn Val>, value),
            Slot::Has(name) => flag((name.read)(change, fact).is_some_and(is_there)),
            Slot::Custom(key) => custom(change, key).map_or_else(|| Box::new(CelNull) as Box<dyn Val>, custom_value),
            Slot::HasCustom(key) => flag(custom(change, key).is_some()),
        }))
    }
}

fn value(field: Field<'_>) -> Box<dyn Val + '_> {
    match field {
        Field::Text(text) => Box::new(CelString::from(text)),
        Field::Number(number) => Box::new(CelDouble::from(number)),
        Field::Whole(whole) => Box::new(CelInt::from(whole)),
        Field::Flag(flag) => self::flag(flag),
        Field::Texts(texts) => self::texts(texts),
        Field::Tasks(tasks) => list(tasks.iter().map(record::task)),
        Field::Notes(notes) => list(notes.iter().map(record::note)),
        Field::Appointments(appointments) => list(appointments.iter().map(record::appointment)),
    }
}

/// An empty list is there as little as an absent field.
fn is_there(field: Field<'_>) -> bool {
    match field {
        Field::Texts(texts) => !texts.is_empty(),
        Field::Tasks(tasks) => !tasks.is_empty(),
        Field::Notes(notes) => !notes.is_empty(),
        Field::Appointments(appointments) => !appointments.is_empty(),
        _ => true,
    }
}

fn flag<'c>(flag: bool) -> Box<dyn Val + 'c> {
    Box::new(CelBool::from(flag))
}

fn texts(texts: &[String]) -> Box<dyn Val + '_> {
    list(texts.iter().map(|text| Box::new(CelString::from(text.as_str())) as Box<dyn Val + '_>))
}

fn list<'c>(items: impl Iterator<Item = Box<dyn Val + 'c>>) -> Box<dyn Val + 'c> {
    Box::new(CelList::from(items.collect::<Vec<_>>()))
}

/// A custom field of that key. Keys are what the catalogue says; case and the vendor's `contact.` before them do not matter.
fn custom<'c>(change: &'c Change, key: &str) -> Option<&'c FieldValue> {
    let bare = |key: &'c str| key.strip_prefix("contact.").unwrap_or(key);
    let wanted = key.strip_prefix("contact.").unwrap_or(key);
    change
        .contact
        .custom_fields
        .iter()
        .find(|field| bare(&field.key).eq_ignore_ascii_case(wanted))
        .map(|field| &field.value)
}

fn custom_value(value: &FieldValue) -> Box<dyn Val + '_> {
    match value {
        FieldValue::Text(text) | FieldValue::Json(text) => Box::new(CelString::from(text.as_str())),
        FieldValue::Number(number) => Box::new(CelDouble::from(*number)),
        FieldValue::Flag(flag) => self::flag(*flag),
        FieldValue::Many(texts) => self::texts(texts),
    }
}
