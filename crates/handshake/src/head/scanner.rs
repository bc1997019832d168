use crate::head::{HeadError, HeadLimits};

/// Looks for the end of a head, each byte once, while the head is still arriving.
///
/// ```text
///            "\r\n" (once, requests only)
///          ┌─────┐
///          ▼     │
///   ┌─> start line ──"\r\n"──> header line ──"\r\n"──┐
///                               ▲   │                │
///                               │   └─"\r\n" at its start: end of head
///                               └────────────────────┘
/// ```
///
/// Everything that can be told from single bytes is refused here, at the byte that shows it: a
/// line that ends in anything but CR LF, control characters, folded lines, and every limit. What
/// is left for `httparse` is one run over a complete head of known size.
#[derive(Debug)]
pub(super) struct HeadScanner {
    limits: HeadLimits,
    /// Empty lines that may still stand before the start line.
    empty_lines: u8,
    /// Bytes looked at since the head began; never looked at again.
    scanned: usize,
    /// Lines complete so far, the start line included, empty ones not.
    lines: usize,
    /// Bytes of the unfinished line, CR LF not included.
    line_len: usize,
    /// The last byte was a CR, so only an LF may follow.
    after_cr: bool,
    /// Bytes looked at, by all calls: the proof that none begins again at bytes of an earlier one.
    #[cfg(test)]
    pub(super) steps: usize,
}

/// Where a head ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct HeadEnd {
    /// Bytes from the start of the input to behind the empty line.
    pub(super) len: usize,
    /// Header lines, the start line not included.
    pub(super) headers: usize,
}

impl HeadScanner {
    pub(super) fn new(limits: HeadLimits, empty_lines: u8) -> Self {
        Self {
            limits,
            empty_lines,
            scanned: 0,
            lines: 0,
            line_len: 0,
            after_cr: false,
            #[cfg(test)]
            steps: 0,
        }
    }

    /// Goes on where the last call stopped. `buf` is the head from its first byte to whatever
    /// has arrived by now.
    pub(super) fn scan(&mut self, buf: &[u8]) -> Result<Option<HeadEnd>, HeadError> {
        let head = buf.get(..self.limits.max_bytes).unwrap_or(buf);
        while let rest @ [first, ..] = head.get(self.scanned..).unwrap_or_default() {
            if !self.after_cr {
                self.text(rest)?;
            } else if self.line_feed(*first)? {
                return Ok(Some(HeadEnd {
                    len: self.scanned,
                    headers: self.lines - 1,
                }));
            }
        }
        if buf.len() > head.len() {
            return Err(HeadError::TooLong);
        }
        Ok(None)
    }

    /// Bytes of the head that are complete lines, the CR LF of the last one included.
    pub(super) fn complete_lines(&self) -> usize {
        self.scanned - self.line_len - usize::from(self.after_cr)
    }

    /// Takes the text that the line goes on with, and the CR after it.
    fn text(&mut self, rest: &[u8]) -> Result<(), HeadError> {
        // `lines` counts the start line too, and this is one line more.
        let is_one_too_many = self.lines > self.limits.max_headers;
        let room = match is_one_too_many {
            true => 0,
            false => self.limits.max_line - self.line_len,
        };
        // One byte more than there is room for shows that there is too much.
        let rest = rest.get(..=room).unwrap_or(rest);
        let len = text_len(rest);
        #[cfg(test)]
        {
            self.steps += rest.len().min(len + 1);
        }
        if self.line_len == 0 && self.lines > 0 && matches!(rest, [b' ' | b'\t', ..]) {
            return Err(HeadError::FoldedLine);
        }
        if len > room {
            return Err(match self.lines {
                0 => HeadError::StartLineTooLong,
                _ if is_one_too_many => HeadError::TooManyHeaders,
                _ => HeadError::LineTooLong,
            });
        }
        self.scanned += len;
        self.line_len += len;
        match rest.get(len) {
            None => {}
            Some(b'\r') => {
                self.after_cr = true;
                self.scanned += 1;
            }
            Some(b'\n') => return Err(HeadError::LineEnding),
            Some(_) => return Err(HeadError::ControlCharacter),
        }
        Ok(())
    }

    /// Takes what must be an LF; `true` if it ends the empty line after the headers.
    fn line_feed(&mut self, byte: u8) -> Result<bool, HeadError> {
        #[cfg(test)]
        {
            self.steps += 1;
        }
        if byte != b'\n' {
            return Err(HeadError::LineEnding);
        }
        self.after_cr = false;
        self.scanned += 1;
        if self.line_len > 0 {
            self.lines += 1;
            self.line_len = 0;
            return Ok(false);
        }
        if self.lines > 0 {
            return Ok(true);
        }
        self.empty_lines = self
            .empty_lines
            .checked_sub(1)
            .ok_or(HeadError::StartLine)?;
        Ok(false)
    }
}

/// How many bytes of text stand at the start: in whole chunks first, without a branch for each byte,
/// and of the chunk that is not all text one by one.
fn text_len(line: &[u8]) -> usize {
    let is_text = |byte: &u8| matches!(byte, b'\t' | b' '..=b'~' | 0x80..=0xff);
    let is_text_alone = |chunk: &&[u8]| chunk.iter().fold(true, |all, byte| all & is_text(byte));
    let chunks = line.chunks_exact(CHUNK).take_while(is_text_alone).count();
    let rest = line.get(chunks * CHUNK..).unwrap_or_default();
    chunks * CHUNK + rest.iter().take_while(|byte| is_text(byte)).count()
}

/// Bytes that are looked at together.
const CHUNK: usize = 8;

#[cfg(test)]
mod tests {
    use super::*;

    fn scan(limits: HeadLimits, input: &[u8]) -> Result<Option<HeadEnd>, HeadError> {
        let whole = HeadScanner::new(limits, 1).scan(input);
        let mut scanner = HeadScanner::new(limits, 1);
        let mut by_byte = Ok(None);
        for end in 0..=input.len() {
            by_byte = scanner.scan(&input[..end]);
            if !matches!(by_byte, Ok(None)) {
                break;
            }
        }
        assert_eq!(whole, by_byte, "{}", input.escape_ascii());
        whole
    }

    /// RFC 9112 §2.2.
    #[test]
    fn the_end_of_a_head_is_found_at_any_cut_and_bytes_behind_it_are_left() {
        let limits = HeadLimits::default();
        for (input, end) in [
            (&b""[..], None),
            (b"GET / HTTP/1.1\r\n", None),
            (b"GET / HTTP/1.1\r\n\r", None),
            (b"GET / HTTP/1.1\r\n\r\n", Some((18, 0))),
            (b"GET / HTTP/1.1\r\n\r\n\x81\x80\n\0", Some((18, 0))),
            (b"\r\nGET / HTTP/1.1\r\n\r\n", Some((20, 0))),
            (b"G\r\na:b\r\nc:d\r\n\r\nrest", Some((15, 2))),
        ] {
            let got = scan(limits, input)
                .unwrap()
                .map(|end| (end.len, end.headers));
            assert_eq!(got, end, "{}", input.escape_ascii());
        }
    }

    #[test]
    fn what_single_bytes_can_show_is_refused_at_that_byte() {
        let limits = HeadLimits::default();
        for (input, error) in [
            (&b"\r\n\r\n"[..], HeadError::StartLine),
            (b"\n", HeadError::LineEnding),
            (b"\rG", HeadError::LineEnding),
            (b"GET / HTTP/1.1\n", HeadError::LineEnding),
            (b"G\r\na:b\n", HeadError::LineEnding),
            (b"G\r\na:b\rc", HeadError::LineEnding),
            (b"G\r\na:b\r\r", HeadError::LineEnding),
            (b"G\r\na:b\r\n\n", HeadError::LineEnding),
            (b"G\r\na:\0", HeadError::ControlCharacter),
            (b"G\r\na:\x7f", HeadError::ControlCharacter),
            (b"G\r\na:\x0b", HeadError::ControlCharacter),
            // The first byte of a TLS handshake.
            (b"\x16", HeadError::ControlCharacter),
            (b"G\r\n ", HeadError::FoldedLine),
            (b"G\r\na:b\r\n\t", HeadError::FoldedLine),
        ] {
            assert_eq!(scan(limits, input), Err(error), "{}", input.escape_ascii());
            assert_eq!(
                scan(limits, &input[..input.len() - 1]),
                Ok(None),
                "{}",
                input.escape_ascii()
            );
        }
        let mut response = HeadScanner::new(limits, 0);
        assert_eq!(response.scan(b"\r\n"), Err(HeadError::StartLine));
    }

    #[test]
    fn limits_hold_to_the_byte_and_to_the_line() {
        let limits = HeadLimits::default();
        let head = b"GET / HTTP/1.1\r\na: bcdef\r\n\r\n";
        let end = Some(HeadEnd {
            len: head.len(),
            headers: 1,
        });
        assert_eq!(scan(limits.max_bytes(head.len()), head), Ok(end));
        assert_eq!(
            scan(limits.max_bytes(head.len() - 1), head),
            Err(HeadError::TooLong)
        );
        assert_eq!(scan(limits.max_line(14), head), Ok(end));
        assert_eq!(
            scan(limits.max_line(13), head),
            Err(HeadError::StartLineTooLong)
        );
        let head = b"G\r\na: bcdef\r\n\r\n";
        assert!(scan(limits.max_line(8), head).is_ok());
        assert_eq!(scan(limits.max_line(7), head), Err(HeadError::LineTooLong));
        let head = b"G\r\na:b\r\na:b\r\n\r\n";
        assert!(scan(limits.max_headers(2), head).is_ok());
        assert_eq!(
            scan(limits.max_headers(1), head),
            Err(HeadError::TooManyHeaders)
        );
        assert_eq!(
            scan(limits.max_headers(0), head),
            Err(HeadError::TooManyHeaders)
        );
        let none = limits
            .max_bytes(usize::MAX)
            .max_headers(usize::MAX)
            .max_line(usize::MAX);
        let long = format!("G\r\n{}\r\n", "a:b\r\n".repeat(100_000));
        assert!(matches!(scan(none, long.as_bytes()), Ok(Some(end)) if end.headers == 100_000));
    }

    #[test]
    fn a_head_that_trickles_in_costs_one_step_per_byte() {
        let limits = HeadLimits::default();
        let mut input = b"GET / HTTP/1.1\r\na:".to_vec();
        input.resize(8 * 1024, b'b');
        let mut scanner = HeadScanner::new(limits, 1);
        for end in 0..=input.len() {
            assert_eq!(scanner.scan(&input[..end]), Ok(None));
            // A read that brings nothing costs nothing.
            assert_eq!(scanner.scan(&input[..end]), Ok(None));
        }
        assert_eq!(scanner.steps, input.len());
    }

    #[test]
    fn a_header_without_end_is_refused_at_the_limit() {
        let limits = HeadLimits::default();
        let mut line = b"GET / HTTP/1.1\r\na:".to_vec();
        line.resize(32 << 20, b'b');
        let mut scanner = HeadScanner::new(limits, 1);
        assert_eq!(scanner.scan(&line), Err(HeadError::LineTooLong));
        assert_eq!(scanner.steps, 16 + 8 * 1024 + 1);

        let lines = b"GET / HTTP/1.1\r\n".to_vec().repeat(1 << 20);
        let mut scanner = HeadScanner::new(limits, 1);
        assert_eq!(scanner.scan(&lines), Err(HeadError::TooManyHeaders));
        assert_eq!(scanner.steps, 101 * 16 + 1);

        let mut scanner = HeadScanner::new(limits.max_line(usize::MAX), 1);
        assert_eq!(scanner.scan(&line), Err(HeadError::TooLong));
        assert_eq!(scanner.steps, 16 * 1024);
    }
}
