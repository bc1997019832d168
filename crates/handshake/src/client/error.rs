use std::error::Error;
use std::fmt;

use http::StatusCode;
use http::header::HeaderName;

use crate::Hidden;
use crate::deflate::DeflateError;
use crate::header::ListError;
use crate::subprotocol::SubprotocolError;

/// Why a request cannot be made from what the caller gave.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RequestError {
    /// permessage-deflate is offered and is among the other extensions too.
    DeflateTwice,
    /// The URI's host or port is not valid.
    InvalidHost,
    /// The URI has no host.
    MissingHost,
    /// The URI has no scheme.
    MissingScheme,
    /// The URI's path or query holds a control character, a `\`, or a `%` without two hexadecimal
    /// digits.
    Path,
    /// The offer holds a header that the handshake writes itself, or one of a body.
    ReservedHeader(HeaderName),
    /// The URI's scheme is neither `ws` nor `wss`.
    Scheme(Box<str>),
    /// A subprotocol cannot be offered.
    Subprotocol(SubprotocolError),
    /// More headers than `http` can hold.
    TooManyHeaders,
}

impl fmt::Display for RequestError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::DeflateTwice => {
                f.write_str("permessage-deflate is among the other extensions too")
            }
            Self::InvalidHost => f.write_str("uri has an invalid host or port"),
            Self::MissingHost => f.write_str("uri has no host"),
            Self::MissingScheme => f.write_str("uri has no scheme"),
            Self::Path => f.write_str("uri has an invalid path or query"),
            Self::ReservedHeader(name) => write!(f, "header {name} is set by the handshake"),
            Self::Scheme(scheme) => {
                write!(f, "uri has the scheme {scheme:?}, ws or wss is needed")
            }
            Self::Subprotocol(_) => f.write_str("subprotocol cannot be offered"),
            Self::TooManyHeaders => f.write_str("too many headers"),
        }
    }
}

impl Error for RequestError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Subprotocol(error) => Some(error),
            _ => None,
        }
    }
}

/// Why a response does not open a WebSocket; no value of its headers is shown. After any of these the connection must be closed.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum VerifyError {
    /// `Connection` does not hold the token `upgrade`, or is not a list of tokens.
    Connection,
    /// The server accepted permessage-deflate with parameters that do not answer the offer.
    Deflate(DeflateError),
    /// `Sec-WebSocket-Extensions` does not follow its grammar.
    Extensions(ListError),
    /// No `Sec-WebSocket-Accept`.
    MissingAccept,
    /// `Sec-WebSocket-Accept` more than once.
    RepeatedAccept,
    /// The server accepted one extension twice.
    RepeatedExtension(Hidden),
    /// The server picked more than one subprotocol.
    RepeatedSubprotocol,
    /// The status is not 101: the server answered in plain HTTP.
    Status(StatusCode),
    /// `Sec-WebSocket-Protocol` is not a token.
    Subprotocol(ListError),
    /// The server accepted an extension that was not offered.
    UnofferedExtension(Hidden),
    /// The server picked a subprotocol that was not offered.
    UnofferedSubprotocol(Hidden),
    /// `Upgrade` is missing, or names anything but `websocket`.
    Upgrade,
    /// The response is not HTTP/1.1.
    Version,
    /// `Sec-WebSocket-Accept` does not belong to the key.
    WrongAccept,
}

impl fmt::Display for VerifyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Connection => f.write_str("response has no Connection: Upgrade"),
            Self::Deflate(_) => f.write_str("response has an invalid permessage-deflate"),
            Self::Extensions(_) => f.write_str("response has invalid Sec-WebSocket-Extensions"),
            Self::MissingAccept => f.write_str("response has no Sec-WebSocket-Accept"),
            Self::RepeatedAccept => f.write_str("response has two Sec-WebSocket-Accept"),
            Self::RepeatedExtension(_) => f.write_str("an extension is accepted twice"),
            Self::RepeatedSubprotocol => f.write_str("response has two subprotocols"),
            Self::Status(status) => write!(f, "server answered with status {status}"),
            Self::Subprotocol(_) => f.write_str("response has an invalid Sec-WebSocket-Protocol"),
            Self::UnofferedExtension(_) => f.write_str("server's extension was not offered"),
            Self::UnofferedSubprotocol(_) => f.write_str("server's subprotocol was not offered"),
            Self::Upgrade => f.write_str("response has no Upgrade: websocket"),
            Self::Version => f.write_str("response is not HTTP/1.1"),
            Self::WrongAccept => f.write_str("Sec-WebSocket-Accept does not belong to the key"),
        }
    }
}

impl Error for VerifyError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Deflate(error) => Some(error),
            Self::Extensions(error) | Self::Subprotocol(error) => Some(error),
            _ => None,
        }
    }
}
