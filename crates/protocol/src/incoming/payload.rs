use bytes::buf::{BufMut, Limit};
use socket_flow_frames::{HeaderError, ReceiveBuf, Rsv, Spare, mask};

use crate::deflate::InflateFailure;
use crate::error::ProtocolError;
use crate::event::{Found, Kind};
use crate::growth::grow;
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
        let frame = self.frame.as_ref()?;
        let rest = frame.rest();
        // Unread bytes come before any that are read now.
        if frame.in_place || frame.compressed || rest < DIRECT_MIN || !input.is_empty() {
            return None;
        }
        let assembly = &mut self.assembly.as_mut()?.buf;
        if assembly.is_empty() {
            // A declared length alone is worth no memory.
            return None;
        }
        let most = frame.most(assembly.len(), self.config.limits().message);
        make_room(assembly, 0, rest, most);
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
        let assembly = &mut assembly.buf;
        let end = assembly.len();
        let count = count.min(end).min(frame.rest());
        let start = end - count;
        if let Some(key) = frame.mask {
            mask::apply(
                assembly.slice_mut(start..end),
                key,
                (frame.done % 4) as usize,
            );
        }
        frame.done += count as u64;
        if frame.kind == Kind::Text {
            let checked = assembly.check_utf8(0..end, false);
            checked.map_err(|error| self.fail(ProtocolError::InvalidUtf8(error), outgoing))?;
        }
        Ok(())
    }

    /// Unmasks and checks what is there of a small frame, and leaves it in
    /// the input until it is whole.
    pub(super) fn hold(
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
        Ok(Some(Found::in_input(frame.kind, payload)))
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
        let assembly = &mut self.assembly.get_or_insert_default().buf;
        if there > 0 {
            if let Some(key) = frame.mask {
                input.unmask(0..there, key, (frame.done % 4) as usize);
            }
            let most = frame.most(assembly.len(), self.config.limits().message);
            make_room(assembly, there, rest, most);
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
        Ok(ends.then(|| self.assembled(kind)))
    }

    /// Inflates what is there of a compressed message's frame into its
    /// message (RFC 7692 §7.2.2).
    pub(super) fn inflate(
        &mut self,
        mut frame: Frame,
        input: &mut Input,
    ) -> Result<Option<Found>, ProtocolError> {
        let limit = self.config.limits().message;
        let rest = frame.rest();
        let there = input.len().min(rest);
        let assembly = &mut self.assembly.get_or_insert_default().buf;
        let Some(Extras {
            inflate: Some(inflate),
            ..
        }) = self.extras.as_deref_mut()
        else {
            // Judged when the frame began: RSV1 needs the extension.
            return Err(HeaderError::ReservedBits(Rsv::RSV1).into());
        };
        let failed = |failure| match failure {
            InflateFailure::Invalid => ProtocolError::InvalidCompression,
            InflateFailure::TooBig => ProtocolError::MessageTooBig { limit },
            InflateFailure::TooManyRestarts => ProtocolError::TooManyRestarts,
        };
        let ends = frame.fin && there == rest;
        if let Some(key) = frame.mask {
            input.unmask(0..there, key, (frame.done % 4) as usize);
        }
        let payload = input.consume(there);
        let payload = input.bytes(payload);
        frame.done += there as u64;
        let inflated = if ends {
            inflate.finish(payload, assembly, limit)
        } else {
            inflate.payload(payload, assembly, limit)
        };
        if frame.kind == Kind::Text {
            // The text that came before a failure fails first, as it would
            // have in smaller pieces.
            let len = assembly.len();
            assembly
                .check_utf8(0..len, ends && inflated.is_ok())
                .map_err(ProtocolError::InvalidUtf8)?;
        }
        inflated.map_err(failed)?;
        let kind = frame.kind;
        if there < rest {
            self.frame = Some(frame);
        }
        Ok(ends.then(|| self.assembled(kind)))
    }

    /// The message under way is whole.
    fn assembled(&mut self, kind: Kind) -> Found {
        self.message = None;
        self.activity.note_message();
        self.assembly.get_or_insert_default().end(kind);
        Found::assembled(kind)
    }
}

/// Makes room in a message for `arriving` bytes of a frame of which `rest`
/// have not arrived, and, where that takes memory, for some of the others: as
/// much again as is there then, at least 4 KiB, until 64 KiB are in; then the
/// frame's rest, at most 1 MiB or as much again. The message gets no longer
/// than `most`.
fn make_room(message: &mut ReceiveBuf, arriving: usize, rest: usize, most: usize) {
    if message.spare_capacity() >= arriving.max(1) {
        return;
    }
    let there = message.len().saturating_add(arriving);
    let step = if there < EXACT_FROM {
        there.max(FIRST_STEP)
    } else {
        there.max(LARGE_STEP)
    };
    grow(message, rest.min(arriving.saturating_add(step)), most);
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
