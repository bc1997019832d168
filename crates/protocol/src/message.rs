use std::fmt;
use std::hash::{Hash, Hasher};

use bytes::{Bytes, BytesMut};
use socket_flow_frames::{OpCode, Utf8Bytes};

use crate::prepared::Prepared;

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

    /// The same message, lent; to send it that way copies nothing of a large
    /// one.
    #[inline]
    pub fn as_ref(&self) -> MessageRef<'_> {
        MessageRef {
            bytes: self.as_bytes(),
            text: self.as_text(),
            message: Some(self),
        }
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

impl From<MessageRef<'_>> for Message {
    fn from(message: MessageRef<'_>) -> Self {
        match (message.message, message.text) {
            (Some(message), _) => message.clone(),
            (None, Some(text)) => text.into(),
            (None, None) => message.bytes.into(),
        }
    }
}

/// A data message lent out of the connection's buffers: no allocation, no
/// copy.
///
/// It is as well what is sent best: a small message is copied into the write
/// queue, of a large one the memory is shared.
///
/// ```
/// use socket_flow_protocol::MessageRef;
///
/// let message = MessageRef::from("hello");
/// assert_eq!(message.as_text(), Some("hello"));
/// assert_eq!(MessageRef::from(&b"\x01\x02"[..]).as_text(), None);
/// ```
#[derive(Clone, Copy)]
pub struct MessageRef<'a> {
    bytes: &'a [u8],
    /// The same, of a text message.
    text: Option<&'a str>,
    /// The same, where its memory can be shared.
    message: Option<&'a Message>,
}

impl<'a> MessageRef<'a> {
    /// The payload.
    #[inline]
    pub fn as_bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// The text of a text message, or `None` for a binary one.
    #[inline]
    pub fn as_text(&self) -> Option<&'a str> {
        self.text
    }

    /// The payload as shared bytes: copied, unless it can be shared.
    #[inline]
    fn to_bytes(self) -> Bytes {
        match self.message {
            Some(message) => message.clone().into_bytes(),
            None => Bytes::copy_from_slice(self.bytes),
        }
    }

    /// Whether this is a text message.
    #[inline]
    pub fn is_text(&self) -> bool {
        self.text.is_some()
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

    /// The message as one that owns its payload: a copy, or shared memory of a
    /// large one.
    pub fn to_message(&self) -> Message {
        (*self).into()
    }
}

impl PartialEq for MessageRef<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.is_text() == other.is_text() && self.as_bytes() == other.as_bytes()
    }
}

impl Eq for MessageRef<'_> {}

impl Hash for MessageRef<'_> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.is_text().hash(state);
        self.as_bytes().hash(state);
    }
}

impl<'a> From<&'a str> for MessageRef<'a> {
    #[inline]
    fn from(text: &'a str) -> Self {
        Self {
            bytes: text.as_bytes(),
            text: Some(text),
            message: None,
        }
    }
}

impl<'a> From<&'a [u8]> for MessageRef<'a> {
    #[inline]
    fn from(bytes: &'a [u8]) -> Self {
        Self {
            bytes,
            text: None,
            message: None,
        }
    }
}

impl<'a> From<&'a Message> for MessageRef<'a> {
    #[inline]
    fn from(message: &'a Message) -> Self {
        message.as_ref()
    }
}

impl fmt::Debug for MessageRef<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = if self.is_text() { "Text" } else { "Binary" };
        write!(f, "{kind}({} bytes)", self.len())
    }
}

/// Anything that can be sent as one message: text types go out as text,
/// byte types as binary.
///
/// Implemented for [`Message`], [`MessageRef`], `&`[`Prepared`], [`Parcel`](crate::Parcel),
/// `&str`, `String`, [`Utf8Bytes`], `&[u8]`, `Vec<u8>`, [`Bytes`] and [`BytesMut`], and for
/// each of them in [`Uncompressed`] or [`Compressed`]. Sealed: text
/// must be valid UTF-8, which this crate cannot ask of a foreign type.
pub trait Payload: sealed::Sealed {
    /// The payload's bytes.
    #[doc(hidden)]
    fn bytes(&self) -> &[u8];

    /// Whether it goes out as text.
    #[doc(hidden)]
    fn text(&self) -> bool;

    /// The payload as shared bytes; copies where it is only borrowed.
    #[doc(hidden)]
    fn share(self) -> Bytes
    where
        Self: Sized;

    /// The encodings made for it, if there are any.
    #[doc(hidden)]
    #[inline]
    fn prepared(&self) -> Option<&Prepared> {
        None
    }

    /// Whether it goes out compressed, where that was agreed on.
    #[doc(hidden)]
    #[inline]
    fn compression(&self) -> Compression {
        Compression::Auto
    }
}

/// Whether a message is compressed.
#[doc(hidden)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(clippy::exhaustive_enums)] // hidden
pub enum Compression {
    /// From the threshold on.
    Auto,
    /// Whatever its length.
    Always,
    /// Not at all.
    Never,
}

/// Sends a message as it is, also where it would be compressed: for what is
/// compressed already, and for secrets (RFC 7692 §8).
///
/// ```
/// use socket_flow_protocol::{Config, Negotiated, Protocol, Uncompressed};
///
/// let mut server = Protocol::server(Config::new(), Negotiated::default());
/// assert!(server.queue(Uncompressed("secret")).is_ok());
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(clippy::exhaustive_structs)] // a wrapper
pub struct Uncompressed<P>(pub P);

/// Compresses a message also below the threshold, where compression was
/// agreed on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(clippy::exhaustive_structs)] // a wrapper
pub struct Compressed<P>(pub P);

impl sealed::Sealed for &Prepared {}

impl Payload for &Prepared {
    #[inline]
    fn bytes(&self) -> &[u8] {
        self.message().as_bytes()
    }

    #[inline]
    fn text(&self) -> bool {
        self.message().is_text()
    }

    #[inline]
    fn share(self) -> Bytes {
        self.message().clone().into_bytes()
    }

    #[inline]
    fn prepared(&self) -> Option<&Prepared> {
        Some(self)
    }
}

macro_rules! wrapper {
    ($($type:ident, $compression:ident;)*) => {$(
        impl<P: Payload> sealed::Sealed for $type<P> {}

        impl<P: Payload> Payload for $type<P> {
            #[inline]
            fn bytes(&self) -> &[u8] {
                self.0.bytes()
            }

            #[inline]
            fn text(&self) -> bool {
                self.0.text()
            }

            #[inline]
            fn share(self) -> Bytes {
                self.0.share()
            }

            #[inline]
            fn compression(&self) -> Compression {
                Compression::$compression
            }
        }
    )*};
}

wrapper! {
    Uncompressed, Never;
    Compressed, Always;
}

/// The opcode a payload is sent under.
#[inline]
pub(crate) fn opcode(payload: &impl Payload) -> OpCode {
    if payload.text() {
        OpCode::Text
    } else {
        OpCode::Binary
    }
}

pub(crate) mod sealed {
    pub trait Sealed {}
}

macro_rules! payload {
    ($($type:ty, $text:expr, |$this:ident| $bytes:expr, $share:expr;)*) => {$(
        impl sealed::Sealed for $type {}

        impl Payload for $type {
            #[inline]
            fn bytes(&self) -> &[u8] {
                let $this = self;
                $bytes
            }

            #[inline]
            fn text(&self) -> bool {
                let text: fn(&$type) -> bool = $text;
                text(self)
            }

            #[inline]
            fn share(self) -> Bytes {
                let $this = self;
                $share
            }
        }
    )*};
}

payload! {
    Message, Message::is_text, |this| this.as_bytes(), this.into_bytes();
    MessageRef<'_>, |this| this.is_text(), |this| this.as_bytes(), this.to_bytes();
    &str, |_| true, |this| str::as_bytes(this), Bytes::copy_from_slice(this.as_bytes());
    String, |_| true, |this| str::as_bytes(this), this.into();
    Utf8Bytes, |_| true, |this| this.as_bytes(), this.into_bytes();
    &[u8], |_| false, |this| this, Bytes::copy_from_slice(this);
    Vec<u8>, |_| false, |this| this, this.into();
    Bytes, |_| false, |this| this, this;
    BytesMut, |_| false, |this| this, this.freeze();
}
