//! The rows of a change of an audience (Marketing API, "Custom Audiences: Hashing and Schema"): one column a kind of key, one row an identity.

use serde::ser::{Serialize, SerializeSeq, Serializer};

use crate::bindings::convey::pipeline::types::{Hashed, UserData};
use crate::user_data::Hex;

/// One column: its name, and where its hashes stand. A date of birth is not among them: Meta wants year, month and day hashed apart.
type Column = (&'static str, fn(&UserData) -> &[Hashed]);

const COLUMNS: [Column; 10] = [
    ("EMAIL", |user| &user.emails),
    ("PHONE", |user| &user.phones),
    ("EXTERN_ID", |user| &user.external_ids),
    ("FN", |user| &user.first_names),
    ("LN", |user| &user.last_names),
    ("GEN", |user| &user.genders),
    ("CT", |user| &user.cities),
    ("ST", |user| &user.states),
    ("ZIP", |user| &user.postal_codes),
    ("COUNTRY", |user| &user.countries),
];

/// Columns of which each value is a row of its own: a person with two addresses is found by either.
const OWN_ROWS: usize = 3;

/// How many rows a member takes; none if nothing is known of them.
pub fn rows(member: &UserData) -> usize {
    let known = COLUMNS.iter().any(|(_, of)| !of(member).is_empty());
    let own = COLUMNS[..OWN_ROWS].iter().map(|(_, of)| of(member).len()).max().unwrap_or_default();
    own.max(usize::from(known))
}

/// `schema` and `data` for some members: only columns that hold something.
pub struct Payload<'a> {
    members: &'a [&'a UserData],
    columns: Vec<&'static Column>,
}

impl<'a> Payload<'a> {
    /// The rows of these members.
    pub fn new(members: &'a [&'a UserData]) -> Self {
        let used = |column: &&Column| members.iter().any(|member| !column.1(member).is_empty());
        Self { members, columns: COLUMNS.iter().filter(used).collect() }
    }

    /// The names of the columns.
    pub fn schema(&self) -> Vec<&'static str> {
        self.columns.iter().map(|(name, _)| *name).collect()
    }
}

impl Serialize for Payload<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut rows_of = serializer.serialize_seq(None)?;
        for member in self.members {
            for at in 0..rows(member) {
                rows_of.serialize_element(&Row { member, columns: &self.columns, at })?;
            }
        }
        rows_of.end()
    }
}

struct Row<'a> {
    member: &'a UserData,
    columns: &'a [&'static Column],
    at: usize,
}

impl Serialize for Row<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut cells = serializer.serialize_seq(Some(self.columns.len()))?;
        for (name, of) in self.columns {
            let own = COLUMNS[..OWN_ROWS].iter().any(|(known, _)| known == name);
            // What describes the person stands in each of their rows.
            match of(self.member).get(if own { self.at } else { 0 }) {
                Some(hash) => cells.serialize_element(&Hex(hash))?,
                None => cells.serialize_element("")?,
            }
        }
        cells.end()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{Payload, rows};
    use crate::bindings::convey::pipeline::types::UserData;
    use crate::samples::{hash, nobody};

    #[test]
    fn a_person_with_two_addresses_has_two_rows_and_only_used_columns_are_sent() {
        let one = UserData { emails: vec![hash(1), hash(2)], first_names: vec![hash(3)], ..nobody() };
        let other = UserData { phones: vec![hash(4)], ..nobody() };
        assert_eq!((rows(&one), rows(&other), rows(&nobody())), (2, 1, 0));
        assert_eq!(rows(&UserData { last_names: vec![hash(1)], ..nobody() }), 1);
        let hex = |word: u32| format!("{word:08x}{:056}", 0);
        let (nobody, members) = (nobody(), [&one, &other]);
        let payload = Payload::new(&members);
        assert_eq!(payload.schema(), ["EMAIL", "PHONE", "FN"]);
        assert_eq!(json!(payload), json!([[hex(1), "", hex(3)], [hex(2), "", hex(3)], ["", hex(4), ""]]));
        assert_eq!(json!(Payload::new(&[&nobody])), json!([]));
    }
}
