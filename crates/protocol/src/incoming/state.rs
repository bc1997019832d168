use std::ops::Range;

use socket_flow_frames::{
    FrameHeader, HeaderError, MAX_HEADER_LEN, MaskKey, OpCode, ReceiveBuf, Rsv, Utf8Error, mask,
};

use crate::error::ProtocolError;
use crate::event::Kind;
use crate::incoming::{Extras, Incoming};
use crate::input::Input;

/// Where the parser stands.
///
/// ```text
///                ┌────────▶ Held ── a control frame, or a whole message ─▶ Between
///  Between ─▶ Begun
///    ▲           └──▶ Part ◀──▶ Message ◀──▶ Held, a control frame within it
///    └─ it is whole ──┘
///
///  the peer's Close, a failure ─▶ Ended
/// ```
#[derive(Clone, Copy, Debug)]
pub(super) enum State {
    /// The next bytes are a header, and nothing has to be done before it is
    /// decoded. Only here a message is found the quick way.
    Between,
    /// As `Between`, but what was found last has to leave first: it is held
    /// back, or goes beyond the budget.
    Paused,
    /// As `Between`, but the message that was found last lies in the input's
    /// memory, which cannot be used again before it is gone.
    Shared,
    /// A frame lies at the start of the input that is not found the quick way: its
    /// header is decoded by the next step, or is not all there.
    Begun,
    /// A frame has begun that is a whole message, or a control frame.
    Held(Held),
    /// A message has begun that does not lie in one frame in the input; none of
    /// its frames has.
    Message(Current),
    /// A frame of it has begun.
    Part(Part),
    /// The peer's Close has come, or a failure: nothing is parsed any more.
    Ended,
}

impl State {
    /// No frame has begun.
    pub(super) fn between(message: Option<Current>) -> Self {
        message.map_or(Self::Between, Self::Message)
    }

    /// Whether a frame has begun.
    pub(super) fn is_in_frame(&self) -> bool {
        matches!(self, Self::Held(_) | Self::Part(_))
    }

    /// Whether a message has begun that does not lie in one frame in the input.
    pub(super) fn is_in_message(&self) -> bool {
        match self {
            Self::Message(_) | Self::Part(_) => true,
            Self::Held(held) => held.within.is_some(),
            _ => false,
        }
    }
}

impl Incoming {
    /// Begins the frame at the start of the input, if its header is there.
    #[inline]
    pub(super) fn begin(&mut self, input: &mut Input) -> Result<bool, ProtocolError> {
        let message = match self.state {
            State::Message(message) => Some(message),
            _ => None,
        };
        let inflates = |extras: &Extras| extras.inflate.is_some();
        // The reserved bits a frame may carry at all.
        let rsv = match self.extras.as_deref().is_some_and(inflates) {
            true => Rsv::RSV1,
            false => Rsv::NONE,
        };
        let decoded = FrameHeader::decode_for(input.unread(), self.role, rsv)?;
        let Some((header, len)) = decoded else {
            self.state = match message {
                None if !input.is_empty() => State::Begun,
                message => State::between(message),
            };
            return Ok(false);
        };
        input.consume(len);
        self.state = self.judge(&header, message, input.len())?;
        Ok(true)
    }

    /// Nothing is found the quick way until [`resume`](Self::resume), or the next
    /// step: what was found last has to leave first.
    pub(crate) fn pause(&mut self) {
        if let State::Between = self.state {
            self.state = State::Paused;
        }
    }

    /// The message that was found last is gone from the input's memory.
    pub(super) fn unshare(&mut self) {
        self.state = State::Between;
        if let Some(assembly) = &mut self.assembly {
            assembly.unshare();
        }
    }

    /// What was found last leaves now.
    pub(crate) fn resume(&mut self) {
        if let State::Paused = self.state {
            self.state = State::Between;
        }
    }

    /// Judges a frame on its header, before its payload is awaited
    /// (RFC 6455 §5.4); `there` bytes have arrived after it.
    #[inline]
    fn judge(
        &mut self,
        header: &FrameHeader,
        message: Option<Current>,
        there: usize,
    ) -> Result<State, ProtocolError> {
        self.work.frame();
        let compressed = header.rsv.contains(Rsv::RSV1);
        let kind = match header.opcode {
            OpCode::Text => Kind::Text,
            OpCode::Binary => Kind::Binary,
            // RFC 7692 §6: only the first frame of a data message has RSV1.
            _ if compressed => return Err(HeaderError::ReservedBits(Rsv::RSV1).into()),
            OpCode::Continuation => return self.begin_continuation(header, message),
            OpCode::Ping => return Ok(self.begin_control(header, Kind::Ping, message)),
            OpCode::Pong => return Ok(self.begin_control(header, Kind::Pong, message)),
            OpCode::Close => return Ok(self.begin_control(header, Kind::Close, message)),
        };
        if message.is_some() {
            return Err(ProtocolError::ExpectedContinuation);
        }
        self.give_back();
        if !compressed {
            self.check_limit(0, header.len)?;
        }
        let fits = header.len <= HOLD_MAX || header.len <= there as u64;
        if header.fin && fits && !compressed {
            return Ok(State::Held(Held::new(header, kind, None)));
        }
        self.assembly.get_or_insert_default().begin();
        let message = Current { kind, compressed };
        Ok(State::Part(Part::new(header, message)))
    }

    fn begin_control(
        &mut self,
        header: &FrameHeader,
        kind: Kind,
        message: Option<Current>,
    ) -> State {
        self.give_back();
        if message.is_none() {
            self.work.no_message();
        }
        State::Held(Held::new(header, kind, message))
    }

    fn begin_continuation(
        &self,
        header: &FrameHeader,
        message: Option<Current>,
    ) -> Result<State, ProtocolError> {
        let message = message.ok_or(ProtocolError::UnexpectedContinuation)?;
        if !message.compressed {
            let assembly = self.assembly.as_ref();
            self.check_limit(assembly.map_or(0, |it| it.buf.len()), header.len)?;
        }
        Ok(State::Part(Part::new(header, message)))
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
pub(super) struct Current {
    pub(super) kind: Kind,
    pub(super) compressed: bool,
}

/// A control frame, or a whole message, that stays in the input until it is
/// whole.
#[derive(Clone, Copy, Debug)]
pub(super) struct Held {
    /// Payload bytes in all.
    pub(super) len: u64,
    /// Payload bytes unmasked and, in a text message, checked.
    /// Invariant: `done <= len`.
    pub(super) done: u64,
    mask: Option<MaskKey>,
    pub(super) kind: Kind,
    /// The message within which this control frame stands.
    pub(super) within: Option<Current>,
}

impl Held {
    fn new(header: &FrameHeader, kind: Kind, within: Option<Current>) -> Self {
        Self {
            len: header.len,
            done: 0,
            mask: header.mask,
            kind,
            within,
        }
    }

    pub(super) fn payload(&self) -> Payload {
        Payload {
            kind: self.kind,
            mask: self.mask,
            done: self.done,
        }
    }
}

/// A frame of a message that is assembled.
#[derive(Clone, Copy, Debug)]
pub(super) struct Part {
    /// Payload bytes in all.
    pub(super) len: u64,
    /// Payload bytes in the message: unmasked and, in a text message, checked.
    /// Invariant: `done <= len`.
    pub(super) done: u64,
    /// Compressed bytes after those that are unmasked and wait in the input for
    /// another turn.
    pub(super) ahead: u32,
    pub(super) mask: Option<MaskKey>,
    pub(super) message: Current,
    pub(super) fin: bool,
    /// Whether its message was found to be too large to be inflated at once.
    pub(super) is_large: bool,
}

impl Part {
    fn new(header: &FrameHeader, message: Current) -> Self {
        Self {
            len: header.len,
            done: 0,
            ahead: 0,
            mask: header.mask,
            message,
            fin: header.fin,
            is_large: false,
        }
    }

    pub(super) fn payload(&self) -> Payload {
        Payload {
            kind: self.message.kind,
            mask: self.mask,
            done: self.done,
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

/// What the payload of a frame is.
pub(super) struct Payload {
    kind: Kind,
    mask: Option<MaskKey>,
    /// Bytes that are unmasked and checked.
    done: u64,
}

impl Payload {
    /// Unmasks the bytes that have just arrived, and checks a text up to there.
    /// `text` is where the message begins; `complete` says that it ends here.
    #[inline(always)]
    pub(super) fn open(
        &self,
        buf: &mut ReceiveBuf,
        text: usize,
        arrived: Range<usize>,
        complete: bool,
    ) -> Result<(), Utf8Error> {
        let offset = (self.done % 4) as usize;
        match (self.mask, self.kind) {
            (Some(key), Kind::Text) => buf.unmask_text(text, arrived, key, offset, complete),
            (None, Kind::Text) => buf.check_utf8(text..arrived.end, complete),
            (Some(key), _) => {
                mask::apply(buf.slice_mut(arrived), key, offset);
                Ok(())
            }
            (None, _) => Ok(()),
        }
    }
}

/// The largest payload that stays in the input until it is whole, if it is not
/// at once.
const HOLD_MAX: u64 = (Input::MAX_HELD - MAX_HEADER_LEN) as u64;

/// A compressed message of this length at most is inflated at once where memory is
/// short: it may lie in the input until it is whole.
const AT_ONCE: u64 = 4 << 10;
