use std::error::Error;
use std::fmt;

use http::StatusCode;

/// Why a head cannot be read. No variant carries bytes of the peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum HeadError {
    /// A control character, NUL included.
    ControlCharacter,
    /// A line that begins with a space or a tab (RFC 9112 §5.2).
    FoldedLine,
    /// A header name that is no token, a space before the colon, or no colon at all.
    HeaderName,
    /// A header value with bytes that none can hold.
    HeaderValue,
    /// A line that ends in a bare LF, or a CR that no LF follows.
    LineEnding,
    /// A header line over the limit.
    LineTooLong,
    /// A request line that is not `method target version`, or a status line that is not one.
    StartLine,
    /// A request line or status line over the limit.
    StartLineTooLong,
    /// A status code outside 100 to 999.
    Status,
    /// A request target that is no URI, has a fragment or is not ASCII.
    Target,
    /// The whole head over the limit in bytes.
    TooLong,
    /// More header lines than the limit.
    TooManyHeaders,
    /// More interim responses than a client waits through.
    TooManyInterimResponses,
    /// A version other than HTTP/1.0 and HTTP/1.1.
    Version,
}

impl HeadError {
    /// The status a server answers with: 414, 431, 505 or 400.
    pub fn status(self) -> StatusCode {
        match self {
            Self::StartLineTooLong => StatusCode::URI_TOO_LONG,
            Self::LineTooLong | Self::TooLong | Self::TooManyHeaders => {
                StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE
            }
            Self::Version => StatusCode::HTTP_VERSION_NOT_SUPPORTED,
            _ => StatusCode::BAD_REQUEST,
        }
    }
}

impl fmt::Display for HeadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::ControlCharacter => "control character in the head",
            Self::FoldedLine => "folded header line",
            Self::HeaderName => "invalid header name",
            Self::HeaderValue => "invalid header value",
            Self::LineEnding => "line does not end in CR LF",
            Self::LineTooLong => "header line is too long",
            Self::StartLine => "invalid start line",
            Self::StartLineTooLong => "start line is too long",
            Self::Status => "invalid status code",
            Self::Target => "invalid request target",
            Self::TooLong => "head is too long",
            Self::TooManyHeaders => "too many header lines",
            Self::TooManyInterimResponses => "too many interim responses",
            Self::Version => "unsupported http version",
        })
    }
}

impl Error for HeadError {}
