use std::error::Error;
use std::fmt;
use std::io;

use crate::error::{AbnormalClosure, Expired, ProtocolError};

/// Why a connection failed.
#[derive(Debug)]
#[allow(clippy::exhaustive_enums)] // a new cause needs every shell's care
pub enum Failure {
    /// The peer broke the protocol or a limit, and was told so by a Close.
    Protocol(ProtocolError),
    /// A deadline passed.
    Expired(Expired),
    /// The transport ended before the peer's Close.
    Abnormal(AbnormalClosure),
    /// The transport failed.
    Io(io::Error),
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Protocol(_) => "peer violated the protocol",
            Self::Expired(_) => "connection timed out",
            Self::Abnormal(_) => "connection ended early",
            Self::Io(_) => "transport failed",
        })
    }
}

impl Error for Failure {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(match self {
            Self::Protocol(error) => error,
            Self::Expired(error) => error,
            Self::Abnormal(error) => error,
            Self::Io(error) => error,
        })
    }
}
