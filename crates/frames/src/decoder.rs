use core::ops::Range;

use crate::{FrameHeader, HeaderError, MAX_HEADER_LEN, Role, Rsv, mask};

/// Reads a stream of frames that arrives in pieces cut anywhere, and unmasks payloads in place as they come.
///
/// The decoder lends: it tells which bytes of the caller's buffer are payload and keeps nothing but the
/// beginning of a header that was cut, at most 13 bytes. It sees frames, not messages: whether a continuation
/// is in order, and how much payload is too much, is for the layer above to judge, on the header.
///
/// # Examples
///
/// ```
/// use socket_flow_frames::{FrameDecoder, OpCode, Role, Rsv};
///
/// let mut decoder = FrameDecoder::new(Role::Client, Rsv::NONE);
/// let mut message = Vec::new();
/// for piece in [&b"\x81"[..], b"\x05He", b"llo\x89", b"\x00"] {
///     let mut piece = piece.to_vec();
///     let mut rest = &mut piece[..];
///     while !rest.is_empty() {
///         let progress = decoder.decode(rest)?;
///         message.extend_from_slice(&rest[progress.payload]);
///         rest = &mut rest[progress.consumed..];
///     }
/// }
/// assert_eq!(message, b"Hello");
/// assert!(decoder.is_between_frames());
/// # Ok::<(), socket_flow_frames::HeaderError>(())
/// ```
#[derive(Clone, Debug)]
pub struct FrameDecoder {
    receiver: Role,
    rsv: Rsv,
    state: State,
}

/// What one call of [`FrameDecoder::decode`] found.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Progress {
    /// How many bytes from the start of the buffer are dealt with; the next call starts behind them.
    pub consumed: usize,
    /// The header of the frame under way, if its last byte was in this call.
    pub header: Option<FrameHeader>,
    /// Where in the buffer the frame's payload lies, as far as it is there; already unmasked.
    pub payload: Range<usize>,
    /// Whether the frame is complete.
    pub frame_end: bool,
}

/// ```text
///               last byte of the header                   last byte of the payload
///   Header ──────────────────────────────▶ Payload ──────────────────────────────────▶ Header
///      │
///      └── a byte that no header can have ──▶ Failed
/// ```
#[derive(Clone, Copy, Debug)]
enum State {
    /// Awaiting the rest of a header; the first `len` bytes, at most 13, are in `bytes`.
    Header {
        bytes: [u8; MAX_HEADER_LEN],
        len: usize,
    },
    /// Awaiting payload; `received`, below `header.len`, is there.
    Payload {
        header: FrameHeader,
        received: u64,
    },
    Failed(HeaderError),
}

impl State {
    const BETWEEN_FRAMES: Self = Self::Header {
        bytes: [0; MAX_HEADER_LEN],
        len: 0,
    };
}

impl FrameDecoder {
    /// A decoder of what an endpoint of role `receiver` receives, that lets the reserved bits `rsv` pass.
    #[must_use]
    pub const fn new(receiver: Role, rsv: Rsv) -> Self {
        Self {
            receiver,
            rsv,
            state: State::BETWEEN_FRAMES,
        }
    }

    /// Deals with the start of `buf`: up to the end of one frame, or all of it. Call it again with what is
    /// left until nothing is.
    ///
    /// # Errors
    ///
    /// [`HeaderError`] at the first byte that proves it; every later call returns the same error.
    pub fn decode(&mut self, buf: &mut [u8]) -> Result<Progress, HeaderError> {
        let (header, received, just_completed, start) = match self.state {
            State::Failed(error) => return Err(error),
            State::Payload { header, received } => (header, received, None, 0),
            State::Header { bytes, len } => match self.decode_header(bytes, len, buf)? {
                Some((header, start)) => (header, 0, Some(header), start),
                None => {
                    let end = buf.len();
                    return Ok(Progress {
                        consumed: end,
                        header: None,
                        payload: end..end,
                        frame_end: false,
                    });
                }
            },
        };

        let wanted = usize::try_from(header.len - received).unwrap_or(usize::MAX);
        let end = start + wanted.min(buf.len() - start);
        if let (Some(key), Some(payload)) = (header.mask, buf.get_mut(start..end)) {
            mask::apply(payload, key, usize::from(received.to_le_bytes()[0] % 4));
        }
        let received = received + (end - start) as u64;
        let frame_end = received == header.len;
        self.state = if frame_end {
            State::BETWEEN_FRAMES
        } else {
            State::Payload { header, received }
        };
        Ok(Progress {
            consumed: end,
            header: just_completed,
            payload: start..end,
            frame_end,
        })
    }

    /// The header of the frame whose payload is under way.
    #[must_use]
    pub const fn header(&self) -> Option<FrameHeader> {
        match self.state {
            State::Payload { header, .. } => Some(header),
            State::Header { .. } | State::Failed(_) => None,
        }
    }

    /// How many bytes of payload the frame under way still lacks.
    #[must_use]
    pub const fn remaining(&self) -> u64 {
        match self.state {
            State::Payload { header, received } => header.len - received,
            State::Header { .. } | State::Failed(_) => 0,
        }
    }

    /// Whether the input so far ends where a frame ends: the one place where the stream may.
    #[must_use]
    pub const fn is_between_frames(&self) -> bool {
        matches!(self.state, State::Header { len: 0, .. })
    }

    /// The header that starts with the first `len` of `bytes` and goes on in `buf`, and where in `buf` it
    /// ends; or `None` with all of `buf` kept.
    fn decode_header(
        &mut self,
        mut bytes: [u8; MAX_HEADER_LEN],
        len: usize,
        buf: &[u8],
    ) -> Result<Option<(FrameHeader, usize)>, HeaderError> {
        let free = bytes.get_mut(len..).unwrap_or_default();
        let added = free.len().min(buf.len());
        for (to, from) in free.iter_mut().zip(buf) {
            *to = *from;
        }
        let known = bytes.get(..len + added).unwrap_or_default();
        match FrameHeader::decode_for(known, self.receiver, self.rsv) {
            Ok(Some((header, header_len))) => Ok(Some((header, header_len - len))),
            Ok(None) => {
                self.state = State::Header {
                    bytes,
                    len: len + added,
                };
                Ok(None)
            }
            Err(error) => {
                self.state = State::Failed(error);
                Err(error)
            }
        }
    }
}
