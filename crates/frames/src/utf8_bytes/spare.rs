use core::fmt;

use bytes::{Buf, BufMut, BytesMut, buf::UninitSlice};

/// The end of a [`ReceiveBuf`](super::ReceiveBuf): bytes can be appended, nothing before it can be touched.
///
/// It is a [`BufMut`] that grows as `BytesMut` does, so `tokio_util::io::poll_read_buf` and
/// `AsyncReadExt::read_buf` receive into it without zero-filling first. Made by
/// [`ReceiveBuf::spare`](super::ReceiveBuf::spare).
pub struct Spare<'a>(&'a mut BytesMut);

impl<'a> Spare<'a> {
    #[inline]
    pub(super) fn new(buf: &'a mut BytesMut) -> Self {
        Self(buf)
    }
}

// SAFETY: every method is that of `BytesMut`, whose implementation is sound.
unsafe impl BufMut for Spare<'_> {
    #[inline]
    fn remaining_mut(&self) -> usize {
        self.0.remaining_mut()
    }

    #[inline]
    unsafe fn advance_mut(&mut self, count: usize) {
        // SAFETY: the caller keeps the same contract: `count` bytes of `chunk_mut` are initialised.
        unsafe { self.0.advance_mut(count) }
    }

    #[inline]
    fn chunk_mut(&mut self) -> &mut UninitSlice {
        self.0.chunk_mut()
    }

    #[inline]
    fn put<T: Buf>(&mut self, src: T)
    where
        Self: Sized,
    {
        self.0.put(src);
    }

    #[inline]
    fn put_slice(&mut self, src: &[u8]) {
        self.0.put_slice(src);
    }

    #[inline]
    fn put_bytes(&mut self, value: u8, count: usize) {
        self.0.put_bytes(value, count);
    }
}

impl fmt::Debug for Spare<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Spare")
            .field("len", &(self.0.capacity() - self.0.len()))
            .finish_non_exhaustive()
    }
}
