use std::error::Error;
use std::fmt;

use socket_flow_frames::{CloseCode, CloseError, HeaderError, ReasonTooLong, Utf8Error};

/// The peer broke the protocol or a limit.
///
/// By the time it is returned the right Close is queued; what is left to do is
/// to write it and to end the connection (RFC 6455 §7.1.7).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ProtocolError {
    /// A frame header that breaks RFC 6455 §5.2, or is masked in the wrong
    /// direction (§5.1).
    Header(HeaderError),
    /// A continuation frame, but no fragmented message is under way
    /// (RFC 6455 §5.4).
    UnexpectedContinuation,
    /// A new data frame while a fragmented message is under way
    /// (RFC 6455 §5.4).
    ExpectedContinuation,
    /// A text message that is not UTF-8 (RFC 6455 §8.1).
    InvalidUtf8(Utf8Error),
    /// A compressed message whose data is not DEFLATE (RFC 7692 §7.2.2).
    InvalidCompression,
    /// Compressed messages that end their DEFLATE stream and go on, far more
    /// often than any use of it (BFINAL, RFC 1951 §3.2.3). Valid, and refused
    /// for what it costs: the window is restored each time.
    TooManyRestarts,
    /// A Close frame whose payload breaks RFC 6455 §5.5.1 or §7.4.
    Close(CloseError),
    /// A message over the limit, which is given in bytes.
    MessageTooBig {
        /// The limit it broke, in bytes.
        limit: usize,
    },
}

impl ProtocolError {
    /// The code of the Close sent for it (RFC 6455 §7.4.1).
    pub fn close_code(&self) -> CloseCode {
        match self {
            Self::Header(_) | Self::UnexpectedContinuation | Self::ExpectedContinuation => {
                CloseCode::PROTOCOL_ERROR
            }
            Self::InvalidUtf8(_) | Self::InvalidCompression => CloseCode::INVALID_PAYLOAD,
            Self::TooManyRestarts => CloseCode::POLICY_VIOLATION,
            Self::Close(error) => error.close_code(),
            Self::MessageTooBig { .. } => CloseCode::MESSAGE_TOO_BIG,
        }
    }

    /// What the Close sent for it says.
    pub(crate) fn reason(&self) -> &'static str {
        match self {
            Self::Header(_) => "invalid frame header",
            Self::UnexpectedContinuation => "unexpected continuation frame",
            Self::ExpectedContinuation => "expected a continuation frame",
            Self::InvalidUtf8(_) => "invalid utf-8",
            Self::InvalidCompression => "invalid compressed data",
            Self::TooManyRestarts => "compressed data restarted too often",
            Self::Close(_) => "invalid close frame",
            Self::MessageTooBig { .. } => "message too big",
        }
    }
}

impl fmt::Display for ProtocolError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::MessageTooBig { limit } => {
                write!(f, "message larger than the limit of {limit} bytes")
            }
            Self::InvalidUtf8(_) => f.write_str("text message is not valid utf-8"),
            other => f.write_str(other.reason()),
        }
    }
}

impl Error for ProtocolError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Header(error) => Some(error),
            Self::InvalidUtf8(error) => Some(error),
            Self::Close(error) => Some(error),
            Self::UnexpectedContinuation
            | Self::ExpectedContinuation
            | Self::InvalidCompression
            | Self::TooManyRestarts
            | Self::MessageTooBig { .. } => None,
        }
    }
}

impl From<HeaderError> for ProtocolError {
    fn from(error: HeaderError) -> Self {
        Self::Header(error)
    }
}

/// The transport ended without a Close from the peer: what RFC 6455 §7.1.5
/// calls 1006.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(clippy::exhaustive_structs)] // it says all there is to say
pub struct AbnormalClosure;

impl fmt::Display for AbnormalClosure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("connection ended without a close frame")
    }
}

impl Error for AbnormalClosure {}

/// The memory that connections share was used up, and this one's message was the
/// largest that waited, or hardly moved. The peer was told by a Close with 1013;
/// see [`Budget`](crate::Budget).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct OutOfMemory {
    /// All of the budget, in bytes.
    pub limit: usize,
}

impl fmt::Display for OutOfMemory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let limit = self.limit;
        write!(f, "no memory is left of the budget of {limit} bytes")
    }
}

impl Error for OutOfMemory {}

/// A message was not queued, and here it is again.
#[derive(Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum SendError<P> {
    /// The write queue is at its high-water mark. Write some of it first.
    Full(P),
    /// Our Close is queued or sent: no data may follow it (RFC 6455 §5.5.1).
    Closed(P),
    /// A message is being sent part by part, and no other may stand between
    /// its parts (RFC 6455 §5.4). Finish it first.
    Unfinished(P),
    /// A part that is text for a binary message, or the other way round.
    WrongKind(P),
    /// The connection took nothing over for
    /// [`Timeouts::stall`](crate::Timeouts::stall), while a message waited for
    /// room: its handler does not run it, or its peer reads too little. Of a
    /// reconnecting client: it was not run for that time.
    Stalled(P),
}

impl<P> SendError<P> {
    /// The message that was not queued.
    pub fn into_inner(self) -> P {
        match self {
            Self::Full(message)
            | Self::Closed(message)
            | Self::Unfinished(message)
            | Self::WrongKind(message)
            | Self::Stalled(message) => message,
        }
    }

    /// The same error about something else, such as `()` to drop the message.
    pub fn map<Q>(self, change: impl FnOnce(P) -> Q) -> SendError<Q> {
        match self {
            Self::Full(message) => SendError::Full(change(message)),
            Self::Closed(message) => SendError::Closed(change(message)),
            Self::Unfinished(message) => SendError::Unfinished(change(message)),
            Self::WrongKind(message) => SendError::WrongKind(change(message)),
            Self::Stalled(message) => SendError::Stalled(change(message)),
        }
    }

    /// Whether the queue was full: the same message may succeed later.
    pub fn is_full(&self) -> bool {
        matches!(self, Self::Full(_))
    }
}

impl<P> fmt::Debug for SendError<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The message is left out: it is the application's, and payloads do
        // not belong in logs.
        f.write_str(match self {
            Self::Full(_) => "Full",
            Self::Closed(_) => "Closed",
            Self::Unfinished(_) => "Unfinished",
            Self::WrongKind(_) => "WrongKind",
            Self::Stalled(_) => "Stalled",
        })
    }
}

impl<P> fmt::Display for SendError<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Full(_) => "write queue is full",
            Self::Closed(_) => "connection is closing",
            Self::Unfinished(_) => "another message is sent part by part",
            Self::WrongKind(_) => "text and binary parts in one message",
            Self::Stalled(_) => "connection took nothing over in time",
        })
    }
}

impl<P> Error for SendError<P> {}

/// A control frame was not queued: the caller's fault, or too late.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ControlError {
    /// The application data of a ping or pong is over 125 bytes
    /// (RFC 6455 §5.5).
    TooLong,
    /// The reason of a Close is over 123 bytes (RFC 6455 §5.5).
    ReasonTooLong,
    /// Our Close is queued or sent: nothing may follow it
    /// (RFC 6455 §5.5.1).
    Closed,
    /// The write queue is at its high-water mark.
    Full,
}

impl fmt::Display for ControlError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::TooLong => "control payload longer than 125 bytes",
            Self::ReasonTooLong => "close reason longer than 123 bytes",
            Self::Closed => "connection is closing",
            Self::Full => "write queue is full",
        })
    }
}

impl Error for ControlError {}

impl From<ReasonTooLong> for ControlError {
    fn from(_: ReasonTooLong) -> Self {
        Self::ReasonTooLong
    }
}

/// A deadline passed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Expired {
    /// The closing handshake took longer than
    /// [`Timeouts::close`](crate::Timeouts::close).
    Close,
    /// Nothing arrived after a ping for
    /// [`Timeouts::pong`](crate::Timeouts::pong).
    Pong,
    /// No message in either direction for
    /// [`Timeouts::idle`](crate::Timeouts::idle).
    Idle,
    /// A frame or message under way made no progress for
    /// [`Timeouts::stall`](crate::Timeouts::stall).
    Read,
    /// The transport took no byte for
    /// [`Timeouts::stall`](crate::Timeouts::stall).
    Write,
    /// The transport took hardly a byte within the
    /// [patience](crate::Budget::patience) of a budget, while its memory was short.
    Memory,
}

impl fmt::Display for Expired {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Close => "closing handshake timed out",
            Self::Pong => "peer did not answer a ping in time",
            Self::Idle => "connection was idle for too long",
            Self::Read => "frame under way made no progress",
            Self::Write => "blocked write made no progress",
            Self::Memory => "blocked write made hardly any progress while memory was short",
        })
    }
}

impl Error for Expired {}
