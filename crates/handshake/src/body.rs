//! The body of a response that refuses the handshake (RFC 9112 §6, §7.1), under a limit.
//!
//! A server that answers 401 or 302 says more in the body. This reads as much of it as a caller
//! wants to see, and nothing else: no trailer, no other coding than `chunked`.

use bytes::{Bytes, BytesMut};
use http::header::{CONTENT_LENGTH, TRANSFER_ENCODING};
use http::{HeaderMap, Response, StatusCode};

use crate::header::trim;

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
/// assert_eq!(body.into_body(), "who you");
/// ```
#[derive(Debug)]
pub struct BodyDecoder {
    state: State,
    body: BytesMut,
    /// Bytes of the body that are kept.
    max: usize,
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

    /// Takes the next bytes behind the head; `true` once nothing more is to be read: the body is
    /// whole, or over the limit, or broken.
    ///
    /// A body without a length of its own ends with the connection: read until then. Memory
    /// grows by what arrives, never by what is announced.
    pub fn decode(&mut self, mut input: &[u8]) -> bool {
        while !self.is_done() && !input.is_empty() {
            input = self.advance(input);
        }
        self.is_done()
    }

    /// Whether nothing more is to be read.
    pub fn is_done(&self) -> bool {
        matches!(self.state, State::Done) || self.body.len() >= self.max
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
            State::Done => return &[],
            State::UntilClose => {
                self.keep(input);
                return &[];
            }
            State::Length(left) => {
                let (data, rest) = split(input, left);
                self.keep(data);
                self.state = match left - data.len() as u64 {
                    0 => State::Done,
                    left => State::Length(left),
                };
                return rest;
            }
            State::ChunkData(left) => {
                let (data, rest) = split(input, left);
                self.keep(data);
                self.state = match left - data.len() as u64 {
                    0 => State::ChunkEnd,
                    left => State::ChunkData(left),
                };
                return rest;
            }
            State::ChunkSize(digits, size) => match char::from(byte).to_digit(16) {
                Some(digit) if digits < MAX_SIZE_DIGITS => {
                    State::ChunkSize(digits + 1, size * 16 + u64::from(digit))
                }
                Some(_) => State::Done,
                None if digits == 0 => State::Done,
                None => State::chunk_line(byte, size),
            },
            State::ChunkExtension(size) => State::chunk_line(byte, size),
            State::ChunkEnd => match byte {
                b'\r' => State::ChunkEnd,
                b'\n' => State::ChunkSize(0, 0),
                _ => State::Done,
            },
        };
        rest
    }

    fn keep(&mut self, data: &[u8]) {
        let room = self.max.saturating_sub(self.body.len());
        self.body
            .extend_from_slice(data.get(..room).unwrap_or(data));
    }
}

/// ```text
///   ┌──> ChunkSize ──";"──> ChunkExtension
///   │        │ "\n"             │ "\n"
///   │        ├──────────────────┘
///   │        ├─ size 0 ──> Done
///   │        ▼
///   │    ChunkData ──> ChunkEnd
///   └────────────"\n"─────┘         anything else at a place of its own ──> Done
/// ```
#[derive(Clone, Copy, Debug)]
enum State {
    /// Bytes that are still to come.
    Length(u64),
    UntilClose,
    /// Digits read, and their value.
    ChunkSize(u8, u64),
    /// The rest of the line of a chunk of this size.
    ChunkExtension(u64),
    ChunkData(u64),
    ChunkEnd,
    Done,
}

impl State {
    /// RFC 9112 §6.3.
    fn of(status: StatusCode, headers: &HeaderMap) -> Self {
        if status.is_informational()
            || status == StatusCode::NO_CONTENT
            || status == StatusCode::NOT_MODIFIED
        {
            return Self::Done;
        }
        if let Some(coding) = headers.get_all(TRANSFER_ENCODING).iter().next_back() {
            let last = coding.as_bytes().rsplit(|byte| *byte == b',').next();
            let chunked = last.is_some_and(|last| trim(last).eq_ignore_ascii_case(b"chunked"));
            return if chunked {
                Self::ChunkSize(0, 0)
            } else {
                Self::UntilClose
            };
        }
        match content_length(headers) {
            Some(0) => Self::Done,
            Some(len) => Self::Length(len),
            // No length, or one that cannot be believed: the connection is closed after this
            // response anyway.
            None => Self::UntilClose,
        }
    }

    /// The state behind one byte of the line of a chunk of this size.
    fn chunk_line(byte: u8, size: u64) -> Self {
        match (byte, size) {
            (b'\n', 0) => Self::Done,
            (b'\n', size) => Self::ChunkData(size),
            _ => Self::ChunkExtension(size),
        }
    }
}

fn content_length(headers: &HeaderMap) -> Option<u64> {
    let mut values = headers.get_all(CONTENT_LENGTH).iter();
    let digits = trim(values.next()?.as_bytes());
    // `parse` would take a sign.
    if values.next().is_some() || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    std::str::from_utf8(digits).ok()?.parse().ok()
}

fn split(input: &[u8], left: u64) -> (&[u8], &[u8]) {
    let len = usize::try_from(left).map_or(input.len(), |left| left.min(input.len()));
    input.split_at(len)
}

/// 15 digits cannot overflow a `u64` and are more than any body has.
const MAX_SIZE_DIGITS: u8 = 15;

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

    fn check(status: u16, headers: &[(&str, &str)], input: &[u8], body: &[u8], done: bool) {
        for cut in 0..=input.len() {
            let mut decoder = decoder(status, headers, 16);
            decoder.decode(&input[..cut]);
            let what = format!("{headers:?} {}", input.escape_ascii());
            assert_eq!(decoder.decode(&input[cut..]), done, "{what}");
            assert_eq!(decoder.into_body(), body, "{what}");
        }
    }

    /// RFC 9112 §6.3.
    #[test]
    fn bodies_end_where_their_length_says() {
        for (value, input, body, done) in [
            ("3", &b"abc"[..], &b"abc"[..], true),
            ("3", b"abcdef", b"abc", true),
            ("3", b"ab", b"ab", false),
            ("0", b"abc", b"", true),
            ("99999999999999999999", b"abc", b"abc", false),
            ("18446744073709551615", b"abc", b"abc", false),
            ("+3", b"abcd", b"abcd", false),
            ("", b"abcd", b"abcd", false),
        ] {
            check(403, &[("content-length", value)], input, body, done);
        }
        let twice = [("content-length", "1"), ("content-length", "2")];
        check(403, &twice, b"abc", b"abc", false);
        check(403, &[], b"abc", b"abc", false);
        check(204, &[("content-length", "3")], b"abc", b"", true);
        check(304, &[], b"abc", b"", true);
    }

    /// RFC 9112 §6.3, §7.1, §7.1.1.
    #[test]
    fn chunks_are_joined_and_broken_ones_end_the_body() {
        for (input, body, done) in [
            (&b"3\r\nabc\r\n0\r\n\r\n"[..], &b"abc"[..], true),
            (b"3;x=y\r\nabc\r\n2 \r\nde\r\n0\r\n", b"abcde", true),
            (b"00000a\r\n0123456789\r\n", b"0123456789", false),
            (b"3\r\nab", b"ab", false),
            (b"", b"", false),
            (b"x", b"", true),
            (b"\r\n", b"", true),
            (b"3\r\nabcd", b"abc", true),
            (b"3\r\nabc\r\n-1\r\n", b"abc", true),
            (b"fffffffffffffff\r\nab", b"ab", false),
            (b"ffffffffffffffff\r\nab", b"", true),
        ] {
            check(403, &[("transfer-encoding", "chunked")], input, body, done);
            let over = [
                ("transfer-encoding", "gzip, Chunked"),
                ("content-length", "1"),
            ];
            check(403, &over, input, body, done);
        }
        check(
            403,
            &[("transfer-encoding", "gzip")],
            b"3\r\n",
            b"3\r\n",
            false,
        );
    }

    #[test]
    fn no_more_is_kept_than_the_limit() {
        let body = b"0123456789abcdef";
        check(403, &[], b"0123456789abcdefg", body, true);
        check(
            403,
            &[("content-length", "17")],
            b"0123456789abcdefg",
            body,
            true,
        );
        let chunked = [("transfer-encoding", "chunked")];
        check(403, &chunked, b"11\r\n0123456789abcdefg", body, true);
        assert!(decoder(403, &[], 0).is_done());
        assert!(!decoder(403, &[], usize::MAX).decode(b"abc"));
    }
}
