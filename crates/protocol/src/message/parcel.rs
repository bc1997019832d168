use std::fmt;

use bytes::Bytes;
use socket_flow_frames::OpCode;

use crate::message::payload::sealed;
use crate::message::{Compression, Payload, Prepared};

/// A payload that owns its bytes, with everything that was asked for it, so
/// that it can wait somewhere before it is queued on a connection.
///
/// ```
/// use socket_flow_protocol::{Config, Negotiated, Parcel, Protocol, Uncompressed};
///
/// let waiting = vec![Parcel::new("hello"), Parcel::new(Uncompressed(&b"secret"[..]))];
/// let mut server = Protocol::server(Config::new(), Negotiated::default());
/// for parcel in waiting {
///     assert!(server.queue(parcel).is_ok());
/// }
/// ```
#[derive(Clone)]
pub struct Parcel {
    body: Body,
}

impl Parcel {
    /// Takes a payload over; one that is only borrowed is copied.
    pub fn new<P: Payload>(payload: P) -> Self {
        let body = match payload.prepared() {
            Some(prepared) => Body::Prepared(prepared.clone()),
            None => Body::Plain {
                opcode: payload.opcode(),
                compression: payload.compression(),
                bytes: payload.share(),
            },
        };
        Self { body }
    }

    /// Takes another payload over in place of this one. Where both are
    /// [`Prepared`], nothing but a reference is moved.
    pub fn replace<P: Payload>(&mut self, payload: P) {
        match (&mut self.body, payload.prepared()) {
            (Body::Prepared(old), Some(new)) => *old = new.clone(),
            _ => *self = Self::new(payload),
        }
    }

    /// The length of the payload in bytes, uncompressed.
    pub fn len(&self) -> usize {
        Payload::bytes(self).len()
    }

    /// Whether the payload is empty.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

#[derive(Clone)]
enum Body {
    Plain {
        /// Invariant: text only where a [`Payload`] said so, and so is valid UTF-8.
        opcode: OpCode,
        compression: Compression,
        bytes: Bytes,
    },
    Prepared(Prepared),
}

impl fmt::Debug for Parcel {
    /// Shows kind and length only, like a message.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Parcel({:?}, {} bytes)", self.opcode(), self.len())
    }
}

impl sealed::Sealed for Parcel {}

impl Payload for Parcel {
    #[inline]
    fn bytes(&self) -> &[u8] {
        match &self.body {
            Body::Plain { bytes, .. } => bytes,
            Body::Prepared(prepared) => prepared.message().as_bytes(),
        }
    }

    #[inline]
    fn opcode(&self) -> OpCode {
        match &self.body {
            Body::Plain { opcode, .. } => *opcode,
            Body::Prepared(prepared) => prepared.opcode(),
        }
    }

    #[inline]
    fn share(self) -> Bytes {
        match self.body {
            Body::Plain { bytes, .. } => bytes,
            Body::Prepared(prepared) => prepared.message().clone().into_bytes(),
        }
    }

    #[inline]
    fn prepared(&self) -> Option<&Prepared> {
        match &self.body {
            Body::Plain { .. } => None,
            Body::Prepared(prepared) => Some(prepared),
        }
    }

    #[inline]
    fn compression(&self) -> Compression {
        match &self.body {
            Body::Plain { compression, .. } => *compression,
            Body::Prepared(_) => Compression::Auto,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Compressed, Message, MessageRef, Uncompressed};

    #[test]
    fn a_parcel_says_what_its_payload_said() {
        let prepared = Prepared::new("abc");
        let parcels = [
            (Parcel::new("abc"), true, Compression::Auto),
            (
                Parcel::new(MessageRef::from(&b"abc"[..])),
                false,
                Compression::Auto,
            ),
            (Parcel::new(Message::from("abc")), true, Compression::Auto),
            (Parcel::new(Uncompressed("abc")), true, Compression::Never),
            (
                Parcel::new(Compressed(vec![b'a', b'b', b'c'])),
                false,
                Compression::Always,
            ),
            (Parcel::new(&prepared), true, Compression::Auto),
            (
                Parcel::new(Parcel::new(Compressed("abc"))),
                true,
                Compression::Always,
            ),
        ];
        for (parcel, is_text, compression) in parcels {
            assert_eq!(parcel.bytes(), b"abc");
            assert_eq!(parcel.len(), 3);
            assert_eq!(parcel.opcode() == OpCode::Text, is_text, "{parcel:?}");
            assert_eq!(parcel.compression(), compression, "{parcel:?}");
            assert_eq!(parcel.share(), "abc");
        }
        assert!(Parcel::new(&prepared).prepared().is_some());
        let other = Prepared::new("other");
        let mut parcel = Parcel::new(&prepared);
        parcel.replace(&other);
        assert_eq!(parcel.bytes(), b"other");
        parcel.replace(Compressed("plain"));
        assert_eq!(
            (parcel.bytes(), parcel.compression()),
            (&b"plain"[..], Compression::Always)
        );
        parcel.replace(&other);
        assert!(parcel.prepared().is_some());
        assert!(Parcel::new("").is_empty());
    }
}
