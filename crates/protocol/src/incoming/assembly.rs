use std::mem;

use socket_flow_frames::ReceiveBuf;

use crate::event::Kind;
use crate::message::{Message, MessageRef};

/// A message that does not lie in the input: while it is put together, and
/// until the next one begins; or one that was split off the input.
#[derive(Debug, Default)]
pub(super) struct Assembly {
    /// What there is of the current message, or a small whole one.
    pub(super) buf: ReceiveBuf,
    /// A large one once it is whole: it may be sent on as it is, without a
    /// copy, while the connection that received it goes on.
    whole: Option<Message>,
}

impl Assembly {
    /// Begins another message, in the memory of the last one if nobody else
    /// has it.
    pub(super) fn begin(&mut self) {
        if let Some(whole) = self.whole.take() {
            if let Ok(memory) = whole.into_bytes().try_into_mut() {
                self.buf = memory.into();
            }
        }
        self.buf.clear();
    }

    /// The message is whole.
    pub(super) fn end(&mut self, kind: Kind) {
        if self.buf.len() >= SHARE_MIN {
            let exact = self.exact();
            self.whole = Some(message(exact, kind));
        }
    }

    /// A message is whole that was split off the input.
    pub(super) fn share(&mut self, payload: ReceiveBuf, kind: Kind) {
        self.whole = Some(message(payload, kind));
    }

    /// Gives the input its memory back.
    pub(super) fn unshare(&mut self) {
        self.whole = None;
    }

    /// What it holds, in bytes; whether the whole message counts.
    pub(super) fn held(&self, with_whole: bool) -> usize {
        let whole = self.whole.as_ref().filter(|_| with_whole);
        self.buf.capacity() + whole.map_or(0, Message::len)
    }

    /// Lends the whole message.
    pub(super) fn lend(&self, kind: Kind) -> MessageRef<'_> {
        match (&self.whole, kind) {
            (Some(message), _) => message.as_ref(),
            // Validated as it arrived: two comparisons.
            (None, Kind::Text) => self.buf.text(0..self.buf.len()).unwrap_or_default().into(),
            (None, _) => self.buf.as_slice().into(),
        }
    }

    /// Takes the whole message.
    pub(super) fn take(&mut self, kind: Kind) -> Message {
        let mut taken = mem::take(self);
        match taken.whole.take() {
            Some(message) => message,
            None => message(taken.exact(), kind),
        }
    }

    /// What there is, in no more than twice its memory: a small message in
    /// what a large one left should not keep that.
    fn exact(&mut self) -> ReceiveBuf {
        if self.buf.spare_capacity() <= self.buf.len() {
            return mem::take(&mut self.buf);
        }
        let mut exact = ReceiveBuf::with_capacity(self.buf.len());
        exact.extend_from_slice(&self.buf);
        exact
    }
}

fn message(buf: ReceiveBuf, kind: Kind) -> Message {
    if kind == Kind::Text {
        Message::Text(buf.freeze_text().unwrap_or_default())
    } else {
        Message::Binary(buf.freeze())
    }
}

/// From this length on a message is linked into a write queue, not copied.
pub(super) const SHARE_MIN: usize = crate::frame_queue::LINK_MIN;
