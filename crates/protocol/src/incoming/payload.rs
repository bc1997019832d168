use std::ops::Range;

use bytes::buf::{BufMut, Limit};
use socket_flow_frames::{HeaderError, ReceiveBuf, Rsv, Spare, Utf8Error, mask};

use crate::deflate::{InflateFailure, Makes, Most};
use crate::error::ProtocolError;
use crate::event::{Found, Kind};
use crate::growth::grow;
use crate::incoming::assembly::SHARE_MIN;
use crate::incoming::frame::Frame;
use crate::incoming::{Extras, Incoming};
use crate::input::Input;
use crate::outgoing::Outgoing;

/// The payload of the frame under way: held in place, assembled, or read
/// straight into its message.
impl Incoming {
    /// While a large payload is under way and the input is used up: where to
    /// read the rest of it, straight into its message. Tell how much was read
    /// with [`Incoming::direct_done`]. `None`: read into the input, which is
    /// not empty, or holds small frames best.
    ///
    /// Memory is reserved for what has arrived, never for a declared length
    /// alone: as much again up to 64 KiB, then up to 1 MiB of the frame's
    /// rest at once, then doubling; and never for more than the message can
    /// have.
    pub fn direct(&mut self, input: &Input) -> Option<Limit<Spare<'_>>> {
        self.is_direct(input).then(|| self.direct_space())
    }

    /// Whether [`direct`](Self::direct) says where to read.
    pub(crate) fn is_direct(&self, input: &Input) -> bool {
        let Some(frame) = &self.frame else {
            return false;
        };
        // Unread bytes come before any that are read now.
        if frame.in_place || frame.compressed || frame.rest() < DIRECT_MIN || !input.is_empty() {
            return false;
        }
        // A declared length alone is worth no memory.
        let message = self.assembly.as_ref();
        message.is_some_and(|message| !message.buf.is_empty())
    }

    /// Where to read what [`is_direct`](Self::is_direct).
    pub(crate) fn direct_space(&mut self) -> Limit<Spare<'_>> {
        let limit = self.config.limits().message;
        let message = &mut self.assembly.get_or_insert_default().buf;
        let frame = self.frame.as_ref();
        let rest = frame.map_or(0, Frame::rest);
        // The driver has made room before.
        if let Some(additional) = wanted(message, 0, rest) {
            let most = frame.map_or(limit, |frame| frame.most(message.len(), limit));
            grow(message, additional, most);
        }
        message.spare().limit(rest)
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
        self.work.read(count);
        let end = assembly.buf.len();
        let count = count.min(end).min(frame.rest());
        let opened = open(&mut assembly.buf, 0, end - count..end, frame, false);
        frame.done += count as u64;
        let result = opened.map_err(ProtocolError::InvalidUtf8);
        if let Err(error) = result {
            self.fail(error, outgoing);
        }
        result
    }

    /// Unmasks and checks what is there of a frame that fits the input, and
    /// leaves it there until it is whole.
    pub(super) fn hold(
        &mut self,
        mut frame: Frame,
        input: &mut Input,
        outgoing: &mut Outgoing,
    ) -> Result<Option<Found>, ProtocolError> {
        // At most HOLD_MAX, or what is there.
        let len = frame.len as usize;
        let done = frame.done as usize;
        let there = input.len().min(len);
        let (buf, start) = input.unread_mut();
        let opened = open(
            buf,
            start,
            start + done..start + there,
            &frame,
            there == len,
        );
        opened.map_err(ProtocolError::InvalidUtf8)?;
        if there < len {
            frame.done = there as u64;
            self.frame = Some(frame);
            return Ok(None);
        }
        let payload = input.consume(len);
        match frame.kind {
            Kind::Text | Kind::Binary => {
                self.activity.note_message();
                if len >= SHARE_MIN {
                    return Ok(Some(self.share(payload, frame.kind, input)));
                }
            }
            Kind::Ping => outgoing.pong(input.bytes(payload.clone())),
            Kind::Pong if outgoing.receive_pong(input.bytes(payload.clone())) => return Ok(None),
            Kind::Pong => {}
            Kind::Close => {
                self.receive_close(input.bytes(payload.clone()), outgoing)?;
                input.discard();
            }
        }
        Ok(Some(Found::in_input(frame.kind, payload)))
    }

    /// Splits a message off the input, so that it can be sent on without a
    /// copy also where it is only lent. It costs the input its memory until
    /// the next step or release; what is taken or queued, until it is gone.
    fn share(&mut self, payload: Range<usize>, kind: Kind, input: &mut Input) -> Found {
        let payload = input.split_off_payload(payload);
        let assembly = self.assembly.get_or_insert_default();
        assembly.share(payload, kind);
        Found::assembled(kind)
    }

    /// Moves what is there of a large or fragmented message's frame into its
    /// message.
    pub(super) fn assemble(
        &mut self,
        mut frame: Frame,
        input: &mut Input,
    ) -> Result<Option<Found>, ProtocolError> {
        let rest = frame.rest();
        let there = input.len().min(rest);
        let ends = frame.fin && there == rest;
        if there > 0 && !self.make_room(there, &frame, input) {
            self.frame = Some(frame);
            return Ok(None);
        }
        let assembly = &mut self.assembly.get_or_insert_default().buf;
        let payload = input.consume(there);
        let at = assembly.len();
        assembly.extend_from_slice(input.bytes(payload));
        let opened = open(assembly, 0, at..assembly.len(), &frame, ends);
        opened.map_err(ProtocolError::InvalidUtf8)?;
        frame.done += there as u64;
        let kind = frame.kind;
        if there < rest {
            self.frame = Some(frame);
        }
        Ok(ends.then(|| self.assembled(kind)))
    }

    /// Inflates what is there of a compressed message's frame into its
    /// message (RFC 7692 §7.2.2), as far as the turn's work allows.
    pub(super) fn inflate(
        &mut self,
        mut frame: Frame,
        input: &mut Input,
    ) -> Result<Option<Found>, ProtocolError> {
        let limit = self.config.limits().message;
        let rest = frame.rest();
        let there = input.len().min(rest);
        let mut now = usize::MAX;
        if self.has_claim() {
            match self.reserve_inflated(frame.is_small(), there, rest, input) {
                Makes::Some(most) => now = most,
                Makes::Whole(most) => return self.inflate_at_once(frame, most, input),
                Makes::Later | Makes::Nothing => {
                    self.frame = Some(frame);
                    return Ok(None);
                }
            }
        }
        let assembly = &mut self.assembly.get_or_insert_default().buf;
        let Some(Extras {
            inflate: Some(inflate),
            ..
        }) = self.extras.as_deref_mut()
        else {
            // Judged when the frame began: RSV1 needs the extension.
            return Err(HeaderError::ReservedBits(Rsv::RSV1).into());
        };
        let ends = frame.fin && there == rest;
        if let Some(key) = frame.mask {
            let offset = (frame.done + u64::from(frame.ahead)) % 4;
            input.unmask(frame.ahead as usize..there, key, offset as usize);
        }
        let payload = input.unread().get(..there).unwrap_or_default();
        let most = &mut Most { limit, now };
        let inflated = if ends {
            inflate.finish(payload, assembly, most, &mut self.work)
        } else {
            inflate.payload(payload, assembly, most, &mut self.work)
        };
        let ends = ends && inflated.is_ok_and(|taken| taken == there);
        if frame.kind == Kind::Text {
            // The text that came before a failure fails first, as it would
            // have in smaller pieces.
            let len = assembly.len();
            assembly
                .check_utf8(0..len, ends)
                .map_err(ProtocolError::InvalidUtf8)?;
        }
        let taken = inflated.map_err(|failure| failed(failure, limit))?;
        input.consume(taken);
        frame.done += taken as u64;
        // The input holds far less than 4 GiB.
        frame.ahead = (there - taken) as u32;
        let kind = frame.kind;
        if taken < rest {
            self.frame = Some(frame);
        }
        Ok(ends.then(|| self.assembled(kind)))
    }

    /// The same for a message that is whole in its frame, where memory is short: all of
    /// it, or nothing yet.
    #[cold]
    #[inline(never)]
    fn inflate_at_once(
        &mut self,
        mut frame: Frame,
        now: usize,
        input: &mut Input,
    ) -> Result<Option<Found>, ProtocolError> {
        let limit = self.config.limits().message;
        let there = frame.rest();
        if let Some(key) = frame.mask {
            // It may have been tried before.
            input.unmask(frame.ahead as usize..there, key, frame.ahead as usize % 4);
        }
        frame.ahead = there as u32;
        let assembly = &mut self.assembly.get_or_insert_default().buf;
        let inflate = self.extras.as_deref_mut();
        if let Some(inflate) = inflate.and_then(|extras| extras.inflate.as_mut()) {
            let payload = input.unread().get(..there).unwrap_or_default();
            let most = &mut Most { limit, now };
            let whole = inflate.at_once(payload, assembly, most, &mut self.work);
            if whole == Ok(false) {
                frame.is_large = true;
                return self.inflate(frame, input);
            }
            if frame.kind == Kind::Text {
                let len = assembly.len();
                let checked = assembly.check_utf8(0..len, whole.is_ok());
                checked.map_err(ProtocolError::InvalidUtf8)?;
            }
            whole.map_err(|failure| failed(failure, limit))?;
        }
        input.consume(there);
        Ok(Some(self.assembled(frame.kind)))
    }

    /// The message under way is whole.
    fn assembled(&mut self, kind: Kind) -> Found {
        self.message = None;
        self.activity.note_message();
        self.message_ended();
        self.assembly.get_or_insert_default().end(kind);
        Found::assembled(kind)
    }
}

fn failed(failure: InflateFailure, limit: usize) -> ProtocolError {
    match failure {
        InflateFailure::Invalid => ProtocolError::InvalidCompression,
        InflateFailure::TooBig => ProtocolError::MessageTooBig { limit },
        InflateFailure::TooManyRestarts => ProtocolError::TooManyRestarts,
    }
}

/// Unmasks the bytes of a frame that have just arrived, and checks a text up
/// to there. `text` is where the message begins; `complete` says that it ends
/// here.
fn open(
    buf: &mut ReceiveBuf,
    text: usize,
    arrived: Range<usize>,
    frame: &Frame,
    complete: bool,
) -> Result<(), Utf8Error> {
    let offset = (frame.done % 4) as usize;
    match (frame.mask, frame.kind) {
        (Some(key), Kind::Text) => buf.unmask_text(text, arrived, key, offset, complete),
        (None, Kind::Text) => buf.check_utf8(text..arrived.end, complete),
        (Some(key), _) => {
            mask::apply(buf.slice_mut(arrived), key, offset);
            Ok(())
        }
        (None, _) => Ok(()),
    }
}

/// How much room to make in a message for `arriving` bytes of a frame of which
/// `rest` have not arrived, and, where that takes memory, for some of the others:
/// as much again as is there then, at least 4 KiB, until 64 KiB are in; then the
/// frame's rest, at most 1 MiB or as much again. `None`: there is room.
#[inline]
pub(super) fn wanted(message: &ReceiveBuf, arriving: usize, rest: usize) -> Option<usize> {
    if message.spare_capacity() >= arriving.max(1) {
        return None;
    }
    let there = message.len().saturating_add(arriving);
    Some(rest.min(arriving.saturating_add(step(there))))
}

/// The memory in front of a message of which so much is there: more is that of
/// another one.
pub(super) fn usual(there: usize) -> usize {
    there.saturating_add(step(there))
}

fn step(there: usize) -> usize {
    if there < EXACT_FROM {
        there.max(FIRST_STEP)
    } else {
        there.max(LARGE_STEP)
    }
}

/// A shorter rest of a frame is read into the input, together with whatever
/// follows it.
const DIRECT_MIN: usize = 16 << 10;

/// The first memory a large message gets.
const FIRST_STEP: usize = 4 << 10;

/// Once this much of a message is in, its declared length is believed ...
const EXACT_FROM: usize = 64 << 10;

/// ... up to this much at once.
const LARGE_STEP: usize = 1 << 20;
