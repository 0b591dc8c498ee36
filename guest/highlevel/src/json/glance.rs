//! JSON that is read once and thrown away: texts stay where they stand, and an object is its members in a row.

use std::borrow::Cow;
use std::fmt;

use serde::de::{Deserialize, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};

use super::Look;

/// A value that borrows from its text.
#[derive(Debug)]
pub enum Glance<'t> {
    /// `null`.
    Null,
    /// `true` or `false`.
    Flag(bool),
    /// A number.
    Number(Number),
    /// A text.
    Text(Cow<'t, str>),
    /// A list.
    List(Vec<Glance<'t>>),
    /// An object. Of a name that stands in it twice, the last counts.
    Object(Vec<Member<'t>>),
}

/// A member of an object.
#[derive(Debug)]
pub struct Member<'t> {
    mark: u32,
    name: Cow<'t, str>,
    value: Glance<'t>,
}

/// What tells nearly all names of an object apart: length, first and last letter. Some thirty are asked for, of some thirty that are there.
#[inline]
fn mark(name: &str) -> u32 {
    let (first, last) = (name.as_bytes().first(), name.as_bytes().last());
    let letter = |letter: Option<&u8>| u32::from(letter.copied().unwrap_or_default());
    (name.len() as u32) << 16 ^ letter(first) << 8 ^ letter(last)
}

impl Look for Glance<'_> {
    #[inline]
    fn member(&self, name: &str) -> Option<&Self> {
        let Self::Object(members) = self else { return None };
        let mark = mark(name);
        members.iter().rev().find(|known| known.mark == mark && known.name == name).map(|known| &known.value)
    }

    fn as_text(&self) -> Option<&str> {
        if let Self::Text(text) = self { Some(text) } else { None }
    }

    fn as_number(&self) -> Option<&Number> {
        if let Self::Number(number) = self { Some(number) } else { None }
    }

    fn as_flag(&self) -> Option<bool> {
        if let Self::Flag(flag) = self { Some(*flag) } else { None }
    }

    fn elements(&self) -> Option<&[Self]> {
        if let Self::List(elements) = self { Some(elements) } else { None }
    }

    fn members(&self) -> Option<impl Iterator<Item = (&str, &Self)>> {
        let Self::Object(members) = self else { return None };
        let is_last = |at: usize, member: &Member<'_>| {
            members[at + 1..].iter().all(|later| later.mark != member.mark || later.name != member.name)
        };
        let last = members.iter().enumerate().filter(move |(at, member)| is_last(*at, member));
        Some(last.map(|(_, member)| (&*member.name, &member.value)))
    }

    fn written(&self) -> String {
        Value::from(self).to_string()
    }
}

impl From<&Glance<'_>> for Value {
    fn from(glance: &Glance<'_>) -> Self {
        match glance {
            Glance::Null => Self::Null,
            Glance::Flag(flag) => Self::Bool(*flag),
            Glance::Number(number) => Self::Number(number.clone()),
            Glance::Text(text) => Self::String(text.clone().into_owned()),
            Glance::List(elements) => Self::Array(elements.iter().map(Self::from).collect()),
            Glance::Object(members) => {
                let owned = |member: &Member<'_>| (member.name.clone().into_owned(), Self::from(&member.value));
                Self::Object(members.iter().map(owned).collect::<Map<_, _>>())
            }
        }
    }
}

impl<'de> Deserialize<'de> for Glance<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Reader)
    }
}

struct Reader;

impl<'de> Visitor<'de> for Reader {
    type Value = Glance<'de>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<Glance<'de>, E> {
        Ok(Glance::Null)
    }

    fn visit_bool<E>(self, flag: bool) -> Result<Glance<'de>, E> {
        Ok(Glance::Flag(flag))
    }

    fn visit_i64<E>(self, number: i64) -> Result<Glance<'de>, E> {
        Ok(Glance::Number(number.into()))
    }

    fn visit_u64<E>(self, number: u64) -> Result<Glance<'de>, E> {
        Ok(Glance::Number(number.into()))
    }

    fn visit_f64<E>(self, number: f64) -> Result<Glance<'de>, E> {
        Ok(Number::from_f64(number).map_or(Glance::Null, Glance::Number))
    }

    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Glance<'de>, E> {
        Ok(Glance::Text(Cow::Borrowed(text)))
    }

    fn visit_str<E>(self, text: &str) -> Result<Glance<'de>, E> {
        Ok(Glance::Text(Cow::Owned(text.to_owned())))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Glance<'de>, A::Error> {
        let mut elements = Vec::new();
        while let Some(element) = list.next_element()? {
            elements.push(element);
        }
        Ok(Glance::List(elements))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut object: A) -> Result<Glance<'de>, A::Error> {
        // A contact has some thirty members, what it holds fewer.
        let mut members = Vec::with_capacity(16);
        while let Some((name, value)) = object.next_entry::<Glance<'de>, Glance<'de>>()? {
            let Glance::Text(name) = name else { return Err(A::Error::custom("a name is a text")) };
            members.push(Member { mark: mark(&name), name, value });
        }
        Ok(Glance::Object(members))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn it_reads_what_the_other_reader_reads() {
        let text = r#"{"a":[1,-2,2.50,null,true,"x\u00e9\n",[],{}],"b":{"c":"é","d":1e3},"a":[0]}"#;
        let glance: Glance<'_> = serde_json::from_str(text).expect("JSON");
        let value: Value = serde_json::from_str(text).expect("JSON");
        assert_eq!(Value::from(&glance), value);
        assert_eq!(glance.written(), value.to_string());
        assert_eq!(glance.member("a").map(Value::from), Some(json!([0])));
        let names: Vec<&str> = glance.members().expect("an object").map(|(name, _)| name).collect();
        assert_eq!(names, ["b", "a"]);
        assert!(serde_json::from_str::<Glance<'_>>("{\"a\":}").is_err());
    }
}
