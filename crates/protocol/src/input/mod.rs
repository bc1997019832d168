mod memory;

use std::mem;
use std::ops::Range;

use bytes::BytesMut;
use socket_flow_frames::{MaskKey, OpCode, ReceiveBuf, Role, Spare, mask};

use crate::buffer_count;
use crate::event::{Found, Kind};

/// Received bytes that wait to be parsed.
///
/// ```text
///   consumed                 unread                    spare
/// ├─────────────────┬──────────────────────────┬──────────────────┤
///  the last message  bytes not parsed yet       the next read goes here
///  lies here
/// ```
///
/// A step consumes whole frames in place and copies nothing; the event it
/// found stays readable in the consumed part, or is split off it, until the
/// next step, read or [`reserve`](Input::reserve).
#[derive(Debug, Default)]
pub struct Input {
    buf: ReceiveBuf,
    /// Where the unread bytes begin. Invariant: `start <= buf.len()`.
    start: usize,
    /// Whether the memory, if there is any, is a thread's buffer, which is counted
    /// as long as this has it.
    is_buffer: bool,
}

impl Input {
    /// The longest frame that stays here until it is whole, header included:
    /// 64 KiB. A step takes the payload of a longer one as it comes. So with
    /// room for this much from the first unread byte on, a connection goes on.
    pub const MAX_HELD: usize = 64 << 10;

    /// An input without bytes or memory.
    pub fn new() -> Self {
        Self::default()
    }

    /// The bytes not parsed yet.
    #[inline]
    pub fn unread(&self) -> &[u8] {
        self.buf.get(self.start..).unwrap_or_default()
    }

    /// How many bytes are not parsed yet.
    #[inline]
    pub fn len(&self) -> usize {
        self.buf.len() - self.start
    }

    /// Whether all bytes are parsed.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.start == self.buf.len()
    }

    /// How many bytes of memory the input holds.
    #[inline]
    pub fn capacity(&self) -> usize {
        self.buf.capacity()
    }

    /// Room behind the unread bytes, to read into. It grows by itself when
    /// it is full; make room with [`Input::reserve`] first.
    #[inline]
    pub fn spare(&mut self) -> Spare<'_> {
        self.buf.spare()
    }

    /// How many bytes fit without growing.
    #[inline]
    pub fn spare_capacity(&self) -> usize {
        self.buf.spare_capacity()
    }

    /// Drops the consumed bytes and makes room for at least `additional`
    /// more.
    pub fn reserve(&mut self, additional: usize) {
        self.compact();
        self.buf.reserve(additional);
    }

    /// Drops the consumed bytes and makes room for at least `additional` more
    /// if that takes no allocation; tells whether there is room now. Memory
    /// shared with a message that was split off is out of reach until that is
    /// dropped.
    pub fn try_reclaim(&mut self, additional: usize) -> bool {
        self.compact();
        self.buf.try_reclaim(additional)
    }

    /// Appends received bytes.
    pub fn extend_from_slice(&mut self, bytes: &[u8]) {
        self.compact();
        self.buf.extend_from_slice(bytes);
    }

    /// The unread bytes, to hand on to whoever takes over the stream.
    #[must_use]
    pub fn into_unread(mut self) -> BytesMut {
        self.compact();
        self.give_up_buffer();
        mem::take(&mut self.buf).into_inner()
    }

    /// The memory, empty, to be exchanged with a pool's. The input must be
    /// read to its end, or its unread bytes are lost.
    #[inline]
    pub fn storage(&mut self) -> &mut BytesMut {
        self.discard();
        self.buf.inner_mut()
    }

    /// Moves the unread bytes into `storage`, which is cleared first, and
    /// returns the memory they were in, empty.
    #[must_use]
    pub fn move_to(&mut self, mut storage: BytesMut) -> BytesMut {
        storage.clear();
        let mut buf = ReceiveBuf::from(storage);
        buf.extend_from_slice(self.unread());
        self.start = 0;
        let mut old = mem::replace(&mut self.buf, buf).into_inner();
        old.clear();
        old
    }

    fn compact(&mut self) {
        if self.start > 0 {
            self.buf.advance(mem::take(&mut self.start));
        }
    }

    /// Marks the first `count` unread bytes as parsed and returns where they
    /// lie from the start of the buffer.
    #[inline]
    pub(crate) fn consume(&mut self, count: usize) -> Range<usize> {
        debug_assert!(count <= self.len());
        let from = self.start;
        self.start = (from + count).min(self.buf.len());
        from..self.start
    }

    /// Consumes a whole, small message at the start of the unread bytes,
    /// unmasked and, if it is text, checked. `None` leaves everything as it
    /// is, and to others.
    #[inline(always)]
    pub(crate) fn whole_frame(&mut self, receiver: Role, max_len: usize) -> Option<Found> {
        let from = self.start;
        let frame = self.buf.whole_frame(from, receiver, max_len)?;
        self.start = from + frame.payload.end;
        let kind = match frame.opcode {
            OpCode::Text => Kind::Text,
            _ => Kind::Binary,
        };
        Some(Found::in_input(
            kind,
            from + frame.payload.start..self.start,
        ))
    }

    /// Forgets all unread bytes.
    #[inline]
    pub(crate) fn discard(&mut self) {
        self.start = 0;
        self.buf.clear();
    }

    /// Unmasks unread bytes in place; `offset` is the first one's position in
    /// the frame's payload.
    #[inline]
    pub(crate) fn unmask(&mut self, range: Range<usize>, key: MaskKey, offset: usize) {
        let range = self.start + range.start..self.start + range.end;
        mask::apply(self.buf.slice_mut(range), key, offset);
    }

    /// The buffer, and where in it the unread bytes begin.
    #[inline]
    pub(crate) fn unread_mut(&mut self) -> (&mut ReceiveBuf, usize) {
        (&mut self.buf, self.start)
    }

    /// A found payload, counted from the start of the buffer.
    #[inline]
    pub(crate) fn bytes(&self, range: Range<usize>) -> &[u8] {
        self.buf.get(range).unwrap_or_default()
    }

    /// A found text, counted from the start of the buffer; validated when it
    /// was found, so that this costs two comparisons.
    #[inline]
    pub(crate) fn text(&self, range: Range<usize>) -> &str {
        self.buf.text(range).unwrap_or_default()
    }

    /// Splits a found payload off, together with everything before it.
    pub(crate) fn split_off_payload(&mut self, range: Range<usize>) -> ReceiveBuf {
        let end = range.end.min(self.start);
        let mut payload = self.buf.split_to(end);
        self.start -= end;
        if self.buf.capacity() == 0 {
            // What is left, of no length, would keep all of the memory.
            self.buf = ReceiveBuf::new();
            if self.is_buffer {
                buffer_count::gone(memory::SIZE);
            }
        }
        payload.advance(range.start);
        payload
    }
}

impl From<BytesMut> for Input {
    fn from(bytes: BytesMut) -> Self {
        Self {
            buf: ReceiveBuf::from(bytes),
            start: 0,
            is_buffer: false,
        }
    }
}

impl Drop for Input {
    fn drop(&mut self) {
        self.give_up_buffer();
    }
}

impl From<&[u8]> for Input {
    fn from(bytes: &[u8]) -> Self {
        BytesMut::from(bytes).into()
    }
}
