use std::fmt;
use std::hash::{Hash, Hasher};

use bytes::Bytes;
use socket_flow_frames::OpCode;

use crate::message::Message;

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

    /// Whether this is a text message.
    #[inline]
    pub fn is_text(&self) -> bool {
        self.text.is_some()
    }

    /// Whether this is a binary message.
    #[inline]
    pub fn is_binary(&self) -> bool {
        !self.is_text()
    }

    /// The length of the payload in bytes.
    #[inline]
    pub fn len(&self) -> usize {
        self.bytes.len()
    }

    /// Whether the payload is empty.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// The message as one that owns its payload: a copy, or shared memory of a
    /// large one.
    pub fn to_message(&self) -> Message {
        (*self).into()
    }

    /// The opcode it is sent under.
    #[inline]
    pub(crate) fn opcode(&self) -> OpCode {
        match self.text {
            Some(_) => OpCode::Text,
            None => OpCode::Binary,
        }
    }

    /// The payload as shared bytes: copied, unless it can be shared.
    #[inline]
    pub(crate) fn to_bytes(self) -> Bytes {
        match self.message {
            Some(message) => message.clone().into_bytes(),
            None => Bytes::copy_from_slice(self.bytes),
        }
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
        Self {
            bytes: message.as_bytes(),
            text: message.as_text(),
            message: Some(message),
        }
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

impl fmt::Debug for MessageRef<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = if self.is_text() { "Text" } else { "Binary" };
        write!(f, "{kind}({} bytes)", self.len())
    }
}
