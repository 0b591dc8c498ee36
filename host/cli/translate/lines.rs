//! Lines as they come, many at a time: what is there is taken together, and nothing is waited for that is not.

use std::io::{BufRead, BufReader, ErrorKind, Read};

use tokio::sync::mpsc::Sender;

/// How much is read at a time: about as much as one call over the border takes.
const READ_BYTES: usize = 64 * 1024;

/// A line of the input.
pub(super) struct Line {
    /// Its number, from one.
    pub number: u64,
    /// What it says, without its end.
    pub bytes: Vec<u8>,
}

/// Sends the lines of `input` that are not blank, as many at once as one read gave. The error says where the input broke off.
pub(super) fn read(input: impl Read, send: &Sender<Vec<Line>>) -> Result<(), (u64, std::io::Error)> {
    let mut input = BufReader::with_capacity(READ_BYTES, input);
    let mut reading = Reading { number: 0, begun: Vec::new(), whole: Vec::new() };
    loop {
        let bytes = match input.fill_buf() {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            Err(error) => return Err((reading.number + 1, error)),
        };
        let count = bytes.len();
        if count == 0 {
            reading.end();
        } else {
            reading.take(bytes);
            input.consume(count);
        }
        let lines = std::mem::take(&mut reading.whole);
        let nobody_listens = !lines.is_empty() && send.blocking_send(lines).is_err();
        if count == 0 || nobody_listens {
            return Ok(());
        }
    }
}

struct Reading {
    number: u64,
    begun: Vec<u8>,
    whole: Vec<Line>,
}

impl Reading {
    fn take(&mut self, mut bytes: &[u8]) {
        while let Some(at) = memchr::memchr(b'\n', bytes) {
            self.begun.extend_from_slice(&bytes[..at]);
            bytes = &bytes[at + 1..];
            self.end();
        }
        self.begun.extend_from_slice(bytes);
    }

    fn end(&mut self) {
        self.number += 1;
        let bytes = std::mem::take(&mut self.begun);
        if !bytes.iter().all(u8::is_ascii_whitespace) {
            self.whole.push(Line { number: self.number, bytes });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_keep_their_numbers_and_blank_ones_are_left_out() {
        let (send, mut receive) = tokio::sync::mpsc::channel(8);
        read(&b"one\n\n  \ntwo\r\nthree"[..], &send).expect("it can be read");
        drop(send);
        let mut found = Vec::new();
        while let Some(lines) = receive.blocking_recv() {
            found.extend(lines.into_iter().map(|line| (line.number, String::from_utf8(line.bytes).expect("text"))));
        }
        assert_eq!(found, [(1, "one".to_owned()), (4, "two\r".to_owned()), (5, "three".to_owned())]);
    }

    #[test]
    fn a_line_may_come_in_many_pieces() {
        let text = "x".repeat(3 * READ_BYTES);
        let (send, mut receive) = tokio::sync::mpsc::channel(8);
        read(format!("{text}\ny\n").as_bytes(), &send).expect("it can be read");
        drop(send);
        let sizes: Vec<usize> =
            std::iter::from_fn(|| receive.blocking_recv()).flatten().map(|line| line.bytes.len()).collect();
        assert_eq!(sizes, [text.len(), 1]);
    }
}
