//! Path patterns: `/contacts/{id}/tasks`, where a segment in braces stands for any one segment that is not empty.

use std::fmt;

/// A path whose segments are fixed or free.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pattern(Vec<Segment>);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Segment {
    Fixed(String),
    Free(String),
}

impl Pattern {
    /// Reads a pattern. `None` unless it starts with `/` and holds plain segments only.
    pub fn parse(text: &str) -> Option<Self> {
        let rest = text.strip_prefix('/')?;
        if rest.contains(['?', '#', '%']) {
            return None;
        }
        let segments = rest.split('/').map(|segment| match segment {
            free if free.len() > 2 && free.starts_with('{') && free.ends_with('}') => {
                Some(Segment::Free(free[1..free.len() - 1].to_owned()))
            }
            "." | ".." => None,
            fixed if fixed.contains(['{', '}']) => None,
            fixed => Some(Segment::Fixed(fixed.to_owned())),
        });
        segments.collect::<Option<Vec<_>>>().map(Self)
    }

    /// Whether `path` (without its query) is one the pattern means. Anything a server might read as another path
    /// (dot segments, encoded slashes, dots or backslashes) is not.
    pub fn matches(&self, path: &str) -> bool {
        let Some(rest) = path.strip_prefix('/') else { return false };
        let mut segments = rest.split('/');
        let fits = self.0.iter().all(|wanted| match (wanted, segments.next()) {
            (Segment::Fixed(fixed), Some(segment)) => fixed == segment,
            (Segment::Free(_), Some(segment)) => is_plain(segment),
            (_, None) => false,
        });
        fits && segments.next().is_none()
    }

    /// What stands in the segment of this name, in a path that the pattern means.
    pub fn named<'a>(&self, name: &str, path: &'a str) -> Option<&'a str> {
        let segments = path.strip_prefix('/')?.split('/');
        let mut both = self.0.iter().zip(segments);
        both.find_map(|(wanted, segment)| matches!(wanted, Segment::Free(free) if free == name).then_some(segment))
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|segment| match segment {
            Segment::Fixed(fixed) => write!(out, "/{fixed}"),
            Segment::Free(name) => write!(out, "/{{{name}}}"),
        })
    }
}

fn is_plain(segment: &str) -> bool {
    let lower = segment.to_ascii_lowercase();
    let encoded = ["%2f", "%2e", "%5c", "%00"].iter().any(|bad| lower.contains(bad));
    !segment.is_empty() && segment != "." && segment != ".." && !segment.contains('\\') && !encoded
}

#[cfg(test)]
mod tests {
    use super::Pattern;
    use proptest::prelude::*;

    #[test]
    fn a_pattern_is_written_as_it_was_and_names_its_segments() {
        let pattern = Pattern::parse("/contacts/{contact}/tasks/{task}").expect("a pattern");
        assert_eq!(pattern.to_string(), "/contacts/{contact}/tasks/{task}");
        let path = "/contacts/C1/tasks/T2";
        assert_eq!((pattern.named("contact", path), pattern.named("task", path)), (Some("C1"), Some("T2")));
        assert_eq!(pattern.named("note", path), None);
    }

    #[test]
    fn a_free_segment_is_exactly_one() {
        let pattern = Pattern::parse("/contacts/{id}").expect("a pattern");
        assert!(pattern.matches("/contacts/abc"));
        for other in [
            "/contacts/",
            "/contacts",
            "/contacts/a/b",
            "/contacts/..",
            "/contacts/%2e%2E",
            "/contacts/a%2Fb",
            "contacts/a",
        ] {
            assert!(!pattern.matches(other), "{other}");
        }
    }

    #[test]
    fn a_trailing_slash_is_part_of_the_path() {
        let pattern = Pattern::parse("/contacts/").expect("a pattern");
        assert!(pattern.matches("/contacts/"));
        assert!(!pattern.matches("/contacts"));
    }

    #[test]
    fn no_pattern() {
        for text in ["contacts", "/a/../b", "/a?b=c", "/{id", "/x{id}"] {
            assert_eq!(Pattern::parse(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn no_path_reaches_above_its_place(path in ".{0,40}") {
            let pattern = Pattern::parse("/v1/{id}").expect("a pattern");
            if pattern.matches(&path) {
                prop_assert!(path.starts_with("/v1/"));
                prop_assert_eq!(path.matches('/').count(), 2);
                prop_assert!(!path.contains(".."));
            }
        }
    }
}
