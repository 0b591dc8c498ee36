//! Where in a text a problem is, and what may have been meant.

use std::ops::Range;

use convey_sdk::types::Problem;

use super::check::Value;

/// A problem at a byte range of `text`. Lines and columns count from 1 and, like the length, in characters; a range over several
/// lines is cut at the end of the first.
pub(super) fn problem(text: &str, span: Range<usize>, message: String, hint: Option<String>) -> Problem {
    let before = text.get(..span.start).unwrap_or(text);
    let line = before.matches('\n').count() + 1;
    let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
    let marked = text.get(span).and_then(|marked| marked.lines().next()).unwrap_or_default().chars().count().max(1);
    let word = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
    Problem { line: word(line), column: word(column), length: word(marked), message, hint }
}

/// The byte range of characters inside a text value. Where the file writes the text otherwise than it reads (escapes), it is the whole value.
pub(super) fn inside(text: &str, value: &Value<'_>, at: usize, length: usize) -> Range<usize> {
    let span = value.span();
    let (Some(raw), Some(read)) = (text.get(span.clone()), value.get_ref().as_str()) else { return span };
    // A text is trimmed before it is taken apart.
    let read = read.trim();
    let Some(start) = raw.find(read).map(|offset| span.start + offset) else { return span };
    let byte = |count: usize| read.char_indices().nth(count).map_or(read.len(), |(byte, _)| byte);
    let (from, to) = (start + byte(at), start + byte(at + length));
    // A place at the very end points at the quote.
    if from == to { from..(to + 1).min(span.end) } else { from..to }
}

/// "did you mean" for the known word nearest to `word`, else the list of all.
pub(crate) fn hint<'a>(word: &str, known: impl Iterator<Item = &'a str> + Clone) -> String {
    let nearest = known.clone().map(|candidate| (distance(word, candidate), candidate)).min();
    match nearest {
        Some((distance, candidate)) if distance <= 1 + candidate.len() / 3 => format!("did you mean `{candidate}`?"),
        _ => format!("one of {}", known.collect::<Vec<_>>().join(", ")),
    }
}

/// Levenshtein distance over bytes; words of settings are ASCII, and a long stranger is far from all of them.
fn distance(a: &str, b: &str) -> usize {
    let (a, b) = (a.as_bytes(), b.as_bytes());
    if a.len() > 64 {
        return usize::MAX;
    }
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, left) in a.iter().enumerate() {
        let mut diagonal = i;
        if let Some(first) = row.first_mut() {
            *first = i + 1;
        }
        for (j, right) in b.iter().enumerate() {
            let substituted = diagonal + usize::from(left != right);
            diagonal = row[j + 1];
            row[j + 1] = substituted.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row.last().copied().unwrap_or(a.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn measures_edits() {
        assert_eq!((distance("", "abc"), distance("kitten", "sitting"), distance("same", "same")), (3, 3, 0));
    }

    #[test]
    fn hints_at_the_nearest_word_or_at_all() {
        assert_eq!(hint("curency", ["country", "currency"].into_iter()), "did you mean `currency`?");
        assert_eq!(hint("zebra", ["country", "currency"].into_iter()), "one of country, currency");
    }

    #[test]
    fn counts_characters_and_stays_on_one_line() {
        let text = "é = 1\nö = \"\"\"a\nb\"\"\"";
        let found = problem(text, text.find("\"\"\"").expect("quotes")..text.len(), String::new(), None);
        assert_eq!((found.line, found.column, found.length), (2, 5, 4));
        let beyond = problem("a", 7..9, String::new(), None);
        assert_eq!((beyond.line, beyond.length), (1, 1));
    }
}
