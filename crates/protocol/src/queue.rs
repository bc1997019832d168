use std::cell::RefCell;
use std::collections::VecDeque;
use std::fmt;
use std::io::IoSlice;

use bytes::{Buf, Bytes, BytesMut};

use crate::thread_pool;

/// Bytes that wait to be written, whole frames only.
///
/// Small frames are copied behind each other into one contiguous tail, so
/// that many of them leave in one write; large payloads are linked, not
/// copied. It is a [`Buf`] with vectored chunks: write what it lends, then
/// [`advance`](Buf::advance) by what was taken. A write may stop anywhere,
/// also inside a frame; the rest stays queued.
///
/// An empty queue holds no memory: its storage goes back to a one-slot pool
/// of the thread.
#[derive(Default)]
pub struct WriteQueue {
    /// Full segments, in front of the tail; `None` when there are none, which
    /// is nearly always.
    #[allow(clippy::box_collection)] // every connection has this field
    linked: Option<Box<VecDeque<Bytes>>>,
    /// The segment that small frames are appended to.
    tail: BytesMut,
    /// Bytes in `linked`.
    linked_len: usize,
    /// Bytes written since the connection began. Invariant: never goes back.
    taken: u64,
}

impl WriteQueue {
    /// Bytes that wait to be written.
    #[inline]
    pub fn len(&self) -> usize {
        self.linked_len + self.tail.len()
    }

    /// Whether nothing waits.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The tail, to append a whole frame of about `len` bytes to.
    #[inline]
    pub(crate) fn tail(&mut self, len: usize) -> &mut BytesMut {
        if self.tail.capacity() == 0 {
            thread_pool::exchange(&POOL, &mut self.tail);
        }
        if self.tail.capacity() - self.tail.len() < len {
            self.grow_tail(len);
        }
        &mut self.tail
    }

    /// Whether a frame of `len` bytes fits what the tail has, or begins with.
    pub(crate) fn fits_tail(&self, len: usize) -> bool {
        match self.tail.capacity() {
            0 => len <= STORAGE,
            capacity => len <= capacity - self.tail.len(),
        }
    }

    #[cold]
    fn grow_tail(&mut self, len: usize) {
        if self.tail.capacity() == 0 {
            self.tail = BytesMut::with_capacity(STORAGE);
        }
        self.tail.reserve(len);
    }

    /// Puts `payload` behind everything queued so far, without a copy.
    pub(crate) fn link(&mut self, payload: Bytes) {
        let head = self.tail.split().freeze();
        let linked = self
            .linked
            .get_or_insert_with(|| Box::new(VecDeque::with_capacity(SEGMENTS)));
        for segment in [head, payload] {
            if !segment.is_empty() {
                self.linked_len += segment.len();
                linked.push_back(segment);
            }
        }
    }

    /// Bytes written since the connection began; with [`WriteQueue::len`] the
    /// position where the next frame ends up.
    #[inline]
    pub(crate) fn taken(&self) -> u64 {
        self.taken
    }

    /// Gives the storage back; only called when nothing is queued.
    #[inline]
    fn release(&mut self) {
        self.tail.clear();
        thread_pool::give(&POOL, &mut self.tail, STORAGE..=MAX_STORAGE);
    }

    #[inline(never)]
    fn advance_slow(&mut self, mut count: usize) {
        if let Some(linked) = &mut self.linked {
            while let Some(segment) = linked.front_mut() {
                if count < segment.len() {
                    self.linked_len -= count;
                    segment.advance(count);
                    return;
                }
                count -= segment.len();
                self.linked_len -= segment.len();
                linked.pop_front();
            }
            self.linked = None;
        }
        if count < self.tail.len() {
            self.tail.advance(count);
        } else {
            self.release();
        }
    }
}

impl fmt::Debug for WriteQueue {
    /// Shows no byte of it: payloads do not belong in logs.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WriteQueue")
            .field("len", &self.len())
            .field("taken", &self.taken)
            .finish_non_exhaustive()
    }
}

impl Buf for WriteQueue {
    #[inline]
    fn remaining(&self) -> usize {
        self.len()
    }

    #[inline]
    fn chunk(&self) -> &[u8] {
        let linked = self.linked.as_ref();
        match linked.and_then(|linked| linked.front()) {
            Some(segment) => segment,
            None => &self.tail,
        }
    }

    fn chunks_vectored<'a>(&'a self, slices: &mut [IoSlice<'a>]) -> usize {
        let tail: &[u8] = &self.tail;
        let linked = self.linked.as_ref();
        let segments = linked
            .into_iter()
            .flat_map(|linked| linked.iter())
            .map(|segment| &segment[..])
            .chain((!tail.is_empty()).then_some(tail));
        let mut count = 0;
        for (slot, segment) in slices.iter_mut().zip(segments) {
            *slot = IoSlice::new(segment);
            count += 1;
        }
        count
    }

    /// Drops the first `count` bytes; all of them if there are fewer.
    #[inline]
    fn advance(&mut self, count: usize) {
        let count = count.min(self.len());
        self.taken += count as u64;
        if self.linked.is_none() && count == self.tail.len() {
            self.release();
        } else {
            self.advance_slow(count);
        }
    }
}

/// Segments there is room for at once: four payloads that are just linked, each
/// after its header, fill a queue to the default high-water mark.
const SEGMENTS: usize = 8;

/// Room for a queue filled to the default high-water mark and one more
/// message that is just not linked.
const STORAGE: usize = 80 << 10;

/// A tail that grew beyond this is freed, not pooled.
const MAX_STORAGE: usize = 2 * STORAGE;

thread_local! {
    /// Storage, or, without memory, none.
    static POOL: RefCell<BytesMut> = RefCell::new(BytesMut::new());
}

#[cfg(test)]
mod tests {
    use super::*;

    fn contents(queue: &WriteQueue) -> Vec<u8> {
        let mut slices = [IoSlice::new(&[]); 8];
        let count = queue.chunks_vectored(&mut slices);
        slices[..count]
            .iter()
            .flat_map(|slice| slice.to_vec())
            .collect()
    }

    #[test]
    fn segments_leave_in_the_order_they_were_queued() {
        let mut queue = WriteQueue::default();
        queue.tail(2).extend_from_slice(b"ab");
        queue.link(Bytes::from_static(b"cd"));
        queue.link(Bytes::from_static(b"ef"));
        queue.tail(2).extend_from_slice(b"gh");
        assert_eq!(queue.len(), 8);
        assert_eq!(contents(&queue), b"abcdefgh");
        for left in (0..8).rev() {
            queue.advance(1);
            assert_eq!(queue.remaining(), left);
            assert_eq!(contents(&queue), &b"abcdefgh"[8 - left..]);
            assert_eq!(queue.chunk().is_empty(), left == 0);
        }
    }

    #[test]
    fn an_advance_across_segments_drops_exactly_its_bytes() {
        let mut queue = WriteQueue::default();
        queue.link(Bytes::from_static(b"abc"));
        queue.link(Bytes::from_static(b"def"));
        queue.tail(3).extend_from_slice(b"ghi");
        queue.advance(4);
        assert_eq!(contents(&queue), b"efghi");
        queue.advance(3);
        assert_eq!(contents(&queue), b"hi");
        queue.advance(100);
        assert!(queue.is_empty());
    }

    #[test]
    fn an_empty_queue_holds_no_memory() {
        let mut queue = WriteQueue::default();
        queue.tail(3).extend_from_slice(b"abc");
        queue.link(Bytes::from_static(b"def"));
        queue.advance(6);
        assert_eq!(queue.tail.capacity(), 0);
        assert!(queue.linked.is_none());
    }

    #[test]
    fn storage_is_taken_from_the_pool_again() {
        let mut queue = WriteQueue::default();
        queue.tail(3).extend_from_slice(b"abc");
        let first = queue.tail.as_ptr();
        queue.advance(3);
        queue.tail(3).extend_from_slice(b"def");
        assert_eq!(queue.tail.as_ptr(), first);
    }

    #[test]
    fn storage_that_grew_is_freed_also_when_it_was_written_in_pieces() {
        let mut queue = WriteQueue::default();
        queue
            .tail(10 * STORAGE)
            .extend_from_slice(&[0; 10 * STORAGE]);
        queue.advance(9 * STORAGE);
        queue.advance(STORAGE);
        queue.tail(1).extend_from_slice(b"a");
        assert!(queue.tail.capacity() <= MAX_STORAGE);
    }

    #[test]
    fn only_bytes_that_were_there_count_as_taken() {
        let mut queue = WriteQueue::default();
        queue.tail(3).extend_from_slice(b"abc");
        assert_eq!(queue.taken(), 0);
        queue.advance(1);
        assert_eq!(queue.taken(), 1);
        queue.advance(100);
        assert_eq!(queue.taken(), 3);
    }

    #[test]
    fn a_vectored_view_with_too_few_slots_is_a_prefix() {
        let mut queue = WriteQueue::default();
        queue.link(Bytes::from_static(b"ab"));
        queue.link(Bytes::from_static(b"cd"));
        let mut slices = [IoSlice::new(&[]); 1];
        assert_eq!(queue.chunks_vectored(&mut slices), 1);
        assert_eq!(&*slices[0], b"ab");
    }
}
