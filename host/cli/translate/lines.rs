//! Lines as they come, many at a time: what is there is taken together, and nothing is waited for that is not.

use std::io::{BufRead, BufReader, ErrorKind, Read};

/// How much is read at a time: about as much as one call over the border takes.
const READ_BYTES: usize = 64 * 1024;

/// A line of the input.
pub(super) struct Line {
    /// Its number, from one.
    pub number: u64,
    /// What it says, without its end.
    pub bytes: Vec<u8>,
}

/// The lines of an input that are not blank.
pub(super) struct Lines<R> {
    input: BufReader<R>,
    number: u64,
    begun: Vec<u8>,
    whole: Vec<Line>,
}

impl<R: Read> Lines<R> {
    /// Of `input`, from its first line.
    pub(super) fn of(input: R) -> Self {
        let input = BufReader::with_capacity(READ_BYTES, input);
        Self { input, number: 0, begun: Vec::new(), whole: Vec::new() }
    }

    /// The number of the line that is read next.
    pub(super) fn number(&self) -> u64 {
        self.number + 1
    }

    /// As many lines as one read gives, waiting until there is one. None: the input has ended.
    ///
    /// # Errors
    /// Where the input breaks off.
    pub(super) fn next(&mut self) -> std::io::Result<Vec<Line>> {
        while self.whole.is_empty() {
            let bytes = match self.input.fill_buf() {
                Ok(bytes) => bytes,
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(error) => return Err(error),
            };
            let count = bytes.len();
            if count == 0 {
                end(&mut self.number, &mut self.begun, &mut self.whole);
                break;
            }
            let mut rest = bytes;
            while let Some(at) = memchr::memchr(b'\n', rest) {
                self.begun.extend_from_slice(&rest[..at]);
                rest = &rest[at + 1..];
                end(&mut self.number, &mut self.begun, &mut self.whole);
            }
            self.begun.extend_from_slice(rest);
            self.input.consume(count);
        }
        Ok(std::mem::take(&mut self.whole))
    }
}

/// Ends the line that was begun.
fn end(number: &mut u64, begun: &mut Vec<u8>, whole: &mut Vec<Line>) {
    *number += 1;
    let bytes = std::mem::take(begun);
    if !bytes.iter().all(u8::is_ascii_whitespace) {
        whole.push(Line { number: *number, bytes });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(input: &[u8]) -> Vec<Line> {
        let mut lines = Lines::of(input);
        let mut found = Vec::new();
        loop {
            let more = lines.next().expect("it can be read");
            if more.is_empty() {
                return found;
            }
            found.extend(more);
        }
    }

    #[test]
    fn lines_keep_their_numbers_and_blank_ones_are_left_out() {
        let found: Vec<(u64, String)> = read(b"one\n\n  \ntwo\r\nthree")
            .into_iter()
            .map(|line| (line.number, String::from_utf8(line.bytes).expect("text")))
            .collect();
        assert_eq!(found, [(1, "one".to_owned()), (4, "two\r".to_owned()), (5, "three".to_owned())]);
    }

    #[test]
    fn a_line_may_come_in_many_pieces() {
        let text = "x".repeat(3 * READ_BYTES);
        let sizes: Vec<usize> = read(format!("{text}\ny\n").as_bytes()).iter().map(|line| line.bytes.len()).collect();
        assert_eq!(sizes, [text.len(), 1]);
    }
}
