use http::header::{
    AUTHORIZATION, COOKIE, HeaderMap, HeaderName, HeaderValue, PROXY_AUTHORIZATION, SET_COOKIE,
};
use http::{Method, Request, Response, StatusCode, Uri, Version};

use crate::head::scanner::{HeadEnd, HeadScanner};
use crate::head::{HeadError, HeadLimits};

/// Reads the head of a request, however it is cut.
///
/// ```
/// use socket_flow_handshake::head::{HeadLimits, RequestDecoder};
///
/// let mut decoder = RequestDecoder::new(HeadLimits::default());
/// let mut buf = b"GET /chat HTTP/1.1\r\nHost: a".to_vec();
/// assert!(decoder.decode(&buf)?.is_none());
/// buf.extend_from_slice(b"\r\n\r\n\x81\x85");
/// let (request, len) = decoder.decode(&buf)?.unwrap();
/// assert_eq!(request.uri(), "/chat");
/// assert_eq!(&buf[len..], b"\x81\x85");
/// # Ok::<_, socket_flow_handshake::head::HeadError>(())
/// ```
#[derive(Debug)]
pub struct RequestDecoder {
    limits: HeadLimits,
    scanner: HeadScanner,
    failed: Option<HeadError>,
}

impl RequestDecoder {
    /// A decoder at the start of a connection.
    pub fn new(limits: HeadLimits) -> Self {
        Self {
            limits,
            scanner: HeadScanner::request(limits),
            failed: None,
        }
    }

    /// Looks at the bytes that are new since the last call.
    ///
    /// `buf` holds everything received so far, from the first byte of the head; between two
    /// calls it may only grow. Returns the request and the length of its head once that is
    /// complete: bytes behind it belong to the connection. `None` asks for more. After a request
    /// was returned the decoder is as new.
    ///
    /// # Errors
    /// [`HeadError`] at the first byte that shows it; every later call gives the same error.
    pub fn decode(&mut self, buf: &[u8]) -> Result<Option<(Request<()>, usize)>, HeadError> {
        let result = self.advance(buf);
        self.failed = result.as_ref().err().copied();
        result
    }

    fn advance(&mut self, buf: &[u8]) -> Result<Option<(Request<()>, usize)>, HeadError> {
        if let Some(error) = self.failed {
            return Err(error);
        }
        let Some(end) = self.scanner.scan(buf)? else {
            return Ok(None);
        };
        self.scanner = HeadScanner::request(self.limits);
        let request = parse_request(buf, end)?;
        Ok(Some((request, end.len)))
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
/// let mut decoder = ResponseDecoder::new(HeadLimits::default());
/// let buf = b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 403 Forbidden\r\n\r\nno";
/// let (response, len) = decoder.decode(buf)?.unwrap();
/// assert_eq!(response.status(), 403);
/// assert_eq!(&buf[len..], b"no");
/// # Ok::<_, socket_flow_handshake::head::HeadError>(())
/// ```
#[derive(Debug)]
pub struct ResponseDecoder {
    limits: HeadLimits,
    scanner: HeadScanner,
    /// Where in the buffer the current head begins: behind `interim` others.
    start: usize,
    interim: u8,
    failed: Option<HeadError>,
}

impl ResponseDecoder {
    /// A decoder for the answer to one request. The limits hold for each head by itself.
    pub fn new(limits: HeadLimits) -> Self {
        Self {
            limits,
            scanner: HeadScanner::response(limits),
            start: 0,
            interim: 0,
            failed: None,
        }
    }

    /// Looks at the bytes that are new since the last call.
    ///
    /// `buf` holds everything received so far, from the first byte; between two calls it may
    /// only grow. Returns the final response once its head is complete, and the length of all
    /// heads up to there: bytes behind it are the body, or after a 101 the connection's. `None`
    /// asks for more. After a response was returned the decoder is as new.
    ///
    /// # Errors
    /// [`HeadError`] at the first byte that shows it; every later call gives the same error.
    pub fn decode(&mut self, buf: &[u8]) -> Result<Option<(Response<()>, usize)>, HeadError> {
        let result = self.advance(buf);
        self.failed = result.as_ref().err().copied();
        result
    }

    fn advance(&mut self, buf: &[u8]) -> Result<Option<(Response<()>, usize)>, HeadError> {
        if let Some(error) = self.failed {
            return Err(error);
        }
        loop {
            let head = buf.get(self.start..).unwrap_or_default();
            let Some(end) = self.scanner.scan(head)? else {
                return Ok(None);
            };
            self.scanner = HeadScanner::response(self.limits);
            let response = parse_response(head, end)?;
            let status = response.status();
            if status.is_informational() && status != StatusCode::SWITCHING_PROTOCOLS {
                if self.interim >= MAX_INTERIM_RESPONSES {
                    return Err(HeadError::TooManyInterimResponses);
                }
                self.interim += 1;
                self.start += end.len;
                continue;
            }
            let len = self.start + end.len;
            (self.start, self.interim) = (0, 0);
            return Ok(Some((response, len)));
        }
    }
}

fn parse_request(buf: &[u8], end: HeadEnd) -> Result<Request<()>, HeadError> {
    let mut lines = vec![httparse::EMPTY_HEADER; end.headers];
    let mut head = httparse::Request::new(&mut lines);
    match head.parse(buf).map_err(from_httparse)? {
        // Both must see the same end: whoever reads further would read the next request.
        httparse::Status::Complete(len) if len == end.len => {}
        _ => return Err(HeadError::StartLine),
    }
    let target = head.path.ok_or(HeadError::StartLine)?;
    let method = head.method.ok_or(HeadError::StartLine)?;
    let mut request = Request::new(());
    *request.method_mut() = Method::try_from(method).map_err(|_| HeadError::StartLine)?;
    *request.uri_mut() = parse_target(target)?;
    *request.version_mut() = version(head.version)?;
    *request.headers_mut() = headers(head.headers)?;
    Ok(request)
}

fn parse_response(buf: &[u8], end: HeadEnd) -> Result<Response<()>, HeadError> {
    let mut lines = vec![httparse::EMPTY_HEADER; end.headers];
    let mut head = httparse::Response::new(&mut lines);
    match head.parse(buf).map_err(from_httparse)? {
        httparse::Status::Complete(len) if len == end.len => {}
        _ => return Err(HeadError::StartLine),
    }
    let status = head.code.ok_or(HeadError::Status)?;
    let mut response = Response::new(());
    *response.status_mut() = StatusCode::from_u16(status).map_err(|_| HeadError::Status)?;
    *response.version_mut() = version(head.version)?;
    *response.headers_mut() = headers(head.headers)?;
    Ok(response)
}

/// `http` would drop a fragment silently and let UTF-8 through; neither is a request target
/// (RFC 9112 §3.2).
fn parse_target(target: &str) -> Result<Uri, HeadError> {
    if !target.is_ascii() || target.contains('#') {
        return Err(HeadError::Target);
    }
    if target.len() > MAX_TARGET {
        return Err(HeadError::StartLineTooLong);
    }
    Uri::try_from(target).map_err(|_| HeadError::Target)
}

fn version(minor: Option<u8>) -> Result<Version, HeadError> {
    match minor {
        Some(0) => Ok(Version::HTTP_10),
        Some(1) => Ok(Version::HTTP_11),
        _ => Err(HeadError::Version),
    }
}

fn headers(lines: &[httparse::Header<'_>]) -> Result<HeaderMap, HeadError> {
    let mut headers =
        HeaderMap::try_with_capacity(lines.len()).map_err(|_| HeadError::TooManyHeaders)?;
    for line in lines {
        let name = HeaderName::try_from(line.name).map_err(|_| HeadError::HeaderName)?;
        let mut value = HeaderValue::from_bytes(line.value).map_err(|_| HeadError::HeaderValue)?;
        // `Debug` of `http`'s types then hides it.
        value.set_sensitive(CREDENTIALS.contains(&name));
        headers
            .try_append(name, value)
            .map_err(|_| HeadError::TooManyHeaders)?;
    }
    Ok(headers)
}

fn from_httparse(error: httparse::Error) -> HeadError {
    match error {
        httparse::Error::HeaderName => HeadError::HeaderName,
        httparse::Error::HeaderValue => HeadError::HeaderValue,
        httparse::Error::NewLine => HeadError::LineEnding,
        httparse::Error::Status => HeadError::Status,
        httparse::Error::Token => HeadError::StartLine,
        httparse::Error::TooManyHeaders => HeadError::TooManyHeaders,
        httparse::Error::Version => HeadError::Version,
    }
}

/// Headers that are nothing but credentials.
static CREDENTIALS: [HeaderName; 4] = [AUTHORIZATION, COOKIE, PROXY_AUTHORIZATION, SET_COOKIE];

/// Servers send one or two (100, 103); a stream of them is an attack on the client's patience.
const MAX_INTERIM_RESPONSES: u8 = 8;
/// What `http::Uri` can hold.
const MAX_TARGET: usize = u16::MAX as usize - 1;
