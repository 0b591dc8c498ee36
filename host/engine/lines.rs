//! What a guest wrote to its stderr in one call that somebody keeps: personal data, for it may be about anybody. Never in a log.

use std::fmt;

use crate::vault::mask_personal;

/// The most lines of a call that are kept.
const LINES: usize = 32;
/// The most of a call's lines that is kept, in bytes.
const BYTES: usize = 4 * 1024;
/// What stands for the rest.
const MORE: &str = "… and more";

/// What one guest wrote in one call.
#[derive(Clone, PartialEq, Eq)]
pub struct Lines {
    /// Name and short digest of the component.
    pub guest: String,
    /// The function that was called.
    pub call: &'static str,
    /// The lines, addresses and numbers masked; at most 32, and 4 KiB.
    pub text: String,
}

impl fmt::Debug for Lines {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "[{} bytes of {}]", self.text.len(), self.guest)
    }
}

impl Lines {
    /// What is kept of these bytes; none where there is nothing but blanks in them.
    pub(super) fn of(guest: &str, call: &'static str, stderr: &[u8]) -> Option<Self> {
        let text = kept(&String::from_utf8_lossy(stderr));
        (!text.is_empty()).then(|| Self { guest: guest.to_owned(), call, text })
    }
}

/// The beginning of a text, masked, without what would move a terminal's cursor.
fn kept(text: &str) -> String {
    // Masked before it is cut: half an address has no shape.
    let masked = mask_personal(text.trim());
    let is_long = masked.lines().nth(LINES).is_some();
    let mut kept = String::new();
    for (at, line) in masked.lines().take(LINES).enumerate() {
        let line: String =
            line.trim_end().chars().map(|letter| if letter.is_control() { ' ' } else { letter }).collect();
        // The last line's place is for the word that there are more.
        let room = if is_long && at == LINES - 1 { None } else { BYTES.checked_sub(kept.len() + MORE.len() + 2) };
        if at > 0 {
            kept.push('\n');
        }
        if room.is_none_or(|room| line.len() > room) {
            kept.push_str(&line[..line.floor_char_boundary(room.unwrap_or(0))]);
            kept.push_str(MORE);
            break;
        }
        kept.push_str(&line);
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::{BYTES, LINES, Lines, MORE};

    fn kept(text: &str) -> Option<String> {
        Lines::of("sink@1", "deliver", text.as_bytes()).map(|lines| lines.text)
    }

    #[test]
    fn few_lines_are_kept_as_they_are_but_for_addresses_and_what_moves_a_cursor() {
        assert_eq!(kept(" one\n two\x1b[2J \n").as_deref(), Some("one\n two [2J"));
        assert_eq!(kept("to ann@example.com\n").as_deref(), Some("to [personal]"));
        assert_eq!(kept(" \n\n"), None);
        assert_eq!(Lines::of("sink@1", "deliver", b"\xff\n").unwrap().text, "\u{fffd}");
    }

    #[test]
    fn many_or_long_lines_are_cut_and_say_so() {
        let exact = kept(&"line\n".repeat(LINES)).unwrap();
        assert_eq!((exact.lines().count(), exact.contains(MORE)), (LINES, false));
        let many = kept(&"line\n".repeat(LINES + 1)).unwrap();
        assert_eq!((many.lines().count(), many.lines().last()), (LINES, Some(MORE)));
        for long in ["ä".repeat(BYTES), "word ".repeat(BYTES), "eight by\n".repeat(LINES - 1) + &"x".repeat(BYTES)] {
            let cut = kept(&long).unwrap();
            assert!(cut.len() <= BYTES && cut.ends_with(MORE), "{} {}", cut.len(), &cut[cut.len() - 20..]);
        }
    }

    #[test]
    fn lines_are_not_written_where_somebody_writes_what_holds_them() {
        let lines = Lines::of("sink@1", "deliver", b"Ann Smith").unwrap();
        assert_eq!(format!("{lines:?}"), "[9 bytes of sink@1]");
    }
}
