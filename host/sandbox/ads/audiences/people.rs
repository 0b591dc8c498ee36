//! The people an audience holds. Two rows that share what names a person (an address, a number, an id) are the same person. Pure.

use std::collections::{BTreeMap, HashMap};

use super::payload::Row;

/// Keys that name a person by themselves.
const NAMES: [&str; 8] = ["EMAIL", "PHONE", "EXTERN_ID", "MADID", "UID", "APPUID", "PAGEUID", "IGUID"];

/// The people.
#[derive(Clone, Debug, Default)]
pub struct People {
    /// By a number that grows: the order they came in.
    members: BTreeMap<u64, Row>,
    /// Who is named by a cell, or by a whole row that has none that names.
    by_name: HashMap<Name, u64>,
    next: u64,
}

type Name = Vec<(String, String)>;

impl People {
    /// Adds a person, or what the row knows more of one who is there.
    pub fn add(&mut self, row: Row) {
        let known: Vec<u64> = names(&row).iter().filter_map(|name| self.named(name)).collect();
        let mut whole = Row::new();
        // The row may join two who were thought to be different.
        for member in &known {
            whole.extend(self.members.remove(member).unwrap_or_default());
        }
        let member = known.first().copied().unwrap_or_else(|| {
            self.next += 1;
            self.next
        });
        whole.extend(row);
        self.by_name.extend(names(&whole).into_iter().map(|name| (name, member)));
        self.members.insert(member, whole);
    }

    /// Takes away everybody the row names.
    pub fn remove(&mut self, row: &Row) {
        for name in names(row) {
            let member = self.named(&name).and_then(|member| self.members.remove(&member));
            for name in member.iter().flat_map(names) {
                self.by_name.remove(&name);
            }
        }
    }

    /// A name may outlive its person: that of an address which a later one took the place of.
    fn named(&self, name: &Name) -> Option<u64> {
        self.by_name.get(name).copied().filter(|member| self.members.contains_key(member))
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.members.len()
    }

    /// At most `limit` of them after the first `after`, in the order they came in.
    pub fn shown(&self, after: usize, limit: usize) -> impl Iterator<Item = &Row> {
        self.members.values().skip(after).take(limit)
    }
}

/// Each cell that names a person; without one, the row as a whole.
fn names(row: &Row) -> Vec<Name> {
    let cell = |key: &&str| row.get_key_value(*key).map(|(key, cell)| vec![(key.clone(), cell.clone())]);
    let single: Vec<Name> = NAMES.iter().filter_map(cell).collect();
    if single.is_empty() { vec![row.clone().into_iter().collect()] } else { single }
}

#[cfg(test)]
mod tests {
    use super::{People, Row};

    fn row(cells: &[(&str, &str)]) -> Row {
        cells.iter().map(|(key, cell)| ((*key).to_owned(), (*cell).to_owned())).collect()
    }

    #[test]
    fn a_person_is_one_by_any_name_and_is_taken_away_by_any() {
        let mut people = People::default();
        people.add(row(&[("EMAIL", "a")]));
        people.add(row(&[("EMAIL", "a"), ("PHONE", "1"), ("FN", "jo")]));
        people.add(row(&[("EMAIL", "b")]));
        assert_eq!(people.count(), 2);
        assert_eq!(people.shown(0, 1).next(), Some(&row(&[("EMAIL", "a"), ("FN", "jo"), ("PHONE", "1")])));
        people.add(row(&[("EXTERN_ID", "7")]));
        people.add(row(&[("EXTERN_ID", "7"), ("EMAIL", "b")]));
        assert_eq!(people.count(), 2, "two who turn out to be one");
        people.remove(&row(&[("PHONE", "1")]));
        people.remove(&row(&[("EXTERN_ID", "7"), ("EMAIL", "nobody")]));
        assert_eq!(people.count(), 0);
        people.add(row(&[("EMAIL", "b")]));
        assert_eq!((people.count(), people.shown(1, 9).count()), (1, 0));
    }

    #[test]
    fn without_a_name_the_whole_row_is_one() {
        let mut people = People::default();
        people.add(row(&[("FN", "jo"), ("LN", "doe")]));
        people.add(row(&[("FN", "jo"), ("LN", "doe")]));
        people.remove(&row(&[("FN", "jo")]));
        assert_eq!(people.count(), 1);
        people.remove(&row(&[("FN", "jo"), ("LN", "doe")]));
        assert_eq!(people.count(), 0);
    }
}
