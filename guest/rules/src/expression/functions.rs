//! What may be called in an expression: the part of CEL's standard library and of its strings extension that decisions need.

use super::kind::Kind;

/// A function's signature.
pub(super) struct Function {
    /// Its name.
    pub name: &'static str,
    /// What it is called on; none: it stands alone.
    pub on: Option<Takes>,
    /// What it takes.
    pub takes: &'static [Takes],
    /// What it gives.
    pub gives: Gives,
}

/// What a function accepts in one place.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Takes {
    Text,
    Whole,
    /// A text, a number or a flag.
    Scalar,
    /// A text or a list.
    Sized,
    List,
}

/// What a function gives.
#[derive(Clone, Copy)]
pub(super) enum Gives {
    Text,
    Texts,
    Whole,
    Number,
    Flag,
}

impl Takes {
    pub fn accepts(self, kind: &Kind) -> bool {
        matches!(
            (self, kind),
            (_, Kind::Any)
                | (Self::Text, Kind::Text)
                | (Self::Whole, Kind::Whole)
                | (Self::Scalar, Kind::Text | Kind::Number | Kind::Whole | Kind::Flag | Kind::Time)
                | (Self::Sized, Kind::Text | Kind::List(_))
                | (Self::List, Kind::List(_))
        )
    }

    pub fn words(self) -> &'static str {
        match self {
            Self::Text => "a text",
            Self::Whole => "a whole number",
            Self::Scalar => "a text, a number or a flag",
            Self::Sized => "a text or a list",
            Self::List => "a list",
        }
    }
}

impl Gives {
    pub fn kind(self) -> Kind {
        match self {
            Self::Text => Kind::Text,
            Self::Texts => Kind::List(Box::new(Kind::Text)),
            Self::Whole => Kind::Whole,
            Self::Number => Kind::Number,
            Self::Flag => Kind::Flag,
        }
    }
}

const fn of(name: &'static str, on: Takes, takes: &'static [Takes], gives: Gives) -> Function {
    Function { name, on: Some(on), takes, gives }
}

const fn alone(name: &'static str, takes: &'static [Takes], gives: Gives) -> Function {
    Function { name, on: None, takes, gives }
}

/// All functions. `has`, `all`, `exists`, `exists_one`, `filter` and `map` are macros: the parser takes them apart.
pub(super) const FUNCTIONS: &[Function] = &[
    of("contains", Takes::Text, &[Takes::Text], Gives::Flag),
    of("startsWith", Takes::Text, &[Takes::Text], Gives::Flag),
    of("endsWith", Takes::Text, &[Takes::Text], Gives::Flag),
    of("size", Takes::Sized, &[], Gives::Whole),
    alone("size", &[Takes::Sized], Gives::Whole),
    of("lowerAscii", Takes::Text, &[], Gives::Text),
    of("upperAscii", Takes::Text, &[], Gives::Text),
    of("trim", Takes::Text, &[], Gives::Text),
    of("replace", Takes::Text, &[Takes::Text, Takes::Text], Gives::Text),
    of("substring", Takes::Text, &[Takes::Whole], Gives::Text),
    of("substring", Takes::Text, &[Takes::Whole, Takes::Whole], Gives::Text),
    of("indexOf", Takes::Text, &[Takes::Text], Gives::Whole),
    of("split", Takes::Text, &[Takes::Text], Gives::Texts),
    of("join", Takes::List, &[], Gives::Text),
    of("join", Takes::List, &[Takes::Text], Gives::Text),
    alone("string", &[Takes::Scalar], Gives::Text),
    alone("int", &[Takes::Scalar], Gives::Whole),
    alone("double", &[Takes::Scalar], Gives::Number),
    alone("bool", &[Takes::Scalar], Gives::Flag),
];

/// Spans of time, written `days(7)`: a whole number of seconds. They are ours, and become numbers when the settings are read.
pub(super) const SPANS: [(&str, i64); 3] = [("minutes", 60), ("hours", 3_600), ("days", 86_400)];

/// Every name that may be called.
pub(super) fn names() -> impl Iterator<Item = &'static str> + Clone {
    let macros = ["has", "exists", "all", "exists_one", "filter", "map"];
    FUNCTIONS.iter().map(|function| function.name).chain(SPANS.into_iter().map(|(name, _)| name)).chain(macros)
}
