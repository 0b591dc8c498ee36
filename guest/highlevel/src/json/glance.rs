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
    Object(Members<'t>),
}

/// What an object holds, in the order it stands there.
#[derive(Debug)]
pub struct Members<'t> {
    all: Vec<Member<'t>>,
    /// Where the last of each name is, counted from 1, by the name's mark; the next slot after one that another name has. None in small objects.
    slots: Option<Box<[u8; SLOTS]>>,
}

/// A member of an object.
#[derive(Debug)]
pub struct Member<'t> {
    mark: u32,
    name: Cow<'t, str>,
    value: Glance<'t>,
}

/// Slots of an object's members: four times as many as a contact has, so that nearly every look finds what it looks for or nothing.
const SLOTS: usize = 128;
/// Up to so many members are looked through as they stand.
const FEW: usize = 8;

/// What tells nearly all names of an object apart: length, first and last letter. Some thirty are asked for, of some thirty that are there.
#[inline]
pub const fn mark(name: &str) -> u32 {
    match name.as_bytes() {
        [] => 0,
        [first, ..] => (name.len() as u32) << 16 ^ (*first as u32) << 8 ^ name.as_bytes()[name.len() - 1] as u32,
    }
}

/// Where the looking for a mark begins.
#[inline]
fn slot(mark: u32) -> usize {
    // Multiplying spreads what differs in few bits over the upper ones (Knuth, The Art of Computer Programming, 6.4).
    (mark.wrapping_mul(0x9e37_79b1) >> 25) as usize % SLOTS
}

impl<'t> Members<'t> {
    fn of(all: Vec<Member<'t>>) -> Self {
        // A full table would be looked through without end.
        if all.len() <= FEW || all.len() > SLOTS / 2 {
            return Self { all, slots: None };
        }
        let mut slots = Box::new([0; SLOTS]);
        for (at, member) in all.iter().enumerate() {
            let mut slot = slot(member.mark);
            while let Some(known) = usize::from(slots[slot]).checked_sub(1) {
                if all[known].is(&member.name, member.mark) {
                    break;
                }
                slot = (slot + 1) % SLOTS;
            }
            slots[slot] = at as u8 + 1;
        }
        Self { all, slots: Some(slots) }
    }

    /// The place of the last member of that name.
    #[inline]
    fn last(&self, name: &str, mark: u32) -> Option<usize> {
        let Some(slots) = &self.slots else {
            return self.all.iter().rposition(|known| known.is(name, mark));
        };
        let mut slot = slot(mark);
        loop {
            let at = usize::from(slots[slot]).checked_sub(1)?;
            if self.all[at].is(name, mark) {
                return Some(at);
            }
            slot = (slot + 1) % SLOTS;
        }
    }
}

impl Member<'_> {
    #[inline]
    fn is(&self, name: &str, mark: u32) -> bool {
        self.mark == mark && self.name == name
    }
}

impl Look for Glance<'_> {
    #[inline]
    fn member(&self, name: &str) -> Option<&Self> {
        let Self::Object(members) = self else { return None };
        members.last(name, mark(name)).map(|at| &members.all[at].value)
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
        let is_last = |at: usize, member: &Member<'_>| members.last(&member.name, member.mark) == Some(at);
        let last = members.all.iter().enumerate().filter(move |(at, member)| is_last(*at, member));
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
                Self::Object(members.all.iter().map(owned).collect::<Map<_, _>>())
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
        Ok(Glance::Object(Members::of(members)))
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

    #[test]
    fn objects_of_any_size_find_the_last_of_a_name() {
        for size in [0, 1, FEW, FEW + 1, 40, SLOTS / 2, SLOTS / 2 + 1, 400] {
            // Names of one mark, and every other one twice.
            let names: Vec<String> = (0..size).map(|at| format!("a{:03}z", at - at % 2)).collect();
            let members: Vec<String> = names.iter().enumerate().map(|(at, name)| format!("{name:?}:{at}")).collect();
            let text = format!("{{{}}}", members.join(","));
            let glance: Glance<'_> = serde_json::from_str(&text).expect("JSON");
            let value: Value = serde_json::from_str(&text).expect("JSON");
            assert_eq!(Value::from(&glance), value, "{size}");
            for name in names.iter().map(String::as_str).chain(["a001z", "", "b"]) {
                assert_eq!(glance.member(name).map(Value::from).as_ref(), value.get(name), "{name} of {size}");
            }
            assert_eq!(glance.members().expect("an object").count(), value.as_object().expect("an object").len());
        }
    }
}
