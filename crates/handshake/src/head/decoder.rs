use std::marker::PhantomData;

use bytes::Bytes;
use http::{Request, Response, StatusCode};

use crate::head::parse::{Head, header_line};
use crate::head::scanner::HeadScanner;
use crate::head::{HeadError, HeadLimits};

/// Reads the head of a request, however it is cut.
///
/// ```
/// use socket_flow_handshake::head::{HeadError, HeadLimits, RequestDecoder};
///
/// let mut decoder = RequestDecoder::new(HeadLimits::default());
/// let mut buf = b"GET /chat HTTP/1.1\r\nHost: a".to_vec();
/// assert!(decoder.decode(&buf)?.is_none());
/// buf.extend_from_slice(b"\r\n\r\n\x81\x85");
/// let (request, len) = decoder.decode(&buf)?.unwrap();
/// assert_eq!(request.uri(), "/chat");
/// assert_eq!(&buf[len..], b"\x81\x85");
///
/// // A line is judged when it is complete.
/// let error = decoder.decode(b"EHLO example.com\r\n").unwrap_err();
/// assert_eq!(error, HeadError::StartLine);
/// # Ok::<_, HeadError>(())
/// ```
#[derive(Debug)]
pub struct RequestDecoder {
    head: HeadDecoder<Request<()>>,
}

impl RequestDecoder {
    /// A decoder at the start of a connection.
    pub fn new(limits: HeadLimits) -> Self {
        Self {
            head: HeadDecoder::new(limits),
        }
    }

    /// Looks at the bytes that are new since the last call.
    ///
    /// `buf` holds everything received so far, from the first byte of the head; between two
    /// calls it may only grow. Returns the request and the length of its head once that is
    /// complete: bytes after it belong to the connection. `None` asks for more. After a request
    /// was returned the decoder is as new.
    ///
    /// The values of the request share one copy of the head. A value that is kept holds all of the
    /// head in memory: copy it if it is small.
    ///
    /// # Errors
    /// [`HeadError`]: a control character, a wrong line ending, a folded line and what is over a
    /// limit at the byte that shows it, everything else when the CR LF of its line is there.
    /// Every later call gives the same error.
    pub fn decode(&mut self, buf: &[u8]) -> Result<Option<(Request<()>, usize)>, HeadError> {
        self.head.decode(buf)
    }
}

/// Reads the head of a response, however it is cut, and over interim responses before it.
///
/// A response of 100 to 199 that is not 101 only announces another one (RFC 9110 §15.2), so it
/// is skipped, up to eight times.
///
/// ```
/// use socket_flow_handshake::head::{HeadLimits, ResponseDecoder};
///
/// let mut decoder = ResponseDecoder::new(HeadLimits::response());
/// let buf = b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 403 Forbidden\r\n\r\nno";
/// let (response, len) = decoder.decode(buf)?.unwrap();
/// assert_eq!(response.status(), 403);
/// assert_eq!(&buf[len..], b"no");
/// # Ok::<_, socket_flow_handshake::head::HeadError>(())
/// ```
#[derive(Debug)]
pub struct ResponseDecoder {
    head: HeadDecoder<Response<()>>,
    /// Where in the buffer the current head begins: after interim ones that are still there.
    start: usize,
    /// Interim responses so far.
    interim: u8,
}

impl ResponseDecoder {
    /// A decoder for the answer to one request. The limits hold for each head by itself.
    pub fn new(limits: HeadLimits) -> Self {
        Self {
            head: HeadDecoder::new(limits),
            start: 0,
            interim: 0,
        }
    }

    /// Looks at the bytes that are new since the last call.
    ///
    /// `buf` holds everything received so far, from the first byte that
    /// [`take_interim`](Self::take_interim) has left; between two calls it may only grow. Returns
    /// the final response once its head is complete, and the length of all heads up to there:
    /// bytes after it are the body, or after a 101 the connection's. `None` asks for more. After a
    /// response was returned the decoder is as new.
    ///
    /// The values of the response share one copy of its head.
    ///
    /// # Errors
    /// [`HeadError`], as [`RequestDecoder::decode`].
    pub fn decode(&mut self, buf: &[u8]) -> Result<Option<(Response<()>, usize)>, HeadError> {
        loop {
            let head = buf.get(self.start..).unwrap_or_default();
            let Some((response, len)) = self.head.decode(head)? else {
                return Ok(None);
            };
            let status = response.status();
            if status.is_informational() && status != StatusCode::SWITCHING_PROTOCOLS {
                if self.interim >= MAX_INTERIM_RESPONSES {
                    return Err(self.head.fail(HeadError::TooManyInterimResponses));
                }
                self.interim += 1;
                self.start += len;
                continue;
            }
            let len = self.start + len;
            (self.start, self.interim) = (0, 0);
            return Ok(Some((response, len)));
        }
    }

    /// How many bytes at the start of the buffer are interim responses that were skipped. Drop
    /// them: the next [`decode`](Self::decode) expects the buffer without them.
    ///
    /// ```
    /// use socket_flow_handshake::head::{HeadLimits, ResponseDecoder};
    ///
    /// let mut decoder = ResponseDecoder::new(HeadLimits::response());
    /// let mut buf = b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 101 Swi".to_vec();
    /// assert!(decoder.decode(&buf)?.is_none());
    /// buf.drain(..decoder.take_interim());
    /// buf.extend_from_slice(b"tching Protocols\r\n\r\n");
    /// let (_, len) = decoder.decode(&buf)?.unwrap();
    /// assert_eq!(len, buf.len());
    /// # Ok::<_, socket_flow_handshake::head::HeadError>(())
    /// ```
    #[must_use = "the decoder counts on these bytes being dropped"]
    pub fn take_interim(&mut self) -> usize {
        std::mem::take(&mut self.start)
    }
}

/// Reads one head after another.
///
/// ```text
///   bytes ──> scanner ──┬─ the end is there ──> parsed as a whole ──┐
///                       ├─ more is to come ──┐                      │ error
///                       └─ error ────────────┴──> lines judged <────┘
/// ```
///
/// Lines are judged one by one only where the head is not there as a whole, or not valid: then the
/// first line that is wrong gives the error, wherever the bytes were cut.
#[derive(Debug)]
struct HeadDecoder<H> {
    limits: HeadLimits,
    scanner: HeadScanner,
    /// Bytes at the start of the head that are lines found to be valid.
    judged: usize,
    /// Whether the start line is among them.
    has_start_line: bool,
    failed: Option<HeadError>,
    head: PhantomData<fn() -> H>,
}

impl<H: Head> HeadDecoder<H> {
    fn new(limits: HeadLimits) -> Self {
        Self {
            limits,
            scanner: HeadScanner::new(limits, H::EMPTY_LINES),
            judged: 0,
            has_start_line: false,
            failed: None,
            head: PhantomData,
        }
    }

    fn decode(&mut self, buf: &[u8]) -> Result<Option<(H, usize)>, HeadError> {
        if let Some(error) = self.failed {
            return Err(error);
        }
        let failed = match self.scanner.scan(buf) {
            Ok(None) => None,
            Ok(Some(end)) => {
                // One copy for all values of the head, in place of one for each.
                let head = Bytes::copy_from_slice(buf.get(..end.len).unwrap_or(buf));
                match H::parse(&head, end.headers) {
                    Ok(head) => {
                        *self = Self::new(self.limits);
                        return Ok(Some((head, end.len)));
                    }
                    Err(error) => Some(error),
                }
            }
            Err(error) => Some(error),
        };
        match self.judge_lines(buf).err().or(failed) {
            Some(error) => Err(self.fail(error)),
            None => Ok(None),
        }
    }

    /// Every later call gives this error too.
    fn fail(&mut self, error: HeadError) -> HeadError {
        self.failed = Some(error);
        error
    }

    /// Judges the lines that were completed since the last call.
    fn judge_lines(&mut self, buf: &[u8]) -> Result<(), HeadError> {
        let lines = buf.get(self.judged..self.scanner.complete_lines());
        for line in lines.unwrap_or_default().split_inclusive(|b| *b == b'\n') {
            if line != b"\r\n" {
                if self.has_start_line {
                    header_line(line)?;
                } else {
                    H::start_line(line)?;
                    self.has_start_line = true;
                }
            }
            self.judged += line.len();
        }
        Ok(())
    }
}

/// Servers send one or two (100, 103); a stream of them is an attack on the client's patience.
const MAX_INTERIM_RESPONSES: u8 = 8;
