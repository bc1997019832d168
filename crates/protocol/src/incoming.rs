use std::sync::Arc;

use bytes::Bytes;
use bytes::buf::{BufMut, Limit};
use socket_flow_frames::{
    FrameHeader, MaskKey, OpCode, ReceiveBuf, Role, Rsv, Spare, Utf8Bytes, decode_close,
};

use crate::config::Config;
use crate::deadlines::Deadlines;
use crate::error::{AbnormalClosure, ProtocolError};
use crate::event::{CloseFrame, Event, EventRef, Found, Kind, Place};
use crate::input::Input;
use crate::message::{Message, MessageRef};
use crate::negotiated::Negotiated;
use crate::outgoing::Outgoing;

/// The receiving half of a connection: bytes in, events out.
///
/// ```text
///  Input ──step──▶ a whole small frame ─────────▶ Found, in the input itself
///          │
///          ├─────▶ a large or fragmented one ───▶ assembled ──▶ Found
///          │              ▲
///          │     direct reads of its rest
///          └─────▶ ping, Close ──▶ Outgoing: pong, Close
/// ```
#[derive(Debug)]
pub struct Incoming {
    pub(crate) config: Arc<Config>,
    pub(crate) deadlines: Option<Box<Deadlines>>,
    role: Role,
    /// What arrived since a deadline last looked; see [`Activity`].
    pub(crate) activity: Activity,
    /// Set by the peer's Close and by every failure: nothing is parsed any
    /// more.
    ended: bool,
    /// The kind of the fragmented or large message under way.
    message: Option<Kind>,
    /// The frame under way, its header consumed.
    frame: Option<Frame>,
    /// The message under way, or, until the next one, the last one found.
    assembly: Option<Box<ReceiveBuf>>,
    /// How many bytes were unread when the input last ran dry: tells new
    /// bytes from a step that was merely tried again.
    waiting: usize,
    close_frame: Option<Box<CloseFrame>>,
    negotiated: Box<Negotiated>,
}

impl Incoming {
    pub(crate) fn new(role: Role, config: Arc<Config>, negotiated: Negotiated) -> Self {
        Self {
            config,
            deadlines: None,
            role,
            activity: Activity::default(),
            ended: false,
            message: None,
            frame: None,
            assembly: None,
            waiting: 0,
            close_frame: None,
            negotiated: Box::new(negotiated),
        }
    }

    /// Parses input up to the next event. `None`: the input is used up, read
    /// more.
    ///
    /// Pongs and the Close reply are queued in `outgoing`. Bytes behind the
    /// peer's Close, or behind an error, are dropped unread.
    ///
    /// # Errors
    ///
    /// What the peer did wrong. The right Close is queued by then; write it
    /// and end the connection.
    #[inline]
    pub fn step(
        &mut self,
        input: &mut Input,
        outgoing: &mut Outgoing,
    ) -> Result<Option<Found>, ProtocolError> {
        if self.frame.is_none() && self.message.is_none() && !self.ended {
            if let Some(found) = self.whole_frame(input) {
                return Ok(Some(found));
            }
        }
        self.step_slow(input, outgoing)
    }

    /// Lends what was found; valid until the next step or read.
    #[inline]
    pub fn lend<'a>(&'a self, found: Found, input: &'a Input) -> EventRef<'a> {
        match found.kind {
            Kind::Text => EventRef::Message(MessageRef::Text(match found.place {
                Place::Input { start, end } => input.text(start..end),
                Place::Assembled => self.assembled_text(),
            })),
            Kind::Binary => EventRef::Message(MessageRef::Binary(self.bytes(found, input))),
            Kind::Ping => EventRef::Ping(self.bytes(found, input)),
            Kind::Pong => EventRef::Pong(self.bytes(found, input)),
            Kind::Close => EventRef::Close(self.close_frame()),
        }
    }

    /// Takes what was found, owned: small payloads are copied, so that a
    /// small message does not pin a large buffer; larger ones are split off,
    /// assembled ones handed over.
    pub fn take(&mut self, found: Found, input: &mut Input) -> Event {
        match found.kind {
            Kind::Text => Event::Message(Message::Text(self.take_text(found, input))),
            Kind::Binary => Event::Message(Message::Binary(self.take_bytes(found, input))),
            Kind::Ping => Event::Ping(self.take_bytes(found, input)),
            Kind::Pong => Event::Pong(self.take_bytes(found, input)),
            Kind::Close => Event::Close(self.close_frame().cloned()),
        }
    }

    /// While a large payload is under way and the input is used up: where to
    /// read the rest of it, straight into its message. Tell how much was read
    /// with [`Incoming::direct_done`]. `None`: read into the input.
    ///
    /// Memory is reserved for what has arrived, never for a declared length
    /// alone: as much again up to 64 KiB, then up to 1 MiB of the frame's
    /// rest at once, then doubling.
    pub fn direct(&mut self) -> Option<Limit<Spare<'_>>> {
        let frame = self.frame.as_ref().filter(|frame| !frame.in_place)?;
        let rest = frame.rest();
        let assembly = self.assembly.as_mut()?;
        if rest < DIRECT_MIN {
            return None;
        }
        make_room(assembly, 0, rest);
        Some(assembly.spare().limit(rest))
    }

    /// Takes note of `count` bytes read into [`Incoming::direct`]'s buffer.
    ///
    /// # Errors
    ///
    /// [`ProtocolError::InvalidUtf8`], as [`Incoming::step`] would.
    pub fn direct_done(
        &mut self,
        count: usize,
        outgoing: &mut Outgoing,
    ) -> Result<(), ProtocolError> {
        let (Some(frame), Some(assembly)) = (&mut self.frame, &mut self.assembly) else {
            return Ok(());
        };
        if count > 0 {
            self.activity.note_bytes();
        }
        let end = assembly.len();
        let count = count.min(end).min(frame.rest());
        let start = end - count;
        if let Some(key) = frame.mask {
            socket_flow_frames::mask::apply(
                assembly.slice_mut(start..end),
                key,
                (frame.done % 4) as usize,
            );
        }
        frame.done += count as u64;
        if self.message == Some(Kind::Text) {
            let checked = assembly.check_utf8(0..end, false);
            checked.map_err(|error| self.fail(ProtocolError::InvalidUtf8(error), outgoing))?;
        }
        Ok(())
    }

    /// The transport ended.
    ///
    /// # Errors
    ///
    /// [`AbnormalClosure`] when the peer's Close had not arrived.
    pub fn receive_eof(&mut self, outgoing: &Outgoing) -> Result<(), AbnormalClosure> {
        self.ended = true;
        if outgoing.closing().is_received() {
            Ok(())
        } else {
            Err(AbnormalClosure)
        }
    }

    /// Gives memory back that an idle connection does not need: call it
    /// before waiting for input. An assembled message that was lent is gone.
    #[inline]
    pub fn release(&mut self) {
        if self.message.is_none() && self.assembly.is_some() {
            self.assembly = None;
        }
    }

    /// The peer's Close, once it has arrived; `None` before, and when it
    /// carried no code.
    #[inline]
    pub fn close_frame(&self) -> Option<&CloseFrame> {
        self.close_frame.as_deref()
    }

    /// Whether a frame or a fragmented message has begun and not ended.
    pub fn is_unfinished(&self) -> bool {
        !self.ended && (self.waiting > 0 || self.frame.is_some() || self.message.is_some())
    }

    /// The settings of the connection.
    #[inline]
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// What the opening handshake agreed on.
    #[inline]
    pub fn negotiated(&self) -> &Negotiated {
        &self.negotiated
    }

    /// The fast path: a whole unfragmented data frame at the start of the
    /// input. `None` leaves everything, errors included, to the slow path.
    #[inline]
    fn whole_frame(&mut self, input: &mut Input) -> Option<Found> {
        let (header, header_len) =
            FrameHeader::decode_for(input.unread(), self.role, Rsv::NONE).ok()??;
        let kind = match header.opcode {
            OpCode::Text => Kind::Text,
            OpCode::Binary => Kind::Binary,
            _ => return None,
        };
        let len = usize::try_from(header.len).ok()?;
        let rest = input.len() - header_len;
        if !header.fin || len > rest || len > self.config.limits().message {
            return None;
        }
        let payload = header_len..header_len + len;
        if let Some(key) = header.mask {
            input.unmask(payload.clone(), key, 0);
        }
        if kind == Kind::Text && input.check_utf8(payload.clone(), true).is_err() {
            // Masking is its own inverse: give the slow path, which reports
            // the error, the frame as it came.
            if let Some(key) = header.mask {
                input.unmask(payload, key, 0);
            }
            return None;
        }
        self.activity.note_message();
        input.consume(header_len);
        let found = input.consume(len);
        Some(Found {
            kind,
            place: Place::Input {
                start: found.start,
                end: found.end,
            },
        })
    }

    #[inline(never)]
    fn step_slow(
        &mut self,
        input: &mut Input,
        outgoing: &mut Outgoing,
    ) -> Result<Option<Found>, ProtocolError> {
        if input.len() != self.waiting {
            self.activity.note_bytes();
        }
        let result = self
            .advance(input, outgoing)
            .map_err(|error| self.fail(error, outgoing));
        self.waiting = match result {
            Ok(None) => input.len(),
            _ => 0,
        };
        result
    }

    fn advance(
        &mut self,
        input: &mut Input,
        outgoing: &mut Outgoing,
    ) -> Result<Option<Found>, ProtocolError> {
        loop {
            if self.ended {
                input.discard();
                return Ok(None);
            }
            let frame = match self.frame.take() {
                Some(frame) => frame,
                None => {
                    let decoded = FrameHeader::decode_for(input.unread(), self.role, Rsv::NONE);
                    match decoded.map_err(ProtocolError::Header)? {
                        Some((header, len)) => {
                            input.consume(len);
                            self.begin(&header)?
                        }
                        None => return Ok(None),
                    }
                }
            };
            if frame.in_place {
                return self.hold(frame, input, outgoing);
            }
            if let Some(found) = self.assemble(frame, input)? {
                return Ok(Some(found));
            }
            if self.frame.is_some() {
                return Ok(None);
            }
        }
    }

    /// Judges a frame on its header, before its payload is awaited
    /// (RFC 6455 §5.4).
    fn begin(&mut self, header: &FrameHeader) -> Result<Frame, ProtocolError> {
        let kind = match header.opcode {
            OpCode::Text => Kind::Text,
            OpCode::Binary => Kind::Binary,
            OpCode::Continuation => self.message.ok_or(ProtocolError::UnexpectedContinuation)?,
            OpCode::Ping => return Ok(Frame::new(header, Kind::Ping, true)),
            OpCode::Pong => return Ok(Frame::new(header, Kind::Pong, true)),
            OpCode::Close => return Ok(Frame::new(header, Kind::Close, true)),
        };
        let first = header.opcode != OpCode::Continuation;
        if first && self.message.is_some() {
            return Err(ProtocolError::ExpectedContinuation);
        }
        let have = match &self.assembly {
            Some(assembly) if !first => assembly.len() as u64,
            _ => 0,
        };
        let limit = self.config.limits().message;
        // The top bit of a length is refused, so this cannot overflow.
        if have + header.len > limit as u64 {
            return Err(ProtocolError::MessageTooBig { limit });
        }
        let in_place = first && header.fin && header.len <= HOLD_MAX;
        if first && !in_place {
            self.message = Some(kind);
            self.assembly.get_or_insert_default().clear();
        }
        Ok(Frame::new(header, kind, in_place))
    }

    /// Unmasks and checks what is there of a small frame, and leaves it in
    /// the input until it is whole.
    fn hold(
        &mut self,
        mut frame: Frame,
        input: &mut Input,
        outgoing: &mut Outgoing,
    ) -> Result<Option<Found>, ProtocolError> {
        // At most HOLD_MAX, as are all frames held in place.
        let len = frame.len as usize;
        let done = frame.done as usize;
        let there = input.len().min(len);
        if let Some(key) = frame.mask {
            input.unmask(done..there, key, done % 4);
        }
        if frame.kind == Kind::Text {
            input
                .check_utf8(0..there, there == len)
                .map_err(ProtocolError::InvalidUtf8)?;
        }
        if there < len {
            frame.done = there as u64;
            self.frame = Some(frame);
            return Ok(None);
        }
        let payload = input.consume(len);
        match frame.kind {
            Kind::Text | Kind::Binary => self.activity.note_message(),
            Kind::Ping => outgoing.pong(input.bytes(payload.clone())),
            Kind::Pong => {}
            Kind::Close => {
                self.receive_close(input.bytes(payload.clone()), outgoing)?;
                input.discard();
            }
        }
        Ok(Some(Found {
            kind: frame.kind,
            place: Place::Input {
                start: payload.start,
                end: payload.end,
            },
        }))
    }

    /// Moves what is there of a large or fragmented message's frame into its
    /// message.
    fn assemble(
        &mut self,
        mut frame: Frame,
        input: &mut Input,
    ) -> Result<Option<Found>, ProtocolError> {
        let rest = frame.rest();
        let there = input.len().min(rest);
        let assembly = self.assembly.get_or_insert_default();
        if there > 0 {
            if let Some(key) = frame.mask {
                input.unmask(0..there, key, (frame.done % 4) as usize);
            }
            make_room(assembly, there, rest);
            let payload = input.consume(there);
            assembly.extend_from_slice(input.bytes(payload));
            frame.done += there as u64;
        }
        let ends = frame.fin && there == rest;
        if frame.kind == Kind::Text {
            let len = assembly.len();
            assembly
                .check_utf8(0..len, ends)
                .map_err(ProtocolError::InvalidUtf8)?;
        }
        let kind = frame.kind;
        if there < rest {
            self.frame = Some(frame);
        }
        if !ends {
            return Ok(None);
        }
        self.message = None;
        self.activity.note_message();
        Ok(Some(Found {
            kind,
            place: Place::Assembled,
        }))
    }

    /// Checks a Close and answers it (RFC 6455 §5.5.1).
    fn receive_close(
        &mut self,
        payload: &[u8],
        outgoing: &mut Outgoing,
    ) -> Result<(), ProtocolError> {
        let close = decode_close(payload).map_err(ProtocolError::Close)?;
        self.end();
        outgoing.receive_close(close.map(|(code, _)| code));
        self.close_frame = close.map(|(code, reason)| {
            let reason = Utf8Bytes::from(reason);
            Box::new(CloseFrame { code, reason })
        });
        Ok(())
    }

    /// Fails the connection (RFC 6455 §7.1.7).
    #[cold]
    fn fail(&mut self, error: ProtocolError, outgoing: &mut Outgoing) -> ProtocolError {
        self.end();
        outgoing.fail(&error);
        error
    }

    fn end(&mut self) {
        self.ended = true;
        self.frame = None;
        self.message = None;
        self.assembly = None;
    }

    #[inline]
    fn bytes<'a>(&'a self, found: Found, input: &'a Input) -> &'a [u8] {
        match found.place {
            Place::Input { start, end } => input.bytes(start..end),
            Place::Assembled => self.assembly.as_deref().map_or(&[], |whole| whole),
        }
    }

    fn assembled_text(&self) -> &str {
        let Some(whole) = &self.assembly else {
            return "";
        };
        // Validated as it arrived: two comparisons.
        whole.text(0..whole.len()).unwrap_or_default()
    }

    fn take_bytes(&mut self, found: Found, input: &mut Input) -> Bytes {
        match found.place {
            Place::Input { start, end } if end - start < SPLIT_MIN => {
                Bytes::copy_from_slice(input.bytes(start..end))
            }
            Place::Input { start, end } => input.split_off_payload(start..end).freeze(),
            Place::Assembled => self.take_assembly().freeze(),
        }
    }

    fn take_text(&mut self, found: Found, input: &mut Input) -> Utf8Bytes {
        match found.place {
            Place::Input { start, end } if end - start < SPLIT_MIN => {
                Utf8Bytes::from(input.text(start..end))
            }
            Place::Input { start, end } => input
                .split_off_payload(start..end)
                .freeze_text()
                .unwrap_or_default(),
            Place::Assembled => self.take_assembly().freeze_text().unwrap_or_default(),
        }
    }

    fn take_assembly(&mut self) -> ReceiveBuf {
        let whole = self
            .assembly
            .take()
            .map_or_else(ReceiveBuf::new, |whole| *whole);
        // Growing by doubling may leave as much room as there is message: a
        // message that is kept should not keep that too.
        if whole.spare_capacity() <= whole.len() {
            return whole;
        }
        let mut exact = ReceiveBuf::with_capacity(whole.len());
        exact.extend_from_slice(&whole);
        exact
    }
}

/// A frame whose header has been consumed.
#[derive(Debug)]
struct Frame {
    /// Payload bytes in all.
    len: u64,
    /// Payload bytes unmasked and, in a text message, checked.
    /// Invariant: `done <= len`.
    done: u64,
    mask: Option<MaskKey>,
    /// What it belongs to: a continuation has its message's kind.
    kind: Kind,
    fin: bool,
    /// Whether it stays in the input until it is whole.
    in_place: bool,
}

impl Frame {
    fn new(header: &FrameHeader, kind: Kind, in_place: bool) -> Self {
        Self {
            len: header.len,
            done: 0,
            mask: header.mask,
            kind,
            fin: header.fin,
            in_place,
        }
    }

    /// Payload bytes that have not arrived.
    fn rest(&self) -> usize {
        usize::try_from(self.len - self.done).unwrap_or(usize::MAX)
    }
}

/// What arrived, one bit for each deadline that asks.
#[derive(Debug, Default)]
pub(crate) struct Activity(u8);

impl Activity {
    pub(crate) const PONG: u8 = 1;
    pub(crate) const READ: u8 = 2;
    pub(crate) const IDLE: u8 = 4;

    #[inline]
    fn note_message(&mut self) {
        self.0 = Self::PONG | Self::READ | Self::IDLE;
    }

    fn note_bytes(&mut self) {
        self.0 |= Self::PONG | Self::READ;
    }

    /// Whether something arrived since the deadline `bit` last asked.
    pub(crate) fn take(&mut self, bit: u8) -> bool {
        let set = self.0 & bit != 0;
        self.0 &= !bit;
        set
    }
}

/// Makes room in a message for `arriving` bytes of a frame of which `rest`
/// have not arrived, and, where that takes memory, for some of the others: as
/// much again as is there then, at least 4 KiB, until 64 KiB are in; then the
/// frame's rest, at most 1 MiB or as much again.
fn make_room(message: &mut ReceiveBuf, arriving: usize, rest: usize) {
    if message.spare_capacity() >= arriving.max(1) {
        return;
    }
    let there = message.len().saturating_add(arriving);
    let step = if there < EXACT_FROM {
        there.max(FIRST_STEP)
    } else {
        there.max(LARGE_STEP)
    };
    message.reserve(rest.min(arriving.saturating_add(step)));
}

/// The largest payload that stays in the input until it is whole; with its
/// header it fits a 64 KiB read buffer.
const HOLD_MAX: u64 = (64 << 10) - socket_flow_frames::MAX_HEADER_LEN as u64;

/// From this length on an owned payload is split off the input, not copied:
/// a copy costs less than what pinning the buffer would.
const SPLIT_MIN: usize = 2 << 10;

/// A shorter rest of a frame is read into the input, together with whatever
/// follows it.
const DIRECT_MIN: usize = 16 << 10;

/// The first memory a large message gets.
const FIRST_STEP: usize = 4 << 10;

/// Once this much of a message is in, its declared length is believed ...
const EXACT_FROM: usize = 64 << 10;

/// ... up to this much at once.
const LARGE_STEP: usize = 1 << 20;
