use std::fmt;
use std::ops::Range;

use bytes::Bytes;
use socket_flow_frames::{CloseCode, Utf8Bytes};

use crate::message::{Message, MessageRef};

/// Something the peer sent: a message, or a control frame.
///
/// Pings and Closes have been answered when they show up here.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event {
    /// A whole data message.
    Message(Message),
    /// A ping with its application data, at most 125 bytes. Its pong is
    /// queued.
    Ping(Bytes),
    /// A pong with its application data, at most 125 bytes. One that answers a
    /// ping of the [keepalive](crate::Timeouts::ping_interval) is not shown.
    Pong(Bytes),
    /// The peer's Close; `None` when it carried no code. Nothing follows it.
    Close(Option<CloseFrame>),
}

/// An [`Event`] lent out of the connection's buffers.
#[derive(Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum EventRef<'a> {
    /// A whole data message.
    Message(MessageRef<'a>),
    /// A ping with its application data, at most 125 bytes.
    Ping(&'a [u8]),
    /// A pong with its application data, at most 125 bytes; see
    /// [`Event::Pong`].
    Pong(&'a [u8]),
    /// The peer's Close; `None` when it carried no code.
    Close(Option<&'a CloseFrame>),
}

impl fmt::Debug for Event {
    /// Shows kind and length of a payload only, like a message.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Message(message) => EventRef::Message(message.as_ref()),
            Self::Ping(data) => EventRef::Ping(data),
            Self::Pong(data) => EventRef::Pong(data),
            Self::Close(frame) => EventRef::Close(frame.as_ref()),
        }
        .fmt(f)
    }
}

impl fmt::Debug for EventRef<'_> {
    /// Shows kind and length of a payload only, like a message.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Message(message) => f.debug_tuple("Message").field(message).finish(),
            Self::Ping(data) => write!(f, "Ping({} bytes)", data.len()),
            Self::Pong(data) => write!(f, "Pong({} bytes)", data.len()),
            Self::Close(frame) => f.debug_tuple("Close").field(frame).finish(),
        }
    }
}

/// Code and reason of a Close frame (RFC 6455 §5.5.1).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[allow(clippy::exhaustive_structs)] // code and reason, and how one is made
pub struct CloseFrame {
    /// Why the connection is closed.
    pub code: CloseCode,
    /// A text for the log, at most 123 bytes; often empty.
    pub reason: Utf8Bytes,
}

/// What a step found, as plain numbers: the payload itself is lent by
/// [`Incoming::lend`](crate::Incoming::lend) or owned through
/// [`Incoming::take`](crate::Incoming::take), until the next step.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Found {
    /// Where in the input it begins, counted from the start of its buffer.
    start: usize,
    /// What is found in place is no longer than a read buffer.
    pub(crate) len: u32,
    pub(crate) kind: Kind,
    /// Otherwise in the buffer the message was assembled in.
    is_in_input: bool,
}

impl Found {
    /// A payload in the input, at these offsets from the start of its buffer.
    #[inline]
    pub(crate) fn in_input(kind: Kind, range: Range<usize>) -> Self {
        // Both ends are positions in one buffer, in order: not asked once more
        // for each message.
        debug_assert!(range.start <= range.end);
        Self {
            start: range.start,
            len: range.end.wrapping_sub(range.start) as u32,
            kind,
            is_in_input: true,
        }
    }

    /// A payload in the buffer the message was assembled in.
    pub(crate) fn assembled(kind: Kind) -> Self {
        Self {
            start: 0,
            len: 0,
            kind,
            is_in_input: false,
        }
    }

    /// Where the payload lies in the input; `None` for an assembled one.
    #[inline]
    pub(crate) fn range(&self) -> Option<Range<usize>> {
        let end = self.start + self.len as usize;
        self.is_in_input.then_some(self.start..end)
    }

    /// Whether a data message was found; a control frame otherwise.
    #[inline]
    pub fn is_message(&self) -> bool {
        matches!(self.kind, Kind::Text | Kind::Binary)
    }

    /// Whether the peer's Close was found, the last event of a connection.
    #[inline]
    pub fn is_close(&self) -> bool {
        matches!(self.kind, Kind::Close)
    }
}

impl fmt::Debug for Found {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Found")
            .field("kind", &self.kind)
            .field("range", &self.range())
            .finish()
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

#[cfg(test)]
mod tests {
    use super::*;

    const KINDS: [Kind; 5] = [
        Kind::Text,
        Kind::Binary,
        Kind::Ping,
        Kind::Pong,
        Kind::Close,
    ];

    #[test]
    fn a_found_event_tells_what_it_was_made_of() {
        for kind in KINDS {
            for start in [0_u64, 1, 0xFFFF_FFFF, (1 << 40) - 1] {
                for len in [0, 1, 125, 0xFFFF, 0x1_FFFF] {
                    // No memory reaches beyond what an address can say.
                    let (Ok(start), Ok(end)) = (start.try_into(), (start + len).try_into()) else {
                        continue;
                    };
                    let found = Found::in_input(kind, start..end);
                    assert_eq!((found.range(), found.kind), (Some(start..end), kind));
                }
            }
            let found = Found::assembled(kind);
            assert_eq!((found.range(), found.kind), (None, kind));
            let is_message = matches!(kind, Kind::Text | Kind::Binary);
            assert_eq!(found.is_message(), is_message);
        }
    }

    #[test]
    #[cfg(target_pointer_width = "64")]
    fn a_found_event_fits_two_registers() {
        assert_eq!(size_of::<Option<Found>>(), 16);
    }
}
