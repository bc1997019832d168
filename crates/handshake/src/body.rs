//! The body of a response that refuses the handshake (RFC 9112 §6, §7.1), under a limit.
//!
//! A server that answers 401 or 302 says more in the body. This reads as much of it as a caller
//! wants to see, and nothing else: no trailer, no other coding than `chunked`.

use std::fmt;

use bytes::{Bytes, BytesMut};
use http::header::{CONTENT_LENGTH, TRANSFER_ENCODING};
use http::{HeaderMap, Response, StatusCode};

use crate::header::elements;

/// Collects the body of one response, however it is cut.
///
/// ```
/// use http::Response;
/// use socket_flow_handshake::body::BodyDecoder;
///
/// let response = Response::builder()
///     .status(401)
///     .header("transfer-encoding", "chunked")
///     .body(())
///     .unwrap();
/// let mut body = BodyDecoder::new(&response, 64 * 1024);
/// assert!(!body.decode(b"4\r\nwho "));
/// assert!(body.decode(b"\r\n3\r\nyou\r\n0\r\n\r\n"));
/// assert!(body.is_complete());
/// assert_eq!(body.into_body(), "who you");
/// ```
pub struct BodyDecoder {
    state: State,
    body: BytesMut,
    /// Bytes of the body that are kept.
    max: usize,
}

impl fmt::Debug for BodyDecoder {
    /// Shows of the body how long it is.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BodyDecoder")
            .field("body_len", &self.body.len())
            .field("max", &self.max)
            .finish_non_exhaustive()
    }
}

impl BodyDecoder {
    /// A decoder for the body of this response that keeps at most `max` bytes of it.
    pub fn new<B>(response: &Response<B>, max: usize) -> Self {
        Self {
            state: State::of(response.status(), response.headers()),
            body: BytesMut::new(),
            max,
        }
    }

    /// Takes the next bytes after the head; `true` once nothing more is to be read: the body is
    /// whole, or over the limit, or broken.
    ///
    /// Memory grows by what arrives, never by what is announced.
    pub fn decode(&mut self, mut input: &[u8]) -> bool {
        while !self.is_done() && !input.is_empty() {
            input = self.advance(input);
        }
        self.is_done()
    }

    /// Says that the stream has ended: what has no length of its own is complete with that, and
    /// anything else that is not there yet is missing.
    pub fn end(&mut self) {
        self.state = match self.state {
            State::Complete | State::UntilEnd => State::Complete,
            _ => State::Truncated,
        };
    }

    /// Whether nothing more is to be read.
    pub fn is_done(&self) -> bool {
        matches!(self.state, State::Complete | State::Truncated)
    }

    /// Whether all of the body is there.
    pub fn is_complete(&self) -> bool {
        matches!(self.state, State::Complete)
    }

    /// Whether only the end of the stream can tell the end of the body: it has no length of its
    /// own, or one that cannot be believed.
    pub fn is_until_end(&self) -> bool {
        matches!(self.state, State::UntilEnd)
    }

    /// What was kept of the body.
    pub fn into_body(self) -> Bytes {
        self.body.freeze()
    }

    /// Takes at least one byte of an input that is not empty.
    fn advance<'a>(&mut self, input: &'a [u8]) -> &'a [u8] {
        let (byte, rest) = match input {
            [byte, rest @ ..] => (*byte, rest),
            [] => return input,
        };
        self.state = match self.state {
            State::Complete | State::Truncated => return &[],
            State::UntilEnd => {
                self.keep(input, u64::MAX);
                return &[];
            }
            State::Length(left) => {
                let (left, rest) = self.keep(input, left);
                self.after_data(left, State::Length(left), State::Complete);
                return rest;
            }
            State::ChunkData(left) => {
                let (left, rest) = self.keep(input, left);
                self.after_data(left, State::ChunkData(left), State::ChunkEnd(b'\r'));
                return rest;
            }
            State::ChunkEnd(expected) if byte != expected => State::Truncated,
            State::ChunkEnd(b'\r') => State::ChunkEnd(b'\n'),
            State::ChunkEnd(_) => State::ChunkLine(ChunkLine::default()),
            State::ChunkLine(line) => line.next(byte),
        };
        rest
    }

    /// Keeps what there is room for of the next `left` bytes; returns how many of them are still
    /// to come, and the input after them. What finds no room truncates the body.
    fn keep<'a>(&mut self, input: &'a [u8], left: u64) -> (u64, &'a [u8]) {
        let len = usize::try_from(left).map_or(input.len(), |left| left.min(input.len()));
        let (data, rest) = input.split_at(len);
        let kept = data.get(..self.room()).unwrap_or(data);
        self.body.extend_from_slice(kept);
        if kept.len() < data.len() {
            self.state = State::Truncated;
        }
        (left - data.len() as u64, rest)
    }

    fn after_data(&mut self, left: u64, unfinished: State, finished: State) {
        self.state = match self.state {
            State::Truncated => State::Truncated,
            _ if left == 0 => finished,
            _ if self.room() == 0 => State::Truncated,
            _ => unfinished,
        };
    }

    fn room(&self) -> usize {
        self.max.saturating_sub(self.body.len())
    }
}

/// ```text
///   Length, UntilEnd ───────────────────────────────┐
///   ChunkLine ──"\n"──┬─ size 0 ────────────────────┴─> Complete
///      ▲              ▼
///      │          ChunkData ──> ChunkEnd
///      └───────"\r\n"──────────────┘     anything else, or too much of it ──> Truncated
/// ```
#[derive(Clone, Copy, Debug)]
enum State {
    /// Bytes that are still to come.
    Length(u64),
    UntilEnd,
    ChunkLine(ChunkLine),
    /// Bytes of the chunk that are still to come.
    ChunkData(u64),
    /// The byte that must follow.
    ChunkEnd(u8),
    Complete,
    Truncated,
}

impl State {
    /// RFC 9112 §6.3.
    fn of(status: StatusCode, headers: &HeaderMap) -> Self {
        if status.is_informational()
            || status == StatusCode::NO_CONTENT
            || status == StatusCode::NOT_MODIFIED
        {
            return Self::Complete;
        }
        if headers.contains_key(TRANSFER_ENCODING) {
            let last = elements(headers, &TRANSFER_ENCODING).last();
            return if last.is_some_and(|last| last.eq_ignore_ascii_case(b"chunked")) {
                Self::ChunkLine(ChunkLine::default())
            } else {
                Self::UntilEnd
            };
        }
        match content_length(headers) {
            Some(0) => Self::Complete,
            Some(len) => Self::Length(len),
            // The connection is closed after this response anyway.
            None => Self::UntilEnd,
        }
    }
}

/// The line before a chunk: its size, and extensions, which are ignored (RFC 9112 §7.1).
#[derive(Clone, Copy, Debug, Default)]
struct ChunkLine {
    size: u64,
    len: u16,
    part: Part,
}

#[derive(Clone, Copy, Debug, Default)]
enum Part {
    #[default]
    Start,
    Digits,
    Blank,
    Extension,
    Cr,
}

impl ChunkLine {
    fn next(mut self, byte: u8) -> State {
        use Part::{Blank, Cr, Digits, Extension, Start};
        self.part = match (self.part, byte) {
            (Start | Digits, b'0'..=b'9' | b'a'..=b'f' | b'A'..=b'F') => {
                let digit = char::from(byte).to_digit(16).map_or(0, u64::from);
                let Some(size) = self.size.checked_mul(16) else {
                    return State::Truncated;
                };
                self.size = size + digit;
                Digits
            }
            (Digits | Blank, b' ' | b'\t') => Blank,
            (Digits | Blank, b';') => Extension,
            (Digits | Blank | Extension, b'\r') => Cr,
            (Extension, b'\t' | b' '..=b'~' | 0x80..) => Extension,
            (Cr, b'\n') if self.size == 0 => return State::Complete,
            (Cr, b'\n') => return State::ChunkData(self.size),
            _ => return State::Truncated,
        };
        self.len += 1;
        if self.len > MAX_CHUNK_LINE {
            return State::Truncated;
        }
        State::ChunkLine(self)
    }
}

/// Digits, or a list of the same digits: a length that was doubled on the way (RFC 9110 §8.6).
fn content_length(headers: &HeaderMap) -> Option<u64> {
    let mut lengths = elements(headers, &CONTENT_LENGTH).map(parse_length);
    let length = lengths.next()??;
    lengths.all(|other| other == Some(length)).then_some(length)
}

fn parse_length(digits: &[u8]) -> Option<u64> {
    // `parse` would take a sign.
    if !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    std::str::from_utf8(digits).ok()?.parse().ok()
}

/// Enough for a size and extensions no one uses; a longer line is an attack.
const MAX_CHUNK_LINE: u16 = 256;

#[cfg(test)]
mod tests {
    use super::*;

    fn decoder(status: u16, headers: &[(&str, &str)], max: usize) -> BodyDecoder {
        let mut response = Response::builder().status(status);
        for (name, value) in headers {
            response = response.header(*name, *value);
        }
        BodyDecoder::new(&response.body(()).unwrap(), max)
    }

    /// What the input makes of a body, cut at every byte: complete, truncated, or to go on.
    fn check(status: u16, headers: &[(&str, &str)], input: &[u8], body: &[u8], end: Got) {
        for cut in 0..=input.len() {
            let mut decoder = decoder(status, headers, 16);
            decoder.decode(&input[..cut]);
            let what = format!("{headers:?} {} cut at {cut}", input.escape_ascii());
            let done = decoder.decode(&input[cut..]);
            let got = match (done, decoder.is_complete()) {
                (true, true) => Whole,
                (true, false) => Broken,
                (false, false) => More,
                (false, true) => panic!("{what}"),
            };
            assert_eq!(got, end, "{what}");
            assert_eq!(decoder.into_body(), body, "{what}");
        }
    }

    #[derive(Debug, PartialEq)]
    enum Got {
        Whole,
        Broken,
        More,
    }

    use Got::{Broken, More, Whole};

    /// RFC 9112 §6.3; RFC 9110 §8.6.
    #[test]
    fn bodies_end_where_their_length_says() {
        for (value, input, body, end) in [
            ("3", &b"abc"[..], &b"abc"[..], Whole),
            ("3", b"abcdef", b"abc", Whole),
            ("3", b"ab", b"ab", More),
            ("0", b"", b"", Whole),
            ("0", b"abc", b"", Whole),
            ("3, 3", b"abcdef", b"abc", Whole),
            // What cannot be believed is no length.
            ("99999999999999999999", b"abc", b"abc", More),
            ("+2", b"abcd", b"abcd", More),
            ("-2", b"abcd", b"abcd", More),
            ("2 3", b"abcd", b"abcd", More),
            ("0x2", b"abcd", b"abcd", More),
            ("2, 3", b"abcd", b"abcd", More),
            ("", b"abcd", b"abcd", More),
            ("18446744073709551615", b"abc", b"abc", More),
        ] {
            check(403, &[("content-length", value)], input, body, end);
        }
        for (second, body, end) in [("2", &b"ab"[..], Whole), ("3", b"abc", More)] {
            let twice = [("content-length", "2"), ("content-length", second)];
            check(403, &twice, b"abc", body, end);
        }
        check(403, &[], b"abc", b"abc", More);
        check(204, &[("content-length", "3")], b"abc", b"", Whole);
        check(304, &[], b"abc", b"", Whole);
    }

    /// RFC 9112 §6.3, §8.
    #[test]
    fn the_end_of_the_stream_completes_what_has_no_length() {
        for (headers, complete) in [
            (&[][..], true),
            (&[("content-length", "+2")], true),
            (&[("transfer-encoding", "gzip")], true),
            (&[("content-length", "3")], false),
            (&[("transfer-encoding", "chunked")], false),
        ] {
            let mut decoder = decoder(403, headers, 16);
            assert_eq!(decoder.is_until_end(), complete);
            assert!(!decoder.decode(b"1"));
            decoder.end();
            assert_eq!((decoder.is_done(), decoder.is_complete()), (true, complete));
        }
    }

    /// RFC 9112 §6.3, §7.1, §7.1.1.
    #[test]
    fn chunks_are_joined_and_broken_ones_end_the_body() {
        let extension = |len: usize| format!("1;{}\r\na\r\n0\r\n", "x".repeat(len)).into_bytes();
        let (long, longer) = (extension(253), extension(254));
        for (input, body, end) in [
            (&b"3\r\nabc\r\n0\r\n\r\n"[..], &b"abc"[..], Whole),
            (b"3;x=\"y\"\r\nabc\r\n2 \r\nde\r\n0\r\n", b"abcde", Whole),
            (b"0A\r\n0123456789\r\n", b"0123456789", More),
            (b"3\r\nab", b"ab", More),
            (b"", b"", More),
            (b"x", b"", Broken),
            (b" 3\r\n", b"", Broken),
            (b"3x\r\nabc\r\n", b"", Broken),
            (b"3 4\r\nabc\r\n", b"", Broken),
            (b"\r\n", b"", Broken),
            (b";x\r\n", b"", Broken),
            (b"+3\r\nabc", b"", Broken),
            (b"0x3\r\nabc", b"", Broken),
            (b"3\nabc", b"", Broken),
            (b"3\r\rabc", b"", Broken),
            (b"3;a\nb\r\nabc", b"", Broken),
            (b"3\r\nabcd", b"abc", Broken),
            (b"3\r\nabc\n0\r\n", b"abc", Broken),
            (b"3\r\nabc\r\n-1\r\n", b"abc", Broken),
            (b"ffffffffffffffff\r\nab", b"ab", More),
            (b"00000000000000003\r\nabc", b"abc", More),
            (b"10000000000000000\r\nab", b"", Broken),
            (&long, b"a", Whole),
            (&longer, b"", Broken),
        ] {
            check(403, &[("transfer-encoding", "chunked")], input, body, end);
        }
        for (input, body, end) in [
            (&b"2\r\nab\r\n0\r\n"[..], &b"ab"[..], Whole),
            (b"2\r\nabc", b"ab", Broken),
        ] {
            let over = [
                ("transfer-encoding", "gzip, Chunked"),
                ("content-length", "1"),
            ];
            check(403, &over, input, body, end);
        }
        let gzip = [("transfer-encoding", "chunked, gzip")];
        check(403, &gzip, b"3\r\n", b"3\r\n", More);
    }

    /// RFC 9110 §5.6.1.2: empty elements of a list are ignored. RFC 9112 §6.1, §6.3.
    #[test]
    fn empty_elements_of_a_list_change_no_length() {
        let chunks = b"1\r\na\r\n0\r\n";
        for codings in [
            &["chunked,"][..],
            &["chunked , ,\t"],
            &[",gzip,,CHUNKED,"],
            &["chunked", ""],
            &["gzip", "chunked", " , "],
        ] {
            let headers: Vec<_> = codings.iter().map(|c| ("transfer-encoding", *c)).collect();
            check(403, &headers, chunks, b"a", Whole);
        }
        for codings in [&["chunked, gzip,"][..], &["chunked", "gzip"], &[","], &[""]] {
            let headers: Vec<_> = codings.iter().map(|c| ("transfer-encoding", *c)).collect();
            check(403, &headers, b"1\r\n", b"1\r\n", More);
        }
        for (lengths, body, end) in [
            (&["2,"][..], &b"ab"[..], Whole),
            (&[" ,2"], b"ab", Whole),
            (&["2,,2"], b"ab", Whole),
            (&["2", ""], b"ab", Whole),
            (&["2", ",3"], b"abcd", More),
            (&[","], b"abcd", More),
        ] {
            let headers: Vec<_> = lengths.iter().map(|l| ("content-length", *l)).collect();
            check(403, &headers, b"abcd", body, end);
        }
    }

    /// RFC 9110 §8.6, RFC 9112 §6.1, §6.3, §7.1, §7.1.1.
    #[test]
    fn lengths_that_others_write_oddly_are_read_as_they_are_meant() {
        for (headers, input, body, end) in [
            // Zeros in front, and a number that is only long.
            (
                &[("content-length", "0003")][..],
                &b"abcd"[..],
                &b"abc"[..],
                Whole,
            ),
            (
                &[("content-length", "00000000000000000000003")],
                b"abcd",
                b"abc",
                Whole,
            ),
            (&[("content-length", "3, 0003")], b"abcd", b"abc", Whole),
            (&[("content-length", "3;q=1")], b"abcd", b"abcd", More),
            (&[("content-length", "\"3\"")], b"abcd", b"abcd", More),
            (&[("content-length", "3.0")], b"abcd", b"abcd", More),
            // Chunks come first, whatever length stands beside them.
            (
                &[("content-length", "0"), ("transfer-encoding", "chunked")],
                b"1\r\na\r\n0\r\n",
                b"a",
                Whole,
            ),
            (
                &[("transfer-encoding", "identity")],
                b"1\r\n",
                b"1\r\n",
                More,
            ),
            (
                &[("transfer-encoding", "xchunked")],
                b"1\r\n",
                b"1\r\n",
                More,
            ),
            (
                &[("transfer-encoding", "chunked;q=1")],
                b"1\r\n",
                b"1\r\n",
                More,
            ),
            (
                &[("transfer-encoding", "\"chunked\"")],
                b"1\r\n",
                b"1\r\n",
                More,
            ),
        ] {
            check(403, headers, input, body, end);
        }
        for (input, body, end) in [
            // Extensions: a flag, a blank before, quoted marks, the last one empty.
            (&b"1;a;b=c\r\na\r\n0\r\n"[..], &b"a"[..], Whole),
            (b"1 ;a = \"\\\"\"\r\na\r\n0;z\r\n", b"a", Whole),
            (b"1;a=\"x;y, 2\"\r\na\r\n0\r\n", b"a", Whole),
            (b"1;\r\na\r\n0\r\n", b"a", Whole),
            (b"1;\xe9\r\na\r\n0\r\n", b"a", Whole),
            (b"1;a=\"\0\"\r\na", b"", Broken),
            (b"1;a\rb\r\na", b"", Broken),
            (b"1,a\r\na", b"", Broken),
            (b"1\x0b\r\na", b"", Broken),
            // The last chunk in other spellings, and trailers after it.
            (b"000\r\n\r\n", b"", Whole),
            (b"1\r\na\r\n00;x=y\r\nExpires: 0\r\n\r\n", b"a", Whole),
            (b"0\r\nContent-Length: 5\r\n\r\nhello", b"", Whole),
            (b"0\n", b"", Broken),
            (b"1_0\r\na", b"", Broken),
            (b"\xef\xbc\x91\r\na", b"", Broken),
        ] {
            check(403, &[("transfer-encoding", "chunked")], input, body, end);
        }
    }

    #[test]
    fn no_more_is_kept_than_the_limit() {
        let full = b"0123456789abcdef";
        let over = b"0123456789abcdefg";
        let chunked = [("transfer-encoding", "chunked")];
        check(403, &[], full, full, More);
        check(403, &[], over, full, Broken);
        check(403, &[("content-length", "16")], over, full, Whole);
        check(403, &[("content-length", "17")], full, full, Broken);
        check(403, &[("content-length", "17")], over, full, Broken);
        check(
            403,
            &chunked,
            b"10\r\n0123456789abcdef\r\n0\r\n",
            full,
            Whole,
        );
        check(
            403,
            &chunked,
            b"10\r\n0123456789abcdef\r\n1\r\ng",
            full,
            Broken,
        );
        check(403, &chunked, b"11\r\n0123456789abcdefg", full, Broken);
        assert!(!decoder(403, &[], usize::MAX).decode(b"abc"));
    }
}
