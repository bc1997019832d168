use std::error::Error;
use std::fmt;
use std::io;

use crate::error::{AbnormalClosure, Expired, OutOfMemory, ProtocolError};

/// Why a connection failed.
#[derive(Debug)]
#[allow(clippy::exhaustive_enums)] // a new cause needs every shell's care
pub enum Failure {
    /// The peer broke the protocol or a limit, and was told so by a Close.
    Protocol(ProtocolError),
    /// A deadline passed.
    Expired(Expired),
    /// The memory that connections share was used up, and the peer was told so by
    /// a Close.
    Memory(OutOfMemory),
    /// The transport ended before the peer's Close.
    Abnormal(AbnormalClosure),
    /// The transport failed.
    Io(io::Error),
    /// The peer's Close arrived, but what was queued, our Close included, was
    /// not sent, for this reason: the closing handshake is not complete
    /// (RFC 6455 §7.1.4).
    Unsent(Box<Failure>),
}

impl Failure {
    /// The same once more. An I/O error keeps its kind, its number or its text,
    /// and not what it wraps.
    #[must_use]
    pub fn copy(&self) -> Self {
        match self {
            Self::Protocol(error) => Self::Protocol(*error),
            Self::Expired(expired) => Self::Expired(*expired),
            Self::Memory(error) => Self::Memory(*error),
            Self::Abnormal(error) => Self::Abnormal(*error),
            Self::Io(error) => Self::Io(match error.raw_os_error() {
                Some(number) => io::Error::from_raw_os_error(number),
                None if error.get_ref().is_none() => error.kind().into(),
                None => io::Error::new(error.kind(), error.to_string()),
            }),
            Self::Unsent(cause) => Self::Unsent(Box::new(cause.copy())),
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Protocol(_) => "peer violated the protocol",
            Self::Expired(_) => "connection timed out",
            Self::Memory(_) => "connection was closed for want of memory",
            Self::Abnormal(_) => "connection ended early",
            Self::Io(_) => "transport failed",
            Self::Unsent(_) => "peer closed before everything was sent",
        })
    }
}

impl Error for Failure {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(match self {
            Self::Protocol(error) => error,
            Self::Expired(error) => error,
            Self::Memory(error) => error,
            Self::Abnormal(error) => error,
            Self::Io(error) => error,
            Self::Unsent(cause) => cause,
        })
    }
}
