use alloc::vec::Vec;
use core::{
    fmt, mem,
    ops::{Deref, Range},
};

use bytes::{Buf, Bytes, BytesMut};

use super::{Spare, Utf8Bytes};
use crate::{
    MaskKey, OpCode, Role, Utf8Error, WholeFrame, append, mask,
    utf8::{self, partial},
};

/// The buffer that bytes are received into, or that a message is assembled in.
///
/// It is a `BytesMut` that remembers one range of itself, the *mark*, that [`check_utf8`](Self::check_utf8)
/// found to be valid UTF-8. Text that was validated as it arrived is then lent as `&str`
/// ([`text`](Self::text)) or frozen ([`freeze_text`](Self::freeze_text)) without being looked at again.
/// Whatever could change marked bytes forgets the mark, so this is safe whatever the caller does.
///
/// Ranges beyond the end are cut at the end; no method panics for a range.
///
/// # Examples
///
/// ```
/// use socket_flow_frames::ReceiveBuf;
///
/// let mut buf = ReceiveBuf::new();
/// buf.extend_from_slice(b"gr\xc3");
/// buf.check_utf8(0..3, false)?; // valid so far, though a character is incomplete
/// buf.extend_from_slice(b"\xbc\xc3\x9fe");
/// buf.check_utf8(0..7, true)?; // looks at the last five bytes only
/// assert_eq!(buf.text(0..7)?, "grüße");
/// assert_eq!(buf.freeze_text()?, "grüße");
/// # Ok::<(), socket_flow_frames::Utf8Error>(())
/// ```
#[derive(Default)]
pub struct ReceiveBuf {
    buf: BytesMut,
    /// Invariant: `mark.start <= mark.end <= buf.len()`, and `buf[mark]` is valid UTF-8.
    mark: Mark,
}

/// `Range<usize>`, but `Copy`.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
struct Mark {
    start: usize,
    end: usize,
}

impl Mark {
    /// Nothing is marked: the empty text at the beginning is valid in every buffer.
    const NONE: Self = Self { start: 0, end: 0 };
}

impl ReceiveBuf {
    /// An empty buffer without memory.
    #[inline]
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// An empty buffer with room for `capacity` bytes.
    #[inline]
    #[must_use]
    pub fn with_capacity(capacity: usize) -> Self {
        Self::from(BytesMut::with_capacity(capacity))
    }

    /// The end of the buffer, to append to. The mark stays.
    #[inline]
    pub fn spare(&mut self) -> Spare<'_> {
        Spare::new(&mut self.buf)
    }

    /// Appends `bytes`, as [`append`](crate::append) does. The mark stays.
    #[inline]
    pub fn extend_from_slice(&mut self, bytes: &[u8]) {
        append(&mut self.buf, bytes);
    }

    /// Makes room for at least `additional` more bytes, as [`BytesMut::reserve`] does. The mark stays.
    ///
    /// # Panics
    ///
    /// When the capacity would overflow `usize`.
    #[inline]
    pub fn reserve(&mut self, additional: usize) {
        self.buf.reserve(additional);
    }

    /// Makes room for `additional` more bytes, and where that takes memory, for no more: so a message whose
    /// length is known does not take twice as much. Called again and again it copies as often. The mark stays.
    ///
    /// # Panics
    ///
    /// When the capacity would overflow `isize`.
    pub fn reserve_exact(&mut self, additional: usize) {
        if self.spare_capacity() >= additional {
            return;
        }
        let mut exact = Vec::from(mem::take(&mut self.buf));
        exact.reserve_exact(additional);
        // Nobody else has it, so it comes back as it is.
        let exact = Bytes::from(exact).try_into_mut();
        self.buf = exact.unwrap_or_else(BytesMut::from);
    }

    /// Makes room for at least `additional` more bytes if that takes no allocation, and tells whether there is
    /// room now, as [`BytesMut::try_reclaim`] does. The mark stays.
    #[inline]
    pub fn try_reclaim(&mut self, additional: usize) -> bool {
        self.buf.try_reclaim(additional)
    }

    /// The bytes of `range`, to be changed. Forgets the mark if the two overlap.
    #[inline]
    pub fn slice_mut(&mut self, range: Range<usize>) -> &mut [u8] {
        let range = self.clamp(range);
        if range.start < self.mark.end && range.end > self.mark.start {
            self.mark = Mark::NONE;
        }
        self.buf.get_mut(range).unwrap_or_default()
    }

    /// Drops all bytes and keeps the memory.
    #[inline]
    pub fn clear(&mut self) {
        self.mark = Mark::NONE;
        self.buf.clear();
    }

    /// Drops all bytes behind the first `len`; does nothing if there are no more.
    pub fn truncate(&mut self, len: usize) {
        if len < self.buf.len() {
            self.mark = self.cut(len).0;
            self.buf.truncate(len);
        }
    }

    /// Drops the first `count` bytes, or all if there are no more. The mark moves with the rest.
    #[inline]
    pub fn advance(&mut self, count: usize) {
        if count >= self.buf.len() {
            self.clear();
            return;
        }
        self.mark = if count <= self.mark.start {
            Mark {
                start: self.mark.start - count,
                end: self.mark.end - count,
            }
        } else {
            self.cut(count).1
        };
        self.buf.advance(count);
    }

    /// Splits off the first `count` bytes, or all if there are no more, without copying. Both parts keep what
    /// is marked of them.
    #[must_use = "use `advance` to drop bytes"]
    pub fn split_to(&mut self, count: usize) -> Self {
        let count = count.min(self.buf.len());
        let (front, rest) = self.cut(count);
        self.mark = rest;
        Self {
            buf: self.buf.split_to(count),
            mark: front,
        }
    }

    /// Validates `range` as UTF-8, going on from the mark if the mark lies at the beginning of `range`, and
    /// marks what is valid.
    ///
    /// With `complete` the range is a whole text; otherwise it may end inside a character, which is left
    /// unmarked and looked at again the next time. So a text that arrives in pieces costs no more than its
    /// length and up to three bytes per piece.
    ///
    /// # Errors
    ///
    /// [`Utf8Error`] at the first byte that cannot be, or when a complete text ends inside a character.
    #[inline]
    pub fn check_utf8(&mut self, range: Range<usize>, complete: bool) -> Result<(), Utf8Error> {
        let Range { start, end } = self.clamp(range);
        let from = if self.mark.start == start && self.mark.end <= end {
            self.mark.end
        } else {
            start
        };
        let bytes = self.buf.get(from..end).unwrap_or_default();
        let checked = if complete {
            utf8::validate(bytes)?.len()
        } else {
            partial::validate(bytes)?.0
        };
        // The characters from `from` on are valid, and so are those from `start` to `from`, if any.
        self.mark = Mark {
            start,
            end: from + checked,
        };
        Ok(())
    }

    /// Unmasks `arrived`, the end so far of a text that begins at `start`, as [`mask::apply`] does, and validates
    /// and marks the text up to there, as [`check_utf8`](Self::check_utf8) does: a piece at a time, while it is
    /// in the cache, and ASCII without a second look.
    ///
    /// # Errors
    ///
    /// [`Utf8Error`], as [`check_utf8`](Self::check_utf8); then some of `arrived` may still be masked.
    pub fn unmask_text(
        &mut self,
        start: usize,
        arrived: Range<usize>,
        key: MaskKey,
        offset: usize,
        complete: bool,
    ) -> Result<(), Utf8Error> {
        let Range { start: mut at, end } = self.clamp(arrived);
        loop {
            let piece = at..end.min(at.saturating_add(PIECE));
            // Nothing of the text comes before it, or what is valid and ends with a character.
            let follows = at == start || self.mark == Mark { start, end: at };
            // Whole pieces before it: the key begins where it began in the first.
            let is_ascii = mask::apply_and_look::<true>(self.slice_mut(piece.clone()), key, offset);
            at = piece.end;
            if is_ascii && follows {
                self.mark = Mark { start, end: at };
            } else {
                self.check_utf8(start..at, complete && at == end)?;
            }
            if at == end {
                return Ok(());
            }
        }
    }

    /// Recognises a whole frame at `start` that an endpoint of role `receiver` may receive, with at most
    /// `max_len` bytes of payload, unmasks it and, if it is text, validates and marks it: what
    /// [`WholeFrame::decode`], [`mask::apply`] and [`check_utf8`](Self::check_utf8) do, at less than the sum
    /// of their costs. Its payload lies at `start` plus [`payload`](WholeFrame::payload).
    ///
    /// `None` for everything else, invalid text included; then nothing has changed.
    #[inline(always)]
    pub fn whole_frame(
        &mut self,
        start: usize,
        receiver: Role,
        max_len: usize,
    ) -> Option<WholeFrame> {
        let unread = self.buf.get_mut(start..)?;
        let frame = WholeFrame::decode(unread, receiver)?;
        let payload = unread.get_mut(frame.payload.clone())?;
        if payload.len() > max_len {
            return None;
        }
        let is_text = frame.opcode == OpCode::Text;
        let is_valid = match frame.mask {
            Some(key) if is_text => {
                mask::apply_and_look::<true>(payload, key, 0) || check_masked(payload, key)
            }
            Some(key) => {
                mask::apply(payload, key, 0);
                true
            }
            None => !is_text || utf8::validate(payload).is_ok(),
        };
        if !is_valid {
            return None;
        }
        if is_text {
            // The payload, which was just validated.
            self.mark = Mark {
                start: start + frame.payload.start,
                end: start + frame.payload.end,
            };
        } else if self.mark.end > start {
            self.mark = Mark::NONE;
        }
        Some(frame)
    }

    /// The bytes of `range` as text: at no cost if [`check_utf8`](Self::check_utf8) found exactly this range
    /// valid, else validated now.
    ///
    /// # Errors
    ///
    /// [`Utf8Error`] when the bytes are not UTF-8, or end inside a character.
    #[inline]
    pub fn text(&self, range: Range<usize>) -> Result<&str, Utf8Error> {
        let range = self.clamp(range);
        let is_marked = self.is_marked(&range);
        let bytes = self.buf.get(range).unwrap_or_default();
        if is_marked {
            debug_assert!(utf8::validate(bytes).is_ok());
            // SAFETY: `bytes` is what is marked, which is valid by the invariant of `mark`.
            Ok(unsafe { core::str::from_utf8_unchecked(bytes) })
        } else {
            utf8::validate(bytes)
        }
    }

    /// All bytes.
    #[inline]
    #[must_use]
    pub fn as_slice(&self) -> &[u8] {
        &self.buf
    }

    /// The number of bytes.
    #[inline]
    #[must_use]
    pub fn len(&self) -> usize {
        self.buf.len()
    }

    /// Whether there are no bytes.
    #[inline]
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.buf.is_empty()
    }

    /// The number of bytes there is memory for, those held included.
    #[inline]
    #[must_use]
    pub fn capacity(&self) -> usize {
        self.buf.capacity()
    }

    /// The number of bytes that can be appended without allocating.
    #[inline]
    #[must_use]
    pub fn spare_capacity(&self) -> usize {
        self.buf.capacity() - self.buf.len()
    }

    /// All bytes with their memory, to be changed or exchanged in any way; what was validated is forgotten.
    #[inline]
    pub fn inner_mut(&mut self) -> &mut BytesMut {
        self.mark = Mark::NONE;
        &mut self.buf
    }

    /// All bytes with their memory; what was validated is forgotten.
    #[inline]
    #[must_use]
    pub fn into_inner(self) -> BytesMut {
        self.buf
    }

    /// All bytes, immutable and cheap to clone.
    #[inline]
    #[must_use]
    pub fn freeze(self) -> Bytes {
        self.buf.freeze()
    }

    /// All bytes as text: without looking at them if [`check_utf8`](Self::check_utf8) found all of them valid,
    /// else validated now.
    ///
    /// # Errors
    ///
    /// [`Utf8Error`] when the bytes are not UTF-8, or end inside a character.
    #[inline]
    pub fn freeze_text(self) -> Result<Utf8Bytes, Utf8Error> {
        if !self.is_marked(&(0..self.buf.len())) {
            utf8::validate(&self.buf)?;
        }
        // SAFETY: all bytes are marked, which means valid by the invariant of `mark`, or just validated.
        Ok(unsafe { Utf8Bytes::from_bytes_unchecked(self.buf.freeze()) })
    }

    /// `range` within the bytes there are.
    #[inline]
    fn clamp(&self, range: Range<usize>) -> Range<usize> {
        let end = range.end.min(self.buf.len());
        range.start.min(end)..end
    }

    #[inline]
    fn is_marked(&self, range: &Range<usize>) -> bool {
        self.mark
            == Mark {
                start: range.start,
                end: range.end,
            }
    }

    /// What is marked before `at`, and what from `at` on, as seen from there. A mark cut inside a character is
    /// forgotten.
    fn cut(&self, at: usize) -> (Mark, Mark) {
        let Mark { start, end } = self.mark;
        if end <= at {
            return (self.mark, Mark::NONE);
        }
        let front = Mark { start, end: at };
        let rest = Mark {
            start: start.saturating_sub(at),
            end: end - at,
        };
        if start >= at {
            return (Mark::NONE, rest);
        }
        // Inside valid UTF-8 a character ends before every byte but a continuation byte.
        match self.buf.get(at) {
            Some(0x80..=0xBF) | None => (Mark::NONE, Mark::NONE),
            Some(_) => (front, rest),
        }
    }
}

/// Whether a payload that has more than ASCII is text. If not it is masked again, and so as it came.
#[inline(never)]
fn check_masked(payload: &mut [u8], key: MaskKey) -> bool {
    let is_text = utf8::check(payload).is_ok();
    if !is_text {
        mask::apply(payload, key, 0);
    }
    is_text
}

/// Half of a usual first-level data cache; a multiple of a key's four bytes.
const PIECE: usize = 16 << 10;

impl From<BytesMut> for ReceiveBuf {
    #[inline]
    fn from(buf: BytesMut) -> Self {
        Self {
            buf,
            mark: Mark::NONE,
        }
    }
}

impl Deref for ReceiveBuf {
    type Target = [u8];

    #[inline]
    fn deref(&self) -> &[u8] {
        &self.buf
    }
}

impl AsRef<[u8]> for ReceiveBuf {
    #[inline]
    fn as_ref(&self) -> &[u8] {
        &self.buf
    }
}

impl fmt::Debug for ReceiveBuf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReceiveBuf")
            .field("len", &self.buf.len())
            .field("capacity", &self.buf.capacity())
            .field("valid_utf8", &(self.mark.start..self.mark.end))
            .finish()
    }
}
