//! What of a configuration may be shown. A problem is printed with its line, and a person may have written a secret there.

use std::ops::Range;

/// The text with every byte of `secrets` covered. Offsets and line breaks stay, so places keep pointing at the same spot.
pub(super) fn cover(text: &str, secrets: &[Range<usize>]) -> String {
    let mut covered = String::with_capacity(text.len());
    for (at, letter) in text.char_indices() {
        if letter != '\n' && letter != '\r' && secrets.iter().any(|secret| secret.contains(&at)) {
            covered.extend(std::iter::repeat_n('*', letter.len_utf8()));
        } else {
            covered.push(letter);
        }
    }
    covered
}

/// Keys whose value is never a secret; whatever stands right of any other is covered when the text cannot be parsed. A key
/// that is not listed here is only covered without need. `base_url` is not: it may hold credentials.
const OPEN_KEYS: [&str; 27] = [
    "state_dir",
    "listen",
    "max_body_bytes",
    "replay_window_hours",
    "high_water",
    "allow_remote",
    "component",
    "legacy_signatures",
    "settings",
    "sink",
    "id",
    "test_code",
    "ambiguous",
    "in_flight",
    "source",
    "location",
    "mapper",
    "destinations",
    "guest_memory_mib",
    "guest_cpu_ms",
    "mapper_cpu_ms",
    "request_timeout_ms",
    "response_max_bytes",
    "calls_in_flight",
    "done_days",
    "api_version",
    "webhook_public_key",
];

/// What to cover in a text that does not parse, where nobody can tell a secret from the rest: everything but table headers,
/// comments, keys, and the values of keys that hold no secret.
pub(super) fn suspects(text: &str) -> Vec<Range<usize>> {
    let mut suspects = Vec::new();
    let mut start = 0;
    for line in text.split_inclusive('\n') {
        let end = start + line.len();
        let shown = line.trim();
        match line.split_once('=') {
            _ if shown.is_empty() || shown.starts_with(['#', '[']) => {}
            Some((key, value)) if OPEN_KEYS.contains(&key.trim()) && !value.contains('=') => {}
            Some((key, _)) => suspects.push(start + key.len() + 1..end),
            None => suspects.push(start..end),
        }
        start = end;
    }
    suspects
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{cover, suspects};

    #[test]
    fn what_may_be_a_secret_is_covered() {
        let text = "[a]\nid = \"7\ntoken = pit-1\nx = { token = 'pit-1' }\npit-1\n# note\n";
        let shown = cover(text, &suspects(text));
        assert_eq!(shown, "[a]\nid = \"7\ntoken =******\nx =********************\n*****\n# note\n");
    }

    proptest! {
        #[test]
        fn covering_keeps_length_and_lines(text in "(\\PC|\n){0,60}") {
            let shown = cover(&text, &suspects(&text));
            prop_assert_eq!(shown.len(), text.len());
            prop_assert_eq!(shown.matches('\n').count(), text.matches('\n').count());
        }
    }
}
