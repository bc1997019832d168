use bytes::buf::{BufMut, Limit};
use socket_flow_frames::{HeaderError, ReceiveBuf, Rsv, Spare, Utf8Bytes, decode_close};

use crate::deadlines::Activity;
use crate::deflate::{InflateFailure, Makes, Output};
use crate::error::ProtocolError;
use crate::event::{CloseFrame, Found, Kind};
use crate::growth::grow;
use crate::incoming::assembly::SHARE_MIN;
use crate::incoming::state::{Part, State};
use crate::incoming::{Extras, Incoming};
use crate::input::Input;
use crate::outgoing::Outgoing;

/// The payload of the current frame: held in place, assembled, or read
/// straight into its message.
impl Incoming {
    /// While a large payload arrives and the input is used up: where to
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
        let State::Part(part) = &self.state else {
            return false;
        };
        // Unread bytes come before any that are read now.
        if part.message.compressed || part.rest() < DIRECT_MIN || !input.is_empty() {
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
        let (rest, most) = match &self.state {
            State::Part(part) => (part.rest(), part.most(message.len(), limit)),
            _ => (0, limit),
        };
        // The driver has made room before.
        if let Some(additional) = wanted(message, 0, rest) {
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
        let (State::Part(part), Some(assembly)) = (&mut self.state, &mut self.assembly) else {
            return Ok(());
        };
        if count > 0 {
            self.activity.0 |= Activity::BYTES;
        }
        self.work.read(count);
        let end = assembly.buf.len();
        let count = count.min(end).min(part.rest());
        let payload = part.payload();
        let opened = payload.open(&mut assembly.buf, 0, end - count..end, false);
        part.done += count as u64;
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
        input: &mut Input,
        outgoing: &mut Outgoing,
    ) -> Result<Option<Found>, ProtocolError> {
        let State::Held(held) = &mut self.state else {
            return Ok(None);
        };
        // At most HOLD_MAX, or what is there.
        let (len, done) = (held.len as usize, held.done as usize);
        let there = input.len().min(len);
        let (buf, start) = input.unread_mut();
        let arrived = start + done..start + there;
        let opened = held.payload().open(buf, start, arrived, there == len);
        opened.map_err(ProtocolError::InvalidUtf8)?;
        if there < len {
            held.done = there as u64;
            return Ok(None);
        }
        let (kind, payload) = (held.kind, input.consume(len));
        self.state = State::between(held.within);
        match kind {
            Kind::Text | Kind::Binary => {
                self.activity.0 = Activity::MESSAGE;
                if len >= SHARE_MIN {
                    // Split off, it can be sent on without a copy also where it is only lent. It
                    // costs the input its memory until the next step or release; what is taken
                    // or queued, until it is gone.
                    let payload = input.split_off_payload(payload);
                    self.assembly.get_or_insert_default().share(payload, kind);
                    self.state = State::Shared;
                    return Ok(Some(Found::assembled(kind)));
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
        Ok(Some(Found::in_input(kind, payload)))
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
        if let Some((code, reason)) = close {
            let reason = Utf8Bytes::from(reason);
            self.extras.get_or_insert_default().close_frame = Some(CloseFrame { code, reason });
        }
        Ok(())
    }

    /// Moves what is there of a large or fragmented message's frame into its
    /// message.
    pub(super) fn assemble(&mut self, input: &mut Input) -> Result<Option<Found>, ProtocolError> {
        let State::Part(part) = &self.state else {
            return Ok(None);
        };
        let rest = part.rest();
        let there = input.len().min(rest);
        if there > 0 && !self.make_room(there, input) {
            return Ok(None);
        }
        let State::Part(part) = &mut self.state else {
            return Ok(None);
        };
        let ends = part.fin && there == rest;
        let assembly = &mut self.assembly.get_or_insert_default().buf;
        let payload = input.consume(there);
        let at = assembly.len();
        assembly.extend_from_slice(input.bytes(payload));
        let arrived = at..assembly.len();
        let opened = part.payload().open(assembly, 0, arrived, ends);
        opened.map_err(ProtocolError::InvalidUtf8)?;
        if ends {
            let kind = part.message.kind;
            return Ok(Some(self.assembled(kind)));
        }
        part.done += there as u64;
        if there == rest {
            self.state = State::Message(part.message);
        }
        Ok(None)
    }

    /// So much of a message's frame has been taken, or all of one that is not the last.
    #[inline(always)]
    fn go_on(&mut self, taken: usize, ahead: u32) {
        if let State::Part(part) = &mut self.state {
            part.done += taken as u64;
            part.ahead = ahead;
            if part.done == part.len {
                self.state = State::Message(part.message);
            }
        }
    }

    /// Inflates what is there of a compressed message's frame into its
    /// message (RFC 7692 §7.2.2), as far as the turn's work allows.
    pub(super) fn inflate(&mut self, input: &mut Input) -> Result<Option<Found>, ProtocolError> {
        let State::Part(part) = self.state else {
            return Ok(None);
        };
        let limit = self.config.limits().message;
        let rest = part.rest();
        let there = input.len().min(rest);
        let mut now = usize::MAX;
        if self.has_claim() {
            match self.reserve_inflated(part.is_small(), there, rest, input) {
                Makes::Some(most) => now = most,
                Makes::Whole(most) => return self.inflate_at_once(part, most, input),
                Makes::Later | Makes::Nothing => return Ok(None),
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
        let ends = part.fin && there == rest;
        if let Some(key) = part.mask {
            let offset = (part.done + u64::from(part.ahead)) % 4;
            input.unmask(part.ahead as usize..there, key, offset as usize);
        }
        let payload = input.unread().get(..there).unwrap_or_default();
        let output = &mut Output {
            message: assembly,
            limit,
            now,
            work: &mut self.work,
        };
        let inflated = match ends {
            true => inflate.finish(payload, output),
            false => inflate.payload(payload, output),
        };
        let ends = ends && inflated.is_ok_and(|taken| taken == there);
        if part.message.kind == Kind::Text {
            // The text that came before a failure fails first, as it would
            // have in smaller pieces.
            let len = assembly.len();
            assembly
                .check_utf8(0..len, ends)
                .map_err(ProtocolError::InvalidUtf8)?;
        }
        let taken = inflated.map_err(|failure| failed(failure, limit))?;
        input.consume(taken);
        if ends {
            return Ok(Some(self.assembled(part.message.kind)));
        }
        // The input holds far less than 4 GiB.
        self.go_on(taken, (there - taken) as u32);
        Ok(None)
    }

    /// The same for a message that is whole in its frame, where memory is short: all of
    /// it, or nothing yet.
    #[cold]
    #[inline(never)]
    fn inflate_at_once(
        &mut self,
        mut part: Part,
        now: usize,
        input: &mut Input,
    ) -> Result<Option<Found>, ProtocolError> {
        let limit = self.config.limits().message;
        let there = part.rest();
        if let Some(key) = part.mask {
            // It may have been tried before.
            input.unmask(part.ahead as usize..there, key, part.ahead as usize % 4);
        }
        part.ahead = there as u32;
        let assembly = &mut self.assembly.get_or_insert_default().buf;
        let inflate = self.extras.as_deref_mut();
        if let Some(inflate) = inflate.and_then(|extras| extras.inflate.as_mut()) {
            let payload = input.unread().get(..there).unwrap_or_default();
            let output = &mut Output {
                message: assembly,
                limit,
                now,
                work: &mut self.work,
            };
            let whole = inflate.at_once(payload, output);
            if whole == Ok(false) {
                part.is_large = true;
                self.state = State::Part(part);
                return self.inflate(input);
            }
            if part.message.kind == Kind::Text {
                let len = assembly.len();
                let checked = assembly.check_utf8(0..len, whole.is_ok());
                checked.map_err(ProtocolError::InvalidUtf8)?;
            }
            whole.map_err(|failure| failed(failure, limit))?;
        }
        input.consume(there);
        Ok(Some(self.assembled(part.message.kind)))
    }

    /// The current message is whole.
    fn assembled(&mut self, kind: Kind) -> Found {
        self.state = State::Between;
        self.activity.0 = Activity::MESSAGE;
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
