use std::error::Error;
use std::fmt;
use std::io;

use http::StatusCode;
use socket_flow_handshake::client::{RequestError, VerifyError};
use socket_flow_handshake::head::HeadError;
use socket_flow_handshake::target::TargetError;

use crate::client::dial::DialError;
use crate::client::proxy::ProxyError;
use crate::client::redirect::RedirectError;
use crate::client::rejected::Rejected;
use crate::client::stage::ConnectStage;
use crate::head_io::ReadHeadError;
use crate::invalid_header::InvalidHeader;
use crate::stream_failure::StreamFailure;
#[cfg(feature = "rustls")]
use crate::tls::TlsError;

/// Why no connection was opened, one variant per cause.
///
/// Neither `Display` nor `Debug` shows credentials: no userinfo, no query, no header value.
#[derive(Debug)]
#[non_exhaustive]
pub enum ConnectError {
    /// No address of the host took a TCP connection: all refused, or none was reachable.
    Connect(DialError),
    /// The head of the server's answer cannot be read.
    Head(HeadError),
    /// A header given for the request is none.
    InvalidHeader(InvalidHeader),
    /// The stream failed in the middle of the handshake.
    Io(io::Error),
    /// The proxy opened no way to the server.
    Proxy(ProxyError),
    /// The operating system has no random bytes to give.
    Random(io::Error),
    /// A redirect was not followed.
    Redirect(RedirectError),
    /// The server answered in plain HTTP, with a status other than 101: here is its answer.
    Rejected(Box<Rejected>),
    /// The request cannot be made of what was given.
    Request(RequestError),
    /// The host's name cannot be resolved.
    Resolve(io::Error),
    /// The URL is not one to connect to.
    Target(TargetError),
    /// It took longer than [`handshake_timeout`](crate::ClientBuilder::handshake_timeout), or its
    /// stage longer than that is allowed.
    Timeout(ConnectStage),
    /// There is no TLS connection to the server.
    #[cfg(feature = "rustls")]
    Tls(TlsError),
    /// The URL is `wss://`, and this build cannot encrypt. Nothing was sent.
    TlsUnavailable,
    /// The server closed the stream before its answer was complete.
    UnexpectedEof,
    /// The server answered 101, but not as RFC 6455 §4.1 demands.
    Verify(VerifyError),
}

impl ConnectError {
    /// The status of the server's answer, where it was not 101.
    pub fn status(&self) -> Option<StatusCode> {
        match self {
            Self::Rejected(rejected) => Some(rejected.status()),
            _ => None,
        }
    }
}

impl fmt::Display for ConnectError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Connect(_) => f.write_str("no tcp connection"),
            Self::Head(_) => f.write_str("server's answer cannot be read"),
            Self::InvalidHeader(_) => f.write_str("invalid header for the request"),
            Self::Io(_) => f.write_str("stream failed during the opening handshake"),
            Self::Proxy(_) => f.write_str("no way through the proxy"),
            Self::Random(_) => f.write_str("no random bytes for the key"),
            Self::Redirect(_) => f.write_str("redirect was not followed"),
            Self::Rejected(rejected) => {
                write!(f, "server answered with status {}", rejected.status())
            }
            Self::Request(_) => f.write_str("request cannot be made"),
            Self::Resolve(_) => f.write_str("host cannot be resolved"),
            Self::Target(_) => f.write_str("invalid url"),
            Self::Timeout(stage) => write!(f, "timed out during {stage}"),
            #[cfg(feature = "rustls")]
            Self::Tls(_) => f.write_str("no tls connection"),
            Self::TlsUnavailable => f.write_str(
                "wss:// needs the feature `rustls`, which this build of socket-flow lacks",
            ),
            Self::UnexpectedEof => {
                f.write_str("server closed the connection during the opening handshake")
            }
            Self::Verify(_) => f.write_str("server's answer does not open a websocket"),
        }
    }
}

impl Error for ConnectError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Connect(error) => Some(error),
            Self::Head(error) => Some(error),
            Self::InvalidHeader(error) => Some(error),
            Self::Io(error) | Self::Random(error) | Self::Resolve(error) => Some(error),
            Self::Proxy(error) => Some(error),
            Self::Redirect(error) => Some(error),
            Self::Request(error) => Some(error),
            Self::Target(error) => Some(error),
            #[cfg(feature = "rustls")]
            Self::Tls(error) => Some(error),
            Self::Verify(error) => Some(error),
            Self::Rejected(_) | Self::Timeout(_) | Self::TlsUnavailable | Self::UnexpectedEof => {
                None
            }
        }
    }
}

impl From<io::Error> for ConnectError {
    /// The stream's failure, told apart by what it was.
    fn from(error: io::Error) -> Self {
        match error.into() {
            #[cfg(feature = "rustls")]
            StreamFailure::Tls(error) => Self::Tls(error),
            StreamFailure::UnexpectedEof => Self::UnexpectedEof,
            StreamFailure::Io(error) => Self::Io(error),
        }
    }
}

impl From<ReadHeadError> for ConnectError {
    fn from(error: ReadHeadError) -> Self {
        match error {
            ReadHeadError::Eof => Self::UnexpectedEof,
            ReadHeadError::Head(error) => Self::Head(error),
            ReadHeadError::Io(error) => error.into(),
        }
    }
}
