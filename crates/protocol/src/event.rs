use bytes::Bytes;
use socket_flow_frames::{CloseCode, Utf8Bytes};

use crate::message::{Message, MessageRef};

/// Something the peer sent: a message, or a control frame.
///
/// Pings and Closes have been answered when they show up here.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event {
    /// A whole data message.
    Message(Message),
    /// A ping with its application data, at most 125 bytes. Its pong is
    /// queued.
    Ping(Bytes),
    /// A pong with its application data, at most 125 bytes.
    Pong(Bytes),
    /// The peer's Close; `None` when it carried no code. Nothing follows it.
    Close(Option<CloseFrame>),
}

/// An [`Event`] lent out of the connection's buffers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum EventRef<'a> {
    /// A whole data message.
    Message(MessageRef<'a>),
    /// A ping with its application data, at most 125 bytes.
    Ping(&'a [u8]),
    /// A pong with its application data, at most 125 bytes.
    Pong(&'a [u8]),
    /// The peer's Close; `None` when it carried no code.
    Close(Option<&'a CloseFrame>),
}

/// Code and reason of a Close frame (RFC 6455 §5.5.1).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct CloseFrame {
    /// Why the connection is closed.
    pub code: CloseCode,
    /// A text for the log, at most 123 bytes; often empty.
    pub reason: Utf8Bytes,
}

/// What a step found, as plain numbers: the payload itself is lent by
/// [`Incoming::lend`](crate::Incoming::lend) or owned through
/// [`Incoming::take`](crate::Incoming::take), until the next step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Found {
    pub(crate) kind: Kind,
    pub(crate) place: Place,
}

impl Found {
    /// Whether a data message was found; a control frame otherwise.
    #[inline]
    pub fn is_message(&self) -> bool {
        matches!(self.kind, Kind::Text | Kind::Binary)
    }

    /// Whether the peer's Close was found, the last event of a connection.
    #[inline]
    pub fn is_close(&self) -> bool {
        self.kind == Kind::Close
    }
}

/// What kind of event was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Text,
    Binary,
    Ping,
    Pong,
    Close,
}

/// Where the payload of an event lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// In the input, at these offsets from the start of its buffer.
    Input { start: usize, end: usize },
    /// In the buffer the message was assembled in.
    Assembled,
}
