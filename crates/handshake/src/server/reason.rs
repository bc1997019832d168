use std::error::Error;
use std::fmt;

use http::StatusCode;
use http::header::{HeaderName, HeaderValue};

use crate::head::HeadError;
use crate::header::ListError;

/// Why a request is rejected, one variant per cause.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RejectReason {
    /// The application's own decision, with a response of its own.
    Application(StatusCode),
    /// The request announces a body.
    Body,
    /// `Connection` is not a list of tokens.
    Connection(ListError),
    /// `Content-Length` is repeated or not a number.
    ContentLength,
    /// `Sec-WebSocket-Extensions` does not follow its grammar.
    Extensions(ListError),
    /// `Host` is none of the server's.
    ForeignHost,
    /// The head could not be read.
    Head(HeadError),
    /// The request is not HTTP/1.1.
    HttpVersion,
    /// `Host` is not a host with or without a port.
    InvalidHost,
    /// `Sec-WebSocket-Key` is not the base64 of 16 bytes.
    InvalidKey,
    /// The memory that connections share is used up, and none for the request became free in time.
    Memory,
    /// The method is not GET.
    Method,
    /// No `Host`.
    MissingHost,
    /// No `Sec-WebSocket-Key`.
    MissingKey,
    /// No `Sec-WebSocket-Version`.
    MissingVersion,
    /// A subprotocol is required and there is none in common.
    NoCommonSubprotocol,
    /// No upgrade to `websocket` is asked for: an ordinary HTTP request.
    NoUpgrade,
    /// `Upgrade` names `websocket`, but `Connection` lacks the token `upgrade`.
    NotAnUpgrade,
    /// The web page's origin is not allowed. With the value of the header, if it stood there; it is
    /// marked as sensitive, and so not shown.
    Origin(Option<HeaderValue>),
    /// More than one `Host`.
    RepeatedHost,
    /// More than one `Sec-WebSocket-Key`.
    RepeatedKey,
    /// The server's own choices hold a header that the handshake writes itself.
    ReservedHeader(HeaderName),
    /// `Sec-WebSocket-Protocol` is not a list of tokens.
    Subprotocols(ListError),
    /// The request target is not a path or an absolute HTTP URI.
    Target,
    /// The server's own choices hold more headers than `http` can.
    TooManyHeaders,
    /// `Upgrade` is not a list of protocols.
    Upgrade(ListError),
    /// `Sec-WebSocket-Version` is not 13.
    Version,
}

impl RejectReason {
    /// The status of the response.
    pub fn status(&self) -> StatusCode {
        match self {
            Self::Application(status) => *status,
            Self::Head(error) => error.status(),
            // RFC 9110 §7.4, §15.5.20
            Self::ForeignHost => StatusCode::MISDIRECTED_REQUEST,
            Self::HttpVersion => StatusCode::HTTP_VERSION_NOT_SUPPORTED,
            // RFC 9110 §15.6.4
            Self::Memory => StatusCode::SERVICE_UNAVAILABLE,
            Self::Method => StatusCode::METHOD_NOT_ALLOWED,
            Self::NoUpgrade | Self::Version => StatusCode::UPGRADE_REQUIRED,
            Self::Origin(_) => StatusCode::FORBIDDEN,
            Self::ReservedHeader(_) | Self::TooManyHeaders => StatusCode::INTERNAL_SERVER_ERROR,
            _ => StatusCode::BAD_REQUEST,
        }
    }
}

impl fmt::Display for RejectReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Application(status) => {
                return write!(f, "rejected by the application with {status}");
            }
            Self::Body => "request has a body",
            Self::Connection(_) => "invalid Connection",
            Self::ContentLength => "invalid Content-Length",
            Self::Extensions(_) => "invalid Sec-WebSocket-Extensions",
            Self::ForeignHost => "host is not served here",
            Self::Head(_) => "request head cannot be read",
            Self::HttpVersion => "request is not HTTP/1.1",
            Self::InvalidHost => "invalid Host",
            Self::InvalidKey => "Sec-WebSocket-Key is not the base64 of 16 bytes",
            Self::Memory => "no memory is left for the request",
            Self::Method => "method is not GET",
            Self::MissingHost => "no Host",
            Self::MissingKey => "no Sec-WebSocket-Key",
            Self::MissingVersion => "no Sec-WebSocket-Version",
            Self::NoCommonSubprotocol => "no subprotocol in common",
            Self::NoUpgrade => "no upgrade to websocket is asked for",
            Self::NotAnUpgrade => "Connection does not hold the token upgrade",
            Self::Origin(_) => "origin is not allowed",
            Self::RepeatedHost => "more than one Host",
            Self::RepeatedKey => "more than one Sec-WebSocket-Key",
            Self::ReservedHeader(name) => {
                return write!(f, "header {name} is set by the handshake");
            }
            Self::Subprotocols(_) => "invalid Sec-WebSocket-Protocol",
            Self::Target => "invalid request target",
            Self::TooManyHeaders => "too many headers in the response",
            Self::Upgrade(_) => "invalid Upgrade",
            Self::Version => "Sec-WebSocket-Version is not 13",
        })
    }
}

impl Error for RejectReason {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Connection(error)
            | Self::Extensions(error)
            | Self::Subprotocols(error)
            | Self::Upgrade(error) => Some(error),
            Self::Head(error) => Some(error),
            _ => None,
        }
    }
}
