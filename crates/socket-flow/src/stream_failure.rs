use std::io;

#[cfg(feature = "rustls")]
use crate::tls::TlsError;

/// What a stream's `io::Error` says of it during a handshake; each error type
/// has a variant for each.
pub(crate) enum StreamFailure {
    #[cfg(feature = "rustls")]
    Tls(TlsError),
    UnexpectedEof,
    Io(io::Error),
}

impl From<io::Error> for StreamFailure {
    fn from(error: io::Error) -> Self {
        #[cfg(feature = "rustls")]
        if let Some(error) = TlsError::inside(&error) {
            return Self::Tls(error);
        }
        match error.kind() {
            // A stream may tell its sudden end that way, such as TLS without `close_notify`.
            io::ErrorKind::UnexpectedEof => Self::UnexpectedEof,
            _ => Self::Io(error),
        }
    }
}
