use socket_flow_frames::{FrameHeader, HeaderError, MAX_HEADER_LEN, MaskKey, OpCode, Rsv};

use crate::error::ProtocolError;
use crate::event::Kind;
use crate::incoming::Incoming;
use crate::input::Input;

impl Incoming {
    /// Judges a frame on its header, before its payload is awaited
    /// (RFC 6455 §5.4); `there` bytes have arrived behind it.
    pub(super) fn begin(
        &mut self,
        header: &FrameHeader,
        there: usize,
    ) -> Result<Frame, ProtocolError> {
        self.work.frame();
        self.give_back();
        let compressed = header.rsv.contains(Rsv::RSV1);
        let kind = match header.opcode {
            OpCode::Text => Kind::Text,
            OpCode::Binary => Kind::Binary,
            // RFC 7692 §6: only the first frame of a data message has RSV1.
            _ if compressed => return Err(HeaderError::ReservedBits(Rsv::RSV1).into()),
            OpCode::Continuation => return self.begin_continuation(header),
            OpCode::Ping => return Ok(self.control(header, Kind::Ping)),
            OpCode::Pong => return Ok(self.control(header, Kind::Pong)),
            OpCode::Close => return Ok(self.control(header, Kind::Close)),
        };
        if self.message.is_some() {
            return Err(ProtocolError::ExpectedContinuation);
        }
        if !compressed {
            self.check_limit(0, header.len)?;
        }
        let fits = header.len <= HOLD_MAX || header.len <= there as u64;
        let in_place = header.fin && fits && !compressed;
        if !in_place {
            self.message = Some(Under { kind, compressed });
            self.assembly.get_or_insert_default().begin();
        }
        Ok(Frame {
            compressed,
            ..Frame::new(header, kind, in_place)
        })
    }

    fn control(&mut self, header: &FrameHeader, kind: Kind) -> Frame {
        if self.message.is_none() {
            self.work.no_message();
        }
        Frame::new(header, kind, true)
    }

    fn begin_continuation(&self, header: &FrameHeader) -> Result<Frame, ProtocolError> {
        let Some(message) = &self.message else {
            return Err(ProtocolError::UnexpectedContinuation);
        };
        if !message.compressed {
            let have = self
                .assembly
                .as_ref()
                .map_or(0, |assembly| assembly.buf.len());
            self.check_limit(have, header.len)?;
        }
        Ok(Frame {
            compressed: message.compressed,
            ..Frame::new(header, message.kind, false)
        })
    }

    /// A compressed message is judged on its length while it is inflated:
    /// the length of its frames says nothing about it.
    fn check_limit(&self, have: usize, len: u64) -> Result<(), ProtocolError> {
        let limit = self.config.limits().message;
        // The top bit of a length is refused, so this cannot overflow.
        if have as u64 + len > limit as u64 {
            return Err(ProtocolError::MessageTooBig { limit });
        }
        Ok(())
    }
}

/// A message that does not lie in one frame in the input.
#[derive(Clone, Copy, Debug)]
pub(super) struct Under {
    pub(super) kind: Kind,
    pub(super) compressed: bool,
}

/// A frame whose header has been consumed.
#[derive(Debug)]
pub(super) struct Frame {
    /// Payload bytes in all.
    pub(super) len: u64,
    /// Payload bytes unmasked and, in a text message, checked.
    /// Invariant: `done <= len`.
    pub(super) done: u64,
    /// Compressed bytes after those that are unmasked and wait in the input
    /// for another turn.
    pub(super) ahead: u32,
    pub(super) mask: Option<MaskKey>,
    /// What it belongs to: a continuation has its message's kind.
    pub(super) kind: Kind,
    pub(super) fin: bool,
    /// Whether it stays in the input until it is whole.
    pub(super) in_place: bool,
    /// Whether it belongs to a compressed message.
    pub(super) compressed: bool,
    /// Whether its message was found to be too large to be inflated at once.
    pub(super) is_large: bool,
}

impl Frame {
    pub(super) fn new(header: &FrameHeader, kind: Kind, in_place: bool) -> Self {
        Self {
            len: header.len,
            done: 0,
            ahead: 0,
            mask: header.mask,
            kind,
            fin: header.fin,
            in_place,
            compressed: false,
            is_large: false,
        }
    }

    /// Payload bytes that have not arrived.
    pub(super) fn rest(&self) -> usize {
        usize::try_from(self.len - self.done).unwrap_or(usize::MAX)
    }

    /// Whether it is all of a message, of which nothing has been taken, and that may be
    /// inflated at once.
    pub(super) fn is_small(&self) -> bool {
        self.fin && self.done == 0 && self.len <= AT_ONCE && !self.is_large
    }

    /// The most bytes its message can get, of which there are `have`: up to
    /// the end of its last frame, else up to the limit.
    pub(super) fn most(&self, have: usize, limit: usize) -> usize {
        if self.fin {
            have.saturating_add(self.rest())
        } else {
            limit
        }
    }
}

/// The largest payload that stays in the input until it is whole, if it is not
/// at once.
const HOLD_MAX: u64 = (Input::MAX_HELD - MAX_HEADER_LEN) as u64;

/// A compressed message of this length at most is inflated at once where memory is
/// short: it may lie in the input until it is whole.
const AT_ONCE: u64 = 4 << 10;
