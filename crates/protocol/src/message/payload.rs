use std::fmt;

use bytes::{Bytes, BytesMut};
use socket_flow_frames::{OpCode, Utf8Bytes};

use crate::message::{Message, MessageRef, Prepared};

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

    /// The opcode it goes out under: text or binary.
    #[doc(hidden)]
    fn opcode(&self) -> OpCode;

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
#[derive(Clone, Copy, PartialEq, Eq)]
#[allow(clippy::exhaustive_structs)] // a wrapper
pub struct Uncompressed<P>(pub P);

/// Compresses a message also below the threshold, where compression was
/// agreed on.
#[derive(Clone, Copy, PartialEq, Eq)]
#[allow(clippy::exhaustive_structs)] // a wrapper
pub struct Compressed<P>(pub P);

impl<P> fmt::Debug for Uncompressed<P> {
    /// Shows nothing of the payload, like [`SendError`](crate::SendError).
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Uncompressed(..)")
    }
}

impl<P> fmt::Debug for Compressed<P> {
    /// Shows nothing of the payload.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Compressed(..)")
    }
}

impl sealed::Sealed for &Prepared {}

impl Payload for &Prepared {
    #[inline]
    fn bytes(&self) -> &[u8] {
        self.message().as_bytes()
    }

    #[inline]
    fn opcode(&self) -> OpCode {
        self.message().opcode()
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
            fn opcode(&self) -> OpCode {
                self.0.opcode()
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

pub(super) mod sealed {
    pub trait Sealed {}
}

macro_rules! payload {
    ($($type:ty, |$this:ident| $opcode:expr, $bytes:expr, $share:expr;)*) => {$(
        impl sealed::Sealed for $type {}

        impl Payload for $type {
            #[inline]
            fn bytes(&self) -> &[u8] {
                let $this = self;
                $bytes
            }

            #[inline]
            #[allow(unused_variables)] // most types have one opcode
            fn opcode(&self) -> OpCode {
                let $this = self;
                $opcode
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
    Message, |this| this.opcode(), this.as_bytes(), this.into_bytes();
    MessageRef<'_>, |this| this.opcode(), this.as_bytes(), this.to_bytes();
    &str, |this| OpCode::Text, str::as_bytes(this), Bytes::copy_from_slice(this.as_bytes());
    String, |this| OpCode::Text, str::as_bytes(this), this.into();
    Utf8Bytes, |this| OpCode::Text, this.as_bytes(), this.into_bytes();
    &[u8], |this| OpCode::Binary, this, Bytes::copy_from_slice(this);
    Vec<u8>, |this| OpCode::Binary, this, this.into();
    Bytes, |this| OpCode::Binary, this, this;
    BytesMut, |this| OpCode::Binary, this, this.freeze();
}
