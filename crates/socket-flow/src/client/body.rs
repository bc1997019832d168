//! The body of an answer that is not 101 (RFC 9112 §6.3), within bounds.

use std::time::Duration;

use bytes::{Buf, BytesMut};
use http::header::{CONTENT_LENGTH, HeaderMap, TRANSFER_ENCODING};
use http::{Response, StatusCode};
use tokio::io::AsyncRead;

use crate::client::rejected::Rejected;
use crate::deadline::Deadline;
use crate::head_io::{READ_STEP, read_some};

/// Reads what comes of the body until its end, its limit, or the deadline. It does not fail: the
/// status is what matters, and half a page of explanation is better than none.
pub(crate) async fn read_body<S>(
    io: &mut S,
    response: Response<()>,
    mut unread: BytesMut,
    deadline: Deadline,
) -> Rejected
where
    S: AsyncRead + Unpin,
{
    let mut framing = Framing::of(response.status(), response.headers());
    let mut body = BytesMut::new();
    let end = loop {
        if let Some(end) = framing.decode(&mut unread, &mut body) {
            break end;
        }
        let by = match framing {
            Framing::Eof => deadline.or(Deadline::after(SILENCE)),
            _ => deadline,
        };
        unread.reserve(READ_STEP);
        match by.run(read_some(io, &mut unread)).await {
            Some(Ok(0)) if matches!(framing, Framing::Eof) => break End::Complete,
            Some(Ok(1..)) => {}
            Some(Ok(0) | Err(_)) | None => break End::Truncated,
        }
    };
    let truncated = end == End::Truncated;
    Rejected::new(response.map(|()| body.freeze()), truncated)
}

/// How the end of a body is found.
#[derive(Debug)]
enum Framing {
    /// This many bytes are still to come.
    Length(u64),
    Chunked(Chunk),
    /// The server closes the connection behind it.
    Eof,
}

/// Where in the chunked coding the next byte stands (RFC 9112 §7.1).
#[derive(Clone, Copy, Debug)]
enum Chunk {
    /// In the line before a chunk.
    Size,
    /// In a chunk, with this many bytes still to come.
    Data(u64),
    /// In the line end behind a chunk.
    DataEnd,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    Complete,
    Truncated,
}

impl Framing {
    fn of(status: StatusCode, headers: &HeaderMap) -> Self {
        if matches!(status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED) {
            return Self::Length(0);
        }
        if let Some(coding) = headers.get_all(TRANSFER_ENCODING).iter().next_back() {
            let chunked = coding
                .as_bytes()
                .rsplit(|byte| *byte == b',')
                .next()
                .is_some_and(|last| last.trim_ascii().eq_ignore_ascii_case(b"chunked"));
            return if chunked {
                Self::Chunked(Chunk::Size)
            } else {
                Self::Eof
            };
        }
        headers
            .get(CONTENT_LENGTH)
            .and_then(|value| value.to_str().ok()?.trim().parse().ok())
            .map_or(Self::Eof, Self::Length)
    }

    /// Moves what is of the body from `unread` to `body`; `None` asks for more.
    fn decode(&mut self, unread: &mut BytesMut, body: &mut BytesMut) -> Option<End> {
        match self {
            Self::Eof => take(unread, body, u64::MAX),
            Self::Length(left) => {
                let end = take_counted(unread, body, left);
                end.or_else(|| (*left == 0).then_some(End::Complete))
            }
            Self::Chunked(chunk) => loop {
                match chunk {
                    Chunk::Size => match take_size(unread) {
                        Some(Ok(0)) => return Some(End::Complete),
                        Some(Ok(size)) => *chunk = Chunk::Data(size),
                        Some(Err(BadChunk)) => return Some(End::Truncated),
                        None => return None,
                    },
                    Chunk::Data(left) => {
                        if let Some(end) = take_counted(unread, body, left) {
                            return Some(end);
                        }
                        if *left > 0 {
                            return None;
                        }
                        *chunk = Chunk::DataEnd;
                    }
                    Chunk::DataEnd => match **unread {
                        [b'\r', b'\n', ..] => {
                            unread.advance(2);
                            *chunk = Chunk::Size;
                        }
                        [] | [b'\r'] => return None,
                        _ => return Some(End::Truncated),
                    },
                }
            },
        }
    }
}

/// Moves at most `left` bytes and counts them off.
fn take_counted(unread: &mut BytesMut, body: &mut BytesMut, left: &mut u64) -> Option<End> {
    let before = unread.len();
    let end = take(unread, body, *left);
    *left -= (before - unread.len()) as u64;
    end
}

/// Moves at most `max` bytes, and no more than the body may have.
fn take(unread: &mut BytesMut, body: &mut BytesMut, max: u64) -> Option<End> {
    let wanted = unread.len().min(usize::try_from(max).unwrap_or(usize::MAX));
    let room = MAX_BODY - body.len();
    body.extend_from_slice(&unread.split_to(wanted.min(room)));
    (wanted > room).then_some(End::Truncated)
}

/// Takes the line before a chunk, its extensions included.
fn take_size(unread: &mut BytesMut) -> Option<Result<u64, BadChunk>> {
    let Some(end) = unread.iter().position(|byte| *byte == b'\n') else {
        return (unread.len() > MAX_CHUNK_LINE).then_some(Err(BadChunk));
    };
    let line = unread.split_to(end + 1);
    let end = line.iter().position(|byte| *byte == b';');
    let digits = line
        .get(..end.unwrap_or(line.len()))
        .unwrap_or_default()
        .trim_ascii();
    let size = std::str::from_utf8(digits)
        .ok()
        .filter(|digits| digits.bytes().all(|byte| byte.is_ascii_hexdigit()))
        .and_then(|digits| u64::from_str_radix(digits, 16).ok());
    Some(size.ok_or(BadChunk))
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct BadChunk;

/// What is kept of a body.
const MAX_BODY: usize = 64 * 1024;

/// Enough for a size and extensions no one uses; a longer line is an attack.
const MAX_CHUNK_LINE: usize = 256;

/// A server that neither announces the length of its body nor closes the connection behind it is
/// not waited for longer than this after each of its bytes.
const SILENCE: Duration = Duration::from_secs(1);

#[cfg(test)]
mod tests {
    use super::*;

    /// Decodes a body that arrives in pieces of `step` bytes and then ends.
    fn decode(headers: &[(&str, &str)], bytes: &[u8], step: usize) -> (BytesMut, Option<End>) {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            let name: http::HeaderName = name.parse().unwrap();
            map.append(name, value.parse().unwrap());
        }
        let mut framing = Framing::of(StatusCode::OK, &map);
        let (mut unread, mut body) = (BytesMut::new(), BytesMut::new());
        for piece in bytes.chunks(step) {
            unread.extend_from_slice(piece);
            if let Some(end) = framing.decode(&mut unread, &mut body) {
                return (body, Some(end));
            }
        }
        (body, None)
    }

    #[test]
    fn bodies_end_where_their_framing_says_however_they_are_cut() {
        let length = |value| [("content-length", value)];
        let chunked = [("transfer-encoding", "gzip, Chunked")];
        let (complete, truncated) = (Some(End::Complete), Some(End::Truncated));
        for (headers, bytes, body, end) in [
            (&length("3")[..], &b"abcd"[..], &b"abc"[..], complete),
            (&length("3"), b"ab", b"ab", None),
            (&length("0"), b"ab", b"", complete),
            (&length("x"), b"ab", b"ab", None),
            (&[], b"ab", b"ab", None),
            (&[("transfer-encoding", "gzip")], b"ab", b"ab", None),
            (
                &chunked,
                b"3\r\nabc\r\n2;x=\"y\"\r\nde\r\n0\r\n\r\n",
                b"abcde",
                complete,
            ),
            (
                &chunked,
                b"0A \r\n0123456789\r\n0\r\n",
                b"0123456789",
                complete,
            ),
            (&chunked, b"3\r\nab", b"ab", None),
            (&chunked, b"3\r\nabcd\r\n", b"abc", truncated),
            (&chunked, b"-1\r\n", b"", truncated),
            (&chunked, b"\r\n", b"", truncated),
            (&chunked, b"10000000000000000\r\n", b"", truncated),
            (
                &[chunked[0], length("1")[0]],
                b"2\r\nab\r\n0\r\n",
                b"ab",
                complete,
            ),
        ] {
            for step in 1..=bytes.len() {
                let got = decode(headers, bytes, step);
                assert_eq!(got, (body.into(), end), "{headers:?} {bytes:?} by {step}");
            }
        }
    }

    #[test]
    fn bodies_are_cut_at_64_kib() {
        let full = vec![b'x'; MAX_BODY];
        let over = vec![b'x'; MAX_BODY + 1];
        let chunk = [b"10001\r\n".as_slice(), &over, b"\r\n0\r\n"].concat();
        for (headers, bytes, end) in [
            (&[][..], &full, None),
            (&[], &over, Some(End::Truncated)),
            (&[("content-length", "65536")], &full, Some(End::Complete)),
            (&[("content-length", "65537")], &over, Some(End::Truncated)),
            (
                &[("transfer-encoding", "chunked")],
                &chunk,
                Some(End::Truncated),
            ),
        ] {
            for step in [1000, bytes.len()] {
                let (body, got) = decode(headers, bytes, step);
                assert_eq!((body.len(), got), (MAX_BODY, end), "{headers:?} by {step}");
            }
        }
    }

    #[test]
    fn a_chunk_size_line_without_end_is_not_collected() {
        let line = vec![b'0'; 64 * 1024];
        let (body, end) = decode(&[("transfer-encoding", "chunked")], &line, 100);
        assert_eq!((body.len(), end), (0, Some(End::Truncated)));
    }
}
