//! What an expression can give.

use super::record::Shape;

/// The kind of a value, known before there is one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Text.
    Text,
    /// A number with a fraction, CEL's `double`.
    Number,
    /// A whole number, CEL's `int`.
    Whole,
    /// True or false.
    Flag,
    /// A moment, in whole seconds since the Unix epoch; the difference of two is a whole number of seconds.
    Time,
    /// A list.
    List(Box<Kind>),
    /// A task, a note or an appointment.
    Record(Shape),
    /// Nothing: `null`.
    Nothing,
    /// Known only when it is there: a custom field.
    Any,
}

impl Kind {
    /// As people call it.
    pub fn words(&self) -> String {
        match self {
            Self::Text => "a text".to_owned(),
            Self::Number => "a number".to_owned(),
            Self::Whole => "a whole number".to_owned(),
            Self::Flag => "true or false".to_owned(),
            Self::Time => "a time".to_owned(),
            Self::List(item) => match item.as_ref() {
                Self::Text => "a list of texts".to_owned(),
                Self::Record(shape) => format!("a list of {}s", shape.word()),
                _ => "a list".to_owned(),
            },
            Self::Record(shape) => format!("a {}", shape.word()),
            Self::Nothing => "null".to_owned(),
            Self::Any => "a value of any kind".to_owned(),
        }
    }

    /// Whether it counts.
    pub fn is_number(&self) -> bool {
        matches!(self, Self::Number | Self::Whole | Self::Time | Self::Any)
    }

    /// Whether `wanted` may be what it turns out to be.
    pub fn may_be(&self, wanted: &Self) -> bool {
        self == wanted || matches!(self, Self::Any) || matches!(wanted, Self::Any)
    }

    /// Whether a value of this kind can equal one of `other`.
    pub fn can_equal(&self, other: &Self) -> bool {
        self.may_be(other)
            || (self.is_number() && other.is_number())
            || matches!(self, Self::Nothing)
            || matches!(other, Self::Nothing)
            || matches!((self, other), (Self::List(a), Self::List(b)) if a.can_equal(b))
    }
}
