//! Look-up in a text table: lines `key=value`, sorted by the bytes of the keys.

/// The value of `key`. Bisects the text itself, so a table costs nothing until it is asked.
pub(super) fn find(table: &'static str, key: &str) -> Option<&'static str> {
    let (mut low, mut high) = (0, table.len());
    while low < high {
        let middle = low + (high - low) / 2;
        // Both steps land on line starts, and `\n` never stands inside a character: no slice can fail.
        let start =
            table.as_bytes().get(low..middle)?.iter().rposition(|byte| *byte == b'\n').map_or(low, |at| low + at + 1);
        let line = table.get(start..)?.lines().next()?;
        let (found, value) = line.split_once('=')?;
        match found.cmp(key) {
            std::cmp::Ordering::Equal => return Some(value),
            std::cmp::Ordering::Less => low = start + line.len() + 1,
            std::cmp::Ordering::Greater => high = start,
        }
    }
    None
}

#[cfg(test)]
pub(super) fn assert_sorted(table: &str) {
    let keys: Vec<&str> = table.lines().filter_map(|line| line.split_once('=')).map(|(key, _)| key).collect();
    assert_eq!(keys.len(), table.lines().count(), "every line has a key");
    for pair in keys.windows(2) {
        assert!(pair[0] < pair[1], "{} stands before {}", pair[0], pair[1]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_every_line_and_nothing_else() {
        const TABLE: &str = "a=1\nbb=2\nccc=3\nd=4\né=5\n";
        for (key, value) in [("a", "1"), ("bb", "2"), ("ccc", "3"), ("d", "4"), ("é", "5")] {
            assert_eq!(find(TABLE, key), Some(value), "{key}");
        }
        for absent in ["", "0", "ab", "b", "cccc", "z", "ü"] {
            assert_eq!(find(TABLE, absent), None, "{absent}");
        }
        assert_eq!(find("", "a"), None);
    }
}
