use std::error::Error;
use std::fmt;
use std::io;

use socket_flow_handshake::server::{InvalidRejection, Rejection};

use crate::invalid_header::InvalidHeader;
use crate::stream_failure::StreamFailure;
#[cfg(feature = "rustls")]
use crate::tls::TlsError;

/// Why no connection was opened, one variant per cause.
///
/// Neither `Display` nor `Debug` shows credentials of the client.
#[derive(Debug)]
#[non_exhaustive]
pub enum AcceptError {
    /// A header given for the 101 is none. The client was refused with 500.
    InvalidHeader(InvalidHeader),
    /// A rejection was to be sent with a status below 200. The client was refused with 500.
    InvalidRejection(InvalidRejection),
    /// The stream failed in the middle of the handshake.
    Io(io::Error),
    /// The request was refused, with a status and for a reason.
    Rejected(Rejection),
    /// The TLS handshake failed.
    #[cfg(feature = "rustls")]
    Tls(TlsError),
    /// It took longer than [`handshake_timeout`](crate::Acceptor::handshake_timeout), or a client
    /// took a refusal slower than [`answer_stall`](crate::Acceptor::answer_stall) and
    /// [`answer_rate`](crate::Acceptor::answer_rate) allow.
    Timeout,
    /// The client closed the stream before its request was complete.
    UnexpectedEof,
}

impl fmt::Display for AcceptError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::InvalidHeader(_) => "invalid header for the response",
            Self::InvalidRejection(_) => "invalid status for a rejection",
            Self::Io(_) => "stream failed during the opening handshake",
            Self::Rejected(rejection) => return rejection.fmt(f),
            #[cfg(feature = "rustls")]
            Self::Tls(_) => "no tls connection",
            Self::Timeout => "opening handshake timed out",
            Self::UnexpectedEof => "client closed the connection during the opening handshake",
        })
    }
}

impl Error for AcceptError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::InvalidHeader(error) => Some(error),
            Self::InvalidRejection(error) => Some(error),
            Self::Io(error) => Some(error),
            // Its own line is shown here, so that the cause comes next.
            Self::Rejected(rejection) => rejection.source(),
            #[cfg(feature = "rustls")]
            Self::Tls(error) => Some(error),
            Self::Timeout | Self::UnexpectedEof => None,
        }
    }
}

impl From<io::Error> for AcceptError {
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
