//! From the bytes of a head to `http`'s types, and the verdict on a single line.

use bytes::Bytes;
use http::header::{
    AUTHORIZATION, COOKIE, HeaderMap, HeaderName, HeaderValue, PROXY_AUTHORIZATION,
    SEC_WEBSOCKET_PROTOCOL, SET_COOKIE,
};
use http::{Method, Request, Response, StatusCode, Uri, Version};

use crate::head::HeadError;

/// A request or a response, made of its head.
pub(super) trait Head: Sized {
    /// Empty lines that may stand before the start line.
    const EMPTY_LINES: u8;

    /// Judges a start line, its CR LF included, as [`parse`](Self::parse) would.
    fn start_line(line: &[u8]) -> Result<(), HeadError>;

    /// Reads a complete head that has this many header lines. Values and target share its memory.
    fn parse(head: &Bytes, headers: usize) -> Result<Self, HeadError>;
}

impl Head for Request<()> {
    /// RFC 9112 §2.2: a server ignores an empty line before the request line.
    const EMPTY_LINES: u8 = 1;

    fn start_line(line: &[u8]) -> Result<(), HeadError> {
        let line = Bytes::copy_from_slice(line);
        let mut head = httparse::Request::new(&mut []);
        head.parse(&line).map_err(from_httparse)?;
        request_line(&line, head.method, head.path, head.version).map(drop)
    }

    fn parse(bytes: &Bytes, headers: usize) -> Result<Self, HeadError> {
        let mut lines = vec![httparse::EMPTY_HEADER; headers];
        let mut head = httparse::Request::new(&mut lines);
        match head.parse(bytes).map_err(from_httparse)? {
            // Both must see the same end, or one of them would read into the next request.
            httparse::Status::Complete(len) if len == bytes.len() => {}
            _ => return Err(HeadError::StartLine),
        }
        let mut request = Request::new(());
        (
            *request.method_mut(),
            *request.uri_mut(),
            *request.version_mut(),
        ) = request_line(bytes, head.method, head.path, head.version)?;
        *request.headers_mut() = header_map(bytes, head.headers)?;
        Ok(request)
    }
}

impl Head for Response<()> {
    const EMPTY_LINES: u8 = 0;

    fn start_line(line: &[u8]) -> Result<(), HeadError> {
        let mut head = httparse::Response::new(&mut []);
        head.parse(line).map_err(from_httparse)?;
        status_line(head.code, head.version).map(drop)
    }

    fn parse(bytes: &Bytes, headers: usize) -> Result<Self, HeadError> {
        let mut lines = vec![httparse::EMPTY_HEADER; headers];
        let mut head = httparse::Response::new(&mut lines);
        match head.parse(bytes).map_err(from_httparse)? {
            httparse::Status::Complete(len) if len == bytes.len() => {}
            _ => return Err(HeadError::StartLine),
        }
        let mut response = Response::new(());
        (*response.status_mut(), *response.version_mut()) = status_line(head.code, head.version)?;
        *response.headers_mut() = header_map(bytes, head.headers)?;
        Ok(response)
    }
}

/// Judges a header line, its CR LF included. Of its value the scanner has seen to every byte.
pub(super) fn header_line(line: &[u8]) -> Result<(), HeadError> {
    let colon = line.iter().position(|byte| *byte == b':');
    let name = colon.and_then(|colon| line.get(..colon));
    let name = name.ok_or(HeadError::HeaderName)?;
    HeaderName::from_bytes(name)
        .map(drop)
        .map_err(|_| HeadError::HeaderName)
}

fn request_line(
    head: &Bytes,
    method: Option<&str>,
    target: Option<&str>,
    minor: Option<u8>,
) -> Result<(Method, Uri, Version), HeadError> {
    let method = method.ok_or(HeadError::StartLine)?;
    let method = Method::try_from(method).map_err(|_| HeadError::StartLine)?;
    let target = parse_target(head, target.ok_or(HeadError::StartLine)?)?;
    Ok((method, target, version(minor)?))
}

fn status_line(code: Option<u16>, minor: Option<u8>) -> Result<(StatusCode, Version), HeadError> {
    let code = code.ok_or(HeadError::Status)?;
    let status = StatusCode::from_u16(code).map_err(|_| HeadError::Status)?;
    Ok((status, version(minor)?))
}

/// `http` would drop a fragment silently and let UTF-8 through; neither is a request target
/// (RFC 9112 §3.2).
fn parse_target(head: &Bytes, target: &str) -> Result<Uri, HeadError> {
    if !target.is_ascii() || target.contains('#') {
        return Err(HeadError::Target);
    }
    if target.len() > MAX_TARGET {
        return Err(HeadError::StartLineTooLong);
    }
    Uri::from_maybe_shared(head.slice_ref(target.as_bytes())).map_err(|_| HeadError::Target)
}

fn version(minor: Option<u8>) -> Result<Version, HeadError> {
    match minor {
        Some(0) => Ok(Version::HTTP_10),
        Some(1) => Ok(Version::HTTP_11),
        _ => Err(HeadError::Version),
    }
}

fn header_map(head: &Bytes, lines: &[httparse::Header<'_>]) -> Result<HeaderMap, HeadError> {
    let mut headers =
        HeaderMap::try_with_capacity(lines.len()).map_err(|_| HeadError::TooManyHeaders)?;
    for line in lines {
        let name = HeaderName::try_from(line.name).map_err(|_| HeadError::HeaderName)?;
        let mut value = HeaderValue::from_maybe_shared(head.slice_ref(line.value))
            .map_err(|_| HeadError::HeaderValue)?;
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

/// Headers that are nothing but credentials, and subprotocols: a page has no other way to send a token.
static CREDENTIALS: [HeaderName; 5] = [
    AUTHORIZATION,
    COOKIE,
    PROXY_AUTHORIZATION,
    SEC_WEBSOCKET_PROTOCOL,
    SET_COOKIE,
];

/// What `http::Uri` can hold.
const MAX_TARGET: usize = u16::MAX as usize - 1;
