use alloc::boxed::Box;
use core::fmt;
use std::{error::Error, io};

use bytes::{Buf, BufMut, Bytes, BytesMut};
use tokio_util::codec::{Decoder, Encoder};

use crate::{FrameHeader, HeaderError, MAX_CONTROL_PAYLOAD, MaskKey, OpCode, Role, Rsv, mask};

/// The largest payload a [`FrameCodec`] takes unless told otherwise: 16 MiB.
const DEFAULT_MAX_PAYLOAD: usize = 16 * 1024 * 1024;

/// A frame with its payload, unmasked.
///
/// Exhaustive: it is the four parts of a frame, and writing them out is how one is made.
#[derive(Clone, PartialEq, Eq)]
#[allow(clippy::exhaustive_structs)] // said above
pub struct Frame {
    /// Whether this is the last frame of its message.
    pub fin: bool,
    /// The reserved bits, which belong to extensions.
    pub rsv: Rsv,
    /// What the frame carries.
    pub opcode: OpCode,
    /// The payload, unmasked.
    pub payload: Bytes,
}

impl Frame {
    /// A whole message or a control frame: FIN is set and the reserved bits are not.
    pub fn new(opcode: OpCode, payload: impl Into<Bytes>) -> Self {
        Self {
            fin: true,
            rsv: Rsv::NONE,
            opcode,
            payload: payload.into(),
        }
    }
}

impl fmt::Debug for Frame {
    /// Shows the length of the payload only: payloads do not belong in logs.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Frame")
            .field("fin", &self.fin)
            .field("rsv", &self.rsv)
            .field("opcode", &self.opcode)
            .field("payload_len", &self.payload.len())
            .finish()
    }
}

/// Raw frames over any byte stream, for `tokio_util::codec::Framed`.
///
/// It masks, unmasks and checks headers. It does not know messages: fragments are not reassembled, text is
/// not validated, pings are not answered. Payloads above a limit, 16 MiB unless set, are refused on their
/// header, and no memory is reserved for a length that was only declared.
///
/// # Examples
///
/// ```
/// use futures_util::{SinkExt, StreamExt};
/// use socket_flow_frames::{Frame, FrameCodec, MaskKey, OpCode};
/// use tokio_util::codec::Framed;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let (client, server) = tokio::io::duplex(1024); // two ends of a `TcpStream` do as well
/// # let random_key = || MaskKey::from([0x37, 0xfa, 0x21, 0x3d]);
/// let mut client = Framed::new(client, FrameCodec::client(random_key));
/// let mut server = Framed::new(server, FrameCodec::server());
///
/// client.send(Frame::new(OpCode::Text, "Hello")).await?;
/// let frame = server.next().await.expect("the client is there")?;
/// assert_eq!((frame.opcode, &frame.payload[..]), (OpCode::Text, &b"Hello"[..]));
/// # Ok(())
/// # }
/// ```
pub struct FrameCodec {
    /// Where keys come from: a client's, and only a client's, frames are masked.
    keys: Option<Box<dyn FnMut() -> MaskKey + Send>>,
    rsv: Rsv,
    max_payload: usize,
}

impl FrameCodec {
    /// The codec of a server: receives masked frames, sends unmasked ones.
    #[must_use]
    pub fn server() -> Self {
        Self {
            keys: None,
            rsv: Rsv::NONE,
            max_payload: DEFAULT_MAX_PAYLOAD,
        }
    }

    /// The codec of a client: receives unmasked frames, masks what it sends, each frame with a key from
    /// `keys`, which have to come from a generator that cannot be predicted (RFC 6455 section 5.3).
    pub fn client(keys: impl FnMut() -> MaskKey + Send + 'static) -> Self {
        Self {
            keys: Some(Box::new(keys)),
            ..Self::server()
        }
    }

    /// Sets the largest payload that is received, in bytes; 16 MiB by default, `usize::MAX` for no limit.
    #[must_use]
    pub fn max_payload(self, max_payload: usize) -> Self {
        Self {
            max_payload,
            ..self
        }
    }

    /// Lets these reserved bits pass, for an extension that was negotiated; none by default.
    #[must_use]
    pub fn allow_rsv(self, rsv: Rsv) -> Self {
        Self { rsv, ..self }
    }

    /// The role of the endpoint that uses the codec.
    #[must_use]
    pub fn role(&self) -> Role {
        if self.keys.is_some() {
            Role::Client
        } else {
            Role::Server
        }
    }
}

impl Decoder for FrameCodec {
    type Item = Frame;
    type Error = FrameCodecError;

    fn decode(&mut self, src: &mut BytesMut) -> Result<Option<Frame>, FrameCodecError> {
        // The header stays in `src` until its payload is complete: decoding it again is cheaper than a state.
        let decoded =
            FrameHeader::decode_for(src, self.role(), self.rsv).map_err(FrameCodecError::Header)?;
        let Some((header, header_len)) = decoded else {
            return Ok(None);
        };
        let too_big = FrameCodecError::TooBig {
            len: header.len,
            max: self.max_payload,
        };
        let len = match usize::try_from(header.len) {
            Ok(len) if len <= self.max_payload => len,
            _ => return Err(too_big),
        };
        let received = src.len() - header_len;
        if received < len {
            // At most doubled: what the peer declares costs it as much to send.
            src.reserve((len - received).min(src.len()));
            return Ok(None);
        }
        src.advance(header_len);
        let mut payload = src.split_to(len);
        if let Some(key) = header.mask {
            mask::apply(&mut payload, key, 0);
        }
        Ok(Some(Frame {
            fin: header.fin,
            rsv: header.rsv,
            opcode: header.opcode,
            payload: payload.freeze(),
        }))
    }

    fn decode_eof(&mut self, src: &mut BytesMut) -> Result<Option<Frame>, FrameCodecError> {
        match self.decode(src)? {
            None if !src.is_empty() => Err(io::Error::from(io::ErrorKind::UnexpectedEof).into()),
            frame => Ok(frame),
        }
    }
}

impl Encoder<Frame> for FrameCodec {
    type Error = FrameCodecError;

    fn encode(&mut self, frame: Frame, dst: &mut BytesMut) -> Result<(), FrameCodecError> {
        let Frame {
            fin,
            rsv,
            opcode,
            payload,
        } = frame;
        if opcode.is_control() && payload.len() > MAX_CONTROL_PAYLOAD {
            return Err(FrameCodecError::Unsendable(HeaderError::ControlTooLong(
                opcode,
            )));
        }
        if opcode.is_control() && !fin {
            return Err(FrameCodecError::Unsendable(HeaderError::FragmentedControl(
                opcode,
            )));
        }
        let key = self.keys.as_mut().map(|next| next());
        let header = FrameHeader {
            fin,
            rsv,
            opcode,
            mask: key,
            len: payload.len() as u64,
        };
        dst.reserve(header.encoded_len() + payload.len());
        dst.put_slice(&header.encode());
        let start = dst.len();
        dst.put_slice(&payload);
        if let (Some(key), Some(payload)) = (key, dst.get_mut(start..)) {
            mask::apply(payload, key, 0);
        }
        Ok(())
    }
}

impl fmt::Debug for FrameCodec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FrameCodec")
            .field("role", &self.role())
            .field("rsv", &self.rsv)
            .field("max_payload", &self.max_payload)
            .finish()
    }
}

/// Why a [`FrameCodec`] could not read or write a frame.
#[derive(Debug)]
#[non_exhaustive]
pub enum FrameCodecError {
    /// The peer sent an invalid header.
    Header(HeaderError),
    /// The peer declared a payload above the limit.
    TooBig {
        /// The length it declared, in bytes.
        len: u64,
        /// The limit, in bytes.
        max: usize,
    },
    /// The caller's frame is one that the peer would have to refuse; nothing was written.
    Unsendable(HeaderError),
    /// The stream failed, or ended inside a frame ([`io::ErrorKind::UnexpectedEof`]).
    Io(io::Error),
}

impl fmt::Display for FrameCodecError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Header(_) => f.write_str("invalid frame header"),
            Self::TooBig { len, max } => {
                write!(f, "frame of {len} bytes is above the limit of {max}")
            }
            Self::Unsendable(_) => f.write_str("frame cannot be sent"),
            Self::Io(_) => f.write_str("stream failed"),
        }
    }
}

impl Error for FrameCodecError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Header(error) | Self::Unsendable(error) => Some(error),
            Self::Io(error) => Some(error),
            Self::TooBig { .. } => None,
        }
    }
}

impl From<io::Error> for FrameCodecError {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}
