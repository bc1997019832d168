use alloc::vec::Vec;
use core::{
    fmt, mem,
    ops::{Deref, Range},
};

use bytes::{Buf, Bytes, BytesMut};

use super::Spare;
use crate::append;

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
    pub(super) buf: BytesMut,
    /// Invariant: `mark.start <= mark.end <= buf.len()`, and `buf[mark]` is valid UTF-8.
    pub(super) mark: Mark,
}

/// `Range<usize>`, but `Copy`.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Mark {
    pub(super) start: usize,
    pub(super) end: usize,
}

impl Mark {
    /// Nothing is marked: the empty text at the beginning is valid in every buffer.
    pub(super) const NONE: Self = Self { start: 0, end: 0 };
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

    /// `range` within the bytes there are.
    #[inline]
    pub(super) fn clamp(&self, range: Range<usize>) -> Range<usize> {
        let end = range.end.min(self.buf.len());
        range.start.min(end)..end
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
