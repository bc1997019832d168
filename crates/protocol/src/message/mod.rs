mod lent;
mod parcel;
mod payload;
mod prepared;

use std::fmt;

use bytes::{Bytes, BytesMut};
use socket_flow_frames::{OpCode, Utf8Bytes};

pub use lent::MessageRef;
pub use parcel::Parcel;
pub use payload::{Compressed, Compression, Payload, Uncompressed};
pub use prepared::Prepared;

/// A whole data message (RFC 6455 §5.6).
///
/// Exhaustive on purpose: the RFC knows two kinds of data message, and a
/// receiver that matches both can be sure it handles everything a peer may
/// send. Control frames are answered by the connection itself and are visible
/// as [`Event`](crate::Event)s.
///
/// `Debug` shows kind and length only, so that no payload ends up in a log by
/// accident.
///
/// ```
/// use socket_flow_protocol::Message;
///
/// let message = Message::from("hello");
/// assert_eq!(message.as_text(), Some("hello"));
/// assert_eq!(format!("{message:?}"), "Text(5 bytes)");
/// ```
#[derive(Clone, PartialEq, Eq, Hash)]
#[allow(clippy::exhaustive_enums)]
pub enum Message {
    /// A text message: valid UTF-8.
    Text(Utf8Bytes),
    /// A binary message.
    Binary(Bytes),
}

impl Message {
    /// A text message.
    ///
    /// ```
    /// use socket_flow_protocol::Message;
    ///
    /// let line = String::from("hello");
    /// assert_eq!(Message::text(&line), Message::from("hello"));
    /// ```
    pub fn text(text: impl Into<Utf8Bytes>) -> Self {
        Self::Text(text.into())
    }

    /// A binary message, also of what else would be a text.
    ///
    /// ```
    /// use socket_flow_protocol::Message;
    ///
    /// assert!(Message::from("hello").is_text());
    /// assert!(Message::binary("hello").is_binary());
    /// ```
    pub fn binary(bytes: impl Into<Bytes>) -> Self {
        Self::Binary(bytes.into())
    }

    /// The payload.
    #[inline]
    pub fn as_bytes(&self) -> &[u8] {
        match self {
            Self::Text(text) => text.as_bytes(),
            Self::Binary(bytes) => bytes,
        }
    }

    /// The text of a text message, or `None` for a binary one.
    #[inline]
    pub fn as_text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            Self::Binary(_) => None,
        }
    }

    /// The payload as shared bytes, without copying.
    #[inline]
    pub fn into_bytes(self) -> Bytes {
        match self {
            Self::Text(text) => text.into_bytes(),
            Self::Binary(bytes) => bytes,
        }
    }

    /// Whether this is a text message.
    #[inline]
    pub fn is_text(&self) -> bool {
        matches!(self, Self::Text(_))
    }

    /// Whether this is a binary message.
    #[inline]
    pub fn is_binary(&self) -> bool {
        !self.is_text()
    }

    /// The length of the payload in bytes.
    #[inline]
    pub fn len(&self) -> usize {
        self.as_bytes().len()
    }

    /// Whether the payload is empty.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.as_bytes().is_empty()
    }

    /// The opcode it is sent under.
    #[inline]
    pub(crate) fn opcode(&self) -> OpCode {
        match self {
            Self::Text(_) => OpCode::Text,
            Self::Binary(_) => OpCode::Binary,
        }
    }

    /// The same message, lent; to send it that way copies nothing of a large
    /// one.
    #[inline]
    pub fn as_ref(&self) -> MessageRef<'_> {
        self.into()
    }
}

impl fmt::Debug for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.as_ref().fmt(f)
    }
}

impl From<&str> for Message {
    fn from(text: &str) -> Self {
        Self::Text(text.into())
    }
}

impl From<String> for Message {
    fn from(text: String) -> Self {
        Self::Text(text.into())
    }
}

impl From<Utf8Bytes> for Message {
    fn from(text: Utf8Bytes) -> Self {
        Self::Text(text)
    }
}

impl From<&[u8]> for Message {
    fn from(bytes: &[u8]) -> Self {
        Self::Binary(Bytes::copy_from_slice(bytes))
    }
}

impl From<Vec<u8>> for Message {
    fn from(bytes: Vec<u8>) -> Self {
        Self::Binary(bytes.into())
    }
}

impl From<Bytes> for Message {
    fn from(bytes: Bytes) -> Self {
        Self::Binary(bytes)
    }
}

impl From<BytesMut> for Message {
    fn from(bytes: BytesMut) -> Self {
        Self::Binary(bytes.freeze())
    }
}
