use std::error::Error as StdError;
use std::fmt;
use std::io;

use socket_flow_protocol::driver::Failure;
use socket_flow_protocol::{
    CloseCode, ControlError, Expired, OutOfMemory, ProtocolError, SendError,
};

/// Why a connection failed, or a call on it did.
#[derive(Debug)]
#[non_exhaustive]
pub enum Error {
    /// The transport ended without a closing handshake. The code is 1006
    /// (RFC 6455 §7.1.5), which never stands in a frame.
    Closed {
        /// Always 1006 today.
        code: u16,
    },
    /// The peer broke the protocol or a limit. It has been told so by a Close
    /// with [`ProtocolError::close_code`].
    Protocol(ProtocolError),
    /// A deadline passed.
    Timeout(Expired),
    /// The memory that connections share was used up, and this one had to go; see
    /// [`Budget`](crate::Budget). The peer has been told so by a Close with 1013.
    Memory(OutOfMemory),
    /// The message was not sent: the queue is full, the connection is closing,
    /// or another message is sent part by part.
    /// [`queue`](crate::WebSocket::queue) gives the message back.
    Send(SendError<()>),
    /// The control frame was not sent.
    Control(ControlError),
    /// The transport failed.
    Io(io::Error),
    /// The peer's Close arrived, but what was queued, our Close included, could
    /// not be sent, for this reason. Everything the peer had to say was
    /// received; [`close_frame`](crate::WebSocket::close_frame) has its code and
    /// reason. It is an error because the closing handshake is not complete
    /// (RFC 6455 §7.1.4), and messages of ours may be lost.
    Unsent(Box<Error>),
}

impl Error {
    /// The close code that describes the end of the connection (RFC 6455
    /// §7.4.1): the one sent for a protocol error, 1006 where the transport
    /// failed or the peer was silent, `None` where the connection may still
    /// be open.
    pub fn close_code(&self) -> Option<u16> {
        match self {
            Self::Closed { code } => Some(*code),
            Self::Protocol(error) => Some(error.close_code().as_u16()),
            Self::Timeout(_) | Self::Io(_) => Some(ABNORMAL),
            Self::Memory(_) => Some(CloseCode::TRY_AGAIN_LATER.as_u16()),
            Self::Unsent(cause) => cause.close_code(),
            Self::Send(_) | Self::Control(_) => None,
        }
    }
}

/// RFC 6455 §7.4.1: the Close carried no code.
pub(crate) const NO_STATUS: u16 = 1005;

/// RFC 6455 §7.4.1: the connection was closed abnormally.
pub(crate) const ABNORMAL: u16 = 1006;

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Closed { .. } => "connection ended without a closing handshake",
            Self::Protocol(_) => "peer violated the protocol",
            Self::Timeout(_) => "connection timed out",
            Self::Memory(_) => "connection was closed for want of memory",
            Self::Send(_) => "message was not sent",
            Self::Control(_) => "control frame was not sent",
            Self::Io(_) => "transport failed",
            Self::Unsent(_) => "peer closed before everything was sent",
        })
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        match self {
            Self::Closed { .. } => None,
            Self::Protocol(error) => Some(error),
            Self::Timeout(error) => Some(error),
            Self::Memory(error) => Some(error),
            Self::Send(error) => Some(error),
            Self::Control(error) => Some(error),
            Self::Io(error) => Some(error),
            Self::Unsent(cause) => Some(cause),
        }
    }
}

impl<P> From<SendError<P>> for Error {
    /// Drops the message.
    fn from(error: SendError<P>) -> Self {
        Self::Send(error.map(drop))
    }
}

impl From<ControlError> for Error {
    fn from(error: ControlError) -> Self {
        Self::Control(error)
    }
}

impl From<Failure> for Error {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Protocol(error) => Self::Protocol(error),
            Failure::Expired(expired) => Self::Timeout(expired),
            Failure::Memory(error) => Self::Memory(error),
            Failure::Abnormal(_) => Self::Closed { code: ABNORMAL },
            Failure::Io(error) => Self::Io(error),
            Failure::Unsent(cause) => Self::Unsent(Box::new(Self::from(*cause))),
        }
    }
}

impl From<ProtocolError> for Error {
    fn from(error: ProtocolError) -> Self {
        Self::Protocol(error)
    }
}

impl From<io::Error> for Error {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}
