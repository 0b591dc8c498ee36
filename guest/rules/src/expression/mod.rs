//! Conditions and values in rules: CEL, checked against the contract when the settings are read.
//!
//! The parser and the interpreter are the `cel` crate's. Between them stands [`check`]: it walks the parsed tree, refuses names nobody has and
//! types that never fit, and puts a slot in the place of every field, so that reading one costs no look-up by name.

mod check;
mod evaluate;
mod functions;
mod kind;
mod record;
mod vocabulary;

use cel::IdedExpr;

pub use evaluate::{Evaluated, Facts, Language};
pub use kind::Kind;
pub use vocabulary::{Field, NAMES, Name};

/// Something the author should know of an expression: where in it, in characters, and what.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// The first character it is about.
    pub at: usize,
    /// How many characters it is about.
    pub length: usize,
    /// What is wrong, or worth a look.
    pub message: String,
    /// What to write instead.
    pub hint: Option<String>,
}

/// What a field reads, in the place of the field.
#[derive(Clone, Debug)]
pub(crate) enum Slot {
    /// A name of the vocabulary.
    Field(&'static Name),
    /// Whether a name of the vocabulary has a value: `has(…)`.
    Has(&'static Name),
    /// A custom field, by key.
    Custom(String),
    /// Whether a custom field has a value.
    HasCustom(String),
}

/// A checked expression.
#[derive(Clone, Debug)]
pub struct Expression {
    tree: IdedExpr,
    slots: Vec<Slot>,
    /// What it gives.
    pub kind: Kind,
    /// What is allowed and worth a look: names the contract spells otherwise.
    pub remarks: Vec<Finding>,
}

impl Expression {
    /// Checks the text of an expression.
    ///
    /// # Errors
    /// Every mistake in it.
    pub fn parse(text: &str) -> Result<Self, Vec<Finding>> {
        check::checked(text)
    }

    /// The names of the vocabulary it reads.
    pub fn reads(&self) -> impl Iterator<Item = &'static Name> {
        self.slots.iter().filter_map(|slot| match slot {
            Slot::Field(name) | Slot::Has(name) => Some(*name),
            Slot::Custom(_) | Slot::HasCustom(_) => None,
        })
    }

    /// The custom fields it reads, by key.
    pub fn custom_fields(&self) -> impl Iterator<Item = &str> {
        self.slots.iter().filter_map(|slot| match slot {
            Slot::Custom(key) | Slot::HasCustom(key) => Some(key.as_str()),
            Slot::Field(_) | Slot::Has(_) => None,
        })
    }
}

impl PartialEq for Expression {
    fn eq(&self, other: &Self) -> bool {
        self.tree == other.tree
    }
}
